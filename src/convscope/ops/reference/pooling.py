"""Pooling in plain NumPy: a number for each window."""

from __future__ import annotations

import numpy as np

from convscope.geometry import kernel_span
from convscope.ops.arguments import check_pixels
from convscope.ops.memory import Array, give, silent
from convscope.ops.reference.convolution import NONE, ONE, Pads, Pair, output_size, windows

__all__ = [
    "avg_pool2d",
    "avg_pool2d_grad",
    "global_avg_pool2d",
    "global_avg_pool2d_grad",
    "max_pool2d",
    "max_pool2d_grad",
    "pooling_windows",
]


def pooling_windows(
    x: Array, kernel_size: Pair, stride: Pair, padding: Pads, dilation: Pair, ceil_mode: bool, fill: float
) -> Array:
    """Pad with `fill`, also as far as a last window overhangs in ceil mode, and see the windows."""
    outputs = output_size(x.shape, kernel_size, stride, padding, dilation, ceil_mode)
    reach = [(outputs[a] - 1) * stride[a] + kernel_span(kernel_size[a], dilation[a]) for a in (0, 1)]
    ends = [(padding[a][0], max(padding[a][1], reach[a] - x.shape[2 + a] - padding[a][0])) for a in (0, 1)]
    padded = np.pad(x, ((0, 0), (0, 0), *ends), constant_values=fill)
    return windows(padded, kernel_size, stride, dilation)[:, :, : outputs[0], : outputs[1]]


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
    """Keep the largest value of each window, and where it lay: row*W + column, the first of equals."""
    settings = (kernel_size, stride, padding, dilation, ceil_mode)
    values = pooling_windows(x, *settings, fill=-np.inf)
    places = np.arange(x.shape[2] * x.shape[3], dtype=np.int32).reshape(1, 1, *x.shape[2:])
    places = pooling_windows(places, *settings, fill=-1)  # -1 is padding
    best = np.full(values.shape[:4], -np.inf, x.dtype)
    indices = np.full(values.shape[:4], -1, np.int32)
    for u in range(kernel_size[0]):
        for v in range(kernel_size[1]):
            value, place = values[..., u, v], places[..., u, v]
            better = (value > best) | np.isnan(value) | (indices < 0)
            better &= place >= 0
            np.copyto(best, value, where=better)
            np.copyto(indices, place, where=better)
    y = give(best, out)
    return (y, give(indices, out_indices)) if return_indices else y


def max_pool2d_grad(
    grad: Array,
    indices: Array,
    input_shape: tuple[int, ...],
    *,
    kernel_size: Pair = ONE,
    stride: Pair = ONE,
    padding: Pads = NONE,
    dilation: Pair = ONE,
    rectified: Array | None = None,
    out: Array | None = None,
) -> Array:
    """Send each gradient to the pixel that was the largest of its window, whatever the window was."""
    n, c, h, w = input_shape
    check_pixels("max_pool2d_grad", indices, h * w)
    grad = grad if rectified is None else np.where(rectified > 0, grad, grad.dtype.type(0))
    dx = np.zeros((n * c, h * w), grad.dtype)
    channel = np.arange(n * c)[:, None]
    cells = grad.shape[2] * grad.shape[3]
    np.add.at(dx, (channel, indices.reshape(n * c, cells)), grad.reshape(n * c, cells))
    return give(dx.reshape(n, c, h, w), out)


@silent
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
    """Average each window; padding counts as zeros, or, without `count_include_pad`, not at all."""
    sums = pooling_windows(x, kernel_size, stride, padding, ONE, ceil_mode, fill=0).sum(axis=(4, 5))
    counts = _counts(x.shape, kernel_size, stride, padding, ceil_mode, count_include_pad)
    return give(sums / counts.astype(x.dtype), out)


@silent
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
    """Share each gradient equally among the pixels of its window."""
    counts = _counts(input_shape, kernel_size, stride, padding, ceil_mode, count_include_pad)
    share = grad / counts.astype(grad.dtype)
    (n, c, h, w), (top, _), (left, _) = input_shape, *padding
    rows = max(top + h, (grad.shape[2] - 1) * stride[0] + kernel_size[0])
    columns = max(left + w, (grad.shape[3] - 1) * stride[1] + kernel_size[1])
    padded = np.zeros((n, c, rows, columns), grad.dtype)
    target = windows(padded, kernel_size, stride, writeable=True)[:, :, : grad.shape[2], : grad.shape[3]]
    for u in range(kernel_size[0]):
        for v in range(kernel_size[1]):
            target[..., u, v] += share
    return give(padded[:, :, top : top + h, left : left + w], out)


def _counts(
    shape: tuple[int, ...],
    kernel_size: Pair,
    stride: Pair,
    padding: Pads,
    ceil_mode: bool,
    count_include_pad: bool,
) -> Array:
    """Count what each window averages over; beyond the padding (ceil mode) nothing counts."""
    if count_include_pad:
        ones = np.ones((1, 1, *(shape[2 + a] + sum(padding[a]) for a in (0, 1))), np.int64)
        outputs = output_size(shape, kernel_size, stride, padding, ONE, ceil_mode)
        seen = pooling_windows(ones, kernel_size, stride, NONE, ONE, True, fill=0)
        return np.asarray(seen[:, :, : outputs[0], : outputs[1]].sum(axis=(4, 5)))
    ones = np.ones((1, 1, *shape[2:]), np.int64)
    seen = pooling_windows(ones, kernel_size, stride, padding, ONE, ceil_mode, fill=0)
    return np.asarray(seen.sum(axis=(4, 5)))


@silent
def global_avg_pool2d(x: Array, *, out: Array | None = None) -> Array:
    """Average each channel to a single value."""
    return give(x.mean(axis=(2, 3), keepdims=True, dtype=np.float64).astype(x.dtype), out)


def global_avg_pool2d_grad(grad: Array, input_shape: tuple[int, ...], *, out: Array | None = None) -> Array:
    """Share each channel's gradient equally among its pixels."""
    pixels = input_shape[2] * input_shape[3]
    return give(np.broadcast_to(grad / grad.dtype.type(pixels), input_shape), out)
