"""The cells that are weighted sums of what entered: one function a kind of layer."""

from __future__ import annotations

from typing import Any

import numpy as np

from convscope.explain.terms import (
    TERMS,
    Array,
    Cell,
    Reading,
    Terms,
    Way,
    added,
    one_cell,
    rows_of,
)
from convscope.geometry import resolve_padding
from convscope.geometry.size import transpose_padding
from convscope.ops.taps import pad_taps, resize_taps

__all__ = ["SUMS", "own_window"]


def _bias(reading: Reading) -> float:
    bias = reading.layer.parameters.get("bias")
    return 0.0 if bias is None else float(bias[reading.place[0]])


def _window(reading: Reading, channels: range) -> Terms:
    """Lay out the window of a cell over `channels`: places and inputs; padding is 0."""
    x, axes = reading.x, reading.layer.window()
    assert axes is not None  # every layer with a window says so
    taps = []
    for window, size, index in zip(axes, x.shape[1:], reading.place[1:], strict=True):
        before, _ = resolve_padding(window.padding, size, window.kernel, window.stride, window.dilation)
        taps.append(index * window.stride - before + np.arange(window.kernel) * window.dilation)
    rows, columns = taps
    terms = np.zeros((len(channels), len(rows), len(columns)), TERMS)
    terms["channel"] = np.array(channels)[:, None, None]
    terms["row"], terms["column"] = rows[None, :, None], columns[None, None, :]
    terms["kernel_row"] = np.arange(len(rows))[None, :, None]
    terms["kernel_column"] = np.arange(len(columns))[None, None, :]
    inside = _inside(rows, x.shape[1])[:, None] & _inside(columns, x.shape[2])
    terms["padding"] = ~inside
    clipped = np.ix_(np.array(channels), rows.clip(0, x.shape[1] - 1), columns.clip(0, x.shape[2] - 1))
    terms["input"] = np.where(inside, x[clipped], 0.0)
    return terms


def _inside(positions: Array, size: int) -> Array:
    return (positions >= 0) & (positions < size)


def own_window(reading: Reading) -> Terms:
    """Lay out the window of a cell over its own channel."""
    channel = reading.place[0]
    return _window(reading, range(channel, channel + 1)).reshape(-1)


def _convolution(reading: Reading) -> Cell:
    weight = reading.layer.parameters["weight"]
    depth, place = weight.shape[1], reading.place
    # filters of one group read `depth` channels
    group = place[0] // (weight.shape[0] * depth // reading.x.shape[0])
    terms = _window(reading, range(group * depth, (group + 1) * depth))
    terms["weight"] = weight[place[0]]
    connections = reading.layer.settings().get("connections")
    if connections is not None:  # the table of a TableConv2d: what is not connected does not enter
        terms = terms[np.array(connections[place[0]])]
    return added(reading, terms.reshape(-1), _bias(reading))


def _transposed(reading: Reading) -> Cell:
    """Gather what the inputs write to this cell: input i writes at i*stride - padding + tap*dilation."""
    settings, weight, x = reading.layer.settings(), reading.layer.parameters["weight"], reading.x
    per_group = weight.shape[1]
    depth = x.shape[0] // settings["groups"]
    group, channel = divmod(reading.place[0], per_group)
    rows, kernel_rows = _writers(settings, 0, x.shape[1], reading.place[1])
    columns, kernel_columns = _writers(settings, 1, x.shape[2], reading.place[2])
    channels = np.arange(group * depth, (group + 1) * depth)
    at = np.ix_(channels, rows, columns)
    terms = rows_of(
        x[at],
        weight[channels][:, channel][np.ix_(np.arange(depth), kernel_rows, kernel_columns)],
        channel=channels[:, None, None],
        row=rows[:, None],
        column=columns,
        kernel_row=kernel_rows[:, None],
        kernel_column=kernel_columns,
    )
    return added(reading, terms, _bias(reading))


