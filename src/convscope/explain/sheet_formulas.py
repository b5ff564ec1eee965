"""What each kind of layer is in a spreadsheet: one plain formula a cell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from convscope.explain.sheets import Array, Block, Layout, cell_name, index_block
from convscope.geometry import resolve_padding
from convscope.layers import Layer

__all__ = ["FORMULAS", "WORDS", "Filters", "Inputs", "filters_of"]


@dataclass(frozen=True)
class Filters:
    """Where a layer's parameters lie on their own sheet.

    Attributes
    ----------
    sheet : str
    blocks : tuple of Block
    kernel : callable
        (filter, input channel) to the `Layout` of one kernel; or, of a dense layer, (feature, 0) to its
        column of weights.
    value : callable
        (name of a parameter, channel) to the name of its cell.
    """

    sheet: str
    blocks: tuple[Block, ...]
    kernel: Callable[[int, int], Layout]
    value: Callable[[str, int], str]


@dataclass(frozen=True)
class Inputs:
    """What a layer's formulas refer to.

    Attributes
    ----------
    layer : Layer
    sources : tuple of Layout
    filters : Filters or None
    """

    layer: Layer
    sources: tuple[Layout, ...]
    filters: Filters | None

    @property
    def x(self) -> Layout:
        """The first input."""
        return self.sources[0]


Way = Callable[[Inputs, tuple[int, ...]], str]


def filters_of(layer: Layer, sheet: str) -> Filters | None:
    """Lay a layer's parameters out: kernels in a row for each filter, the bias before them."""
    values = {**layer.parameters, **layer.statistics}
    if not values:
        return None
    weight = values.get("weight")
    if weight is not None and weight.ndim == 4:
        return _kernels(sheet, weight, values.get("bias"))
    if weight is not None and weight.ndim == 2:
        return _columns(sheet, weight, values.get("bias"))
    return _table(sheet, values)


def _kernels(sheet: str, weight: Array, bias: Array | None) -> Filters:
    height, width = weight.shape[2:]
    blocks: list[Block] = []

    def kernel(filter_: int, channel: int) -> Layout:
        return Layout(sheet, (1, height, width), 4 + filter_ * (height + 2), 3 + channel * (width + 1))

    def value(name: str, filter_: int) -> str:
        return Layout(sheet, (1,), 4 + filter_ * (height + 2), 1).cell(0)

    last = kernel(len(weight) - 1, weight.shape[1] - 1)
    area = f"{cell_name(*kernel(0, 0).place(0, 0, 0))}:{cell_name(*last.place(0, height - 1, width - 1))}"
    biases = f"{cell_name(4, 1)}:{cell_name(4 + (len(weight) - 1) * (height + 2), 1)}"
    for filter_ in range(len(weight)):
        if bias is not None:
            row = 4 + filter_ * (height + 2)
            own = bias[filter_].reshape(1, 1)
            blocks.append(Block(f"bias {filter_}", "weights", row, 1, own, scale=biases))
        for channel in range(weight.shape[1]):
            at = kernel(filter_, channel)
            title = f"filter {filter_}, kernel {channel}"
            blocks.append(Block(title, "weights", at.top, at.left, weight[filter_, channel], scale=area))
    return Filters(sheet, tuple(blocks), kernel, value)


def _columns(sheet: str, weight: Array, bias: Array | None) -> Filters:
    count, features = weight.shape
    biases = np.zeros(count) if bias is None else bias
    blocks = (
        Block("bias of each output", "weights", 4, 1, biases[None]),
        Block("weights: a row for each input, a column for each output", "weights", 7, 1, weight.T),
        index_block(7, features),
    )
    return Filters(
        sheet,
        blocks,
        lambda output, _: Layout(sheet, (features,), 7, 1 + output),
        lambda name, output: Layout(sheet, (1,), 4, 1 + output).cell(0),
    )


def _table(sheet: str, values: dict[str, Array]) -> Filters:
    names = list(values)
    blocks = [
        Block(name.replace("_", " "), "weights", 4, 1 + 2 * i, values[name][:, None])
        for i, name in enumerate(names)
    ]
    size = {name: len(array) for name, array in values.items()}
    blocks.append(index_block(4, max(size.values())))

    def value(name: str, channel: int) -> str:
        return Layout(sheet, (size[name],), 4, 1 + 2 * names.index(name)).cell(channel % size[name])

    return Filters(sheet, tuple(blocks), lambda *_: Layout(sheet, (1,), 4, 1), value)


