"""The products that make up one cell, for each kind of layer that is a sum of products."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope.errors import InvalidValue
from convscope.geometry import resolve_padding
from convscope.layers import Layer

__all__ = ["TERMS", "terms_of"]

Array = NDArray[Any]
Place = tuple[int, ...]

#: One product; see `Trace.terms`.
TERMS = np.dtype(
    [
        ("channel", np.int64),
        ("row", np.int64),
        ("column", np.int64),
        ("kernel_row", np.int64),
        ("kernel_column", np.int64),
        ("padding", np.bool_),
        ("input", np.float64),
        ("weight", np.float64),
        ("product", np.float64),
    ]
)


def terms_of(layer: Layer, x: Array, place: Place, source: tuple[int, ...]) -> tuple[NDArray[np.void], float]:
    """Give the terms and the bias of one cell.

    Parameters
    ----------
    layer : Layer
    x : ndarray of shape (C, H, W) or (F,)
        What entered the layer.
    place : (channel, row, column) or (feature,)
        The cell of the output.
    source : tuple of int
        The shape of the map that a flattened `x` came from.

    Raises
    ------
    InvalidValue
        If no way to write a cell of this kind of layer as a sum is known.
    """
    if layer.kind not in _WAYS:
        raise InvalidValue(f"trace: the node must be one of {', '.join(_WAYS)}; got {layer.kind}.")
    terms = _WAYS[layer.kind](layer, x, place, source)
    with np.errstate(invalid="ignore"):  # infinity times 0 is NaN here as in the engine ...
        terms["product"] = terms["input"] * terms["weight"]
    if layer.kind == "MaxPool2d":  # ... but a maximum leaves out what it did not choose
        terms["product"][terms["weight"] == 0] = 0.0
    bias = layer.parameters.get("bias")
    return terms, 0.0 if bias is None else float(bias[place[0]])


def _window(layer: Layer, x: Array, place: Place, channels: range) -> NDArray[np.void]:
    """Lay out the window of a cell over `channels` of x: places and inputs; padding is 0."""
    axes = layer.window()
    assert axes is not None  # every layer with a window says so
    taps = []
    for window, size, index in zip(axes, x.shape[1:], place[1:], strict=True):
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


def _convolution(layer: Layer, x: Array, place: Place, source: tuple[int, ...]) -> NDArray[np.void]:
    weight = layer.parameters["weight"]
    depth = weight.shape[1]
    group = place[0] // (weight.shape[0] * depth // x.shape[0])  # filters of one group read `depth` channels
    terms = _window(layer, x, place, range(group * depth, (group + 1) * depth))
    terms["weight"] = weight[place[0]]
    connections = layer.settings().get("connections")
    if connections is not None:  # the table of a TableConv2d: what is not connected does not enter
        terms = terms[np.array(connections[place[0]])]
    return terms.reshape(-1)


def _linear(layer: Layer, x: Array, place: Place, source: tuple[int, ...]) -> NDArray[np.void]:
    terms = np.zeros(x.size, TERMS)
    shape = source if len(source) == 3 and int(np.prod(source)) == x.size else (x.size, 1, 1)
    terms["channel"], terms["row"], terms["column"] = np.unravel_index(np.arange(x.size), shape)
    terms["kernel_row"], terms["kernel_column"] = terms["row"], terms["column"]
    terms["input"] = x.reshape(-1)
    terms["weight"] = layer.parameters["weight"][place[0]]
    return terms


def _max_pool(layer: Layer, x: Array, place: Place, source: tuple[int, ...]) -> NDArray[np.void]:
    terms = _window(layer, x, place, range(place[0], place[0] + 1)).reshape(-1)
    # padding never wins; argmax takes the first of equals and the first NaN, as the engine does
    values = np.where(terms["padding"], -np.inf, terms["input"])
    terms["weight"][values.argmax()] = 1.0
    return terms


def _avg_pool(layer: Layer, x: Array, place: Place, source: tuple[int, ...]) -> NDArray[np.void]:
    terms = _window(layer, x, place, range(place[0], place[0] + 1)).reshape(-1)
    counted = ~terms["padding"]
    if layer.settings().get("count_include_pad", True):
        counted = _within_padding(layer, x, terms)
    terms["weight"][counted] = 1.0 / counted.sum()
    return terms


def _within_padding(layer: Layer, x: Array, terms: NDArray[np.void]) -> Array:
    """Say which taps lie in the image or its padding; with ceil_mode a window may reach beyond both."""
    axes = layer.window()
    assert axes is not None
    within = np.ones(len(terms), np.bool_)
    for window, size, name in zip(axes, x.shape[1:], ("row", "column"), strict=True):
        _, after = resolve_padding(window.padding, size, window.kernel, window.stride, window.dilation)
        within &= terms[name] < size + after
    return within


def _global_avg_pool(layer: Layer, x: Array, place: Place, source: tuple[int, ...]) -> NDArray[np.void]:
    terms = np.zeros(x[0].size, TERMS)
    terms["channel"] = place[0]
    terms["row"], terms["column"] = np.unravel_index(np.arange(x[0].size), x.shape[1:])
    terms["kernel_row"], terms["kernel_column"] = terms["row"], terms["column"]
    terms["input"] = x[place[0]].reshape(-1)
    terms["weight"] = 1.0 / x[0].size
    return terms


_WAYS: dict[str, Callable[[Layer, Array, Place, tuple[int, ...]], NDArray[np.void]]] = {
    "Conv2d": _convolution,
    "TableConv2d": _convolution,
    "Linear": _linear,
    "MaxPool2d": _max_pool,
    "AvgPool2d": _avg_pool,
    "GlobalAvgPool2d": _global_avg_pool,
}
