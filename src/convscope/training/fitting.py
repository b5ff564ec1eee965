"""The public face of training: check everything, then hand over to the loop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from convscope.data import Augment, Source
from convscope.data import split as split_source
from convscope.errors import DtypeError, InvalidValue
from convscope.network import Network
from convscope.training.checks import (
    Labelled,
    as_source,
    check_batch_size,
    check_fits,
    check_network,
    check_whole,
)
from convscope.training.history import BatchRecord, EpochRecord, History
from convscope.training.loop import Keeper, Loop, Settings, Weights
from convscope.training.losses import CrossEntropy, Loss, scores_of
from convscope.training.optimizer import SGD, Optimizer
from convscope.training.schedule import Schedule

__all__ = ["check_settings", "fit", "history_of", "take_classes"]


def fit(
    net: Network,
    data: Labelled,
    *,
    validation: Labelled | float | None = None,
    epochs: int = 10,
    batch_size: int = 64,
    optimizer: Optimizer | None = None,
    schedule: Schedule | None = None,
    loss: Loss | None = None,
    augment: Augment | None = None,
    clip_norm: float | None = None,
    patience: int | None = None,
    seed: int = 0,
    keep_best: bool = False,
    on_epoch: Callable[[EpochRecord], object] | None = None,
    on_batch: Callable[[BatchRecord], object] | None = None,
) -> History:
    """Train a network in place to tell classes apart.

    The order of the images follows from (seed, epoch), what dropout leaves out from (seed, epoch, image):
    on one machine the same seed gives the same weights to the bit, whatever the number of threads.
    Nothing is printed; `on_batch` and `on_epoch` are called after each batch and epoch. Ctrl-C stops
    between two steps, never within one: the network holds the weights of the last whole step.

    Parameters
    ----------
    net : Network
        With one output of K scores (a softmax at the end is allowed). If it has no class names, it takes
        those of the data.
    data : Dataset or another source, or (x, y)
        Images (N, C, H, W) of the network's dtype, labels (N,) from 0 to K - 1. A source that streams,
        as `ImageFolder`, is read in as many threads as the ops use, ahead of the steps.
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
    loss : callable, optional
        `CrossEntropy()` unless given; or with label smoothing, or `MeanSquaredError()`.
    augment : Augment, optional
        Changes the training images, drawn anew in every epoch.
    clip_norm : float, optional
        The largest length of all gradients taken together; longer ones are shortened to it.
    patience : int, optional
        Stop when the validation loss has not fallen for so many epochs.
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
    check_network(net, "fit")
    check_whole(seed, "seed", "fit", least=0)
    source, held_out = _data(net, data, validation, seed)
    settings = check_settings(
        Settings(
            epochs=epochs,
            batch_size=check_batch_size(batch_size, "fit", len(source)),
            optimizer=SGD() if optimizer is None else optimizer,
            schedule=schedule,
            loss=CrossEntropy() if loss is None else loss,
            seed=seed,
            augment=augment,
            clip_norm=clip_norm,
            patience=patience,
        ),
        held_out,
    )
    if keep_best and held_out is None:
        raise InvalidValue("fit: keep_best needs validation data; got validation=None.")
    if not net.parameters:
        raise InvalidValue("fit: the network must have parameters; got none.")
    take_classes(net, source)
    loop = Loop(net, source, held_out, settings)
    keeper = _KeepBest(net) if keep_best else Keeper()
    with loop.interrupts:
        loop.run(keeper, on_batch, on_epoch)
        if isinstance(keeper, _KeepBest):
            with loop.interrupts.held():
                keeper.weights.restore()
    return history_of(loop, source)


class _KeepBest(Keeper):
    """Keeps the weights of the best epoch in memory."""

    def __init__(self, net: Network) -> None:
        self.weights = Weights(net)

    def after_epoch(self, loop: Loop, record: EpochRecord, best: bool) -> None:
        if best:
            self.weights.take()


def check_settings(settings: Settings, held_out: Source | None) -> Settings:
    """Refuse settings of the wrong kind or out of range."""
    _check_kind(
        "optimizer", settings.optimizer, ("learning_rate", "start", "step"), "an optimiser, as cs.SGD(0.05)"
    )
    _check_kind(
        "loss", settings.loss, ("before_softmax", "__call__"), "a loss, as cs.training.CrossEntropy()"
    )
    if settings.schedule is not None:
        _check_kind(
            "schedule", settings.schedule, ("__call__",), "a schedule, as cs.training.Cosine(), or None"
        )
    if settings.augment is not None:
        _check_kind(
            "augment",
            settings.augment,
            ("check", "apply"),
            "an augmentation, as cs.data.Augment(shift=1), or None",
        )
    epochs = check_whole(settings.epochs, "epochs", "fit")
    if settings.clip_norm is not None and not 0 < settings.clip_norm < float("inf"):
        raise InvalidValue(f"fit: clip_norm must be above zero; got {settings.clip_norm}.")
    patience = settings.patience
    if patience is not None:
        patience = check_whole(patience, "patience", "fit")
        if held_out is None:
            raise InvalidValue("fit: patience needs validation data; got validation=None.")
    return replace(settings, epochs=epochs, patience=patience)


def _check_kind(name: str, value: object, needed: tuple[str, ...], wanted: str) -> None:
    """Refuse what cannot do what is needed of it; a class that was not called can do nothing yet."""
    if isinstance(value, type) or not all(hasattr(value, member) for member in needed):
        raise DtypeError(f"fit: {name} must be {wanted}; got {value!r}.")


def take_classes(net: Network, data: Source) -> None:
    """Give a network without class names those of the data."""
    if not net.classes and len(data.classes) == scores_of(net, "fit")[1]:
        net.classes = data.classes


def history_of(loop: Loop, data: Source) -> History:
    """Give what a run reports so far."""
    settings = loop.settings
    told: dict[str, Any] = {
        "network": loop.net.name,
        "data": data.name,
        "images": len(data),
        "batch_size": settings.batch_size,
        "optimizer": repr(settings.optimizer),
        "schedule": None if settings.schedule is None else repr(settings.schedule),
        "loss": repr(settings.loss),
        "augment": None if settings.augment is None else repr(settings.augment),
        "clip_norm": settings.clip_norm,
        "patience": settings.patience,
        "seed": settings.seed,
    }
    return History(tuple(loop.records), told, loop.best_epoch)


def _data(
    net: Network, data: Labelled, validation: Labelled | float | None, seed: int
) -> tuple[Source, Source | None]:
    """Check the data and split it where asked."""
    source = as_source(data, "fit")
    check_fits(net, source, "fit")
    if validation is None:
        return source, None
    if isinstance(validation, int | float):
        return split_source(source, validation, seed)
    if isinstance(validation, str):
        raise DtypeError("fit: validation must be data or a share; got str.")
    held_out = as_source(validation, "fit: validation")
    check_fits(net, held_out, "fit: validation")
    return source, held_out
