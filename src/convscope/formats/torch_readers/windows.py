"""Windows that slide: convolution and pooling."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from convscope import layers
from convscope.errors import InvalidValue
from convscope.formats.torch_readers.row import (
    Arguments,
    Row,
    each,
    shape_of,
)
from convscope.layers import Layer

if TYPE_CHECKING:
    from convscope.formats.torch_in import TorchReader

__all__ = ["WINDOWS"]


def _conv(reader: TorchReader, item: Any, given: Arguments) -> None:
    weight, bias = reader.array(given["weight"]), reader.array(given["bias"])
    rank, words = weight.ndim - 2, given["padding"]
    settings: dict[str, Any] = {"groups": given["groups"]}
    for name in ("stride", "dilation"):
        settings[name] = each(given[name], rank)
    if isinstance(words, str):
        padding: Any = "same" if words == "same" else ((0, 0),) * rank
    else:
        padding = tuple((n, n) for n in each(words, rank))
    kind: Any = layers.Conv2d if rank == 2 else layers.ConvNd
    reader.add(item, kind(weight, bias, padding=padding, **settings), given["input"])


def _conv_transpose(reader: TorchReader, item: Any, given: Arguments) -> None:
    weight, bias = reader.array(given["weight"]), reader.array(given["bias"])
    rank = weight.ndim - 2
    settings = {name: each(given[name], rank) for name in ("stride", "output_padding", "dilation")}
    padding = tuple((n, n) for n in each(given["padding"], rank))
    kind: Any = layers.ConvTranspose2d if rank == 2 else layers.ConvTransposeNd
    layer = kind(weight, bias, padding=padding, groups=given["groups"], **settings)
    reader.add(item, layer, given["input"])


def _pool_settings(given: Arguments, rank: int) -> dict[str, Any]:
    kernel = each(given["kernel_size"], rank)
    return {
        "kernel_size": kernel,
        "stride": each(given["stride"], rank) if given["stride"] else kernel,
        "padding": tuple((n, n) for n in each(given["padding"], rank)),
        "ceil_mode": given["ceil_mode"],
    }


def _max_pool(reader: TorchReader, item: Any, given: Arguments) -> None:
    rank = len(shape_of(given["self"])) - 2
    kind: Any = layers.MaxPool2d if rank == 2 else layers.MaxPoolNd
    dilation = each(given["dilation"], rank)
    reader.add(item, kind(**_pool_settings(given, rank), dilation=dilation), given["self"])


def _avg_pool(reader: TorchReader, item: Any, given: Arguments) -> None:
    """With a divisor of one's own: the mean over windows with their padding, times what it is short of."""
    rank = len(shape_of(given["self"])) - 2
    kind: Any = layers.AvgPool2d if rank == 2 else layers.AvgPoolNd
    settings, divisor = _pool_settings(given, rank), given.get("divisor_override")
    if divisor is None:
        layer = kind(**settings, count_include_pad=given["count_include_pad"])
        reader.add(item, layer, given["self"])
        return
    if given["ceil_mode"]:
        raise InvalidValue("divisor_override with ceil_mode is not known")
    mean = reader.step(item, "mean", kind(**settings, count_include_pad=True), given["self"])
    share = reader.number(item, "cells by divisor", np.prod(settings["kernel_size"]) / divisor)
    reader.add(item, layers.Multiply(), mean, share)


