"""From spans of cells to the spans of the cells before them, along one axis, padding included."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from convscope.explain.general import MOVES
from convscope.explain.links import links_of, window_of
from convscope.geometry import kernel_span, resolve_padding
from convscope.geometry.size import transpose_padding
from convscope.layers import Layer

__all__ = ["before_layer", "every_cell"]

Ends = NDArray[np.float64]
Shape = tuple[int, ...]

# they tie cells to others than a window beside the same place, or move them; so does padding that copies
_BY_LINKS = (
    "Average", "Concatenate", "Divide", "Equal", "LogSoftmax", "Maximum", "Minimum", "Multiply", "Power",
    "Resize2d", "ResizeAxes", "Slope", "Softmax", "Subtract", "Where", *MOVES,
)  # fmt: skip


def every_cell(shape: Shape, axis: int, rank: int) -> tuple[Ends, Ends]:
    """Give the spans of the cells themselves: one cell each."""
    cells = np.arange(shape[1 + axis] if len(shape) == 1 + rank else 1, dtype=np.float64)
    return cells, cells.copy()


def before_layer(
    layer: Layer,
    shapes: tuple[Shape, ...],
    source: int,
    output: Shape,
    axis: int,
    rank: int,
    first: Ends,
    last: Ends,
) -> tuple[Ends, Ends]:
    """Give the spans of one input's cells that spans of the output's cells read.

    A span that reads nothing is from infinity to minus infinity. A map that is read
    whole has the span from its first to its last cell. `rank` is the number of axes of place.
    """
    shape = shapes[source]
    empty = first > last
    if len(shape) != 1 + rank or len(output) != 1 + rank:
        size = shape[1 + axis] if len(shape) == 1 + rank else 1
        low, high = np.zeros_like(first), np.full_like(last, size - 1)
    elif layer.kind in ("ConvTranspose2d", "ConvTransposeNd"):
        low, high = _transposed(layer, shape[1 + axis], axis, first, last)
    elif layer.kind == "PadAxes" and layer.settings()["mode"] == "constant":
        low, high = _framed(layer, axis, first, last)
    elif layer.kind in _BY_LINKS or layer.settings().get("mode", "constant") != "constant":
        low, high = _linked(links_of(layer, shapes, source, output, rank)[axis], first, last)
    else:
        low, high = _windowed(layer, shape[1 + axis], axis, first, last)
    empty |= low > high
    low[empty], high[empty] = np.inf, -np.inf
    return low, high


def _windowed(layer: Layer, size: int, axis: int, first: Ends, last: Ends) -> tuple[Ends, Ends]:
    w = window_of(layer, axis)
    if w is None:
        return np.zeros_like(first), np.full_like(last, size - 1)
    before, _ = resolve_padding(w.padding, size, w.kernel, w.stride, w.dilation)
    span = kernel_span(w.kernel, w.dilation)
    return first * w.stride - before, last * w.stride - before + span - 1


def _framed(layer: Layer, axis: int, first: Ends, last: Ends) -> tuple[Ends, Ends]:
    """A frame moves the cells; the first ones begin in it."""
    before, _ = layer.settings()["padding"][2 + axis]
    return first - before, last - before


def _transposed(layer: Layer, size: int, axis: int, first: Ends, last: Ends) -> tuple[Ends, Ends]:
    """Input i writes from i*stride - padding on, over the kernel's span."""
    settings = layer.settings()
    kernel, stride, dilation, extra = (
        settings[name][axis] for name in ("kernel_size", "stride", "dilation", "output_padding")
    )
    padding = settings["padding"]
    padding = padding if isinstance(padding, str) else padding[axis]
    before, _ = transpose_padding(size, kernel, stride, padding, dilation, extra)
    reach = kernel_span(kernel, dilation) - 1
    return np.ceil((first + before - reach) / stride), np.floor((last + before) / stride)


def _linked(links: NDArray[np.bool_], first: Ends, last: Ends) -> tuple[Ends, Ends]:
    """Follow links; a span beyond the map ends at its edge, unless each cell is linked to its own."""
    made, size = links.shape
    if made == size and bool((links == np.eye(made, dtype=np.bool_)).all()):
        return first.copy(), last.copy()
    low, high = np.full_like(first, np.inf), np.full_like(last, -np.inf)
    for index in range(len(first)):
        if first[index] > last[index]:
            continue
        start, end = (int(np.clip(v[index], 0, made - 1)) for v in (first, last))
        read = np.flatnonzero(links[start : end + 1].any(axis=0))
        if len(read):
            low[index], high[index] = read[0], read[-1]
    return low, high
