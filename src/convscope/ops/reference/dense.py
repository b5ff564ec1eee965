"""The dense layer and batch normalisation in plain NumPy."""

from __future__ import annotations

import numpy as np

from convscope.ops.memory import Array, give, silent
from convscope.ops.reference.pointwise import relu, relu_grad

__all__ = [
    "batch_norm",
    "batch_norm_grad",
    "batch_norm_train",
    "linear",
    "linear_grad_bias",
    "linear_grad_input",
    "linear_grad_weight",
]


@silent
def linear(x: Array, weight: Array, bias: Array | None = None, *, out: Array | None = None) -> Array:
    """y = x @ weight.T + bias."""
    y = x @ weight.T
    return give(y if bias is None else y + bias, out)


@silent
def linear_grad_input(grad: Array, weight: Array, *, out: Array | None = None) -> Array:
    """dx = grad @ weight."""
    return give(grad @ weight, out)


@silent
def linear_grad_weight(x: Array, grad: Array, *, out: Array | None = None) -> Array:
    """dweight = grad.T @ x."""
    return give(grad.T @ x, out)


@silent
def linear_grad_bias(grad: Array) -> Array:
    """dbias = the sum of grad over the samples."""
    return np.asarray(grad.sum(axis=0, dtype=np.float64), grad.dtype)


@silent
def batch_norm(
    x: Array, weight: Array, bias: Array, mean: Array, var: Array, *, eps: float, out: Array | None = None
) -> Array:
    """y = (x - mean) / sqrt(var + eps) * weight + bias, channel by channel."""
    scale = weight / np.sqrt(var + var.dtype.type(eps))
    return give((x - _channels(mean, x)) * _channels(scale, x) + _channels(bias, x), out)


@silent
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
    """Normalise by the mean and the (biased) variance of this batch, and give both."""
    axes = _all_but_channels(x)
    mean = x.mean(axis=axes, dtype=np.float64)
    var = np.square(x - _channels(mean, x)).mean(axis=axes).astype(x.dtype)
    mean = mean.astype(x.dtype)
    y = batch_norm(x, weight, bias, mean, var, eps=eps, out=out)
    if residual is not None:
        y += residual
    return (relu(y, out=y) if rectify else y), mean, var


@silent
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
    """Differentiate; in training, mean and variance depend on x as well."""
    if rectified is not None:
        grad = relu_grad(grad, rectified)
    axes = _all_but_channels(x)
    inverse = 1 / np.sqrt(var + var.dtype.type(eps))
    normalised = (x - _channels(mean, x)) * _channels(inverse, x)
    dbias = grad.sum(axis=axes, dtype=np.float64).astype(x.dtype)
    dweight = (grad * normalised).sum(axis=axes, dtype=np.float64).astype(x.dtype)
    if training:
        values = x.dtype.type(x.size // x.shape[1])
        grad = grad - _channels(dbias / values, x) - normalised * _channels(dweight / values, x)
    return give(grad * _channels(weight * inverse, x), out), dweight, dbias


def _channels(values: Array, x: Array) -> Array:
    """Shape one value a channel so that it spreads over x."""
    return values.reshape(1, -1, *(1,) * (x.ndim - 2))


def _all_but_channels(x: Array) -> tuple[int, ...]:
    return (0, *range(2, x.ndim))
