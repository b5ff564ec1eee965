"""Arrays as the compiled core wants them: channels-last images, and the rest C-contiguous."""

from __future__ import annotations

import math

import numpy as np

from convscope import _core
from convscope.ops.memory import Array

NHWC, NCHW = (0, 2, 3, 1), (0, 3, 1, 2)
LARGE = 4 << 20  # bytes: fresh pages for so many take longer than many a layer


def nhwc(x: Array) -> Array:
    """See an (N, C, H, W) array as contiguous (N, H, W, C), copying it only if it is not channels-last."""
    seen = x.transpose(NHWC)
    if seen.flags.c_contiguous:
        return seen
    copy = np.empty(seen.shape, x.dtype)
    copy_input(x, copy.transpose(NCHW))
    return copy


def copy_input(x: Array, out: Array) -> None:
    """See `convscope.ops.prepared.copy_input`."""
    several = x.ndim == 4 and x.shape[1] > 1  # else both orders are one
    if several and x.dtype == out.dtype and x.dtype.char in "fd" and x.flags.c_contiguous:
        y = out.transpose(NHWC)
        if y.flags.c_contiguous:
            _core.interleave(x, y)
            return
    np.copyto(out, x)


def turned(x: Array, out: Array) -> tuple[Array, Array] | None:
    """See maps and the vectors (N, C*H*W) they become as `_core.interleave` wants them; None if it cannot."""
    if x.ndim != 4 or x.dtype != out.dtype or x.dtype.char not in "fd" or not out.flags.c_contiguous:
        return None
    seen = x.transpose(NHWC)
    n, h, w, c = seen.shape
    return (seen.reshape(n, h * w, 1, c), out.reshape(n, 1, c, h * w)) if seen.flags.c_contiguous else None


def flatten(x: Array, *, out: Array | None = None) -> Array:
    """See `convscope.ops.flatten`."""
    y = plain(out, (len(x), math.prod(x.shape[1:])), x.dtype)
    pair = turned(x, y)
    if pair is None:
        np.copyto(y.reshape(x.shape), x)
    else:
        _core.interleave(*pair)
    return copied(y, out)


def flatten_grad(grad: Array, shape: tuple[int, ...], *, out: Array | None = None) -> Array:
    """See `convscope.ops.flatten_grad`."""
    if len(shape) != 4:
        return copied(flat(grad).reshape(shape), out)
    n, c, h, w = shape
    dx = target(out, n, h, w, c, grad.dtype)
    copy_input(flat(grad).reshape(shape), dx.transpose(NCHW))
    return give(dx, out)


def flat(x: Array) -> Array:
    """Make contiguous."""
    return x if x.flags.c_contiguous else np.ascontiguousarray(x)


def target(out: Array | None, n: int, h: int, w: int, c: int, dtype: np.dtype[np.generic]) -> Array:
    """Give channels-last memory to write to: that of `out` where it is channels-last."""
    if out is not None:
        seen = out.transpose(NHWC)
        if seen.flags.c_contiguous:
            return seen
    return fresh((n, h, w, c), dtype)


def fresh(shape: tuple[int, ...], dtype: np.dtype[np.generic]) -> Array:
    """Make room for a result; large ones lie in memory of the core, which lends it again afterwards."""
    size = math.prod(shape) * dtype.itemsize
    return np.empty(shape, dtype) if size < LARGE else _core.empty(size).view(dtype).reshape(shape)


def room(size: int) -> Array:
    """See `convscope.ops.prepared.room`; memory of the core begins with a huge page."""
    return fresh((size,), np.dtype(np.uint8))


def give(y: Array, out: Array | None) -> Array:
    """Give a channels-last result its NCHW shape, in `out` if there is one."""
    if out is None:
        return y.transpose(NCHW)
    if y.base is None or (y.base is not out and y.base is not out.base):  # not the memory of `out`
        np.copyto(out, y.transpose(NCHW))
    return out


def plain(out: Array | None, shape: tuple[int, ...], dtype: np.dtype[np.generic]) -> Array:
    """Give C-contiguous memory to write to: `out` itself where it is."""
    return out if out is not None and out.flags.c_contiguous else np.empty(shape, dtype)


def copied(y: Array, out: Array | None) -> Array:
    """Give a C-contiguous result, in `out` if there is one."""
    if out is None or out is y:
        return y
    np.copyto(out, y)
    return out


def channels_last(x: Array) -> Array:
    """See an image as the core wants it, and anything else contiguous."""
    return nhwc(x) if x.ndim == 4 else flat(x)


def like(x: Array, out: Array | None) -> Array:
    """Make room for a result of the shape of `x`, channels last."""
    if x.ndim == 4:
        n, c, h, w = x.shape
        return target(out, n, h, w, c, x.dtype)
    return plain(out, x.shape, x.dtype)


def shaped(y: Array, out: Array | None) -> Array:
    """Give what `like` made room for, in `out` if there is one."""
    return give(y, out) if y.ndim == 4 else copied(y, out)


def in_place(x: Array) -> Array | None:
    """See an image as the core wants it, (N, H, W, C) and contiguous; None if it would have to be copied."""
    seen = x.transpose(NHWC)
    return seen if seen.flags.c_contiguous else None
