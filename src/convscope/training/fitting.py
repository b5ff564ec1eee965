"""The public face of training: check everything, then hand over to the loop."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from convscope.data import Dataset
from convscope.errors import DtypeError, InvalidValue
from convscope.network import Network
from convscope.training.checks import Labelled, as_dataset, check_batch_size, check_fits, check_whole
from convscope.training.evaluation import evaluate
from convscope.training.history import BatchRecord, EpochRecord, History
from convscope.training.loop import Loop, Weights
from convscope.training.losses import scores_of
from convscope.training.optimizer import SGD, Optimizer
from convscope.training.schedule import Schedule

__all__ = ["fit"]


def fit(
    net: Network,
    data: Labelled,
    *,
    validation: Labelled | float | None = None,
    epochs: int = 10,
    batch_size: int = 64,
    optimizer: Optimizer | None = None,
    schedule: Schedule | None = None,
    seed: int = 0,
    keep_best: bool = False,
    on_epoch: Callable[[EpochRecord], object] | None = None,
    on_batch: Callable[[BatchRecord], object] | None = None,
) -> History:
    """Train a network in place to tell classes apart, by the cross entropy of its output.

    The order of the images follows from (seed, epoch), what dropout leaves out from (seed, epoch, image):
    on one machine the same seed gives the same weights to the bit, whatever the number of threads.
    Nothing is printed; `on_batch` and `on_epoch` are called after each batch and epoch. Ctrl-C stops
    between two steps, never within one: the network holds the weights of the last whole step.

    Parameters
    ----------
    net : Network
        With one output of K scores (a softmax at the end is allowed). If it has no class names, it takes
        those of the data.
    data : Dataset or (x, y)
        Images (N, C, H, W) of the network's dtype, labels (N,) from 0 to K - 1.
    validation : Dataset, (x, y) or float, optional
        Data to measure on after each epoch; a number between 0 and 1 splits off that share of `data`,
        stratified, by the seed.
    epochs : int
        How often all images are seen.
    batch_size : int
        Images in a step; the last batch of an epoch may be smaller.
    optimizer : Optimizer, optional
        `SGD(0.05, momentum=0.9)` unless given.
    schedule : callable, optional
        Gives the factor of the learning rate for a `Progress`, as `Cosine()` does; constant unless given.
    seed : int
    keep_best : bool
        At the end go back to the weights with the smallest validation loss.
    on_epoch, on_batch : callable, optional
        Called with an `EpochRecord` or a `BatchRecord`.

    Returns
    -------
    History

    Raises
    ------
    InvalidValue, DtypeError
        Before anything is changed: if the data has NaN, labels out of range, the wrong shape or dtype, is
        empty or smaller than a batch, or a setting is out of range.
    DivergedError
        If the loss is no longer a number. The network then holds the last good weights: those from the
        beginning of the epoch in which it happened.

    Examples
    --------
    >>> import convscope as cs
    >>> net = cs.models.small_cnn()
    >>> history = cs.fit(net, cs.data.digits(), validation=0.2, epochs=1)
    >>> history.epochs[0].validation_accuracy > 0.8
    True
    """
    dataset, held_out = _data(net, data, validation, seed)
    epochs = check_whole(epochs, "epochs", "fit")
    batch_size = check_batch_size(batch_size, "fit", len(dataset))
    if keep_best and held_out is None:
        raise InvalidValue("fit: keep_best needs validation data; got validation=None.")
    optimizer = SGD() if optimizer is None else optimizer
    if not net.parameters:
        raise InvalidValue("fit: the network must have parameters; got none.")
    if not net.classes and len(dataset.classes) == scores_of(net, "fit")[1]:
        net.classes = dataset.classes
    loop = Loop(net, dataset, epochs, batch_size, optimizer, schedule, seed, on_batch)
    records: list[EpochRecord] = []
    best, best_loss, best_epoch = Weights(net), math.inf, None
    with loop.interrupts, np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        for epoch in range(1, epochs + 1):
            record = loop.epoch(epoch, None if held_out is None else lambda: _measure(net, held_out))
            records.append(record)
            if record.validation_loss is not None and record.validation_loss < best_loss:
                best_loss, best_epoch = record.validation_loss, epoch
                if keep_best:
                    best.take()
            if on_epoch is not None:
                on_epoch(record)
        if keep_best:
            with loop.interrupts.held():
                best.restore()
    settings = {
        "network": net.name,
        "data": dataset.name,
        "images": len(dataset),
        "batch_size": batch_size,
        "optimizer": repr(optimizer),
        "schedule": None if schedule is None else repr(schedule),
        "seed": seed,
    }
    return History(tuple(records), settings, best_epoch)


def _data(
    net: Network, data: Labelled, validation: Labelled | float | None, seed: int
) -> tuple[Dataset, Dataset | None]:
    """Check the data and split it where asked."""
    check_whole(seed, "seed", "fit", least=0)
    dataset = as_dataset(data, "fit")
    check_fits(net, dataset, "fit")
    if validation is None:
        return dataset, None
    if isinstance(validation, int | float):
        return dataset.split(validation, seed)
    if not isinstance(validation, Dataset | tuple | list):
        raise DtypeError(f"fit: validation must be data or a share; got {type(validation).__name__}.")
    held_out = as_dataset(validation, "fit: validation")
    check_fits(net, held_out, "fit: validation")
    return dataset, held_out


def _measure(net: Network, data: Dataset) -> tuple[float, float]:
    result = evaluate(net, data)
    return result.loss, result.accuracy
