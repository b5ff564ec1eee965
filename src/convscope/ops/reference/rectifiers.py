"""Rectifiers in plain NumPy: piecewise functions with a bend at 0."""

from __future__ import annotations

import numpy as np

from convscope.ops.memory import Array, empty_result, give, own, silent

__all__ = [
    "celu",
    "celu_grad",
    "clip",
    "clip_grad",
    "elu",
    "elu_grad",
    "leaky_relu",
    "leaky_relu_grad",
    "prelu",
    "prelu_grad",
    "selu",
    "selu_grad",
]


@silent
def leaky_relu(x: Array, *, slope: float) -> Array:
    """x where it is positive, else slope*x."""
    return own(np.where(x > 0, x, x * slope))


@silent
def leaky_relu_grad(grad: Array, x: Array, *, slope: float) -> Array:
    """The slope is 1 or `slope`."""
    return own(np.where(x > 0, grad, grad * slope))


@silent
def prelu(x: Array, weight: Array) -> Array:
    """Leaky ReLU with a slope for each channel."""
    return own(np.where(x > 0, x, x * _by_channel(weight, x)))


@silent
def prelu_grad(grad: Array, x: Array, weight: Array) -> tuple[Array, Array]:
    """A slope's gradient is the sum of grad*x over where the slope was used."""
    dx = np.where(x > 0, grad, grad * _by_channel(weight, x))
    used = np.where(x > 0, 0, grad * x)
    axes = None if weight.size == 1 else (0, *range(2, x.ndim))
    dweight = used.sum(axis=axes, dtype=np.float64)
    return own(dx), np.asarray(dweight, x.dtype).reshape(weight.shape)


@silent
def elu(x: Array, *, alpha: float) -> Array:
    """x, or alpha*(exp(x) - 1) below 0."""
    return own(np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0))))


@silent
def elu_grad(grad: Array, x: Array, *, alpha: float) -> Array:
    """1, or alpha*exp(x) below 0."""
    return own(np.where(x > 0, grad, grad * (alpha * np.exp(np.minimum(x, 0)))))


@silent
def selu(x: Array, *, alpha: float, gamma: float) -> Array:
    """gamma times elu."""
    return own(gamma * elu(x, alpha=alpha))


@silent
def selu_grad(grad: Array, x: Array, *, alpha: float, gamma: float) -> Array:
    """gamma times that of elu."""
    return own(gamma * elu_grad(grad, x, alpha=alpha))


@silent
def celu(x: Array, *, alpha: float) -> Array:
    """x, or alpha*(exp(x/alpha) - 1) below 0."""
    return own(np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0) / alpha)))


@silent
def celu_grad(grad: Array, x: Array, *, alpha: float) -> Array:
    """1, or exp(x/alpha) below 0: no bend, whatever alpha is."""
    return own(np.where(x > 0, grad, grad * np.exp(np.minimum(x, 0) / alpha)))


def clip(x: Array, *, low: float, high: float, out: Array | None = None) -> Array:
    """Keep to [low, high]."""
    return np.clip(x, low, high, out=empty_result(x.shape, x.dtype) if out is None else out)


def clip_grad(grad: Array, x: Array, *, low: float, high: float, out: Array | None = None) -> Array:
    """Nothing passes at and beyond the limits."""
    inside = (x > low) & (x < high)
    return give(np.where(inside, grad, grad.dtype.type(0)), out)


def _by_channel(weight: Array, x: Array) -> Array:
    """Shape one slope in all, or one a channel, so that it spreads over x."""
    return weight.reshape(1, -1, *(1,) * (x.ndim - 2)) if weight.size > 1 else weight.reshape((1,) * x.ndim)
