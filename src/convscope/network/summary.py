"""The table of a network's nodes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from convscope.errors import InvalidValue
from convscope.geometry import AxisGeometry, ReceptiveField, conv_geometry, resolve_padding
from convscope.layers import Window
from convscope.layers.base import Shape
from convscope.layers.fused import FusedConv2d
from convscope.network.graph import Node
from convscope.result import Result

__all__ = ["Field", "Summary", "SummaryRow", "summarise"]


@dataclass(frozen=True)
class Field:
    """The receptive field of a node's cells in the input, in pixels; each pair is (rows, columns).

    Attributes
    ----------
    size : (int, int)
        Pixels that one cell depends on at most, padding included.
    stride : (int, int)
        Pixels between the fields of neighbouring cells; 0 where there is one cell only, and
        parts of a pixel where there are more cells than pixels.
    padding : (int, int)
        Pixels by which the first cell's field begins before the image.
    """

    size: tuple[int, int]
    stride: tuple[float, float]
    padding: tuple[int, int]


@dataclass(frozen=True)
class SummaryRow:
    """What there is to say about one node.

    Attributes
    ----------
    name, kind : str
    inputs : tuple of str
        The nodes it reads.
    settings : str
        Kernel, stride and so on, in words.
    output_shape : tuple of int
        Of one image: (C, H, W) or (features,).
    parameters : int
        Values that training may change.
    multiply_adds : int
        Weight-times-input products for one image, taps on padding included.
    bytes : int
        Memory of the output for one image.
    receptive_field : Field or None
        None where the input is no image, or branches of unlike stride meet.
    dropped : str
        What rounding the size leaves out, and where; empty if nothing.
    """

    name: str
    kind: str
    inputs: tuple[str, ...]
    settings: str
    output_shape: Shape
    parameters: int
    multiply_adds: int
    bytes: int
    receptive_field: Field | None
    dropped: str


@dataclass(frozen=True)
class Summary(Result):
    """The table of a network's nodes, with totals; `str` gives it as text.

    Attributes
    ----------
    name : str
    input_shape : tuple of int
        (C, H, W) of one image.
    dtype : str
    rows : tuple of SummaryRow
        In topological order.
    parameters, multiply_adds, bytes : int
        Totals, for one image.

    Examples
    --------
    >>> import convscope as cs
    >>> summary = cs.models.lenet5().summary()
    >>> summary.parameters, summary.multiply_adds
    (44426, 281640)
    >>> summary["pool2"].receptive_field
    Field(size=(16, 16), stride=(4, 4), padding=(0, 0))
    """

    name: str
    input_shape: Shape
    dtype: str
    rows: tuple[SummaryRow, ...]
    parameters: int
    multiply_adds: int
    bytes: int

    def __getitem__(self, name: str) -> SummaryRow:
        return {row.name: row for row in self.rows}[name]


_Axes = tuple[ReceptiveField, ReceptiveField]
_NOTHING: _Axes = (ReceptiveField(0), ReceptiveField(0))  # of a node that depends on no input


def summarise(
    name: str, nodes: Mapping[str, Node], source: str, shapes: Mapping[str, Shape], dtype: np.dtype[Any]
) -> Summary:
    """Make the table; `shapes` has a batch axis of 1."""
    fields: dict[str, _Axes | None] = {
        name: (ReceptiveField(), ReceptiveField()) if name == source and len(shape) == 4 else None
        for name, shape in shapes.items()
        if name not in nodes
    }
    rows = []
    for node in nodes.values():
        input_shapes = [shapes[i] for i in node.inputs]
        fields[node.name] = _field(node, fields, shapes)
        shape = shapes[node.name][1:]
        rows.append(
            SummaryRow(
                name=node.name,
                kind=node.layer.kind,
                inputs=node.inputs,
                settings=_settings(node.layer.settings()),
                output_shape=shape,
                parameters=node.layer.parameter_count(),
                multiply_adds=node.layer.multiply_adds(*input_shapes),
                bytes=int(np.prod(shape)) * dtype.itemsize,
                receptive_field=_as_field(fields[node.name]),
                dropped=_dropped(node, input_shapes[0]) if input_shapes else "",
            )
        )
    return Summary(
        name=name,
        input_shape=shapes[source][1:],
        dtype=str(dtype),
        rows=tuple(rows),
        parameters=sum(row.parameters for row in rows),
        multiply_adds=sum(row.multiply_adds for row in rows),
        bytes=sum(row.bytes for row in rows),
    )


def _field(node: Node, fields: Mapping[str, _Axes | None], shapes: Mapping[str, Shape]) -> _Axes | None:
    """Compose the layer's window with the union of its inputs' fields; constants see nothing."""
    seeing = [name for name in node.inputs if fields[name] is not _NOTHING]
    if not seeing:
        return _NOTHING
    joint, shape = fields[seeing[0]], shapes[seeing[0]]
    for name in seeing[1:]:
        joint = _joined(joint, fields[name])
    if joint is None:
        return None
    windows = node.layer.window()
    reach = node.layer.reach(shape) if len(shape) == 4 else None
    if reach is not None:
        rows, columns = (joint[axis].reading(reach[axis]) for axis in (0, 1))
    elif windows is not None:
        if len(shape) != 4:
            return joint
        rows, columns = (_then(joint[axis], shape[2 + axis], windows[axis]) for axis in (0, 1))
    elif len(shape) == 4:
        rows, columns = (_whole(joint[axis], shape[2 + axis]) for axis in (0, 1))
    else:
        return joint  # a vector's cells have all seen the whole map already
    return rows, columns


def _joined(one: _Axes | None, other: _Axes | None) -> _Axes | None:
    if one is None or other is None:
        return None
    try:
        rows, columns = (a.joined(b) for a, b in zip(one, other, strict=True))
    except InvalidValue:
        return None
    return rows, columns


def _then(field: ReceptiveField, size: int, window: Window) -> ReceptiveField:
    before, _ = resolve_padding(window.padding, size, window.kernel, window.stride, window.dilation)
    return field.then(window.kernel, window.stride, before, window.dilation)


def _whole(field: ReceptiveField, size: int) -> ReceptiveField:
    """The field of the one cell that sees all `size` cells of a map."""
    return ReceptiveField(field.size + (size - 1) * field.jump, 0, field.start)


def _as_field(axes: _Axes | None) -> Field | None:
    if axes is None or axes is _NOTHING:
        return None
    rows, columns = axes
    return Field(
        (math.floor(rows.size), math.floor(columns.size)),
        (_number(rows.jump), _number(columns.jump)),
        (max(0, -math.ceil(rows.start)), max(0, -math.ceil(columns.start))),
    )


def _number(value: int | Fraction) -> float:
    return value if isinstance(value, int) else float(value)


def _dropped(node: Node, shape: Shape) -> str:
    windows = node.layer.window()
    two = isinstance(node.layer, FusedConv2d) and node.layer.pool is not None  # that drop for themselves
    if windows is None or len(shape) != 4 or two:
        return ""
    axes = [_axis(shape[2 + axis], windows[axis]) for axis in (0, 1)]
    said = [axis.explanation() if axis.dropped or axis.overhang else "" for axis in axes]
    if said[0] == said[1]:
        return said[0]
    return " ".join(f"{what}: {text}" for what, text in zip(("Rows", "Columns"), said, strict=True) if text)


def _axis(size: int, window: Window) -> AxisGeometry:
    return conv_geometry(
        size,
        window.kernel,
        stride=window.stride,
        padding=window.padding,
        dilation=window.dilation,
        ceil_mode=window.ceil_mode,
    )


def _settings(settings: Mapping[str, Any]) -> str:
    """Say the settings in words, leaving out what changes nothing."""
    words = []
    for name, value in settings.items():
        if name == "kernel_size":
            words.append("x".join(map(str, value)))
        elif name == "connections":
            words.append(f"{int(np.sum(value))} of {np.size(value)} kernels")
        elif isinstance(value, Mapping):
            words.append(f"{name} ({_settings(value)})")
        elif _short(value) != _USUAL.get(name):
            words.append(f"{name.replace('_', ' ')} {_short(value)}")
    return ", ".join(words)


# by its short form, which is the same for images and for signals of one or three axes
_USUAL = {
    "stride": "1",
    "padding": "0",
    "dilation": "1",
    "groups": "1",
    "ceil_mode": "no",
    "count_include_pad": "yes",
    "axis": "1",
}


def _short(value: Any) -> str:
    """One number for equal numbers: ((1, 1), (1, 1)) is 1, (2, 2) is 2."""
    if isinstance(value, tuple):
        parts = [_short(item) for item in value]
        return parts[0] if len(set(parts)) == 1 else "(" + ", ".join(parts) + ")"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)
