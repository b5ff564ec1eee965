"""How good a network is on labelled images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope import ops
from convscope.data import Loader, Source
from convscope.network import Network
from convscope.result import Result
from convscope.training.checks import Labelled, as_source, check_batch_size, check_fits, check_network
from convscope.training.losses import CrossEntropy, Loss, scores_of
from convscope.training.threads import loader_threads

__all__ = ["Evaluation", "evaluate"]


@dataclass(frozen=True, eq=False)
class Evaluation(Result):
    """What `evaluate` found.

    Attributes
    ----------
    accuracy : float
        The share of right answers, from 0 to 1.
    loss : float
        The mean loss; of the cross entropy in nats.
    confusion : ndarray of shape (K, K), int64
        `confusion[i, j]` images of class i were taken for class j.
    labels, predictions : ndarrays of shape (N,), int64
        The right class and the most probable one.
    probabilities : ndarray of shape (N, K)
    mistakes : ndarray of int64
        The indices of the wrong answers, the most confident first.
    classes : tuple of str
    """

    accuracy: float
    loss: float
    confusion: NDArray[np.int64]
    labels: NDArray[np.int64]
    predictions: NDArray[np.int64]
    probabilities: NDArray[np.floating[Any]]
    mistakes: NDArray[np.int64]
    classes: tuple[str, ...]


def evaluate(net: Network, data: Labelled, *, batch_size: int = 256, loss: Loss | None = None) -> Evaluation:
    """Run a network over labelled images and count.

    Parameters
    ----------
    net : Network
        With one output: scores or probabilities of K classes.
    data : Dataset or another source, or (x, y)
    batch_size : int
        How many images at a time; it changes memory and time only.
    loss : callable, optional
        `CrossEntropy()` unless given.

    Returns
    -------
    Evaluation

    Raises
    ------
    InvalidValue, DtypeError
        If the data is not fit for the network.

    Examples
    --------
    >>> import convscope as cs
    >>> result = evaluate(cs.models.small_cnn(), cs.data.digits())
    >>> result.confusion.shape, int(result.confusion.sum())
    ((10, 10), 1797)
    >>> len(result.mistakes) == round((1 - result.accuracy) * 1797)
    True
    """
    source = as_source(data, "evaluate")
    check_network(net, "evaluate")
    check_batch_size(batch_size, "evaluate")
    check_fits(net, source, "evaluate")
    measure = CrossEntropy() if loss is None else loss
    scores, measured = _outputs(net, source, batch_size, measure.before_softmax)
    value, _ = measure(measured, source.y)
    probabilities = ops.softmax(scores)
    predictions = scores.argmax(axis=1).astype(np.int64)
    count = scores.shape[1]
    confusion = np.bincount(source.y * count + predictions, minlength=count**2).reshape(count, count)
    wrong = np.flatnonzero(predictions != source.y)
    confidence = probabilities[wrong, predictions[wrong]]
    named = net.classes if len(net.classes) == count else source.classes
    classes = named if len(named) == count else tuple(str(i) for i in range(count))
    return Evaluation(
        accuracy=1 - len(wrong) / len(source),
        loss=float(value),
        confusion=confusion.astype(np.int64),
        labels=source.y,
        predictions=predictions,
        probabilities=probabilities,
        mistakes=wrong[np.argsort(-confidence, kind="stable")],
        classes=classes,
    )


def _outputs(
    net: Network, data: Source, batch_size: int, before_softmax: bool
) -> tuple[NDArray[np.floating[Any]], NDArray[np.floating[Any]]]:
    """Give the scores before the softmax, (N, K), and those that the loss is about."""
    name, count = scores_of(net, "evaluate")
    wanted, _ = scores_of(net, "evaluate", before_softmax)
    found = {key: np.empty((len(data), count), net.dtype) for key in (name, wanted)}
    start = 0
    run = net.predictor(tuple(found))
    loader = Loader(data, batch_size, shuffle=False, threads=loader_threads(data))
    for batch in loader.epoch(0, reuse=True):
        scores = run({net.input_name: batch.x})
        for key, rows in found.items():
            rows[start : start + len(batch.y)] = scores[key].reshape(len(batch.y), count)
        start += len(batch.y)
    return found[name], found[wanted]