def _writers(settings: dict[str, Any], axis: int, size: int, index: int) -> tuple[Array, Array]:
    """Give the input positions along one axis that write to `index`, and by which tap."""
    kernel, stride = settings["kernel_size"][axis], settings["stride"][axis]
    dilation, given = settings["dilation"][axis], settings["padding"]
    padding = given if isinstance(given, str) else given[axis]
    extra = settings["output_padding"][axis]
    before, _ = transpose_padding(size, kernel, stride, padding, dilation, extra)
    taps = np.arange(kernel)
    from_start = index + before - taps * dilation
    fits = (from_start % stride == 0) & _inside(from_start // stride, size)
    return (from_start // stride)[fits], taps[fits]


def _linear(reading: Reading) -> Cell:
    x, source = reading.x, reading.origins[0]
    shape = source if len(source) == 3 and int(np.prod(source)) == x.size else (x.size, 1, 1)
    channel, row, column = np.unravel_index(np.arange(x.size), shape)
    weight = reading.layer.parameters["weight"][reading.place[0]]
    terms = rows_of(x, weight, channel=channel, row=row, column=column, kernel_row=row, kernel_column=column)
    return added(reading, terms, _bias(reading))


def _max_pool(reading: Reading) -> Cell:
    terms = own_window(reading)
    # padding never wins; argmax takes the first of equals and the first NaN, as the engine does
    values = np.where(terms["padding"], -np.inf, terms["input"])
    terms["weight"][values.argmax()] = 1.0
    return added(reading, terms, gate=True)


def _avg_pool(reading: Reading) -> Cell:
    terms = own_window(reading)
    counted = ~terms["padding"]
    if reading.layer.settings().get("count_include_pad", True):
        counted = _within_padding(reading, terms)
    terms["weight"][counted] = 1.0 / counted.sum()
    return added(reading, terms)


def _within_padding(reading: Reading, terms: Terms) -> Array:
    """Say which taps lie in the image or its padding; with ceil_mode a window may reach beyond both."""
    axes = reading.layer.window()
    assert axes is not None
    within = np.ones(len(terms), np.bool_)
    for window, size, name in zip(axes, reading.x.shape[1:], ("row", "column"), strict=True):
        _, after = resolve_padding(window.padding, size, window.kernel, window.stride, window.dilation)
        within &= terms[name] < size + after
    return within


def _whole_map(reading: Reading, weight: float) -> Terms:
    values = reading.x[reading.place[0]]
    rows, columns = np.indices(values.shape)
    return rows_of(
        values,
        weight,
        channel=reading.place[0],
        row=rows,
        column=columns,
        kernel_row=rows,
        kernel_column=columns,
    )


def _global_avg_pool(reading: Reading) -> Cell:
    return added(reading, _whole_map(reading, 1.0 / reading.x[0].size))


def _global_max_pool(reading: Reading) -> Cell:
    terms = _whole_map(reading, 0.0)
    terms["weight"][terms["input"].argmax()] = 1.0
    return added(reading, terms, gate=True)


def _pad(reading: Reading) -> Cell:
    settings, x = reading.layer.settings(), reading.x
    (top, _), (left, _) = settings["padding"]
    channel, row, column = reading.place
    row, column = row - top, column - left
    if settings["mode"] == "constant":
        outside = not (0 <= row < x.shape[1] and 0 <= column < x.shape[2])
        if outside:
            empty = rows_of(np.zeros(1), 1.0, channel=channel, row=row, column=column, padding=True)
            return added(reading, empty, float(np.asarray(settings["value"], reading.dtype)))
    else:
        row, column = (
            int(pad_taps(size, pads, settings["mode"])[0][index, 0])
            for size, pads, index in zip(x.shape[1:], settings["padding"], reading.place[1:], strict=True)
        )
    value = x[channel, row : row + 1, column]
    return added(reading, rows_of(value, 1.0, channel=channel, row=row, column=column))


def _resize(reading: Reading) -> Cell:
    x, settings = reading.x, reading.layer.settings()
    channel, *place = reading.place
    outputs = reading.layer.output_shape((1, *x.shape))[2:]
    found = []
    for axis in (0, 1):
        scale = settings.get("scale")
        cells, weights = resize_taps(
            x.shape[1 + axis],
            outputs[axis],
            scale=None if scale is None else float(scale[axis]),
            mode=settings["mode"],
            coordinates=settings["coordinates"],
            rounding=settings.get("rounding", ""),
        )
        read = weights[place[axis]] != 0  # a weight of 0 reads nothing
        found.append((cells[place[axis]][read], weights[place[axis]][read]))
    (rows, by_row), (columns, by_column) = found
    terms = rows_of(
        x[channel][np.ix_(rows, columns)],
        np.outer(by_row, by_column),
        channel=channel,
        row=rows[:, None],
        column=columns,
        kernel_row=np.arange(len(rows))[:, None],
        kernel_column=np.arange(len(columns)),
    )
    return added(reading, terms, more=3)  # two weights are rounded, and there are two products


def _batch_norm(reading: Reading) -> Cell:
    """Write (x - mean) * slope + bias as x * slope + (bias - mean * slope)."""
    layer, channel = reading.layer, reading.place[0]
    weight, bias = (float(layer.parameters[name][channel]) for name in ("weight", "bias"))
    mean, var = (float(layer.statistics[name][channel]) for name in ("running_mean", "running_var"))
    slope = weight / np.sqrt(var + layer.settings()["eps"])
    terms = one_cell(reading, weight=slope)
    # rounded are eps, var + eps, the root, the quotient, the difference, product and sum
    return added(reading, terms, bias - mean * slope, parts=abs(mean * slope) + abs(bias), more=6)


def _channel_scale(reading: Reading) -> Cell:
    weight = float(reading.layer.parameters["weight"][reading.place[0]])
    return added(reading, one_cell(reading, weight=weight), _bias(reading), more=6)


def _same(reading: Reading) -> Cell:
    return added(reading, one_cell(reading))


def _flatten(reading: Reading) -> Cell:
    channel, row, column = _unflattened(reading.place[0], reading.x.shape)
    value = reading.x.reshape(reading.x.shape)[(channel, row, column)[: reading.x.ndim]]
    return added(reading, rows_of(np.asarray([value]), 1.0, channel=channel, row=row, column=column))


def _unflattened(index: int, shape: tuple[int, ...]) -> tuple[int, int, int]:
    if len(shape) != 3:
        return index, 0, 0
    channel, row, column = (int(i) for i in np.unravel_index(index, shape))
    return channel, row, column


def _concatenate(reading: Reading) -> Cell:
    axis = reading.layer.settings()["axis"] % (reading.x.ndim + 1) - 1
    place, source = list(reading.place), 0
    while place[axis] >= reading.inputs[source].shape[axis]:
        place[axis] -= reading.inputs[source].shape[axis]
        source += 1
    inner = Reading(reading.layer, reading.inputs, tuple(place), reading.origins)
    return added(reading, one_cell(inner, source=source))


def _add(reading: Reading) -> Cell:
    return added(reading, np.concatenate([one_cell(reading, source=i) for i in range(len(reading.inputs))]))


def _subtract(reading: Reading) -> Cell:
    (one, _), (other, _) = reading.stretched(0), reading.stretched(1)
    other["weight"] = -1.0
    return added(reading, np.concatenate([one, other]))


def _multiply(reading: Reading) -> Cell:
    (terms, _), (_, factor) = reading.stretched(0), reading.stretched(1)
    terms["weight"] = factor
    return added(reading, terms)


def _divide(reading: Reading) -> Cell:
    (terms, _), (_, divisor) = reading.stretched(0), reading.stretched(1)
    with np.errstate(divide="ignore"):
        terms["weight"] = np.float64(1.0) / np.float64(divisor)
    return added(reading, terms, more=1)


def _relu(reading: Reading) -> Cell:
    below = reading.x[reading.place] <= 0
    return added(reading, one_cell(reading, weight=0.0 if below else 1.0), gate=True)


def _leaky(reading: Reading) -> Cell:
    below = not reading.x[reading.place] > 0
    slopes = reading.layer.parameters.get("weight")
    slope = reading.layer.settings()["slope"] if slopes is None else slopes[reading.place[0] % slopes.size]
    return added(reading, one_cell(reading, weight=float(slope) if below else 1.0), more=1)


def _clip(reading: Reading) -> Cell:
    low, high = (float(np.asarray(v, reading.dtype)) for v in reading.layer.settings().values())
    value = reading.x[reading.place]
    limit = low if value < low else high if value > high else None
    terms = one_cell(reading, weight=1.0 if limit is None else 0.0)
    return added(reading, terms, limit or 0.0, gate=True)


#: Layers whose cells are sums of inputs times weights; a maximum or a rectifier has weight 1 or 0.
SUMS: dict[str, Way] = {
    "Add": _add,
    "AvgPool2d": _avg_pool,
    "BatchNorm": _batch_norm,
    "ChannelScale": _channel_scale,
    "Clip": _clip,
    "Concatenate": _concatenate,
    "Conv2d": _convolution,
    "ConvTranspose2d": _transposed,
    "Divide": _divide,
    "Dropout": _same,
    "Flatten": _flatten,
    "GlobalAvgPool2d": _global_avg_pool,
    "GlobalMaxPool2d": _global_max_pool,
    "LeakyReLU": _leaky,
    "Linear": _linear,
    "MaxPool2d": _max_pool,
    "Multiply": _multiply,
    "PReLU": _leaky,
    "Pad2d": _pad,
    "ReLU": _relu,
    "Resize2d": _resize,
    "Subtract": _subtract,
    "TableConv2d": _convolution,
}
