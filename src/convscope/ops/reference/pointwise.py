"""Activations, dropout and the loss in plain NumPy."""

from __future__ import annotations

import numpy as np

from convscope.ops.memory import Array, empty_result, give, silent

__all__ = [
    "dropout",
    "dropout_grad",
    "relu",
    "relu_grad",
    "softmax",
    "softmax_cross_entropy",
    "softmax_grad",
    "tanh",
    "tanh_grad",
]


def relu(x: Array, *, out: Array | None = None) -> Array:
    """max(x, 0)."""
    y = empty_result(x.shape, x.dtype) if out is None else out
    np.maximum(x, x.dtype.type(0), out=y)
    return y


def relu_grad(grad: Array, y: Array, *, out: Array | None = None) -> Array:
    """Let the gradient through where the output is above 0."""
    return give(np.where(y > 0, grad, grad.dtype.type(0)), out)


def tanh(x: Array) -> Array:
    """Hyperbolic tangent."""
    return np.tanh(x, out=empty_result(x.shape, x.dtype))


@silent
def tanh_grad(grad: Array, y: Array) -> Array:
    """tanh' = 1 - tanh**2."""
    return give(grad * (1 - y * y), None)


@silent
def softmax(x: Array, axis: int = 1) -> Array:
    """exp(x) / sum of exp(x); the largest x is subtracted first, so that nothing overflows."""
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return give(e / e.sum(axis=axis, keepdims=True), None)


@silent
def softmax_grad(grad: Array, y: Array, axis: int = 1) -> Array:
    """dx = y * (grad - sum of grad*y)."""
    return give(y * (grad - (grad * y).sum(axis=axis, keepdims=True)), None)


@silent
def softmax_cross_entropy(logits: Array, labels: Array) -> tuple[float, Array]:
    """Mean over the samples of -log(softmax of the right class), and its gradient: (softmax - one hot)/N."""
    n, rows = len(labels), np.arange(len(labels))
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_sum = np.log(np.exp(shifted).sum(axis=1))
    loss = float(np.mean(log_sum - shifted[rows, labels], dtype=np.float64))
    grad = np.exp(shifted - log_sum[:, None])
    grad[rows, labels] -= 1
    return loss, grad / grad.dtype.type(n)


@silent
def dropout(x: Array, p: float, mask: Array, *, out: Array | None = None) -> Array:
    """Zero what the mask does not keep; scale the rest by 1/(1 - p), so that the mean stays."""
    y = empty_result(x.shape, x.dtype) if out is None else out
    y.fill(0)
    np.multiply(x, x.dtype.type(1 / (1 - p)), out=y, where=mask)
    return y


def dropout_grad(grad: Array, p: float, mask: Array, *, out: Array | None = None) -> Array:
    """The same, since it is linear."""
    return dropout(grad, p, mask, out=out)
