"""Arithmetic of arrays that stretch to each other's shape, in plain NumPy."""

from __future__ import annotations

import numpy as np

from convscope.ops.memory import Array, own, silent

__all__ = [
    "divide",
    "divide_grad",
    "mean_squared_error",
    "multiply",
    "multiply_grad",
    "subtract",
    "subtract_grad",
]


@silent
def multiply(a: Array, b: Array) -> Array:
    """a*b."""
    return own(np.multiply(a, b))


@silent
def multiply_grad(grad: Array, a: Array, b: Array) -> tuple[Array, Array]:
    """da = grad*b, db = grad*a."""
    return _collect(grad * b, a), _collect(grad * a, b)


@silent
def subtract(a: Array, b: Array) -> Array:
    """a - b."""
    return own(np.subtract(a, b))


@silent
def subtract_grad(grad: Array, a: Array, b: Array) -> tuple[Array, Array]:
    """da = grad, db = -grad."""
    return _collect(grad.copy(), a), _collect(-grad, b)


@silent
def divide(a: Array, b: Array) -> Array:
    """a/b."""
    return own(np.divide(a, b))


@silent
def divide_grad(grad: Array, a: Array, b: Array) -> tuple[Array, Array]:
    """da = grad/b, db = -grad*a/b**2."""
    da = grad / b
    return _collect(da, a), _collect(-da * (a / b), b)


@silent
def mean_squared_error(y: Array, target: Array) -> tuple[float, Array]:
    """Mean of (y - target)**2 over all values, and its gradient: 2*(y - target)/count."""
    error = y - target
    return float(np.mean(np.square(error), dtype=np.float64)), own(error * (2 / error.size))


def _collect(grad: Array, like: Array) -> Array:
    """Sum a gradient over the axes along which `like` was stretched."""
    extra = grad.ndim - like.ndim
    axes = (*range(extra), *(extra + a for a, s in enumerate(like.shape) if s == 1 != grad.shape[extra + a]))
    if not axes:
        return own(grad)
    return np.asarray(grad.sum(axis=axes, dtype=np.float64), grad.dtype).reshape(like.shape)
