"""What training makes small, and where in a network it is measured."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope import ops
from convscope.errors import InvalidValue
from convscope.layers import Softmax
from convscope.network import Network

__all__ = ["Scores", "cross_entropy", "scores_of"]

Scores = NDArray[np.floating[Any]]


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


def scores_of(net: Network, who: str) -> tuple[str, int]:
    """Name the node that gives the scores before the softmax, and say how many classes there are.

    Raises
    ------
    InvalidValue
        If the network has several outputs, or its output is not one vector for each image.
    """
    if len(net.outputs) != 1:
        raise InvalidValue(f"{who}: the network must have one output; got {', '.join(net.outputs)}.")
    name = net.outputs[0]
    shape = net.shapes()[name]
    if any(length != 1 for length in shape[2:]):
        raise InvalidValue(
            f"{who}: the output must be one vector for each image; {name!r} gives {shape[1:]}."
        )
    node = net.nodes[name]
    # A softmax at the end is left to the loss: taken together they are exact where its result rounds to 0.
    if (
        isinstance(node.layer, Softmax)
        and node.inputs[0] in net.nodes
        and node.layer.axis in (1, 1 - len(shape))
    ):
        name = node.inputs[0]
    return name, shape[1]
