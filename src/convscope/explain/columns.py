"""Which cells of a layer's output change with one cell of its input, and how much each does."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

import numpy as np

from convscope.explain.cells import WAYS
from convscope.explain.couplings import (
    COUPLINGS,
    Column,
    broadcast_places,
    listed,
    of_norm,
    of_norms,
    powers_of,
)
from convscope.explain.general import MOVES, in_float64
from convscope.explain.links import links_of
from convscope.explain.rounding import Rounded, exactly
from convscope.explain.slopes import SLOPES
from convscope.explain.terms import Place, Reading, input_places
from convscope.geometry import resolve_padding
from convscope.geometry.size import transpose_padding
from convscope.layers import Layer

__all__ = ["column_of", "written_by"]

_LINEAR = (
    "Average", "AvgPoolNd", "ConvNd", "ConvTransposeNd", "MatMul", "Negate", "ResizeAxes", *MOVES,
)  # fmt: skip
_EACH = ("Abs", "Add", "BatchNorm", "Cast", "ChannelScale", "Clip", "Dropout", "LeakyReLU", "PReLU", "ReLU")
_CHOOSING = ("Maximum", "Minimum", "Where")
_STEPS = ("ArgMax", "Ceil", "Equal", "Floor")


def column_of(reading: Reading, source: int, place: Place, output: Place) -> Column:
    """Give the derivatives of all cells of a layer's output by one cell of an input.

    They are derived here, from what the layer is defined to compute; the engine's own backward
    pass is not asked, so that it can be checked.

    Parameters
    ----------
    reading : Reading
        What entered the layer; its place is not used.
    source : int
        Which of the inputs.
    place : tuple of int
        The cell of that input.
    output : tuple of int
        The shape of the output, without the batch.
    """
    layer, kind = reading.layer, reading.layer.kind
    if reading.inputs[source].ndim == len(place) + 1:  # a constant, whose first axis is no batch
        place = (0, *place)
    if kind in SLOPES:
        return _bent(reading, place)
    if kind in COUPLINGS:
        with np.errstate(all="ignore"):
            return COUPLINGS[kind](reading, source, place)
    if kind in _STEPS or (kind == "Cast" and layer.settings()["to"] != "float"):
        return listed(np.zeros((0, len(output))), np.zeros(0), "0: a step")
    if kind in _LINEAR or (kind == "Reduce" and layer.settings()["how"] in ("mean", "sum")):
        return _by_forward(reading, source, place)
    special = _SPECIAL.get(kind)
    if special is not None:
        return special(reading, source, place, output)
    return _by_cells(reading, source, place, output, _touched(reading, source, place, output))


def _bent(reading: Reading, place: Place) -> Column:
    with np.errstate(all="ignore"):
        slope, words = SLOPES[reading.layer.kind](
            exactly(reading.x[place], reading.dtype), reading.layer.settings()
        )
    return listed([place], slope, words)


def _by_forward(reading: Reading, source: int, place: Place) -> Column:
    """What a linear layer makes of a single 1 among zeros."""
    layer, inputs = in_float64(reading.layer, reading.batched)
    layer.parameters = {
        name: np.zeros_like(array) if name == "bias" else array for name, array in layer.parameters.items()
    }
    made = []
    for value in (1.0, 0.0):
        one = np.zeros_like(inputs[source])
        one[(0,) * (one.ndim - len(place)) + place] = value
        made.append(layer.forward(*inputs[:source], one, *inputs[source + 1 :])[0][0])
    change = made[0] - made[1]
    places = np.argwhere(change != 0)
    return listed(places, change[tuple(places.T)])


def _touched(reading: Reading, source: int, place: Place, output: Place) -> Iterable[Place]:
    """Give the cells of the output that may depend on the cell."""
    layer = reading.layer
    shapes = tuple(x.shape for x in reading.inputs)
    if layer.kind in _CHOOSING:
        return [tuple(row) for row in broadcast_places(shapes[source], output, place).tolist()]
    if layer.kind == "MaxPoolNd":
        return _ones(reading, place)
    if layer.kind in _EACH:
        return [place]
    if len(output) == 1:
        flat = int(np.ravel_multi_index(place, shapes[source]))
        before = sum(int(np.prod(s)) for s in shapes[:source]) if layer.kind == "Concatenate" else 0
        return [(flat + before,)]
    rows, columns = links_of(layer, shapes, source, output)
    return [
        (channel, int(row), int(column))
        for channel in _channels(layer, shapes, source, place[0], output[0])
        for row in np.flatnonzero(rows[:, place[1]])
        for column in np.flatnonzero(columns[:, place[2]])
    ]


def _ones(reading: Reading, place: Place) -> list[Place]:
    """Give the cells in which the layer finds a single 1 among zeros."""
    layer: Any = copy.copy(reading.layer)
    if layer.kind == "Reduce":
        layer.how = "sum"
    one = np.zeros_like(reading.batched[0])
    one[(0, *place)] = 1
    return [tuple(row) for row in np.argwhere(layer.forward(one)[0][0] != 0).tolist()]


def _channels(layer: Layer, shapes: tuple[Place, ...], source: int, channel: int, made: int) -> range:
    """Give the output channels that read an input channel."""
    if layer.kind == "Concatenate" and layer.settings()["axis"] % 4 == 1:
        channel += sum(shape[0] for shape in shapes[:source])
    return range(made) if shapes[source][0] == 1 else range(channel, channel + 1)


def _by_cells(reading: Reading, source: int, place: Place, output: Place, touched: Iterable[Place]) -> Column:
    """Take apart every cell that may have read this one; the weights there are the derivatives."""
    shapes = [x.shape for x in reading.inputs]
    places, values = [], []
    for at in touched:
        cell = WAYS[reading.layer.kind](
            Reading(reading.layer, reading.inputs, at, reading.origins, reading.batched)
        )
        read = input_places(cell.terms, shapes, shapes)
        for (index, where), term in zip(read, cell.terms, strict=True):
            if index == source and where == place and not term["padding"]:
                places.append(at)
                values.append(float(term["weight"]))
    return listed(np.array(places, np.int64).reshape(len(places), len(output)), np.array(values))


def _linear(reading: Reading, source: int, place: Place, output: Place) -> Column:
    weight = reading.layer.parameters["weight"]
    return listed(np.arange(len(weight)), weight[:, place[0]].astype(np.float64))


def _convolution(reading: Reading, source: int, place: Place, output: Place) -> Column:
    """Every filter of the group read the cell, each output cell by another tap of its kernel."""
    layer, weight, shape = reading.layer, reading.layer.parameters["weight"], reading.x.shape
    windows = layer.window()
    assert windows is not None
    group, channel = divmod(place[0], weight.shape[1])
    each = weight.shape[0] * weight.shape[1] // shape[0]
    filters = np.arange(group * each, (group + 1) * each)
    connections = layer.settings().get("connections")
    if connections is not None:
        filters = filters[np.array(connections)[filters, channel]]
    found = []
    for axis in (0, 1):
        w, size, at = windows[axis], shape[1 + axis], place[1 + axis]
        before, _ = resolve_padding(w.padding, size, w.kernel, w.stride, w.dilation)
        cells = np.arange(output[1 + axis])
        offsets = at + before - cells * w.stride
        fits = (offsets >= 0) & (offsets % w.dilation == 0) & (offsets // w.dilation < w.kernel)
        found.append((cells[fits], offsets[fits] // w.dilation))
    (rows, row_taps), (columns, column_taps) = found
    values = weight[np.ix_(filters, [channel], row_taps, column_taps)]
    return _grid(filters, rows, columns, values)


def _transposed(reading: Reading, source: int, place: Place, output: Place) -> Column:
    """The cell wrote to all channels of its group, at its own place times the stride, tap by tap."""
    settings, weight, x = reading.layer.settings(), reading.layer.parameters["weight"], reading.x
    each = weight.shape[1]
    group = place[0] // (x.shape[0] // settings["groups"])
    found = []
    for axis in (0, 1):
        written = written_by(settings, axis, x.shape[1 + axis])[place[1 + axis]]
        taps = np.flatnonzero((written >= 0) & (written < output[1 + axis]))
        found.append((written[taps], taps))
    (rows, row_taps), (columns, column_taps) = found
    values = weight[place[0]][np.ix_(np.arange(each), row_taps, column_taps)]
    return _grid(np.arange(group * each, (group + 1) * each), rows, columns, values)


def written_by(settings: dict[str, Any], axis: int, size: int) -> Any:
    """Give where along an axis each input cell of a transposed convolution writes by each tap.

    Returns
    -------
    ndarray of shape (input cells, taps)
        Positions before 0 or after the end are cut off by the layer.
    """
    kernel, stride, dilation, extra = (
        settings[name][axis] for name in ("kernel_size", "stride", "dilation", "output_padding")
    )
    given = settings["padding"]
    padding = given if isinstance(given, str) else given[axis]
    before, _ = transpose_padding(size, kernel, stride, padding, dilation, extra)
    return np.arange(size)[:, None] * stride - before + np.arange(kernel) * dilation


def _grid(channels: Any, rows: Any, columns: Any, values: Any) -> Column:
    places = np.stack([a.ravel() for a in np.meshgrid(channels, rows, columns, indexing="ij")], axis=1)
    return listed(places, values.astype(np.float64).ravel())


def _factors(reading: Reading, source: int, place: Place, output: Place) -> Column:
    """A factor's derivative is the other factor; a divisor's is -a / b ** 2."""
    places = broadcast_places(reading.inputs[source].shape, output, place)
    a, b = (np.broadcast_to(x.astype(np.float64), output)[tuple(places.T)] for x in reading.inputs)
    if reading.layer.kind == "Multiply":
        return listed(places, b if source == 0 else a)
    with np.errstate(all="ignore"):
        x, y = exactly(a, reading.dtype), exactly(b, reading.dtype)
        if source == 0:
            return listed(places, exactly(1.0, reading.dtype) / y, "1 / b")
        return listed(places, -(x / y / y), "-a / b ** 2")


def _slope(reading: Reading, source: int, place: Place, output: Place) -> Column:
    places = broadcast_places(reading.inputs[source].shape, output, place)
    x, slope = (np.broadcast_to(v.astype(np.float64), output)[tuple(places.T)] for v in reading.inputs)
    return listed(places, np.where(x < 0, slope if source == 0 else x, 1.0 - source))


def _reduced(reading: Reading, source: int, place: Place, output: Place) -> Column:
    """A p-norm of a window or of whole axes; of a largest or smallest value the equals share the gradient."""
    if reading.layer.kind == "Reduce" and reading.layer.settings()["how"] != "norm":
        return _by_cells(reading, source, place, output, _ones(reading, place))
    p, dtype = float(reading.layer.settings()["p"]), reading.dtype
    places = _ones(reading, place)
    found: list[Rounded] = []
    for at in places:
        cell = WAYS[reading.layer.kind](
            Reading(reading.layer, reading.inputs, at, reading.origins, reading.batched)
        )
        found.append(of_norm(float(reading.x[place]), powers_of(cell.terms["input"], p, dtype), p, dtype))
    return of_norms(np.array(places, np.int64).reshape(len(places), len(output)), found, p)


_SPECIAL = {
    "Conv2d": _convolution,
    "ConvTranspose2d": _transposed,
    "Divide": _factors,
    "Linear": _linear,
    "LpPoolNd": _reduced,
    "Multiply": _factors,
    "Reduce": _reduced,
    "Slope": _slope,
    "TableConv2d": _convolution,
}
