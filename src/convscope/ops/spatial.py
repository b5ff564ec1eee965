"""Convolution and pooling over any number of spatial axes, (N, C, spatial...), in plain NumPy.

Images have ops of their own, and a compiled core; sound (one axis) and volumes (three) come here.
All of it is one idea, the one of `reference.convolution` for n axes: see the input as
(N, C, windows..., taps...), and add gradients back tap by tap, where windows do not overlap.
Arguments are taken as they are; the layers check them.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from convscope.geometry import kernel_span
from convscope.ops.memory import Array, silent

__all__ = [
    "Ends",
    "Lengths",
    "avg_pool",
    "avg_pool_grad",
    "conv_nd",
    "conv_nd_grad_input",
    "conv_nd_grad_weight",
    "lp_pool",
    "lp_pool_grad",
    "max_pool",
    "max_pool_grad",
]

Lengths = tuple[int, ...]  # one number for each spatial axis
Ends = tuple[tuple[int, int], ...]  # (before, after) for each


def windows(padded: Array, kernel: Lengths, stride: Lengths, dilation: Lengths, output: Lengths) -> Array:
    """See (N, C, spatial...) as (N, C, windows..., taps...), without copying; writing writes through.

    Examples
    --------
    >>> windows(np.arange(5.0).reshape(1, 1, 5), (3,), (2,), (1,), (2,))[0, 0]
    array([[0., 1., 2.],
           [2., 3., 4.]])
    """
    span = tuple(kernel_span(k, d) for k, d in zip(kernel, dilation, strict=True))
    axes = tuple(range(2, padded.ndim))
    every = sliding_window_view(padded, span, axis=axes, writeable=True)
    places = tuple(slice(0, (n - 1) * s + 1, s) for n, s in zip(output, stride, strict=True))
    return every[(slice(None), slice(None), *places, *(slice(None, None, d) for d in dilation))]


def _pad(
    x: Array, kernel: Lengths, stride: Lengths, padding: Ends, dilation: Lengths, output: Lengths, fill: float
) -> Array:
    """Put `fill` around, further than the padding where rounding up makes a window stick out."""
    ends = []
    for axis, (before, after) in enumerate(padding):
        reach = (output[axis] - 1) * stride[axis] + kernel_span(kernel[axis], dilation[axis])
        ends.append((before, max(after, reach - before - x.shape[2 + axis])))
    return np.pad(x, ((0, 0), (0, 0), *ends), constant_values=fill)


def _inside(padded: Array, size: Lengths, padding: Ends) -> Array:
    cut = tuple(slice(before, before + n) for n, (before, _) in zip(size, padding, strict=True))
    return padded[(slice(None), slice(None), *cut)]


def _taps(kernel: Lengths) -> Iterator[Lengths]:
    return itertools.product(*(range(k) for k in kernel))


@silent
def conv_nd(
    x: Array,
    weight: Array,
    bias: Array | None,
    *,
    stride: Lengths,
    padding: Ends,
    dilation: Lengths,
    groups: int,
    output: Lengths,
) -> Array:
    """Correlate (N, C, spatial...) with filters (O, C/groups, taps...): one matrix product for each group.

    Examples
    --------
    >>> conv_nd(np.array([[[1.0, 2.0, 4.0]]]), np.array([[[-1.0, 1.0]]]), None, stride=(1,),
    ...         padding=((0, 0),), dilation=(1,), groups=1, output=(2,))
    array([[[1., 2.]]])
    """
    kernel = weight.shape[2:]
    patches = _patches(x, kernel, stride, padding, dilation, output, groups)
    filters = weight.reshape(groups, weight.shape[0] // groups, -1)
    y = filters @ patches  # (groups, O/groups, N * windows)
    if bias is not None:
        y += bias.reshape(groups, -1, 1)
    return _images(y, x.shape[0], output)


@silent
def conv_nd_grad_input(
    grad: Array,
    weight: Array,
    size: Lengths,
    *,
    stride: Lengths,
    padding: Ends,
    dilation: Lengths,
    groups: int,
) -> Array:
    """Spread each gradient over its window, for inputs of `size`; also the transposed convolution."""
    kernel, output = weight.shape[2:], grad.shape[2:]
    filters = weight.reshape(groups, weight.shape[0] // groups, -1)
    patches = filters.transpose(0, 2, 1) @ _rows(grad, groups)  # (groups, C/groups * taps, N * windows)
    n, channels = grad.shape[0], groups * weight.shape[1]
    parts = patches.reshape(channels, *kernel, n, *output)
    padded = _pad(np.zeros((n, channels, *size), grad.dtype), kernel, stride, padding, dilation, output, 0)
    target = windows(padded, kernel, stride, dilation, output)
    for tap in _taps(kernel):
        here: Any = (..., *tap)
        part: Any = (slice(None), *tap)
        target[here] += np.moveaxis(parts[part], 1, 0)
    return np.ascontiguousarray(_inside(padded, size, padding))


@silent
def conv_nd_grad_weight(
    x: Array,
    grad: Array,
    kernel: Lengths,
    *,
    stride: Lengths,
    padding: Ends,
    dilation: Lengths,
    groups: int,
) -> Array:
    """Correlate the input with the gradient."""
    patches = _patches(x, kernel, stride, padding, dilation, grad.shape[2:], groups)
    filters = _rows(grad, groups) @ patches.transpose(0, 2, 1)
    return filters.reshape(grad.shape[1], x.shape[1] // groups, *kernel)


def _patches(
    x: Array,
    kernel: Lengths,
    stride: Lengths,
    padding: Ends,
    dilation: Lengths,
    output: Lengths,
    groups: int,
) -> Array:
    """(groups, C/groups * taps, N * windows): a column for each output cell."""
    padded = _pad(x, kernel, stride, padding, dilation, output, 0)
    seen = windows(padded, kernel, stride, dilation, output)
    rank = len(kernel)
    order = (1, *range(2 + rank, 2 + 2 * rank), 0, *range(2, 2 + rank))
    return seen.transpose(order).reshape(groups, x.shape[1] // groups * math.prod(kernel), -1)


def _rows(grad: Array, groups: int) -> Array:
    return np.moveaxis(grad, 1, 0).reshape(groups, grad.shape[1] // groups, -1)


def _images(y: Array, n: int, output: Lengths) -> Array:
    return np.ascontiguousarray(np.moveaxis(y.reshape(-1, n, *output), 0, 1))


@silent
def max_pool(
    x: Array, kernel: Lengths, *, stride: Lengths, padding: Ends, dilation: Lengths, output: Lengths
) -> tuple[Array, Array]:
    """Give the largest value of each window, and which of its taps that is (the first one)."""
    padded = _pad(x, kernel, stride, padding, dilation, output, -np.inf)
    seen = windows(padded, kernel, stride, dilation, output)
    flat = seen.reshape(*seen.shape[: 2 + len(kernel)], -1)
    tap = flat.argmax(axis=-1)
    return np.take_along_axis(flat, tap[..., None], axis=-1)[..., 0], tap


@silent
def max_pool_grad(
    grad: Array,
    tap: Array,
    size: Lengths,
    kernel: Lengths,
    *,
    stride: Lengths,
    padding: Ends,
    dilation: Lengths,
) -> Array:
    """Send each gradient to the place of its maximum."""
    parts = (np.where(tap == index, grad, 0) for index in range(math.prod(kernel)))
    return _spread(grad, parts, size, kernel, stride, padding, dilation)


@silent
def avg_pool(
    x: Array,
    kernel: Lengths,
    *,
    stride: Lengths,
    padding: Ends,
    dilation: Lengths,
    output: Lengths,
    count_include_pad: bool,
) -> Array:
    """Give the mean of each window; what sticks out beyond the padding never counts."""
    padded = _pad(x, kernel, stride, padding, dilation, output, 0)
    seen = windows(padded, kernel, stride, dilation, output)
    counts = _counts(x.shape[2:], kernel, stride, padding, dilation, output, count_include_pad)
    sums = seen.sum(axis=tuple(range(2 + len(kernel), seen.ndim)))
    return np.asarray(sums / counts.astype(x.dtype))


@silent
def avg_pool_grad(
    grad: Array,
    size: Lengths,
    kernel: Lengths,
    *,
    stride: Lengths,
    padding: Ends,
    dilation: Lengths,
    count_include_pad: bool,
) -> Array:
    """Share each gradient out over its window."""
    counts = _counts(size, kernel, stride, padding, dilation, grad.shape[2:], count_include_pad)
    share = grad / counts.astype(grad.dtype)
    parts = (share for _ in range(math.prod(kernel)))
    return _spread(grad, parts, size, kernel, stride, padding, dilation)


@silent
def lp_pool(
    x: Array,
    kernel: Lengths,
    p: float,
    *,
    stride: Lengths,
    padding: Ends,
    dilation: Lengths,
    output: Lengths,
) -> Array:
    """(sum of |x|**p)**(1/p) of each window; padding counts as zeros."""
    padded = _pad(np.abs(x) ** p, kernel, stride, padding, dilation, output, 0)
    seen = windows(padded, kernel, stride, dilation, output)
    return np.asarray(seen.sum(axis=tuple(range(2 + len(kernel), seen.ndim))) ** (1 / p))


@silent
def lp_pool_grad(
    grad: Array,
    x: Array,
    y: Array,
    kernel: Lengths,
    p: float,
    *,
    stride: Lengths,
    padding: Ends,
    dilation: Lengths,
) -> Array:
    """dx = sign(x) * |x|**(p-1) * (sum over its windows of grad / y**(p-1)); a window of zeros gives 0."""
    share = np.where(y > 0, grad / y ** (p - 1), grad.dtype.type(0))
    parts = (share for _ in range(math.prod(kernel)))
    spread = _spread(grad, parts, x.shape[2:], kernel, stride, padding, dilation)
    return np.asarray(np.sign(x) * np.abs(x) ** (p - 1) * spread)


def _spread(
    grad: Array,
    parts: Iterator[Array],
    size: Lengths,
    kernel: Lengths,
    stride: Lengths,
    padding: Ends,
    dilation: Lengths,
) -> Array:
    """Add one part for each tap back to where the tap read."""
    output = grad.shape[2:]
    padded = np.zeros((*grad.shape[:2], *size), grad.dtype)
    padded = _pad(padded, kernel, stride, padding, dilation, output, 0)
    target = windows(padded, kernel, stride, dilation, output)
    for tap, part in zip(_taps(kernel), parts, strict=True):
        here: Any = (..., *tap)
        target[here] += part
    return np.ascontiguousarray(_inside(padded, size, padding))


def _counts(
    size: Lengths,
    kernel: Lengths,
    stride: Lengths,
    padding: Ends,
    dilation: Lengths,
    output: Lengths,
    include: bool,
) -> Array:
    """How many values each window's mean is over."""
    ones = np.ones((1, 1, *size))
    if include:
        ones = np.pad(ones, ((0, 0), (0, 0), *padding), constant_values=1)
        padding = tuple((0, 0) for _ in size)
    seen = windows(_pad(ones, kernel, stride, padding, dilation, output, 0), kernel, stride, dilation, output)
    return np.asarray(seen.sum(axis=tuple(range(2 + len(kernel), seen.ndim))))
