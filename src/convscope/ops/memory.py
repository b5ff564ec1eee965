"""Where results live in memory: NCHW shapes over NHWC memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Array", "empty_channels_last", "empty_result", "give", "own", "silent"]

Array = npt.NDArray[Any]

# Not-a-number, infinity and numbers too small for a float pass through the ops of both cores silently.
silent = np.errstate(all="ignore")


def empty_channels_last(shape: tuple[int, ...], dtype: npt.DTypeLike) -> Array:
    """Allocate an (N, C, H, W) array whose channels lie next to each other in memory.

    This is PyTorch's channels_last. Such an array is not C-contiguous; its transpose
    (0, 2, 3, 1) is.

    Examples
    --------
    >>> y = empty_channels_last((2, 3, 4, 5), np.float32)
    >>> y.shape, y.flags.c_contiguous, y.transpose(0, 2, 3, 1).flags.c_contiguous
    ((2, 3, 4, 5), False, True)
    """
    n, c, h, w = shape
    return np.empty((n, h, w, c), dtype).transpose(0, 3, 1, 2)


def empty_result(shape: tuple[int, ...], dtype: npt.DTypeLike) -> Array:
    """Allocate a result: channels last if it is four-dimensional, else C-contiguous."""
    return empty_channels_last(shape, dtype) if len(shape) == 4 else np.empty(shape, dtype)


def give(y: Array, out: Array | None, channels_last: bool = True) -> Array:
    """Copy a result into `out`, or into the memory order of results; never give a view.

    Examples
    --------
    >>> y = np.zeros((1, 2, 3, 3))
    >>> give(y, None).strides == empty_channels_last(y.shape, y.dtype).strides
    True
    """
    if out is None:
        out = empty_result(y.shape, y.dtype) if channels_last else np.empty(y.shape, y.dtype)
    np.copyto(out, y)
    return out


def own(y: Array) -> Array:
    """Give what was just computed in the memory order of results; copy it only if it has another."""
    plain = y.transpose(0, 2, 3, 1) if y.ndim == 4 else y
    return y if plain.flags.c_contiguous and y.base is None else give(y, None)
