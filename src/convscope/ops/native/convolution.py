"""Convolution and its gradients."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial

import numpy as np

from convscope import _core
from convscope.ops.algorithms import choose
from convscope.ops.arguments import Places
from convscope.ops.memory import Array
from convscope.ops.native.arrays import copied, flat, give, nhwc, plain, target
from convscope.ops.native.windows import NONE, ONE, Pads, Pair, output_size

ACTIVATIONS = {"none": 0, "clip": 1, "leaky_relu": 2}
Packed = _core.PackedConvFloat | _core.PackedConvDouble


def conv2d(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    *,
    stride: Pair = ONE,
    padding: Pads = NONE,
    dilation: Pair = ONE,
    groups: int = 1,
    algorithm: str = "auto",
    out: Array | None = None,
) -> Array:
    """See `convscope.ops.conv2d`."""
    shape = conv_shape(x.shape, weight.shape, stride, padding, dilation)
    channels, kernel = (x.shape[1], weight.shape[0]), weight.shape[2:]
    method = choose(algorithm, x.shape[0], shape[1:3], channels, kernel, stride, dilation, groups, x.dtype)
    packed = _pack(weight, bias, stride, padding, dilation, groups, method, ("none", 0.0, 0.0))
    return run_packed(packed, shape, None, x, None, out)


def packed_conv2d(
    weight: Array,
    bias: Array | None,
    shape: tuple[int, ...],
    *,
    stride: Pair,
    padding: Pads,
    dilation: Pair,
    groups: int,
    algorithm: str,
    activation: tuple[str, float, float],
    pool: Places | None,
    packed: dict[int, Packed],
) -> Callable[..., Array]:
    """See `convscope.ops.PackedConv2d`; gives what computes images of `shape`."""
    result = conv_shape(shape, weight.shape, stride, padding, dilation)
    method = choose(
        algorithm, shape[0], result[1:3], (shape[1], weight.shape[0]), weight.shape[2:],
        stride, dilation, groups, weight.dtype,
    )  # fmt: skip
    found = packed.get(method)
    if found is None:
        found = packed[method] = _pack(weight, bias, stride, padding, dilation, groups, method, activation)
    return partial(run_packed, found, result, pool)


def _pack(
    weight: Array,
    bias: Array | None,
    stride: Pair,
    padding: Pads,
    dilation: Pair,
    groups: int,
    method: int,
    activation: tuple[str, float, float],
) -> Packed:
    make = _core.PackedConvFloat if weight.dtype == np.float32 else _core.PackedConvDouble
    kind, low, high = activation
    return make(
        flat(weight), None if bias is None else flat(bias), stride, padding, dilation, groups, method,
        ACTIVATIONS[kind], low, high,
    )  # fmt: skip


@lru_cache(maxsize=4096)
def conv_shape(
    x: tuple[int, ...], weight: tuple[int, ...], stride: Pair, padding: Pads, dilation: Pair
) -> tuple[int, int, int, int]:
    """Give the shape (N, oH, oW, C_out) of a convolution's result, as it lies in memory."""
    oh, ow = (
        output_size(
            x[2 + axis],
            weight[2 + axis],
            stride=stride[axis],
            padding=padding[axis],
            dilation=dilation[axis],
        )
        for axis in (0, 1)
    )
    return x[0], oh, ow, weight[0]


def run_packed(
    packed: Packed,
    shape: tuple[int, int, int, int],
    pool: Places | None,
    x: Array,
    add: Array | None,
    out: Array | None,
    out_indices: Array | None = None,
) -> Array:
    if pool is None:
        y = target(out, *shape, x.dtype)
        packed(nhwc(x), None if add is None else nhwc(add), y)
        return give(y, out)
    n, h, w, c = shape
    pooled = n, *pool.output, c
    y = target(out, *pooled, x.dtype)
    indices = None if out_indices is None else target(out_indices, *pooled, np.dtype(np.int32))
    packed.pooled(nhwc(x), (h, w), *pool[:4], y, indices)
    if indices is not None:
        give(indices, out_indices)
    return give(y, out)


def conv2d_grad_input(
    grad: Array,
    weight: Array,
    input_shape: tuple[int, ...],
    *,
    stride: Pair = ONE,
    padding: Pads = NONE,
    dilation: Pair = ONE,
    groups: int = 1,
    algorithm: str = "auto",
    out: Array | None = None,
) -> Array:
    """See `convscope.ops.conv2d_grad_input`."""
    n, c, h, w = input_shape
    channels, kernel = (weight.shape[0], c), weight.shape[2:]
    method = choose(
        algorithm, n, (h, w), channels, kernel, stride, dilation, groups, grad.dtype, gradient=True
    )
    dx = target(out, n, h, w, c, grad.dtype)
    _core.conv2d_grad_input(nhwc(grad), flat(weight), dx, stride, padding, dilation, groups, method)
    return give(dx, out)


def conv2d_grad_weight(
    x: Array,
    grad: Array,
    kernel_size: Pair,
    *,
    stride: Pair = ONE,
    padding: Pads = NONE,
    dilation: Pair = ONE,
    groups: int = 1,
    algorithm: str = "auto",
    out: Array | None = None,
) -> Array:
    """See `convscope.ops.conv2d_grad_weight`."""
    shape = (grad.shape[1], x.shape[1] // groups, *kernel_size)
    method = choose(
        algorithm, x.shape[0], grad.shape[2:], (x.shape[1], grad.shape[1]), kernel_size,
        stride, dilation, groups, x.dtype, gradient=True,
    )  # fmt: skip
    dw = plain(out, shape, x.dtype)
    _core.conv2d_grad_weight(nhwc(x), nhwc(grad), dw, stride, padding, dilation, groups, method)
    return copied(dw, out)


def conv2d_pooled_grad_weight(
    x: Array,
    grad: Array,
    rectified: Array,
    indices: Array,
    kernel_size: Pair,
    size: Pair,
    *,
    pool: Pair,
    stride: Pair = ONE,
    padding: Pads = NONE,
    dilation: Pair = ONE,
    groups: int = 1,
    algorithm: str = "auto",
    out: Array | None = None,
) -> Array:
    """See `convscope.ops.conv2d_pooled_grad_weight`."""
    shape = (grad.shape[1], x.shape[1] // groups, *kernel_size)
    method = choose(
        algorithm, x.shape[0], size, (x.shape[1], grad.shape[1]), kernel_size,
        stride, dilation, groups, x.dtype, gradient=True,
    )  # fmt: skip
    dw = plain(out, shape, x.dtype)
    pooled = nhwc(grad), nhwc(rectified), nhwc(indices)
    _core.conv2d_pooled_grad_weight(
        nhwc(x), *pooled, dw, size, pool, stride, padding, dilation, groups, method
    )
    return copied(dw, out)


def conv2d_grad_bias(grad: Array) -> Array:
    """See `convscope.ops.conv2d_grad_bias`."""
    sums = np.empty(grad.shape[1], grad.dtype)
    _core.channel_sums(nhwc(grad), sums, 1, grad.shape[1], 1.0)
    return sums
