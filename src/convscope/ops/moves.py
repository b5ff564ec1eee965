"""Values that go to other places, unchanged: slices, picks, transpositions, copies.

Whatever the move, its gradient is one idea: move the places 0, 1, 2, ... instead of the values, and
each gradient knows where its value came from.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from convscope.errors import InvalidValue
from convscope.ops.memory import Array

__all__ = ["depth_to_space", "move_back", "reshape_to", "space_to_depth", "stretched_sum"]


def move_back(grad: Array, shape: tuple[int, ...], move: Callable[[Array], Array]) -> Array:
    """Add each gradient to the place that `move` took its value from; places below 0 are nowhere.

    Examples
    --------
    >>> move_back(np.array([1.0, 2.0, 3.0]), (2,), lambda x: x[[0, 1, 1]])
    array([1., 5.])
    """
    count = math.prod(shape)
    places = move(np.arange(count, dtype=np.int64).reshape(shape)).reshape(-1)
    values = grad.reshape(-1).astype(np.float64)
    if places.size and places.min() < 0:
        places, values = places[places >= 0], values[places >= 0]
    return np.bincount(places, values, minlength=count).astype(grad.dtype).reshape(shape)


def depth_to_space(x: Array, block: int, column_row_depth: bool = False) -> Array:
    """(N, C * block**2, H, W) to (N, C, H * block, W * block); the depth is (block, block, C) in that order.

    With `column_row_depth` it is (C, block, block), as in PyTorch's PixelShuffle.

    Examples
    --------
    >>> depth_to_space(np.arange(4.0).reshape(1, 4, 1, 1), 2)[0, 0]
    array([[0., 1.],
           [2., 3.]])
    """
    n, c, h, w = x.shape
    if c % block**2:
        raise InvalidValue(
            f"depth_to_space: the channels must be a multiple of block**2; got {c}, block {block}."
        )
    if column_row_depth:
        parts = x.reshape(n, c // block**2, block, block, h, w).transpose(0, 1, 4, 2, 5, 3)
    else:
        parts = x.reshape(n, block, block, c // block**2, h, w).transpose(0, 3, 4, 1, 5, 2)
    return np.ascontiguousarray(parts).reshape(n, c // block**2, h * block, w * block)


def space_to_depth(x: Array, block: int, column_row_depth: bool = False) -> Array:
    """Undo `depth_to_space`.

    Examples
    --------
    >>> space_to_depth(np.arange(4.0).reshape(1, 1, 2, 2), 2).ravel()
    array([0., 1., 2., 3.])
    """
    n, c, h, w = x.shape
    if h % block or w % block:
        raise InvalidValue(
            f"space_to_depth: rows and columns must be multiples of block; got {h}x{w}, block {block}."
        )
    parts = x.reshape(n, c, h // block, block, w // block, block)
    order = (0, 1, 3, 5, 2, 4) if column_row_depth else (0, 3, 5, 1, 2, 4)
    return np.ascontiguousarray(parts.transpose(order)).reshape(n, c * block**2, h // block, w // block)


def reshape_to(shape: tuple[int, ...], target: tuple[int, ...]) -> tuple[int, ...]:
    """Give the shape of a reshape: 0 copies a length, one -1 is what is left.

    Examples
    --------
    >>> reshape_to((2, 3, 4), (0, -1))
    (2, 12)
    """
    if any(n == 0 and axis >= len(shape) for axis, n in enumerate(target)):
        raise InvalidValue(f"reshape: 0 must stand for an axis of the input, {shape}; got {target}.")
    lengths = [shape[axis] if n == 0 else n for axis, n in enumerate(target)]
    total, known = math.prod(shape), math.prod(n for n in lengths if n != -1)
    if lengths.count(-1) == 1 and known > 0 and total % known == 0:
        lengths[lengths.index(-1)] = total // known
    if math.prod(lengths) != total or min(lengths, default=0) < 0:
        raise InvalidValue(f"reshape: {shape} must have as many values as the target; got {target}.")
    return tuple(lengths)


def stretched_sum(grad: Array, shape: tuple[int, ...]) -> Array:
    """Sum a gradient over the axes along which an array of `shape` was stretched.

    Examples
    --------
    >>> stretched_sum(np.ones((2, 3)), (3,))
    array([2., 2., 2.])
    """
    front = grad.ndim - len(shape)
    axes = (*range(front), *(front + a for a, n in enumerate(shape) if n == 1 and grad.shape[front + a] != 1))
    return grad.sum(axis=axes).reshape(shape) if axes else grad.reshape(shape)
