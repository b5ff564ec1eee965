"""Transpositions, slices, picks and copies."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from convscope.errors import InvalidValue
from convscope.layers.base import Array, Shape
from convscope.layers.move import Move
from convscope.ops.moves import depth_to_space, space_to_depth

__all__ = ["DepthToSpace", "Expand", "Gather", "PadAxes", "Slice", "SpaceToDepth", "Tile", "Transpose"]


class Transpose(Move):
    """The axes in another order.

    Examples
    --------
    >>> Transpose((0, 2, 3, 1)).forward(np.ones((1, 2, 3, 4)))[0].shape
    (1, 3, 4, 2)
    """

    kind = "Transpose"

    def __init__(self, order: Sequence[int]) -> None:
        super().__init__()
        self.order = tuple(int(a) for a in order)

    def move(self, x: Array) -> Array:
        """Give the axes in their new order."""
        return np.ascontiguousarray(x.transpose(self.order))

    def output_shape(self, *shapes: Shape) -> Shape:
        """The lengths in their new order."""
        if sorted(self.order) != [*range(len(shapes[0]))]:
            raise InvalidValue(
                f"{self.kind}: order must name every axis once; got {self.order}, shape {shapes[0]}."
            )
        return tuple(shapes[0][a] for a in self.order)

    def settings(self) -> dict[str, Any]:
        """order."""
        return {"order": self.order}


class Slice(Move):
    """A part of some axes, as Python slices it.

    Parameters
    ----------
    slices : mapping of int to (start, stop, step)
        By axis; stop may be None.

    Examples
    --------
    >>> Slice({1: (2, None, 1)}).forward(np.arange(4.0).reshape(1, 4))[0]
    array([[2., 3.]])
    """

    kind = "Slice"

    def __init__(self, slices: dict[int, tuple[int | None, int | None, int]]) -> None:
        super().__init__()
        self.slices = {int(axis): part for axis, part in slices.items()}

    def move(self, x: Array) -> Array:
        """Give the part."""
        return np.ascontiguousarray(x[self._index(x.ndim)])

    def output_shape(self, *shapes: Shape) -> Shape:
        """The lengths of the part."""
        shape, index = shapes[0], self._index(len(shapes[0]))
        lengths = tuple(len(range(*part.indices(n))) for n, part in zip(shape, index, strict=True))
        if 0 in lengths:
            raise InvalidValue(f"{self.kind}: something must be left; got {self.slices} of shape {shape}.")
        return lengths

    def settings(self) -> dict[str, Any]:
        """slices."""
        return {"slices": self.slices}

    def _index(self, rank: int) -> tuple[slice, ...]:
        index = [slice(None)] * rank
        for axis, (start, stop, step) in self.slices.items():
            if not -rank <= axis < rank:
                raise InvalidValue(f"{self.kind}: axis must be one of {rank}; got {axis}.")
            index[axis] = slice(start, stop, step)
        return tuple(index)


class Gather(Move):
    """Picks along an axis.

    Parameters
    ----------
    indices : array of ints
        Its shape takes the axis's place.
    axis : int

    Examples
    --------
    >>> Gather([2, 0], axis=1).forward(np.arange(4.0).reshape(1, 4))[0]
    array([[2., 0.]])
    """

    kind = "Gather"

    def __init__(self, indices: npt.ArrayLike, axis: int = 1) -> None:
        super().__init__()
        self.indices, self.axis = np.asarray(indices, np.int64), int(axis)

    def move(self, x: Array) -> Array:
        """Give what is picked."""
        self.output_shape(x.shape)
        return np.take(x, self.indices, axis=self.axis)

    def output_shape(self, *shapes: Shape) -> Shape:
        """The indices' shape in the axis's place."""
        shape, axis = shapes[0], self.axis % max(1, len(shapes[0]))
        length = shape[axis] if -len(shape) <= self.axis < len(shape) else 0
        if self.indices.size and not (-length <= self.indices.min() and self.indices.max() < length):
            raise InvalidValue(
                f"{self.kind}: indices must lie on axis {self.axis} of shape {shape}; got from "
                f"{self.indices.min()} to {self.indices.max()}."
            )
        return (*shape[:axis], *self.indices.shape, *shape[axis + 1 :])

    def settings(self) -> dict[str, Any]:
        """indices and axis."""
        return {"indices": self.indices.tolist(), "axis": self.axis}


class Tile(Move):
    """Copies side by side.

    Examples
    --------
    >>> Tile((1, 2)).forward(np.array([[1.0, 2.0]]))[0]
    array([[1., 2., 1., 2.]])
    """

    kind = "Tile"

    def __init__(self, repeats: Sequence[int]) -> None:
        super().__init__()
        self.repeats = tuple(int(n) for n in repeats)

    def move(self, x: Array) -> Array:
        """Give the copies."""
        return np.tile(x, self.repeats)

    def output_shape(self, *shapes: Shape) -> Shape:
        """The lengths times the repeats."""
        if len(self.repeats) != len(shapes[0]) or min(self.repeats, default=1) < 1:
            raise InvalidValue(
                f"{self.kind}: repeats must have one number of at least 1 for each axis; "
                f"got {self.repeats}, shape {shapes[0]}."
            )
        return tuple(n * r for n, r in zip(shapes[0], self.repeats, strict=True))

    def settings(self) -> dict[str, Any]:
        """repeats."""
        return {"repeats": self.repeats}


class Expand(Move):
    """Axes of length 1, and missing ones in front, are stretched to `shape`.

    Examples
    --------
    >>> Expand((1, 3)).forward(np.array([[7.0]]))[0]
    array([[7., 7., 7.]])
    """

    kind = "Expand"

    def __init__(self, shape: Sequence[int]) -> None:
        super().__init__()
        self.shape = tuple(int(n) for n in shape)

    def move(self, x: Array) -> Array:
        """Give the copies."""
        return np.broadcast_to(x, self.output_shape(x.shape)).copy()

    def output_shape(self, *shapes: Shape) -> Shape:
        """The shape that both stretch to."""
        try:
            return np.broadcast_shapes(shapes[0], self.shape)
        except ValueError:
            raise InvalidValue(
                f"{self.kind}: shape {shapes[0]} must stretch to the wished one; got {self.shape}."
            ) from None

    def settings(self) -> dict[str, Any]:
        """shape."""
        return {"shape": self.shape}


class DepthToSpace(Move):
    """Channels become pixels; see `convscope.ops.moves.depth_to_space`.

    Parameters
    ----------
    block : int
    mode : "DCR" or "CRD"
        As ONNX calls the order of the channels; "CRD" is PyTorch's PixelShuffle.

    Examples
    --------
    >>> DepthToSpace(2).forward(np.ones((1, 8, 3, 3)))[0].shape
    (1, 2, 6, 6)
    """

    kind = "DepthToSpace"

    def __init__(self, block: int, mode: str = "DCR") -> None:
        super().__init__()
        self.block, self.mode = int(block), mode
        if self.block < 1 or mode not in ("DCR", "CRD"):
            raise InvalidValue(
                f"{self.kind}: block must be at least 1 and mode DCR or CRD; got {block}, {mode!r}."
            )

    def move(self, x: Array) -> Array:
        """Give the larger map."""
        return depth_to_space(x, self.block, self.mode == "CRD")

    def output_shape(self, *shapes: Shape) -> Shape:
        """(N, C, H, W) to (N, C / block**2, H * block, W * block)."""
        b = self.block
        if len(shapes[0]) != 4 or shapes[0][1] % b**2:
            raise InvalidValue(f"{self.kind}: the channels must be a multiple of {b**2}; got {shapes[0]}.")
        n, c, h, w = shapes[0]
        return n, c // b**2, h * b, w * b

    def settings(self) -> dict[str, Any]:
        """block and mode."""
        return {"block": self.block, "mode": self.mode}


class SpaceToDepth(Move):
    """Pixels become channels; undoes `DepthToSpace`.

    Examples
    --------
    >>> SpaceToDepth(2).forward(np.ones((1, 2, 6, 6)))[0].shape
    (1, 8, 3, 3)
    """

    kind = "SpaceToDepth"

    def __init__(self, block: int, mode: str = "DCR") -> None:
        super().__init__()
        self.block, self.mode = int(block), mode
        if self.block < 1 or mode not in ("DCR", "CRD"):
            raise InvalidValue(
                f"{self.kind}: block must be at least 1 and mode DCR or CRD; got {block}, {mode!r}."
            )

    def move(self, x: Array) -> Array:
        """Give the deeper map."""
        return space_to_depth(x, self.block, self.mode == "CRD")

    def output_shape(self, *shapes: Shape) -> Shape:
        """(N, C, H, W) to (N, C * block**2, H / block, W / block)."""
        b = self.block
        if len(shapes[0]) != 4 or shapes[0][2] % b or shapes[0][3] % b:
            raise InvalidValue(f"{self.kind}: rows and columns must be multiples of {b}; got {shapes[0]}.")
        n, c, h, w = shapes[0]
        return n, c * b**2, h // b, w // b

    def settings(self) -> dict[str, Any]:
        """block and mode."""
        return {"block": self.block, "mode": self.mode}


class PadAxes(Move):
    """Values before and after, along any axes; negative numbers cut off.

    Parameters
    ----------
    padding : sequence of (before, after)
        One for each axis, that of the batch included.
    mode : "constant", "reflect", "edge" or "wrap"
    value : float

    Examples
    --------
    >>> PadAxes(((0, 0), (1, -1)), value=9).forward(np.array([[1.0, 2.0]]))[0]
    array([[9., 1.]])
    """

    kind = "PadAxes"

    def __init__(
        self, padding: Sequence[tuple[int, int]], *, mode: str = "constant", value: float = 0.0
    ) -> None:
        super().__init__()
        self.padding = tuple((int(before), int(after)) for before, after in padding)
        self.mode, self.value = mode, float(value)
        if mode not in ("constant", "reflect", "edge", "wrap"):
            raise InvalidValue(f"{self.kind}: mode must be constant, reflect, edge or wrap; got {mode!r}.")

    def move(self, x: Array) -> Array:
        """Give the padded array."""
        return self._pad(x, self.value)

    def move_places(self, places: Array) -> Array:
        """What is put in comes from nowhere."""
        return self._pad(places, -1)

    def output_shape(self, *shapes: Shape) -> Shape:
        """The lengths with what is put in."""
        shape = shapes[0]
        ends = self.padding
        if len(ends) != len(shape) or any(
            n + min(before, 0) + min(after, 0) < 1 for n, (before, after) in zip(shape, ends, strict=True)
        ):
            raise InvalidValue(f"{self.kind}: padding must leave something; got {ends}, shape {shape}.")
        return tuple(n + before + after for n, (before, after) in zip(shape, ends, strict=True))

    def settings(self) -> dict[str, Any]:
        """padding, mode, value."""
        return {"padding": self.padding, "mode": self.mode, "value": self.value}

    def _pad(self, x: Array, value: float) -> Array:
        self.output_shape(x.shape)
        cut = tuple(
            slice(-min(before, 0), n + min(after, 0))
            for n, (before, after) in zip(x.shape, self.padding, strict=True)
        )
        widths = [(max(before, 0), max(after, 0)) for before, after in self.padding]
        if self.mode == "constant":
            return np.pad(x[cut], widths, constant_values=np.asarray(value, x.dtype))
        assert math.prod(x[cut].shape)
        return np.pad(x[cut], widths, mode=self.mode)  # type: ignore[call-overload, no-any-return]
