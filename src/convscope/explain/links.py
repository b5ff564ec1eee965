"""Which cells of its input each cell of a layer's output can depend on, along each axis."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope.geometry import resolve_padding
from convscope.geometry.size import transpose_padding
from convscope.layers import Layer, Window
from convscope.ops.taps import pad_taps, resize_taps

__all__ = ["Links", "links_of", "window_links"]

Shape = tuple[int, ...]
#: For rows and columns a bool array (output cells, input cells).
Links = tuple[NDArray[np.bool_], NDArray[np.bool_]]


def links_of(layer: Layer, shapes: tuple[Shape, ...], source: int, output: Shape) -> Links:
    """Say along each axis which cells of one input each cell of the output can depend on.

    A vector is one cell that stands for the whole of it.

    Parameters
    ----------
    layer : Layer
    shapes : tuple of (C, H, W) or (F,)
        Of the inputs.
    source : int
        Which of the inputs.
    output : (C, H, W) or (F,)

    Examples
    --------
    >>> from convscope.layers import AvgPool2d
    >>> links_of(AvgPool2d(2), ((1, 4, 4),), 0, (1, 2, 2))[0].astype(int)
    array([[1, 1, 0, 0],
           [0, 0, 1, 1]])
    """
    size, made = _size(shapes[source]), _size(output)
    if len(output) == 1 or len(shapes[source]) == 1:
        return _all(made[0], size[0]), _all(made[1], size[1])
    special = _SPECIAL.get(layer.kind)
    if special is not None:
        rows, columns = (special(layer, shapes, source, output, axis) for axis in (0, 1))
        return rows, columns
    windows = layer.window()
    if windows is None:
        return _all(made[0], size[0]), _all(made[1], size[1])
    rows, columns = (window_links(windows[axis], size[axis], made[axis]) for axis in (0, 1))
    return rows, columns


def window_links(window: Window, size: int, made: int) -> NDArray[np.bool_]:
    """Say which of `size` cells each of `made` windows reads."""
    before, _ = resolve_padding(window.padding, size, window.kernel, window.stride, window.dilation)
    offsets = np.arange(size) - (np.arange(made)[:, None] * window.stride - before)
    tap, between = np.divmod(offsets, window.dilation)
    return np.asarray((between == 0) & (tap >= 0) & (tap < window.kernel))


def _size(shape: Shape) -> tuple[int, int]:
    return (shape[1], shape[2]) if len(shape) == 3 else (1, 1)


def _all(made: int, size: int) -> NDArray[np.bool_]:
    return np.ones((made, size), np.bool_)


def _transposed(
    layer: Layer, shapes: tuple[Shape, ...], source: int, output: Shape, axis: int
) -> NDArray[np.bool_]:
    settings, size, made = layer.settings(), shapes[source][1 + axis], output[1 + axis]
    kernel, stride, dilation, extra = (
        settings[name][axis] for name in ("kernel_size", "stride", "dilation", "output_padding")
    )
    padding = settings["padding"]
    padding = padding if isinstance(padding, str) else padding[axis]
    before, _ = transpose_padding(size, kernel, stride, padding, dilation, extra)
    # a transposed convolution writes where a convolution of its output would read
    return window_links(Window(kernel, stride, (before, 0), dilation), made, size).T


def _resized(
    layer: Layer, shapes: tuple[Shape, ...], source: int, output: Shape, axis: int
) -> NDArray[np.bool_]:
    settings, size = layer.settings(), shapes[source][1 + axis]
    scale = settings.get("scale")
    cells, weights = resize_taps(
        size,
        output[1 + axis],
        scale=None if scale is None else float(scale[axis]),
        mode=settings["mode"],
        coordinates=settings["coordinates"],
        rounding=settings.get("rounding", ""),
    )
    return _tapped(cells, weights, size)


def _padded(
    layer: Layer, shapes: tuple[Shape, ...], source: int, output: Shape, axis: int
) -> NDArray[np.bool_]:
    settings, size = layer.settings(), shapes[source][1 + axis]
    if settings["mode"] == "constant":
        return window_links(Window(padding=settings["padding"][axis]), size, output[1 + axis])
    return _tapped(*pad_taps(size, settings["padding"][axis], settings["mode"]), size)


def _tapped(cells: NDArray[Any], weights: NDArray[Any], size: int) -> NDArray[np.bool_]:
    links = np.zeros((len(cells), size), np.bool_)
    for tap in range(cells.shape[1]):
        links[np.arange(len(cells)), cells[:, tap]] |= weights[:, tap] != 0
    return links


def _joined(
    layer: Layer, shapes: tuple[Shape, ...], source: int, output: Shape, axis: int
) -> NDArray[np.bool_]:
    size, made = shapes[source][1 + axis], output[1 + axis]
    first = 0
    if layer.settings()["axis"] % 4 == 2 + axis:
        first = sum(shape[1 + axis] for shape in shapes[:source])
    return np.eye(made, size, -first, dtype=np.bool_)


def _stretched(
    layer: Layer, shapes: tuple[Shape, ...], source: int, output: Shape, axis: int
) -> NDArray[np.bool_]:
    size, made = shapes[source][1 + axis], output[1 + axis]
    return np.eye(made, dtype=np.bool_) if size == made else _all(made, size)


def _over_axis(
    layer: Layer, shapes: tuple[Shape, ...], source: int, output: Shape, axis: int
) -> NDArray[np.bool_]:
    made = output[1 + axis]
    across = layer.settings()["axis"] % 4 == 2 + axis
    return _all(made, made) if across else np.eye(made, dtype=np.bool_)


_SPECIAL = {
    "Concatenate": _joined,
    "ConvTranspose2d": _transposed,
    "Divide": _stretched,
    "LogSoftmax": _over_axis,
    "Multiply": _stretched,
    "Pad2d": _padded,
    "Resize2d": _resized,
    "Softmax": _over_axis,
    "Subtract": _stretched,
}
