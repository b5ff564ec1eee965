"""Running one image for an explanation."""

from __future__ import annotations

from typing import Any

from convscope.errors import InvalidValue
from convscope.network import Activations, Network

__all__ = ["run_one"]


def run_one(net: Network, image: Any, who: str, algorithm: str = "direct") -> Activations:
    """Run one image through every node, by direct convolution, the most exact, unless told otherwise.

    Raises
    ------
    InvalidValue
        If `image` is a batch of several; the message begins with `who`.
    """
    activations = net.run(image, algorithm=algorithm)
    count = len(activations[net.input_name])
    if count != 1:
        raise InvalidValue(f"{who}: the image must be one image; got a batch of {count}.")
    return activations
