"""What training makes small, and where in a network it is measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from convscope import ops
from convscope.errors import InvalidValue
from convscope.network import scores_of
from convscope.training.numbers import check_numbers

__all__ = ["CrossEntropy", "Loss", "MeanSquaredError", "Scores", "cross_entropy", "scores_of"]

Scores = NDArray[np.floating[Any]]


class Loss(Protocol):
    """What training needs of a loss.

    Attributes
    ----------
    before_softmax : bool
        Whether it takes the scores before a softmax at the network's end, or the network's output.
    """

    @property
    def before_softmax(self) -> bool: ...
    def __call__(self, scores: Scores, labels: NDArray[np.int64]) -> tuple[float, Scores]:
        """Give the mean loss of a batch, and its gradient by the scores."""


@dataclass(frozen=True)
class CrossEntropy:
    """The mean of -log(softmax of the right class), as `torch.nn.CrossEntropyLoss`.

    Parameters
    ----------
    label_smoothing : float
        The share of the target spread evenly over all K classes: the right class has
        1 - label_smoothing + label_smoothing / K. From 0 to below 1.

    References
    ----------
    Szegedy, Vanhoucke, Ioffe, Shlens & Wojna (2016), Rethinking the Inception architecture, section 7.

    Examples
    --------
    >>> loss, gradient = CrossEntropy(label_smoothing=0.2)(np.zeros((1, 2)), np.array([1]))
    >>> round(loss, 6), gradient
    (0.693147, array([[ 0.4, -0.4]]))
    """

    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        check_numbers(self)
        if not 0 <= self.label_smoothing < 1:
            raise InvalidValue(
                f"CrossEntropy: label_smoothing must be at least 0 and below 1; got {self.label_smoothing}."
            )

    @property
    def before_softmax(self) -> bool:
        """Taken together with the softmax it is exact where the softmax rounds to 0."""
        return True

    def __call__(self, scores: Scores, labels: NDArray[np.int64]) -> tuple[float, Scores]:
        """Give the mean loss of a batch in nats, and its gradient by the scores."""
        loss, gradient = cross_entropy(scores, labels)
        share = self.label_smoothing
        if not share:
            return loss, gradient
        # The loss is linear in the target, so the even part is added: its loss and gradient are
        # those of the mean over all classes.
        flat = scores.reshape(len(scores), -1)
        classes = flat.shape[1]
        top = flat.max(axis=1, keepdims=True)
        spread = np.log(np.exp(flat - top).sum(axis=1)) + top[:, 0]
        even = float(np.mean(spread - flat.mean(axis=1)))
        right = np.arange(len(labels))
        part = gradient.reshape(flat.shape)
        part -= flat.dtype.type(share / classes / len(flat))
        part[right, labels] += flat.dtype.type(share / len(flat))
        return (1 - share) * loss + share * even, gradient


@dataclass(frozen=True)
class MeanSquaredError:
    """The mean over images and classes of (output - target)**2; the target is 1 for the right class, else 0.

    It is measured on the network's output, after a softmax where the network ends in one.

    Examples
    --------
    >>> loss, gradient = MeanSquaredError()(np.array([[0.5, 0.5]]), np.array([1]))
    >>> loss, gradient
    (0.25, array([[ 0.5, -0.5]]))
    """

    @property
    def before_softmax(self) -> bool:
        """It is about the output itself."""
        return False

    def __call__(self, scores: Scores, labels: NDArray[np.int64]) -> tuple[float, Scores]:
        """Give the mean loss of a batch, and its gradient by the scores."""
        flat = scores.reshape(len(scores), -1)
        target = np.zeros_like(flat)
        target[np.arange(len(labels)), labels] = 1
        loss, gradient = ops.mean_squared_error(flat, target)
        return loss, gradient.reshape(scores.shape)


def cross_entropy(scores: Scores, labels: NDArray[np.int64]) -> tuple[float, Scores]:
    """Give the mean cross entropy (in nats) between softmax(scores) and the labels, and its gradient.

    Parameters
    ----------
    scores : ndarray of shape (N, K) or (N, K, 1, 1)
        Before the softmax.
    labels : ndarray of shape (N,)

    Returns
    -------
    loss : float
    gradient : ndarray, of the shape of the scores

    Examples
    --------
    Two classes that score the same cost ln 2:

    >>> loss, gradient = cross_entropy(np.zeros((1, 2)), np.array([1]))
    >>> round(loss, 6), gradient
    (0.693147, array([[ 0.5, -0.5]]))
    """
    loss, gradient = ops.softmax_cross_entropy(scores.reshape(len(scores), -1), labels)
    return loss, gradient.reshape(scores.shape)