def _taps(inputs: Inputs, place: tuple[int, ...]) -> list[tuple[list[int], list[int]]]:
    """Give by axis the input positions of a window that lie inside, and their taps."""
    windows = inputs.layer.window()
    assert windows is not None
    found = []
    for window, size, index in zip(windows, inputs.x.shape[1:], place[1:], strict=True):
        before, _ = resolve_padding(window.padding, size, window.kernel, window.stride, window.dilation)
        start = index * window.stride - before
        pairs = [(start + tap * window.dilation, tap) for tap in range(window.kernel)]
        pairs = [(position, tap) for position, tap in pairs if 0 <= position < size]
        found.append(([position for position, _ in pairs], [tap for _, tap in pairs]))
    return found


def _dilated(inputs: Inputs) -> bool:
    windows = inputs.layer.window()
    return windows is not None and max(w.dilation for w in windows) > 1


def _convolution(inputs: Inputs, place: tuple[int, ...]) -> str:
    layer, filters = inputs.layer, inputs.filters
    assert filters is not None
    weight = layer.parameters["weight"]
    (rows, row_taps), (columns, column_taps) = _taps(inputs, place)
    parts = [filters.value("bias", place[0])] if "bias" in layer.parameters else []
    depth = weight.shape[1]
    group = place[0] // (weight.shape[0] * depth // inputs.x.shape[0])
    connections = layer.settings().get("connections")
    for channel in range(depth) if rows and columns else ():
        if connections is not None and not connections[place[0]][channel]:
            continue
        kernel, source = filters.kernel(place[0], channel), group * depth + channel
        if _dilated(inputs):
            parts += [
                f"{inputs.x.cell(source, row, column)}*{kernel.cell(0, u, v)}"
                for row, u in zip(rows, row_taps, strict=True)
                for column, v in zip(columns, column_taps, strict=True)
            ]
            continue
        window = inputs.x.range((source, rows[0], columns[0]), (source, rows[-1], columns[-1]))
        taps = kernel.range((0, row_taps[0], column_taps[0]), (0, row_taps[-1], column_taps[-1]))
        parts.append(f"SUMPRODUCT({window},{taps})")
    return "+".join(parts) or "0"


def _linear(inputs: Inputs, place: tuple[int, ...]) -> str:
    assert inputs.filters is not None
    weights = inputs.filters.kernel(place[0], 0)
    last = (inputs.x.shape[0] - 1,)
    products = f"SUMPRODUCT({inputs.x.range((0,), last)},{weights.range((0,), last)})"
    return f"{inputs.filters.value('bias', place[0])}+{products}"


def _window_cells(inputs: Inputs, place: tuple[int, ...]) -> str:
    (rows, _), (columns, _) = _taps(inputs, place)
    channel = place[0]
    if _dilated(inputs):
        return ",".join(inputs.x.cell(channel, row, column) for row in rows for column in columns)
    return inputs.x.range((channel, rows[0], columns[0]), (channel, rows[-1], columns[-1]))


def _max_pool(inputs: Inputs, place: tuple[int, ...]) -> str:
    return f"MAX({_window_cells(inputs, place)})"


def _avg_pool(inputs: Inputs, place: tuple[int, ...]) -> str:
    windows = inputs.layer.window()
    assert windows is not None
    count = 1
    (rows, _), (columns, _) = _taps(inputs, place)
    for axis, inside in ((0, rows), (1, columns)):
        w, size = windows[axis], inputs.x.shape[1 + axis]
        before, after = resolve_padding(w.padding, size, w.kernel, w.stride, w.dilation)
        start = place[1 + axis] * w.stride - before
        padded = min(start + w.kernel, size + after) - start
        count *= padded if inputs.layer.settings()["count_include_pad"] else len(inside)
    return f"SUM({_window_cells(inputs, place)})/{count}"


def _whole_map(inputs: Inputs, place: tuple[int, ...]) -> str:
    _, height, width = inputs.x.shape
    return inputs.x.range((place[0], 0, 0), (place[0], height - 1, width - 1))


def _global_avg(inputs: Inputs, place: tuple[int, ...]) -> str:
    return f"SUM({_whole_map(inputs, place)})/{inputs.x.shape[1] * inputs.x.shape[2]}"


def _global_max(inputs: Inputs, place: tuple[int, ...]) -> str:
    return f"MAX({_whole_map(inputs, place)})"


def _batch_norm(inputs: Inputs, place: tuple[int, ...]) -> str:
    assert inputs.filters is not None
    names = ("weight", "bias", "running_mean", "running_var")
    weight, bias, mean, var = (inputs.filters.value(name, place[0]) for name in names)
    eps = inputs.layer.settings()["eps"]
    return f"({inputs.x.cell(*place)}-{mean})/SQRT({var}+{eps!r})*{weight}+{bias}"


def _channel_scale(inputs: Inputs, place: tuple[int, ...]) -> str:
    assert inputs.filters is not None
    weight, bias = (inputs.filters.value(name, place[0]) for name in ("weight", "bias"))
    return f"{inputs.x.cell(*place)}*{weight}+{bias}"


