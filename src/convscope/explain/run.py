"""Running one image for an explanation."""

from __future__ import annotations

from typing import Any

import numpy as np

from convscope.errors import InvalidValue
from convscope.layers.base import Array
from convscope.network import Activations, Network
from convscope.network.input import as_batch

__all__ = ["check_finite", "one_image", "run_one"]


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


def one_image(net: Network, image: Any, who: str) -> tuple[Array, tuple[str, ...]]:
    """Prepare one image, (1, C, H, W), and say what was done to it.

    Raises
    ------
    InvalidValue
        If `image` is a batch of several, a value is not finite, or the network takes no images; the message
        begins with `who`.
    """
    if len(net.input_shape) != 3:
        raise InvalidValue(f"{who}: the network must take images (C, H, W); it takes {net.input_shape}.")
    x, steps = as_batch(image, net.input, net.input_shape, net.dtype)
    if len(x) != 1:
        raise InvalidValue(f"{who}: the image must be one image; got a batch of {len(x)}.")
    check_finite(x, who)
    return x, steps


def check_finite(x: Array, who: str) -> None:
    """Refuse an image (1, C, H, W) with a value that is infinite or not a number."""
    wrong = np.argwhere(~np.isfinite(x[0]))
    if len(wrong):
        channel, row, column = wrong[0]
        raise InvalidValue(
            f"{who}: the image's values must be finite; got {x[0, channel, row, column]} in channel "
            f"{channel}, row {row}, column {column}."
        )
