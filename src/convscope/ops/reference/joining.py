"""Joining and reshaping in plain NumPy."""

from __future__ import annotations

import math

import numpy as np

from convscope.ops.memory import Array, empty_result, give, silent
from convscope.ops.reference.pointwise import relu

__all__ = ["add", "concatenate", "concatenate_grad", "copy_input", "flatten", "flatten_grad", "room"]


@silent
def add(*xs: Array, rectify: bool = False, out: Array | None = None) -> Array:
    """Sum arrays of one shape, from the first to the last; then take the positive part, if wanted."""
    y = give(xs[0], out)
    for x in xs[1:]:
        y += x
    return relu(y, out=y) if rectify else y


def copy_input(x: Array, out: Array) -> None:
    """Copy an array of the same shape."""
    np.copyto(out, x)


def room(size: int) -> Array:
    """Make room for so many bytes."""
    return np.empty(size, np.uint8)


def concatenate(xs: tuple[Array, ...], axis: int = 1, *, out: Array | None = None) -> Array:
    """Join arrays along an axis."""
    joined = list(xs[0].shape)
    joined[axis] = sum(x.shape[axis] for x in xs)
    y = empty_result(tuple(joined), xs[0].dtype) if out is None else out
    return np.concatenate(xs, axis=axis, out=y)


def concatenate_grad(grad: Array, sizes: tuple[int, ...], axis: int = 1) -> list[Array]:
    """Cut a gradient at the places where arrays were joined."""
    return [give(part, None) for part in np.split(grad, np.cumsum(sizes)[:-1], axis=axis)]


def flatten(x: Array, *, out: Array | None = None) -> Array:
    """(N, C, H, W) -> (N, C*H*W), the channel slowest, whatever the memory order."""
    if out is None or not out.flags.c_contiguous:
        return give(np.array(x, order="C").reshape(x.shape[0], math.prod(x.shape[1:])), out)
    np.copyto(out.reshape(x.shape), x)
    return out


def flatten_grad(grad: Array, shape: tuple[int, ...], *, out: Array | None = None) -> Array:
    """Give the gradient the shape from before."""
    return give(grad.reshape(shape), out)
