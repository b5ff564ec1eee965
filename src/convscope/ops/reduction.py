"""Many values to one, along any axes: mean, sum, largest, smallest, p-norm."""

from __future__ import annotations

import math

import numpy as np

from convscope.ops.memory import Array, silent

__all__ = ["HOW", "reduce", "reduce_grad"]

HOW = ("mean", "sum", "max", "min", "norm")


@silent
def reduce(x: Array, how: str, axes: tuple[int, ...], p: float = 2) -> Array:
    """Reduce along `axes`, which stay with length 1; "norm" is (sum of |x|**p)**(1/p).

    Examples
    --------
    >>> reduce(np.array([[3.0, -4.0]]), "norm", (1,))
    array([[5.]])
    """
    if how == "norm":
        if p == 1:
            return np.asarray(np.abs(x).sum(axis=axes, keepdims=True))
        if p == 2:
            return np.asarray(np.sqrt((x * x).sum(axis=axes, keepdims=True)))
        return np.asarray((np.abs(x) ** p).sum(axis=axes, keepdims=True) ** (1 / p))
    return np.asarray(getattr(np, how)(x, axis=axes, keepdims=True))


@silent
def reduce_grad(grad: Array, x: Array, y: Array, how: str, axes: tuple[int, ...], p: float = 2) -> Array:
    """Give the gradient by the input; equal largest values share it, as in PyTorch's amax.

    Examples
    --------
    >>> reduce_grad(np.array([[1.0]]), np.array([[3.0, -4.0]]), np.array([[5.0]]), "norm", (1,))
    array([[ 0.6, -0.8]])
    """
    if how == "sum":
        return np.broadcast_to(grad, x.shape).copy()
    if how == "mean":
        return np.broadcast_to(grad / math.prod(x.shape[a] for a in axes), x.shape).astype(x.dtype)
    if how in ("max", "min"):
        best = x == y
        return np.asarray(best * (grad / best.sum(axis=axes, keepdims=True)), x.dtype)
    share = np.where(y > 0, grad / y ** (p - 1), 0)
    return np.asarray(np.sign(x) * np.abs(x) ** (p - 1) * share, x.dtype)
