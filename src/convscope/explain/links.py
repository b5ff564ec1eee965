"""Which cells of its input each cell of a layer's output can depend on, along each axis."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope.explain.general import MOVES
from convscope.geometry import resolve_padding
from convscope.geometry.size import transpose_padding
from convscope.layers import Layer, Window
from convscope.ops.taps import pad_taps, resize_taps

__all__ = ["SEPARABLE", "Links", "links_of", "window_links", "window_of"]

Shape = tuple[int, ...]
#: For each axis of place (rows and columns of an image) a bool array (output cells, input cells).
Links = tuple[NDArray[np.bool_], ...]


def links_of(layer: Layer, shapes: tuple[Shape, ...], source: int, output: Shape, rank: int = 2) -> Links:
    """Say along each axis which cells of one input each cell of the output can depend on.

    A vector, or whatever has not `rank` axes of place, is one cell that stands for the whole of it.

    Parameters
    ----------
    layer : Layer
    shapes : tuple of (C, H, W) or (F,)
        Of the inputs.
    source : int
        Which of the inputs.
    output : (C, H, W) or (F,)
    rank : int
        How many axes of place there are: 1 for sound, 2 for images, 3 for volumes.

    Examples
    --------
    >>> from convscope.layers import AvgPool2d
    >>> links_of(AvgPool2d(2), ((1, 4, 4),), 0, (1, 2, 2))[0].astype(int)
    array([[1, 1, 0, 0],
           [0, 0, 1, 1]])
    """
    size, made = (_size(shape, rank) for shape in (shapes[source], output))
    if len(output) != 1 + rank or len(shapes[source]) != 1 + rank:
        return tuple(map(_all, made, size))
    special = _SPECIAL.get(layer.kind)
    if special is not None:
        return tuple(special(layer, shapes, source, output, axis) for axis in range(rank))
    windows = [window_of(layer, axis) for axis in range(rank)]
    return tuple(
        _all(m, n) if w is None else window_links(w, n, m)
        for w, n, m in zip(windows, size, made, strict=True)
    )


def window_of(layer: Layer, axis: int) -> Window | None:
    """Say what a layer reads along one axis of place; None: the whole axis, or no window at all."""
    if layer.kind in _SPATIAL:
        settings = layer.settings()
        kernel, stride, dilation = (settings[name][axis] for name in ("kernel_size", "stride", "dilation"))
        padding = settings["padding"]
        return Window(kernel, stride, padding if isinstance(padding, str) else padding[axis], dilation)
    windows = layer.window()
    # what works on each cell by itself does so along every axis
    return None if windows is None else windows[min(axis, 1)]


def window_links(window: Window, size: int, made: int) -> NDArray[np.bool_]:
    """Say which of `size` cells each of `made` windows reads."""
    before, _ = resolve_padding(window.padding, size, window.kernel, window.stride, window.dilation)
    offsets = np.arange(size) - (np.arange(made)[:, None] * window.stride - before)
    tap, between = np.divmod(offsets, window.dilation)
    return np.asarray((between == 0) & (tap >= 0) & (tap < window.kernel))


def _size(shape: Shape, rank: int) -> Shape:
    return shape[1:] if len(shape) == 1 + rank else (1,) * rank


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
    if layer.settings()["axis"] % (len(output) + 1) == 2 + axis:
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
    across = layer.settings()["axis"] % (len(output) + 1) == 2 + axis
    return _all(made, made) if across else np.eye(made, dtype=np.bool_)


def _moved(
    layer: Layer, shapes: tuple[Shape, ...], source: int, output: Shape, axis: int
) -> NDArray[np.bool_]:
    """Follow the numbers of the places along the axis to where the layer puts them."""
    mover: Any = layer
    shape = shapes[source]
    numbers = np.broadcast_to(np.arange(shape[1 + axis]).reshape(-1, *(1,) * (len(shape) - 2 - axis)), shape)
    moved = mover.move_places(numbers[None])[0]
    links = np.zeros((output[1 + axis], shape[1 + axis]), np.bool_)
    came = moved >= 0  # the frame of a padding comes from nowhere
    links[np.indices(moved.shape)[1 + axis][came], moved[came]] = True
    return links


def _interpolated(
    layer: Layer, shapes: tuple[Shape, ...], source: int, output: Shape, axis: int
) -> NDArray[np.bool_]:
    """Ask the layer, which is linear and works along each axis by itself, with a 1 at each place."""
    resizing: Any = layer
    rules = [rule for rule in resizing.rules if rule.axis == 2 + axis]
    size = shapes[source][1 + axis]
    ones = np.eye(size).reshape(size, *(1,) * (1 + axis), size)
    made = type(resizing)(rules).forward(ones)[0] if rules else ones
    return np.asarray(made.reshape(size, -1).T != 0)


_SPATIAL = ("AvgPoolNd", "ConvNd", "LpPoolNd", "MaxPoolNd")
#: Layers whose cells depend on each axis by itself, so that the links tell all there is.
SEPARABLE = ("Expand", "PadAxes", "Slice", "Tile")
_SPECIAL = {
    **dict.fromkeys(MOVES, _moved),
    **dict.fromkeys(
        (
            "Average",
            "Divide",
            "Equal",
            "Maximum",
            "Minimum",
            "Multiply",
            "Power",
            "Slope",
            "Subtract",
            "Where",
        ),
        _stretched,
    ),
    **dict.fromkeys(("ConvTranspose2d", "ConvTransposeNd"), _transposed),
    **dict.fromkeys(("LogSoftmax", "Softmax"), _over_axis),
    "Concatenate": _joined,
    "Pad2d": _padded,
    "Resize2d": _resized,
    "ResizeAxes": _interpolated,
}
