"""Joining and reshaping in plain NumPy."""

from __future__ import annotations

import math

import numpy as np

from convscope.ops.memory import Array, empty_result, give, silent

__all__ = ["add", "concatenate", "concatenate_grad", "flatten", "flatten_grad"]


@silent
def add(*xs: Array) -> Array:
    """Sum arrays of one shape, from the first to the last."""
    y = empty_result(xs[0].shape, xs[0].dtype)
    np.copyto(y, xs[0])
    for x in xs[1:]:
        y += x
    return y


def concatenate(xs: tuple[Array, ...], axis: int = 1) -> Array:
    """Join arrays along an axis."""
    return give(np.concatenate(xs, axis=axis), None)


def concatenate_grad(grad: Array, sizes: tuple[int, ...], axis: int = 1) -> list[Array]:
    """Cut a gradient at the places where arrays were joined."""
    return [give(part, None) for part in np.split(grad, np.cumsum(sizes)[:-1], axis=axis)]


def flatten(x: Array) -> Array:
    """(N, C, H, W) -> (N, C*H*W), the channel slowest, whatever the memory order."""
    return np.array(x, order="C").reshape(x.shape[0], math.prod(x.shape[1:]))


def flatten_grad(grad: Array, shape: tuple[int, ...]) -> Array:
    """Give the gradient the shape from before."""
    return give(grad.reshape(shape), None)
