"""The ops over the compiled core, with the names and arguments of `convscope.ops.reference`.

The compiled core wants channels-last images (N, H, W, C) and C-contiguous weights; arrays
of other strides are copied once. Results have NCHW shapes over channels-last memory.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any

import numpy as np

from convscope import _core
from convscope.errors import InvalidValue
from convscope.geometry import pool_output_size
from convscope.ops.algorithms import choose
from convscope.ops.arguments import check_pixels
from convscope.ops.memory import Array

Pair = tuple[int, int]
Pads = tuple[Pair, Pair]

ONE: Pair = (1, 1)
NONE: Pads = ((0, 0), (0, 0))
NHWC, NCHW = (0, 2, 3, 1), (0, 3, 1, 2)

output_size = lru_cache(maxsize=4096)(pool_output_size)  # the same few layers again and again

get_threads = _core.get_threads
isa = _core.isa
set_threads = _core.set_threads


def _choose_instruction_set() -> None:
    wish = os.environ.get("CONVSCOPE_ISA", "").strip()
    if not wish:
        return
    try:
        _core.choose_isa(wish)
    except ValueError as error:
        raise InvalidValue(f"CONVSCOPE_ISA: this machine has {error}; got {wish!r}.") from None


_choose_instruction_set()


def _nhwc(x: Array) -> Array:
    """See an (N, C, H, W) array as contiguous (N, H, W, C), copying it only if it is not channels-last."""
    seen = x.transpose(NHWC)
    if seen.flags.c_contiguous:
        return seen
    copy = np.empty(seen.shape, x.dtype)
    copy_input(x, copy.transpose(NCHW))
    return copy


def copy_input(x: Array, out: Array) -> None:
    """See `convscope.ops.prepared.copy_input`."""
    if x.ndim == 4 and x.dtype == out.dtype and x.dtype.char in "fd" and x.flags.c_contiguous:
        y = out.transpose(NHWC)
        if y.flags.c_contiguous:
            _core.interleave(x, y)
            return
    np.copyto(out, x)


def _flat(x: Array) -> Array:
    """Make contiguous."""
    return x if x.flags.c_contiguous else np.ascontiguousarray(x)


def _target(out: Array | None, n: int, h: int, w: int, c: int, dtype: np.dtype[np.generic]) -> Array:
    """Give channels-last memory to write to: that of `out` where it is channels-last."""
    if out is not None:
        seen = out.transpose(NHWC)
        if seen.flags.c_contiguous:
            return seen
    return np.empty((n, h, w, c), dtype)


def _give(y: Array, out: Array | None) -> Array:
    """Give a channels-last result its NCHW shape, in `out` if there is one."""
    if out is None:
        return y.transpose(NCHW)
    if y.base is None or (y.base is not out and y.base is not out.base):  # not the memory of `out`
        np.copyto(out, y.transpose(NCHW))
    return out


def _plain(out: Array | None, shape: tuple[int, ...], dtype: np.dtype[np.generic]) -> Array:
    """Give C-contiguous memory to write to: `out` itself where it is."""
    return out if out is not None and out.flags.c_contiguous else np.empty(shape, dtype)


def _copied(y: Array, out: Array | None) -> Array:
    """Give a C-contiguous result, in `out` if there is one."""
    if out is None or out is y:
        return y
    np.copyto(out, y)
    return out


# ---------------------------------------------------------------- convolution


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
    return _run_packed(packed, shape, x, None, out)


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
    packed: dict[int, Packed],
) -> Callable[[Array, Array | None, Array | None], Array]:
    """See `convscope.ops.PackedConv2d`; gives what computes images of `shape`."""
    result = conv_shape(shape, weight.shape, stride, padding, dilation)
    method = choose(
        algorithm, shape[0], result[1:3], (shape[1], weight.shape[0]), weight.shape[2:],
        stride, dilation, groups, weight.dtype,
    )  # fmt: skip
    found = packed.get(method)
    if found is None:
        found = packed[method] = _pack(weight, bias, stride, padding, dilation, groups, method, activation)
    return partial(_run_packed, found, result)


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
        _flat(weight), None if bias is None else _flat(bias), stride, padding, dilation, groups, method,
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


def _run_packed(
    packed: Packed, shape: tuple[int, int, int, int], x: Array, add: Array | None, out: Array | None
) -> Array:
    y = _target(out, *shape, x.dtype)
    packed(_nhwc(x), None if add is None else _nhwc(add), y)
    return _give(y, out)


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
    dx = _target(out, n, h, w, c, grad.dtype)
    _core.conv2d_grad_input(_nhwc(grad), _flat(weight), dx, stride, padding, dilation, groups, method)
    return _give(dx, out)


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
    dw = out if out is not None and out.flags.c_contiguous else np.empty(shape, x.dtype)
    _core.conv2d_grad_weight(_nhwc(x), _nhwc(grad), dw, stride, padding, dilation, groups, method)
    if out is None or out is dw:
        return dw
    np.copyto(out, dw)
    return out


def conv2d_grad_bias(grad: Array) -> Array:
    """See `convscope.ops.conv2d_grad_bias`."""
    sums = np.empty(grad.shape[1], grad.dtype)
    _core.channel_sums(_nhwc(grad), sums, 1, grad.shape[1], 1.0)
    return sums


# -------------------------------------------------------------------- pooling


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
    return _target(out, n, oh, ow, c, x.dtype)


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
    indices = _target(out_indices, n, oh, ow, c, np.dtype(np.int32)) if return_indices else None
    _core.max_pool2d(_nhwc(x), y, indices, kernel_size, stride, padding, dilation)
    return _give(y, out) if indices is None else (_give(y, out), _give(indices, out_indices))


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
    dx = _target(out, n, h, w, c, grad.dtype)
    y = None if rectified is None else _nhwc(rectified)
    if not _core.max_pool2d_grad(_nhwc(grad), y, _nhwc(indices), dx, kernel_size, stride, padding, dilation):
        check_pixels("max_pool2d_grad", indices, h * w)
    return _give(dx, out)


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
    _core.avg_pool2d(_nhwc(x), y, kernel_size, stride, padding, count_include_pad)
    return _give(y, out)


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
    dx = _target(out, n, h, w, c, grad.dtype)
    _core.avg_pool2d_grad(_nhwc(grad), dx, kernel_size, stride, padding, count_include_pad)
    return _give(dx, out)


def global_avg_pool2d(x: Array, *, out: Array | None = None) -> Array:
    """See `convscope.ops.global_avg_pool2d`."""
    n, c, h, w = x.shape
    means = _target(out, n, 1, 1, c, x.dtype)
    _core.channel_sums(_nhwc(x), means, n, c, float(h * w))
    return _give(means, out)


def global_avg_pool2d_grad(grad: Array, input_shape: tuple[int, ...], *, out: Array | None = None) -> Array:
    """See `convscope.ops.global_avg_pool2d_grad`."""
    n, c, h, w = input_shape
    dx = _target(out, n, h, w, c, grad.dtype)
    _core.spread(_nhwc(grad), dx, n, c, float(h * w))
    return _give(dx, out)


# --------------------------------------------------------------------- linear


def linear(x: Array, weight: Array, bias: Array | None = None, *, out: Array | None = None) -> Array:
    """See `convscope.ops.linear`."""
    y = _plain(out, (x.shape[0], weight.shape[0]), x.dtype)
    _core.linear(_flat(x), _flat(weight), None if bias is None else _flat(bias), y)
    return _copied(y, out)


def linear_grad_input(grad: Array, weight: Array, *, out: Array | None = None) -> Array:
    """See `convscope.ops.linear_grad_input`."""
    dx = _plain(out, (grad.shape[0], weight.shape[1]), grad.dtype)
    _core.linear_grad_input(_flat(grad), _flat(weight), dx)
    return _copied(dx, out)


def linear_grad_weight(x: Array, grad: Array, *, out: Array | None = None) -> Array:
    """See `convscope.ops.linear_grad_weight`."""
    dw = _plain(out, (grad.shape[1], x.shape[1]), x.dtype)
    _core.linear_grad_weight(_flat(x), _flat(grad), dw)
    return _copied(dw, out)


def linear_grad_bias(grad: Array) -> Array:
    """See `convscope.ops.linear_grad_bias`."""
    sums = np.empty(grad.shape[1], grad.dtype)
    _core.channel_sums(_flat(grad), sums, 1, grad.shape[1], 1.0)
    return sums


# -------------------------------------------------------- batch normalisation


def _channels_last(x: Array) -> Array:
    return _nhwc(x) if x.ndim == 4 else _flat(x)


def _like(x: Array, out: Array | None) -> Array:
    """Make room for a result of the shape of `x`, channels last."""
    if x.ndim == 4:
        n, c, h, w = x.shape
        return _target(out, n, h, w, c, x.dtype)
    return out if out is not None and out.flags.c_contiguous else np.empty(x.shape, x.dtype)


def _shaped(y: Array, out: Array | None) -> Array:
    if y.ndim == 4:
        return _give(y, out)
    if out is None or out is y:
        return y
    np.copyto(out, y)
    return out


def batch_norm(
    x: Array, weight: Array, bias: Array, mean: Array, var: Array, *, eps: float, out: Array | None = None
) -> Array:
    """See `convscope.ops.batch_norm`."""
    y = _like(x, out)
    _core.batch_norm(
        _channels_last(x), _flat(weight), _flat(bias), _flat(mean), _flat(var), y, eps, None, False
    )
    return _shaped(y, out)


def batch_norm_train(
    x: Array,
    weight: Array,
    bias: Array,
    *,
    eps: float,
    residual: Array | None = None,
    rectify: bool = False,
    out: Array | None = None,
) -> tuple[Array, Array, Array]:
    """See `convscope.ops.batch_norm_train`."""
    x = _channels_last(x) if x.ndim == 2 else x
    mean, var = np.empty(x.shape[1], x.dtype), np.empty(x.shape[1], x.dtype)
    y, seen = _like(x, out), _channels_last(x)
    _core.moments(seen, mean, var)
    if not np.isfinite(mean).all():  # merging moments makes NaN of infinity; the mean is infinite
        with np.errstate(invalid="ignore", over="ignore"):
            mean[...] = x.mean(axis=(0, *range(2, x.ndim)), dtype=np.float64)
    more = None if residual is None else _channels_last(residual)
    _core.batch_norm(seen, _flat(weight), _flat(bias), mean, var, y, eps, more, rectify)
    return _shaped(y, out), mean, var


def batch_norm_grad(
    grad: Array,
    x: Array,
    weight: Array,
    mean: Array,
    var: Array,
    *,
    eps: float,
    training: bool,
    rectified: Array | None = None,
    out: Array | None = None,
) -> tuple[Array, Array, Array]:
    """See `convscope.ops.batch_norm_grad`."""
    dx = _like(x, out)
    dweight, dbias = np.empty_like(mean), np.empty_like(mean)
    _core.batch_norm_grad(
        _channels_last(grad), _channels_last(x), None if rectified is None else _channels_last(rectified),
        _flat(weight), _flat(mean), _flat(var), dx, dweight, dbias, eps, training,
    )  # fmt: skip
    return _shaped(dx, out), dweight, dbias


def local_response_norm(x: Array, size: int, *, alpha: float, beta: float, k: float) -> Array:
    """See `convscope.ops.local_response_norm`."""
    y = _like(x, None)
    _core.local_norm(_channels_last(x), y, x.shape[1], size, alpha / size, beta, k)
    return _shaped(y, None)


def local_response_norm_grad(
    grad: Array, x: Array, size: int, *, alpha: float, beta: float, k: float
) -> Array:
    """See `convscope.ops.local_response_norm_grad`."""
    dx = _like(x, None)
    _core.local_norm_grad(
        _channels_last(grad), _channels_last(x), dx, x.shape[1], size, alpha / size, beta, k
    )
    return _shaped(dx, None)


# ----------------------------------------------------------------- activation


def relu(x: Array, *, out: Array | None = None) -> Array:
    """See `convscope.ops.relu`."""
    y = _like(x, out)
    _core.relu(_channels_last(x), y)
    return _shaped(y, out)


def relu_grad(grad: Array, y: Array, *, out: Array | None = None) -> Array:
    """See `convscope.ops.relu_grad`."""
    dx = _like(y, out)
    _core.relu_grad(_channels_last(grad), _channels_last(y), dx)
    return _shaped(dx, out)


def add(*xs: Array, rectify: bool = False, out: Array | None = None) -> Array:
    """See `convscope.ops.add`."""
    if len(xs) == 1:
        from convscope.ops import reference

        return reference.add(*xs, rectify=rectify, out=out)
    y, total = _like(xs[0], out), _channels_last(xs[0])
    for place, x in enumerate(xs[1:], 2):
        _core.add(total, _channels_last(x), y, rectify and place == len(xs))
        total = y
    return _shaped(y, out)


# --------------------------------------------------------------------- training


def softmax_cross_entropy(logits: Array, labels: Array) -> tuple[float, Array]:
    """See `convscope.ops.softmax_cross_entropy`."""
    losses, grad = np.empty(len(labels), logits.dtype), np.empty(logits.shape, logits.dtype)
    _core.cross_entropy(_flat(logits), np.ascontiguousarray(labels, np.int64), losses, grad)
    return float(np.mean(losses, dtype=np.float64)), grad


def sgd_step(
    weight: Array,
    grad: Array,
    velocity: Array | None,
    *,
    rate: float,
    momentum: float,
    nesterov: bool,
    decay: float,
) -> None:
    """See `convscope.ops.sgd_step`."""
    if not (weight.flags.c_contiguous and (velocity is None or velocity.flags.c_contiguous)):
        from convscope.ops import reference

        settings = {"rate": rate, "momentum": momentum, "decay": decay}
        reference.sgd_step(weight, grad, velocity, nesterov=nesterov, **settings)
        return
    _core.sgd(weight, _flat(grad), velocity, rate, momentum, decay, nesterov)


def adam_step(
    weight: Array,
    grad: Array,
    first: Array,
    second: Array,
    *,
    rate: float,
    beta1: float,
    beta2: float,
    eps: float,
    step: int,
    decay: float,
    shrink: float,
) -> None:
    """See `convscope.ops.adam_step`."""
    if not all(array.flags.c_contiguous for array in (weight, first, second)):
        from convscope.ops import reference

        reference.adam_step(
            weight, grad, first, second,
            rate=rate, beta1=beta1, beta2=beta2, eps=eps, step=step, decay=decay, shrink=shrink,
        )  # fmt: skip
        return
    scale = 1 / math.sqrt(1 - beta2**step)
    rate /= 1 - beta1**step
    _core.adam(weight, _flat(grad), first, second, rate, beta1, beta2, scale, eps, decay, shrink)


def fingerprint(arrays: Sequence[Array], addresses: Array, sizes: Array) -> int:
    """Give a number for what the arrays hold, which lie at these addresses."""
    return _core.fingerprint(addresses, sizes)


# ---------------------------------------------------------------------- bound


def bind(function: Callable[..., object], *args: Any, **kwargs: Any) -> Callable[[], object] | None:
    """Give a call of an op of this core on these very arrays that goes straight to the kernel.

    None where an array would have to be copied first, and for ops that have none.
    """
    if isinstance(function, partial):
        args = (*function.args, *args)
        function = function.func
    direct = _BOUND.get(function)
    return None if direct is None else direct(*args, **kwargs)


def _in_place(x: Array) -> Array | None:
    """See an image as the core wants it, (N, H, W, C) and contiguous; None if it would have to be copied."""
    seen = x.transpose(NHWC)
    return seen if seen.flags.c_contiguous else None


def _bound_packed(
    packed: Packed, shape: tuple[int, ...], x: Array, add: Array | None, out: Array
) -> Callable[[], object] | None:
    """`out` may be some channels of a channels-last image, unless something is added."""
    seen, more, y = _in_place(x), None if add is None else _in_place(add), out.transpose(NHWC)
    image, row, pixel, one = y.strides
    among_others = one == y.itemsize and row == pixel * shape[2] and image == row * shape[1] and add is None
    if seen is None or (more is None and add is not None) or not (among_others or y.flags.c_contiguous):
        return None
    return partial(packed, seen, more, y)


def _bound_max_pool2d(
    x: Array, kernel_size: Pair, *, stride: Pair, padding: Pads, dilation: Pair, ceil_mode: bool, out: Array
) -> Callable[[], object] | None:
    seen, y = _in_place(x), _in_place(out)
    if seen is None or y is None:
        return None
    return partial(_core.max_pool2d, seen, y, None, kernel_size, stride, padding, dilation)


def _bound_relu(x: Array, *, out: Array) -> Callable[[], object] | None:
    if x.ndim == 4:
        seen, y = _in_place(x), _in_place(out)
    else:
        seen, y = (array if array.flags.c_contiguous else None for array in (x, out))
    return None if seen is None or y is None else partial(_core.relu, seen, y)


def _bound_global_avg_pool2d(x: Array, *, out: Array) -> Callable[[], object] | None:
    seen, y = _in_place(x), _in_place(out)
    if seen is None or y is None:
        return None
    n, h, w, c = seen.shape
    return partial(_core.channel_sums, seen, y, n, c, float(h * w))


_BOUND: dict[Callable[..., object], Callable[..., Callable[[], object] | None]] = {
    _run_packed: _bound_packed,
    max_pool2d: _bound_max_pool2d,
    relu: _bound_relu,
    global_avg_pool2d: _bound_global_avg_pool2d,
}