def _adaptive_avg_pool(reader: TorchReader, item: Any, given: Arguments) -> None:
    """Equal windows are a pooling; others are a matrix along each axis."""
    size, rank = shape_of(given["self"])[2:], len(shape_of(given["self"])) - 2
    output = shape_of(item)[2:]
    if output == (1,) * rank:
        layer: Layer = layers.GlobalAvgPool2d() if rank == 2 else layers.Reduce("mean", range(2, 2 + rank))
        reader.add(item, layer, given["self"])
    elif all(n % o == 0 for n, o in zip(size, output, strict=True)):
        kernel = tuple(n // o for n, o in zip(size, output, strict=True))
        kind: Any = layers.AvgPool2d if rank == 2 else layers.AvgPoolNd
        reader.add(item, kind(kernel, stride=kernel), given["self"])
    else:
        value = given["self"]
        for axis, (n, o) in enumerate(zip(size, output, strict=True)):
            means = layers.Constant(_means(n, o, reader.dtype))
            matrix = reader.step(item, f"windows of axis {2 + axis}", means)
            last = [*(i for i in range(2 + rank) if i != 2 + axis), 2 + axis]
            moved = reader.step(item, f"axis {2 + axis} last", layers.Transpose(last), value)
            found = reader.step(item, f"means of axis {2 + axis}", layers.MatMul(), moved, matrix)
            back = layers.Transpose([last.index(i) for i in range(2 + rank)])
            if axis + 1 == rank:
                reader.add(item, back, found)
            else:
                value = reader.step(item, f"axis {2 + axis} back", back, found)


def _means(size: int, output: int, dtype: Any) -> NDArray[Any]:
    """Column i takes the mean of the pixels of window i."""
    matrix = np.zeros((size, output), dtype)
    for i, (first, last) in enumerate(_windows(size, output)):
        matrix[first:last, i] = 1 / (last - first)
    return matrix


def _windows(size: int, output: int) -> list[tuple[int, int]]:
    """Give the windows of adaptive pooling: from floor(i*size/output) to ceil((i+1)*size/output)."""
    return [(i * size // output, -(-(i + 1) * size // output)) for i in range(output)]


def _adaptive_max_pool(reader: TorchReader, item: Any, given: Arguments) -> None:
    """Equal windows are a pooling; others are cut out along each axis."""
    size = shape_of(given["self"])[2:]
    values = item.meta["val"]
    output = shape_of(item)[2:] if hasattr(values, "shape") else tuple(int(n) for n in values[0].shape[2:])
    if all(n % o == 0 for n, o in zip(size, output, strict=True)):
        kernel = tuple(n // o for n, o in zip(size, output, strict=True))
        kind: Any = layers.MaxPool2d if len(size) == 2 else layers.MaxPoolNd
        reader.add(item, kind(kernel, stride=kernel), given["self"])
    else:
        value = given["self"]
        for axis, (n, o) in enumerate(zip(size, output, strict=True), 2):
            value = _largest_along(reader, item, value, axis, _windows(n, o))
        reader.sources[item.name] = value
    reader.parts[item.name] = [reader.sources[item.name]]


def _largest_along(
    reader: TorchReader, item: Any, value: Any, axis: int, windows: list[tuple[int, int]]
) -> str:
    """Give the node of the maxima of windows along one axis."""
    parts = []
    for i, (first, last) in enumerate(windows):
        what = f"window {i} of axis {axis}"
        part = reader.step(item, what, layers.Slice({axis: (first, last, 1)}), value)
        parts.append(reader.step(item, f"maxima of {what}", layers.Reduce("max", (axis,)), part))
    return reader.step(item, f"maxima of axis {axis}", layers.Concatenate(axis), *parts)


WINDOWS: Mapping[str, Row] = {
    **dict.fromkeys(("conv1d", "conv2d", "conv3d"), _conv),
    **dict.fromkeys(("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"), _conv_transpose),
    **dict.fromkeys(("max_pool1d", "max_pool2d", "max_pool3d"), _max_pool),
    **dict.fromkeys(("avg_pool1d", "avg_pool2d", "avg_pool3d"), _avg_pool),
    **dict.fromkeys(
        ("adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d"), _adaptive_avg_pool
    ),
    **dict.fromkeys(
        ("adaptive_max_pool1d", "adaptive_max_pool2d", "adaptive_max_pool3d"), _adaptive_max_pool
    ),
}
