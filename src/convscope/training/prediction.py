"""What a network takes single images for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope import ops
from convscope.network import Network
from convscope.result import Result
from convscope.training.losses import scores_of

__all__ = ["Prediction", "classify"]


@dataclass(frozen=True, eq=False)
class Prediction(Result):
    """What a network takes an image for.

    Attributes
    ----------
    classes : tuple of str
        The most probable first.
    probabilities : ndarray of shape (K,)
        In the order of `classes`.
    """

    classes: tuple[str, ...]
    probabilities: NDArray[np.floating[Any]]


def classify(net: Network, image: Any) -> Prediction:
    """Give the probabilities of all classes for one image.

    Parameters
    ----------
    net : Network
        With one output: scores or probabilities of K classes.
    image : path, PIL image, uint8 array (H, W[, 3]), or float array (C, H, W)
        As `Network.run` takes it.

    Raises
    ------
    ConvscopeError
        If the image cannot be read, or the network does not say how an image is prepared.

    Examples
    --------
    >>> import convscope as cs
    >>> found = classify(cs.models.lenet5(), np.zeros((1, 28, 28), np.float32))
    >>> len(found.classes), round(float(found.probabilities.sum()), 5)
    (10, 1.0)
    """
    name, count = scores_of(net, "classify")
    scores = net.run(image, keep=(name,))[name].reshape(-1, count)[:1]
    probabilities = ops.softmax(scores)[0]
    order = np.argsort(-probabilities, kind="stable")
    names = net.classes if len(net.classes) == count else tuple(str(i) for i in range(count))
    return Prediction(tuple(names[i] for i in order), probabilities[order])
