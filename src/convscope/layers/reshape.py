"""The same values under another shape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from convscope.errors import InvalidValue
from convscope.layers.base import Array, Shape
from convscope.layers.move import Move
from convscope.ops.moves import reshape_to

__all__ = ["Reshape", "Squeeze", "Unsqueeze"]


class Reshape(Move):
    """The values in order, under another shape.

    Parameters
    ----------
    shape : sequence of int
        Batch axis included; 0 copies the input's length, one -1 is what is left.

    Examples
    --------
    >>> Reshape((0, 2, -1)).forward(np.arange(6.0).reshape(1, 6))[0]
    array([[[0., 1., 2.],
            [3., 4., 5.]]])
    """

    kind = "Reshape"

    def __init__(self, shape: Sequence[int]) -> None:
        super().__init__()
        self.shape = tuple(int(n) for n in shape)
        if self.shape.count(-1) > 1 or min(self.shape, default=0) < -1:
            raise InvalidValue(f"{self.kind}: shape must have at most one -1; got {self.shape}.")

    def move(self, x: Array) -> Array:
        """Give the new shape."""
        return np.ascontiguousarray(x).reshape(self.output_shape(x.shape))

    def output_shape(self, *shapes: Shape) -> Shape:
        """The shape wished for, if it has as many values."""
        return reshape_to(shapes[0], self.shape)

    def settings(self) -> dict[str, Any]:
        """shape."""
        return {"shape": self.shape}


class Squeeze(Move):
    """Axes of length 1 are left out.

    Examples
    --------
    >>> Squeeze((2, 3)).forward(np.ones((1, 2, 1, 1)))[0].shape
    (1, 2)
    """

    kind = "Squeeze"

    def __init__(self, axes: Sequence[int]) -> None:
        super().__init__()
        self.axes = tuple(int(a) for a in axes)

    def move(self, x: Array) -> Array:
        """Give the shape without the axes."""
        return np.ascontiguousarray(x).reshape(self.output_shape(x.shape))

    def output_shape(self, *shapes: Shape) -> Shape:
        """The other lengths."""
        rank = len(shapes[0])
        axes = {a % rank if rank else a for a in self.axes}
        if any(not -rank <= a < rank or shapes[0][a] != 1 for a in self.axes):
            raise InvalidValue(f"{self.kind}: axes {self.axes} must have length 1; got shape {shapes[0]}.")
        return tuple(n for axis, n in enumerate(shapes[0]) if axis not in axes)

    def settings(self) -> dict[str, Any]:
        """axes."""
        return {"axes": self.axes}


class Unsqueeze(Move):
    """Axes of length 1 are put in, at these places of the result.

    Examples
    --------
    >>> Unsqueeze((2, 3)).forward(np.ones((1, 2)))[0].shape
    (1, 2, 1, 1)
    """

    kind = "Unsqueeze"

    def __init__(self, axes: Sequence[int]) -> None:
        super().__init__()
        self.axes = tuple(int(a) for a in axes)

    def move(self, x: Array) -> Array:
        """Give the shape with the axes."""
        return np.ascontiguousarray(x).reshape(self.output_shape(x.shape))

    def output_shape(self, *shapes: Shape) -> Shape:
        """Ones at the axes, the lengths at the others."""
        rank = len(shapes[0]) + len(self.axes)
        axes = {a % rank for a in self.axes}
        if len(axes) != len(self.axes) or any(not -rank <= a < rank for a in self.axes):
            raise InvalidValue(f"{self.kind}: axes must be different ones of {rank}; got {self.axes}.")
        lengths = iter(shapes[0])
        return tuple(1 if axis in axes else next(lengths) for axis in range(rank))

    def settings(self) -> dict[str, Any]:
        """axes."""
        return {"axes": self.axes}
