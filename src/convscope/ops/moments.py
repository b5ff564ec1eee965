"""Normalisation by the mean and variance of groups of values of one image."""

from __future__ import annotations

import numpy as np

from convscope.ops.memory import Array, silent

__all__ = ["standardise", "standardise_grad"]


@silent
def standardise(x: Array, axes: tuple[int, ...], eps: float) -> tuple[Array, Array]:
    """Give (x - mean) / sqrt(variance + eps) over `axes`, and 1 / sqrt(variance + eps).

    Examples
    --------
    >>> standardise(np.array([[1.0, 3.0]]), (1,), 0.0)
    (array([[-1.,  1.]]), array([[1.]]))
    """
    mean = x.mean(axis=axes, keepdims=True, dtype=np.float64)
    centred = x - mean.astype(x.dtype)
    variance = np.mean(centred * centred, axis=axes, keepdims=True, dtype=np.float64)
    factor = (1 / np.sqrt(variance + eps)).astype(x.dtype)
    return centred * factor, factor


@silent
def standardise_grad(grad: Array, y: Array, factor: Array, axes: tuple[int, ...]) -> Array:
    """factor * (grad - mean(grad) - y * mean(grad * y)): mean and variance depend on the input too.

    Examples
    --------
    >>> y, factor = standardise(np.array([[1.0, 3.0, 5.0]]), (1,), 0.0)
    >>> standardise_grad(np.ones((1, 3)), y, factor, (1,))  # a shift of all changes nothing
    array([[0., 0., 0.]])
    """
    mean = grad.mean(axis=axes, keepdims=True)
    along = (grad * y).mean(axis=axes, keepdims=True)
    return np.asarray(factor * (grad - mean - y * along), y.dtype)