def _flatten(inputs: Inputs, place: tuple[int, ...]) -> str:
    return inputs.x.cell(*(int(i) for i in np.unravel_index(place[0], inputs.x.shape)))


def _same(inputs: Inputs, place: tuple[int, ...]) -> str:
    return inputs.x.cell(*place)


def _add(inputs: Inputs, place: tuple[int, ...]) -> str:
    return "+".join(source.cell(*place) for source in inputs.sources)


def _concatenate(inputs: Inputs, place: tuple[int, ...]) -> str:
    axis = inputs.layer.settings()["axis"] % (len(place) + 1) - 1
    index = list(place)
    for source in inputs.sources:
        if index[axis] < source.shape[axis]:
            return source.cell(*index)
        index[axis] -= source.shape[axis]
    raise AssertionError("a cell beyond the last input")


def _relu(inputs: Inputs, place: tuple[int, ...]) -> str:
    return f"MAX(0,{inputs.x.cell(*place)})"


def _leaky(inputs: Inputs, place: tuple[int, ...]) -> str:
    x = inputs.x.cell(*place)
    if inputs.filters is not None:
        slope = inputs.filters.value("weight", place[0])
    else:
        slope = repr(float(inputs.layer.settings()["slope"]))
    return f"IF({x}>0,{x},{slope}*{x})"


def _clip(inputs: Inputs, place: tuple[int, ...]) -> str:
    low, high = inputs.layer.settings().values()
    text = inputs.x.cell(*place)
    text = text if np.isinf(low) else f"MAX({low!r},{text})"
    return text if np.isinf(high) else f"MIN({high!r},{text})"


def _tanh(inputs: Inputs, place: tuple[int, ...]) -> str:
    settings = inputs.layer.settings()
    return f"{settings['amplitude']!r}*TANH({settings['slope']!r}*{inputs.x.cell(*place)})"


def _sigmoid(inputs: Inputs, place: tuple[int, ...]) -> str:
    return f"1/(1+EXP(-{inputs.x.cell(*place)}))"


def _softmax(inputs: Inputs, place: tuple[int, ...]) -> str:
    """The exponential divided by their sum; the column of exponentials stands beside (see `workbook`)."""
    exponentials = Layout(inputs.x.sheet, inputs.x.shape, inputs.x.top, inputs.x.left)
    last = (inputs.x.shape[0] - 1,)
    return f"{exponentials.cell(*place)}/SUM({exponentials.range((0,), last)})"


FORMULAS: dict[str, Way] = {
    "Add": _add,
    "AvgPool2d": _avg_pool,
    "BatchNorm": _batch_norm,
    "ChannelScale": _channel_scale,
    "Clip": _clip,
    "Concatenate": _concatenate,
    "Conv2d": _convolution,
    "Dropout": _same,
    "Flatten": _flatten,
    "GlobalAvgPool2d": _global_avg,
    "GlobalMaxPool2d": _global_max,
    "LeakyReLU": _leaky,
    "Linear": _linear,
    "MaxPool2d": _max_pool,
    "PReLU": _leaky,
    "ReLU": _relu,
    "Sigmoid": _sigmoid,
    "Softmax": _softmax,
    "TableConv2d": _convolution,
    "Tanh": _tanh,
}

#: What each cell is, in words.
WORDS: dict[str, str] = {
    "Add": "the cells at the same place of its inputs, added up",
    "AvgPool2d": "the mean of a window of the map before it",
    "BatchNorm": "the cell less its channel's mean, over its channel's spread, times a weight, plus a bias",
    "ChannelScale": "the cell times its channel's weight, plus its channel's bias",
    "Clip": "the cell, kept between two limits",
    "Concatenate": "the cell of the input that stands at this place when all are put one after the other",
    "Conv2d": "the filter's bias and, for each input channel, the sum of window times kernel, place by place",
    "Dropout": "the cell itself: nothing is dropped outside training",
    "Flatten": "one cell of the maps, which are written out one after the other",
    "GlobalAvgPool2d": "the mean of a whole map",
    "GlobalMaxPool2d": "the largest value of a whole map",
    "LeakyReLU": "the cell, or a small multiple of it if it is negative",
    "Linear": "a bias and the sum of all inputs, each times its weight",
    "MaxPool2d": "the largest value of a window of the map before it",
    "PReLU": "the cell, or its channel's slope times it if it is negative",
    "ReLU": "the cell, or 0 if it is negative",
    "Sigmoid": "1 / (1 + exp(-cell))",
    "Softmax": "exp(score - largest score), divided by the sum of all of these",
    "TableConv2d": "the filter's bias and, for each channel that is connected, the window times kernel",
    "Tanh": "the hyperbolic tangent of the cell",
}
