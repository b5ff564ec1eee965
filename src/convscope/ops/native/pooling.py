"""Pooling and its gradients."""

from __future__ import annotations

import numpy as np

from convscope import _core
from convscope.ops.arguments import check_pixels
from convscope.ops.memory import Array
from convscope.ops.native.arrays import give, nhwc, target
from convscope.ops.native.windows import NONE, ONE, Pads, Pair, output_size


def _pooled(
    x: Array, kernel: Pair, stride: Pair, padding: Pads, dilation: Pair, ceil_mode: bool, out: Array | None
) -> Array:
    """Make room for a pooled image."""
    n, c, h, w = x.shape
    oh = output_size(
        h, kernel[0], stride=stride[0], padding=padding[0], dilation=dilation[0], ceil_mode=ceil_mode
    )
    ow = output_size(
        w, kernel[1], stride=stride[1], padding=padding[1], dilation=dilation[1], ceil_mode=ceil_mode
    )
    return target(out, n, oh, ow, c, x.dtype)


def max_pool2d(
    x: Array,
    kernel_size: Pair,
    *,
    stride: Pair,
    padding: Pads = NONE,
    dilation: Pair = ONE,
    ceil_mode: bool = False,
    return_indices: bool = False,
    out: Array | None = None,
    out_indices: Array | None = None,
) -> Array | tuple[Array, Array]:
    """See `convscope.ops.max_pool2d`."""
    y = _pooled(x, kernel_size, stride, padding, dilation, ceil_mode, out)
    n, oh, ow, c = y.shape
    indices = target(out_indices, n, oh, ow, c, np.dtype(np.int32)) if return_indices else None
    _core.max_pool2d(nhwc(x), y, indices, kernel_size, stride, padding, dilation)
    return give(y, out) if indices is None else (give(y, out), give(indices, out_indices))


def max_pool2d_grad(
    grad: Array,
    indices: Array,
    input_shape: tuple[int, ...],
    *,
    kernel_size: Pair = ONE,
    stride: Pair = (0, 0),  # all windows lie one upon the other
    padding: Pads = NONE,
    dilation: Pair = ONE,
    rectified: Array | None = None,
    out: Array | None = None,
) -> Array:
    """See `convscope.ops.max_pool2d_grad`."""
    n, c, h, w = input_shape
    dx = target(out, n, h, w, c, grad.dtype)
    y = None if rectified is None else nhwc(rectified)
    if not _core.max_pool2d_grad(nhwc(grad), y, nhwc(indices), dx, kernel_size, stride, padding, dilation):
        check_pixels("max_pool2d_grad", indices, h * w)
    return give(dx, out)


def avg_pool2d(
    x: Array,
    kernel_size: Pair,
    *,
    stride: Pair,
    padding: Pads = NONE,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    out: Array | None = None,
) -> Array:
    """See `convscope.ops.avg_pool2d`."""
    y = _pooled(x, kernel_size, stride, padding, ONE, ceil_mode, out)
    _core.avg_pool2d(nhwc(x), y, kernel_size, stride, padding, count_include_pad)
    return give(y, out)


def avg_pool2d_grad(
    grad: Array,
    input_shape: tuple[int, ...],
    kernel_size: Pair,
    *,
    stride: Pair,
    padding: Pads = NONE,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    out: Array | None = None,
) -> Array:
    """See `convscope.ops.avg_pool2d_grad`."""
    n, c, h, w = input_shape
    dx = target(out, n, h, w, c, grad.dtype)
    _core.avg_pool2d_grad(nhwc(grad), dx, kernel_size, stride, padding, count_include_pad)
    return give(dx, out)


def global_avg_pool2d(x: Array, *, out: Array | None = None) -> Array:
    """See `convscope.ops.global_avg_pool2d`."""
    n, c, h, w = x.shape
    means = target(out, n, 1, 1, c, x.dtype)
    _core.channel_sums(nhwc(x), means, n, c, float(h * w))
    return give(means, out)


def global_avg_pool2d_grad(grad: Array, input_shape: tuple[int, ...], *, out: Array | None = None) -> Array:
    """See `convscope.ops.global_avg_pool2d_grad`."""
    n, c, h, w = input_shape
    dx = target(out, n, h, w, c, grad.dtype)
    _core.spread(nhwc(grad), dx, n, c, float(h * w))
    return give(dx, out)
