"""Where the windows of a convolution lie, found by asking the engine.

A picture drawn from a formula repeats the formula's mistakes. Here the engine
itself is asked which pixels a window touches: a gradient that is 1 in one
output cell and 0 elsewhere is carried back to the input, and what is not zero
there was read. The kernel's values are 1, 2, 3, ... so that the value tells
which tap read the pixel.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope.errors import InvalidValue
from convscope.geometry import AxisGeometry, conv_geometry, conv_output_size
from convscope.ops import conv2d_grad_input
from convscope.result import Result

__all__ = ["AxisWindows", "Windows", "draw_windows"]

_MOST_CELLS = 40_000_000  # of the touch matrix: 160 MB


@dataclass(frozen=True, eq=False)
class AxisWindows(Result):
    """The windows along one axis.

    Attributes
    ----------
    geometry : AxisGeometry
        The settings, the formula with its numbers, and what a floor drops.
    taps : ndarray of shape (windows, padded size), int
        Which tap of the kernel, counted from 1, window i has at each position of the padded
        axis (transposed: of the output before it is cut); 0 where it has none. Found by the engine.
    before : int
        How many of those positions lie before the image (transposed: before the output).
    length : int
        How many positions belong to the image (transposed: to the output).
    """

    geometry: AxisGeometry
    taps: NDArray[np.int64]
    before: int
    length: int


@dataclass(frozen=True, eq=False)
class Windows(Result):
    """The windows of a convolution along height and width; one of both where they are equal."""

    rows: AxisWindows
    columns: AxisWindows

    @property
    def square(self) -> bool:
        """Whether both axes have the same settings."""
        return self.rows.geometry == self.columns.geometry

    def counts(self) -> NDArray[np.int64]:
        """Count how many windows hold each pixel (transposed: write to each); shape (H, W)."""
        rows, columns = (
            (axis.taps > 0)[:, axis.before : axis.before + axis.length].sum(axis=0)
            for axis in (self.rows, self.columns)
        )
        return np.outer(rows, columns)


def draw_windows(
    size: tuple[int, int],
    kernel: tuple[int, int],
    *,
    stride: tuple[int, int] = (1, 1),
    padding: Any = (0, 0),
    dilation: tuple[int, int] = (1, 1),
    exact: bool = False,
    ceil_mode: bool = False,
    transposed: bool = False,
    output_padding: tuple[int, int] = (0, 0),
) -> Windows:
    """Lay out the windows of a convolution, pooling or transposed convolution, by the engine.

    Parameters
    ----------
    size, kernel, stride, dilation, output_padding : (int, int)
        Height and width, in pixels.
    padding : (rows, columns)
        Each an int, (before, after), "same", "same_lower" or "valid".
    exact, ceil_mode, transposed : bool
        As in `convscope.geometry.conv_geometry`.

    Raises
    ------
    InvalidValue
        If the kernel is larger than the padded input, with `exact` if a size is not whole, or
        if the picture would need more than 40 million cells.

    Examples
    --------
    >>> w = draw_windows((7, 7), (3, 3), stride=(2, 2), padding=(1, 1))
    >>> w.rows.taps
    array([[1, 2, 3, 0, 0, 0, 0, 0, 0],
           [0, 0, 1, 2, 3, 0, 0, 0, 0],
           [0, 0, 0, 0, 1, 2, 3, 0, 0],
           [0, 0, 0, 0, 0, 0, 1, 2, 3]])
    >>> w.counts()[0].tolist()
    [1, 2, 1, 2, 1, 2, 1]
    """
    axes = []
    for axis in (0, 1):
        one: dict[str, Any] = {"stride": stride[axis], "padding": padding[axis], "dilation": dilation[axis]}
        count = size[axis] if transposed else conv_output_size(size[axis], kernel[axis], **one)
        if count > _MOST_CELLS:  # before they are listed
            raise _too_many(f"{count:,} windows")
        one |= {"ceil_mode": ceil_mode, "transposed": transposed, "output_padding": output_padding[axis]}
        axes.append(conv_geometry(size[axis], kernel[axis], exact=exact, **one))
    rows = _ask_engine(axes[0])
    return Windows(rows, rows if axes[0] == axes[1] else _ask_engine(axes[1]))


def _too_many(what: str) -> InvalidValue:
    return InvalidValue(
        f"geometry: a picture of the windows must have at most {_MOST_CELLS:,} cells; got {what}."
    )


def _ask_engine(axis: AxisGeometry) -> AxisWindows:
    """Carry one gradient for each window back through the engine, along one axis."""
    count = len(axis.starts)
    if axis.transposed:
        # a transposed convolution IS the input gradient: window i is what pixel i writes,
        # and output_padding only adds positions at the end that nothing writes
        length, written = axis.output, (count - 1) * axis.stride + axis.span
        padded = length + sum(axis.padding)
    else:
        length = axis.size
        padded = written = length + sum(axis.padding) + axis.overhang
    if count * padded > _MOST_CELLS:
        raise _too_many(f"{count:,} windows over {padded:,} positions")
    one_hot = np.eye(count, dtype=np.float32).reshape(count, 1, count, 1)
    numbered = np.arange(1, axis.kernel + 1, dtype=np.float32).reshape(1, 1, axis.kernel, 1)
    found = conv2d_grad_input(
        one_hot, numbered, (count, 1, written, 1), stride=(axis.stride, 1), dilation=(axis.dilation, 1)
    )
    taps = np.zeros((count, padded), np.int64)
    taps[:, :written] = np.rint(found[:, 0, :, 0])
    return AxisWindows(axis, taps, axis.padding[0], length)
