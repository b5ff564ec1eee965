"""Linear layers and normalisation, with their gradients."""

from __future__ import annotations

import numpy as np

from convscope import _core
from convscope.ops.memory import Array
from convscope.ops.native.arrays import channels_last, copied, flat, like, plain, shaped


def linear(x: Array, weight: Array, bias: Array | None = None, *, out: Array | None = None) -> Array:
    """See `convscope.ops.linear`."""
    y = plain(out, (x.shape[0], weight.shape[0]), x.dtype)
    _core.linear(flat(x), flat(weight), None if bias is None else flat(bias), y)
    return copied(y, out)


def linear_grad_input(grad: Array, weight: Array, *, out: Array | None = None) -> Array:
    """See `convscope.ops.linear_grad_input`."""
    dx = plain(out, (grad.shape[0], weight.shape[1]), grad.dtype)
    _core.linear_grad_input(flat(grad), flat(weight), dx)
    return copied(dx, out)


def linear_grad_weight(x: Array, grad: Array, *, out: Array | None = None) -> Array:
    """See `convscope.ops.linear_grad_weight`."""
    dw = plain(out, (grad.shape[1], x.shape[1]), x.dtype)
    _core.linear_grad_weight(flat(x), flat(grad), dw)
    return copied(dw, out)


def linear_grad_bias(grad: Array) -> Array:
    """See `convscope.ops.linear_grad_bias`."""
    sums = np.empty(grad.shape[1], grad.dtype)
    _core.channel_sums(flat(grad), sums, 1, grad.shape[1], 1.0)
    return sums


def batch_norm(
    x: Array, weight: Array, bias: Array, mean: Array, var: Array, *, eps: float, out: Array | None = None
) -> Array:
    """See `convscope.ops.batch_norm`."""
    y = like(x, out)
    _core.batch_norm(channels_last(x), flat(weight), flat(bias), flat(mean), flat(var), y, eps, None, False)
    return shaped(y, out)


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
    x = channels_last(x) if x.ndim == 2 else x
    mean, var = np.empty(x.shape[1], x.dtype), np.empty(x.shape[1], x.dtype)
    y, seen = like(x, out), channels_last(x)
    _core.moments(seen, mean, var)
    if not np.isfinite(mean).all():  # merging moments makes NaN of infinity; the mean is infinite
        with np.errstate(invalid="ignore", over="ignore"):
            mean[...] = x.mean(axis=(0, *range(2, x.ndim)), dtype=np.float64)
    more = None if residual is None else channels_last(residual)
    _core.batch_norm(seen, flat(weight), flat(bias), mean, var, y, eps, more, rectify)
    return shaped(y, out), mean, var


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
    dx = like(x, out)
    dweight, dbias = np.empty_like(mean), np.empty_like(mean)
    _core.batch_norm_grad(
        channels_last(grad), channels_last(x), None if rectified is None else channels_last(rectified),
        flat(weight), flat(mean), flat(var), dx, dweight, dbias, eps, training,
    )  # fmt: skip
    return shaped(dx, out), dweight, dbias


def local_response_norm(x: Array, size: int, *, alpha: float, beta: float, k: float) -> Array:
    """See `convscope.ops.local_response_norm`."""
    y = like(x, None)
    _core.local_norm(channels_last(x), y, x.shape[1], size, alpha / size, beta, k)
    return shaped(y, None)


def local_response_norm_grad(
    grad: Array, x: Array, size: int, *, alpha: float, beta: float, k: float
) -> Array:
    """See `convscope.ops.local_response_norm_grad`."""
    dx = like(x, None)
    _core.local_norm_grad(channels_last(grad), channels_last(x), dx, x.shape[1], size, alpha / size, beta, k)
    return shaped(dx, None)
