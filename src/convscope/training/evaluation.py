"""How good a network is on labelled images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope import ops
from convscope.data import Dataset
from convscope.network import Network
from convscope.result import Result
from convscope.training.checks import Labelled, as_dataset, check_batch_size, check_fits
from convscope.training.losses import cross_entropy, scores_of

__all__ = ["Evaluation", "evaluate"]


@dataclass(frozen=True, eq=False)
class Evaluation(Result):
    """What `evaluate` found.

    Attributes
    ----------
    accuracy : float
        The share of right answers, from 0 to 1.
    loss : float
        The mean cross entropy, in nats.
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


def evaluate(net: Network, data: Labelled, *, batch_size: int = 256) -> Evaluation:
    """Run a network over labelled images and count.

    Parameters
    ----------
    net : Network
        With one output: scores or probabilities of K classes.
    data : Dataset or (x, y)
    batch_size : int
        How many images at a time; it changes memory and time only.

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
    dataset = as_dataset(data, "evaluate")
    check_batch_size(batch_size, "evaluate")
    check_fits(net, dataset, "evaluate")
    scores = _scores(net, dataset, batch_size)
    loss, _ = cross_entropy(scores, dataset.y)
    probabilities = ops.softmax(scores)
    predictions = scores.argmax(axis=1).astype(np.int64)
    count = scores.shape[1]
    confusion = np.bincount(dataset.y * count + predictions, minlength=count**2).reshape(count, count)
    wrong = np.flatnonzero(predictions != dataset.y)
    confidence = probabilities[wrong, predictions[wrong]]
    named = net.classes if len(net.classes) == count else dataset.classes
    classes = named if len(named) == count else tuple(str(i) for i in range(count))
    return Evaluation(
        accuracy=1 - len(wrong) / len(dataset),
        loss=float(loss),
        confusion=confusion.astype(np.int64),
        labels=dataset.y,
        predictions=predictions,
        probabilities=probabilities,
        mistakes=wrong[np.argsort(-confidence, kind="stable")],
        classes=classes,
    )


def _scores(net: Network, data: Dataset, batch_size: int) -> NDArray[np.floating[Any]]:
    """Give the scores before the softmax, (N, K)."""
    name, count = scores_of(net, "evaluate")
    if name in net.outputs:
        return net.predict(data.x, batch_size=batch_size).reshape(len(data), count)
    scores = np.empty((len(data), count), net.dtype)
    for start in range(0, len(data), batch_size):
        part = net.run(data.x[start : start + batch_size], keep=(name,))[name]
        scores[start : start + batch_size] = part.reshape(-1, count)
    return scores
