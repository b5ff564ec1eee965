"""The image that a view explains, as a picture."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope.network import Network

__all__ = ["shown"]

Array = NDArray[Any]


def shown(net: Network, x: Array) -> NDArray[np.uint8]:
    """Turn an input (C, H, W) into pixels (H, W, 3): as `net.input` was applied, else from least to largest.

    Inputs of another number of channels than 1 or 3 show the mean of their channels; what is not finite is
    black.

    Examples
    --------
    >>> import convscope as cs
    >>> shown(cs.models.lenet5(), np.eye(28, dtype=np.float32)[None]).shape
    (28, 28, 3)
    """
    if net.input is not None:
        pixels = net.input.pixels(x)
        return np.repeat(pixels[..., None], 3, axis=2) if pixels.ndim == 2 else pixels
    planes = np.asarray(x if len(x) in (1, 3) else x.mean(axis=0, keepdims=True), np.float64)
    known = np.isfinite(planes)
    low, high = (float(end(planes[known])) for end in (np.min, np.max)) if known.any() else (0.0, 0.0)
    levels = np.where(known, (planes - low) / ((high - low) or 1.0), 0.0)
    scaled = np.rint(levels * 255).astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(scaled, (3, *x.shape[1:])).transpose(1, 2, 0))
