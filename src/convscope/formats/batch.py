"""A batch axis whose length is left open, in the shape arithmetic of a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope.errors import ConvscopeError

__all__ = ["Batch", "is_open", "open_shape"]


@dataclass(frozen=True)
class Batch:
    """The number of images, times a whole number: all that a graph for any batch can know of it.

    Examples
    --------
    >>> 3 * Batch(2)
    Batch(times=6)
    """

    times: int = 1

    def __mul__(self, other: Any) -> Batch:
        return Batch(self.times * _whole(other))

    __rmul__ = __mul__

    def __floordiv__(self, other: Any) -> Batch | int:
        if isinstance(other, Batch):
            return _divided(self.times, other.times)
        return Batch(_divided(self.times, _whole(other)))

    __truediv__ = __floordiv__

    def __add__(self, other: Any) -> Batch:
        if isinstance(other, Batch):
            return Batch(self.times + other.times)
        if other == 0:
            return self
        raise ConvscopeError("an open batch axis can be multiplied, not added to")

    __radd__ = __add__


def open_shape(shape: tuple[int, ...], start: int = 0, stop: int | None = None) -> NDArray[Any]:
    """Give a shape (N, ...) as an array whose first number is the open batch axis."""
    return np.array([Batch(), *shape[1:]], object)[start:stop]


def is_open(array: NDArray[Any]) -> bool:
    """Say whether numbers depend on the batch."""
    return array.dtype == object and any(isinstance(item, Batch) for item in array.reshape(-1))


def _whole(value: Any) -> int:
    if isinstance(value, int | np.integer):
        return int(value)
    raise ConvscopeError(f"an open batch axis can be multiplied by a whole number only; got {value!r}")


def _divided(a: int, b: int) -> int:
    if b == 0 or a % b:
        raise ConvscopeError(f"an open batch axis times {a} cannot be divided by {b}")
    return a // b
