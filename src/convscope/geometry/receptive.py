"""Receptive fields: which input pixels one cell of a later layer depends on."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from convscope.errors import InvalidValue
from convscope.geometry.padding import kernel_span, whole

__all__ = ["Reach", "ReceptiveField", "Window", "receptive_field"]


class Window(NamedTuple):
    """What a layer reads along one axis; `padding` is the pixels before."""

    kernel: int
    stride: int = 1
    padding: int = 0
    dilation: int = 1


class Reach(NamedTuple):
    """What a layer that makes maps larger reads along one axis, in cells and parts of cells.

    Output i reads cells between ``i*step + first`` and ``i*step + first + extent``; all three are whole
    for a window, and fractions where several outputs lie between two inputs.
    """

    step: Fraction
    first: Fraction
    extent: Fraction


@dataclass(frozen=True)
class ReceptiveField:
    """The input pixels behind a row of cells, along one axis.

    Cell i sees `size` pixels from `start + i*jump` on; pixels below 0 or beyond the
    image are padding. Holes that a dilation leaves are counted as seen. After a transposed
    convolution or a resizing the three may be fractions: the whole pixels between are seen.

    Attributes
    ----------
    size : int or Fraction
        Pixels that one cell sees at most.
    jump : int or Fraction
        Pixels between the fields of neighbouring cells.
    start : int or Fraction
        First pixel of the field of cell 0.
    """

    size: int | Fraction = 1
    jump: int | Fraction = 1
    start: int | Fraction = 0

    def then(self, kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> ReceptiveField:
        """Give the field of the cells of a next layer; `padding` is the pixels before.

        Examples
        --------
        >>> ReceptiveField().then(3).then(3)
        ReceptiveField(size=5, jump=1, start=0)
        """
        span = kernel_span(kernel, dilation)
        return ReceptiveField(
            self.size + (span - 1) * self.jump,
            self.jump * whole("stride", stride, 1),
            self.start - whole("padding", padding, 0) * self.jump,
        )

    def reading(self, reach: Reach) -> ReceptiveField:
        """Give the field of the cells of a layer that makes maps larger.

        Examples
        --------
        Down and up again by 2: a cell sees two pixels, which lie within three from its place on.

        >>> ReceptiveField().then(2, 2).reading(Reach(Fraction(1, 2), Fraction(-1, 2), Fraction(1, 2)))
        ReceptiveField(size=3, jump=1, start=-1)
        """
        return ReceptiveField(
            _whole(self.size + reach.extent * self.jump),
            _whole(reach.step * self.jump),
            _whole(self.start + reach.first * self.jump),
        )

    def joined(self, other: ReceptiveField) -> ReceptiveField:
        """Give the field that spans both, for cells which two branches meet in.

        Raises
        ------
        InvalidValue
            If the branches have different strides: their cells do not lie on one grid.

        Examples
        --------
        A residual block: two 3x3 convolutions beside a shortcut.

        >>> block = ReceptiveField().then(3, padding=1).then(3, padding=1)
        >>> block.joined(ReceptiveField())
        ReceptiveField(size=5, jump=1, start=-2)
        """
        if self.jump != other.jump:
            raise InvalidValue(
                "ReceptiveField.joined: the branches must have the same overall stride; "
                f"got {self.jump} and {other.jump}."
            )
        first = min(self.start, other.start)
        last = max(self.start + self.size, other.start + other.size)
        return ReceptiveField(last - first, self.jump, first)

    def pixels(self, index: int, size: int | None = None) -> range:
        """Give the input pixels that cell `index` sees, cut to an image of `size` pixels if given.

        Examples
        --------
        >>> field = ReceptiveField().then(5, stride=2, padding=2)
        >>> field.pixels(0), field.pixels(0, size=11), field.pixels(1)
        (range(-2, 3), range(0, 3), range(0, 5))
        """
        start = self.start + index * self.jump
        first, last = math.ceil(start), math.floor(start + self.size - 1) + 1
        if size is None:
            return range(first, last)
        return range(min(max(first, 0), size), max(min(last, size), 0))


def _whole(value: int | Fraction) -> int | Fraction:
    """Give a fraction that is whole as an int."""
    return int(value) if value == int(value) else value


def receptive_field(windows: Iterable[Window | tuple[int, ...]]) -> ReceptiveField:
    """Compose the windows of layers that follow each other, the first layer first.

    Parameters
    ----------
    windows : iterable of (kernel, stride, padding before, dilation)
        Later entries may be left out: ``(3,)`` is a 3-pixel kernel of stride 1.

    References
    ----------
    Araujo, Norris and Sim (2019), Computing receptive fields of convolutional neural networks, Distill.

    Examples
    --------
    n layers of 3x3 see 2n + 1 pixels, of 5x5 4n + 1:

    >>> [receptive_field([(3,)] * n).size for n in (1, 2, 3)]
    [3, 5, 7]
    >>> [receptive_field([(5,)] * n).size for n in (1, 2, 3)]
    [5, 9, 13]

    LeNet-5's second pooling: 5x5, pool 2, 5x5, pool 2.

    >>> receptive_field([(5,), (2, 2), (5,), (2, 2)])
    ReceptiveField(size=16, jump=4, start=0)
    """
    field = ReceptiveField()
    for window in windows:
        field = field.then(*window)
    return field
