"""Smooth activations in plain NumPy."""

from __future__ import annotations

import math

import numpy as np

from convscope.ops.memory import Array, own, silent

__all__ = [
    "gelu",
    "gelu_grad",
    "hardsigmoid",
    "hardsigmoid_grad",
    "hardswish",
    "hardswish_grad",
    "log_softmax",
    "log_softmax_grad",
    "mish",
    "mish_grad",
    "sigmoid",
    "sigmoid_grad",
    "silu",
    "silu_grad",
    "softplus",
    "softplus_grad",
    "softsign",
    "softsign_grad",
]

_ROOT_HALF = math.sqrt(0.5)
_ROOT_TWO_OVER_PI = math.sqrt(2 / math.pi)
_CUBIC = 0.044715  # Hendrycks and Gimpel (2016), section 2


@silent
def sigmoid(x: Array) -> Array:
    """1/(1 + exp(-x)), written so that nothing overflows and nothing small is lost."""
    e = np.exp(-np.abs(x))
    return own(np.where(x < 0, e, 1) / (1 + e))


@silent
def sigmoid_grad(grad: Array, y: Array) -> Array:
    """sigmoid' = y*(1 - y)."""
    return own(grad * (y * (1 - y)))


@silent
def hardsigmoid(x: Array, *, alpha: float, beta: float) -> Array:
    """alpha*x + beta, kept to [0, 1]."""
    return own(np.clip(x * alpha + beta, 0, 1))


@silent
def hardsigmoid_grad(grad: Array, y: Array, *, alpha: float) -> Array:
    """alpha, where the output is at neither limit."""
    return own(np.where((y > 0) & (y < 1), grad * alpha, grad.dtype.type(0)))


@silent
def silu(x: Array) -> Array:
    """x*sigmoid(x)."""
    return own(x * sigmoid(x))


@silent
def silu_grad(grad: Array, x: Array) -> Array:
    """s + x*s*(1 - s), with s = sigmoid(x)."""
    s = sigmoid(x)
    return own(grad * (s * (1 + x * (1 - s))))


@silent
def hardswish(x: Array) -> Array:
    """x*hardsigmoid(x)."""
    return own(x * np.clip(x / 6 + 0.5, 0, 1))


@silent
def hardswish_grad(grad: Array, x: Array) -> Array:
    """0 up to -3, x/3 + 1/2 between, 1 from 3 on."""
    inner = np.where(x <= -3, x.dtype.type(0), x / 3 + 0.5)
    return own(grad * np.where(x >= 3, x.dtype.type(1), inner))


@silent
def gelu(x: Array, *, tanh_form: bool) -> Array:
    """x*P(Z <= x) for a standard normal Z; or its approximation by a hyperbolic tangent."""
    if tanh_form:
        return own(0.5 * x * (1 + np.tanh(_ROOT_TWO_OVER_PI * (x + _CUBIC * x**3))))
    return own(x * _normal_cdf(x))


@silent
def gelu_grad(grad: Array, x: Array, *, tanh_form: bool) -> Array:
    """P(Z <= x) + x*(density at x); the approximation is differentiated as it stands."""
    if not tanh_form:
        density = np.exp(-0.5 * x * x) * (_ROOT_HALF / math.sqrt(math.pi))
        return own(grad * (_normal_cdf(x) + x * density))
    t = np.tanh(_ROOT_TWO_OVER_PI * (x + _CUBIC * x**3))
    inner = _ROOT_TWO_OVER_PI * (1 + 3 * _CUBIC * x * x)
    return own(grad * (0.5 * (1 + t) + 0.5 * x * (1 - t * t) * inner))


@silent
def softplus(x: Array) -> Array:
    """log(1 + exp(x)), written so that nothing overflows."""
    return own(np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))))


@silent
def softplus_grad(grad: Array, x: Array) -> Array:
    """softplus' is the sigmoid."""
    return own(grad * sigmoid(x))


@silent
def mish(x: Array) -> Array:
    """x*tanh(softplus(x))."""
    return own(x * np.tanh(softplus(x)))


@silent
def mish_grad(grad: Array, x: Array) -> Array:
    """t + x*(1 - t**2)*sigmoid(x), with t = tanh(softplus(x))."""
    t = np.tanh(softplus(x))
    return own(grad * (t + x * (1 - t * t) * sigmoid(x)))


@silent
def softsign(x: Array) -> Array:
    """x/(1 + |x|)."""
    return own(x / (1 + np.abs(x)))


@silent
def softsign_grad(grad: Array, x: Array) -> Array:
    """1/(1 + |x|)**2."""
    return own(grad / np.square(1 + np.abs(x)))


@silent
def log_softmax(x: Array, axis: int = 1) -> Array:
    """x - log(sum of exp(x)); the largest x is subtracted first, so that nothing overflows."""
    shifted = x - x.max(axis=axis, keepdims=True)
    return own(shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True)))


@silent
def log_softmax_grad(grad: Array, y: Array, axis: int = 1) -> Array:
    """dx = grad - softmax * (sum of grad)."""
    return own(grad - np.exp(y) * grad.sum(axis=axis, keepdims=True))


def _normal_cdf(x: Array) -> Array:
    # heavy to import, and needed by this one function only
    from scipy.special import erfc

    return np.asarray(0.5 * erfc(x * -_ROOT_HALF), x.dtype)  # erfc keeps the digits that 1 + erf loses
