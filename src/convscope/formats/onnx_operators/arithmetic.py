"""Add, Mul, Max, Where ...: branches that meet, and constants for each channel; and Cast."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from convscope.formats.onnx_operators.registry import CannotRead, Operator, reads, writes
from convscope.layers import (
    Add,
    Average,
    Cast,
    ChannelScale,
    Constant,
    Divide,
    Equal,
    Linear,
    Maximum,
    Minimum,
    Multiply,
    Power,
    Subtract,
    Tanh,
    Where,
)

if TYPE_CHECKING:
    from convscope.formats.onnx_reader import GraphReader
    from convscope.formats.onnx_writer import GraphWriter
    from convscope.network import Node


@reads("Sum")
def read_sum(operator: Operator, graph: GraphReader) -> None:
    if len(operator.inputs) == 1:
        graph.add(operator, Cast("float"))
    elif len(operator.inputs) == 2:
        read_add(operator, graph)
    else:
        graph.add(operator, Add(), operator.inputs)


@reads("Add")
def read_add(operator: Operator, graph: GraphReader) -> None:
    """A sum of branches; with a constant, the bias of a matrix product, or a shift of each channel."""
    value, constant = _value_and_constant(operator, graph)
    shift = None if constant is None else _by_channel(constant, graph.shape(value), graph)
    if shift is None:
        graph.add(operator, Add(), operator.inputs)
        return
    before = graph.only_used_here(value)
    if before is not None and isinstance(before.layer, Linear) and "bias" not in before.layer.parameters:
        graph.join(operator, before, Linear(before.layer.parameters["weight"], shift))
    elif (
        before is not None and before.name == f"{operator.name}/scale" and before.layer.kind == "ChannelScale"
    ):
        graph.join(operator, before, ChannelScale(before.layer.parameters["weight"], shift))
    else:
        graph.add(operator, ChannelScale(np.ones_like(shift), shift), (value,))


@reads("Mul")
def read_mul(operator: Operator, graph: GraphReader) -> None:
    """A product; with a constant, a scale of each channel, or the amplitude of a Tanh as we write it."""
    value, constant = _value_and_constant(operator, graph)
    if constant is not None and constant.size == 1:
        before = graph.only_used_here(value)
        if before is not None and before.name == f"{operator.name}/tanh" and isinstance(before.layer, Tanh):
            graph.join(operator, before, Tanh(amplitude=float(constant.item()), slope=before.layer.slope))
            return
    scale = None if constant is None else _by_channel(constant, graph.shape(value), graph)
    if scale is None:
        graph.add(operator, Multiply(), operator.inputs)
    else:
        graph.add(operator, ChannelScale(scale, np.zeros_like(scale)), (value,))


# operators of inputs that stretch to each other, and their layers
STRETCHING: Mapping[str, Any] = {
    "Sub": Subtract,
    "Div": Divide,
    "Pow": Power,
    "Max": Maximum,
    "Min": Minimum,
    "Mean": Average,
    "Where": Where,
    "Equal": Equal,
}


def _register(kind: str, layer_class: Any) -> None:
    def read(operator: Operator, graph: GraphReader) -> None:
        stretch_as_before(operator, graph)
        if len(operator.inputs) == 1:
            graph.add(operator, Cast("float"))
            return
        first = graph.only_used_here(operator.inputs[0]) if kind == "Where" else None
        if first is not None and first.inputs and first.name == f"{operator.name}/truth":
            graph.join(operator, first, Where(), operator.inputs[1:])  # as convscope writes the two
        else:
            graph.add(operator, layer_class(), operator.inputs)

    def write(node: Node, layer: Any, graph: GraphWriter) -> None:
        graph.emit(kind, node.name, node.inputs)

    reads(kind)(read)
    if kind not in ("Where", "Equal"):  # these have truth values in ONNX, which are numbers here
        writes(layer_class.kind)(write)


for _kind, _layer in STRETCHING.items():
    _register(_kind, _layer)


@writes("Multiply")
def write_multiply(node: Node, layer: Multiply, graph: GraphWriter) -> None:
    graph.emit("Mul", node.name, node.inputs)


@writes("Where")
def write_where(node: Node, layer: Where, graph: GraphWriter) -> None:
    truth = graph.emit("Cast", f"{node.name}/truth", node.inputs[:1], to=9)
    graph.emit("Where", node.name, [truth, *node.inputs[1:]])


@writes("Equal")
def write_equal(node: Node, layer: Equal, graph: GraphWriter) -> None:
    truth = graph.emit("Equal", f"{node.name}/truth", node.inputs)
    graph.emit("Cast", node.name, [truth], to=graph.type_number)


@reads("Cast")
def read_cast(operator: Operator, graph: GraphReader) -> None:
    """All numbers of a network have one type; a cast to whole numbers or truth values rounds."""
    to = int(operator.get("to", 0))
    if to not in _KINDS:
        raise CannotRead(f"to must be a type of numbers; got {to}")
    before = graph.only_used_here(operator.inputs[0])
    if _KINDS[to] == "float" and before is not None and before.name in _typed_names(operator.name):
        graph.join(operator, before, before.layer)  # as convscope writes the two
    else:
        graph.add(operator, Cast(_KINDS[to]))


def _typed_names(name: str) -> list[str]:
    """Give the names of what convscope writes before a cast back to its own type."""
    return [f"{name}/{what}" for what in ("truth", "place", "int", "bool")]


@writes("Cast")
def write_cast(node: Node, layer: Cast, graph: GraphWriter) -> None:
    if layer.to == "float":
        graph.emit("Identity", node.name, node.inputs)
        return
    value = graph.emit("Cast", f"{node.name}/{layer.to}", node.inputs, to=9 if layer.to == "bool" else 7)
    graph.emit("Cast", node.name, [value], to=graph.type_number)


@writes("Constant")
def write_constant(node: Node, layer: Constant, graph: GraphWriter) -> None:
    from onnx import numpy_helper

    graph.emit("Constant", node.name, [], value=numpy_helper.from_array(layer.statistics["value"]))


# TensorProto's number of a type -> what it does to a number
_KINDS = {1: "float", 10: "float", 11: "float", 16: "float", 9: "bool"} | dict.fromkeys(
    (2, 3, 4, 5, 6, 7, 12, 13), "int"
)


@writes("Add")
def write_add(node: Node, layer: Add, graph: GraphWriter) -> None:
    graph.emit("Add" if len(node.inputs) == 2 else "Sum", node.name, node.inputs)


@writes("ChannelScale")
def write_channel_scale(node: Node, layer: ChannelScale, graph: GraphWriter) -> None:
    shape = (-1,) + (1,) * (len(graph.shapes[node.inputs[0]]) - 2)
    scale, shift = (
        graph.constant(f"{node.name}.{name}", array.reshape(shape))
        for name, array in layer.parameters.items()
    )
    scaled = graph.emit("Mul", f"{node.name}/scale", [*node.inputs, scale])
    graph.emit("Add", node.name, [scaled, shift])


def stretch_as_before(operator: Operator, graph: GraphReader) -> None:
    """Up to opset 6 the second input's axes begin at the first one's `axis`, not at its end."""
    axis = operator.get("axis")
    if operator.opset >= 7 or axis is None or len(operator.inputs) != 2:
        return
    array = graph.constant(operator, 1)
    rank = len(graph.shape(operator.inputs[0]))
    missing = rank - int(axis) % rank - array.ndim
    graph.constants[operator.inputs[1]] = array.reshape(*array.shape, *(1,) * max(0, missing))


def _value_and_constant(operator: Operator, graph: GraphReader) -> tuple[str, NDArray[Any] | None]:
    """Tell the two inputs apart; the constant is None where both are computed."""
    stretch_as_before(operator, graph)
    first, second = operator.inputs
    if second in graph.constants:
        return first, graph.constants[second]
    if first in graph.constants:
        return second, graph.constants[first]
    return first, None


def _by_channel(constant: NDArray[Any], shape: tuple[int, ...], graph: GraphReader) -> NDArray[Any] | None:
    """Give one number for each channel of a value of `shape`, or None if it varies along other axes."""
    lengths = (1,) * (len(shape) - constant.ndim) + constant.shape
    if constant.dtype == object or len(shape) < 2 or len(lengths) != len(shape):
        return None
    allowed = (1, shape[1], *(1 for _ in shape[2:]))
    if any(n not in (1, most) for n, most in zip(lengths, allowed, strict=True)):
        return None
    return np.broadcast_to(constant.reshape(-1), shape[1]).astype(graph.dtype)
