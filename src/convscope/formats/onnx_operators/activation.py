"""Tanh, Softmax, LogSoftmax and Dropout."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from convscope.formats.onnx_operators.registry import CannotRead, Operator, reads, writes
from convscope.layers import Dropout, LogSoftmax, Reshape, Softmax, Tanh

if TYPE_CHECKING:
    from convscope.formats.onnx_reader import GraphReader
    from convscope.formats.onnx_writer import GraphWriter
    from convscope.network import Node


@reads("Tanh")
def read_tanh(operator: Operator, graph: GraphReader) -> None:
    """Tanh, joined to the slope before it if convscope wrote the two."""
    before = graph.only_used_here(operator.inputs[0])
    if before is not None and before.name == f"{operator.name.removesuffix('/tanh')}/slope":
        slope = float(before.layer.parameters["weight"][0])
        graph.join(operator, before, Tanh(slope=slope))
    else:
        graph.add(operator, Tanh())


@writes("Tanh")
def write_tanh(node: Node, layer: Tanh, graph: GraphWriter) -> None:
    """amplitude * tanh(slope * x) as up to three operators; the last one has the node's name."""
    value, name = node.inputs[0], node.name
    if layer.slope != 1:
        factor = graph.constant(f"{name}.slope", np.array(layer.slope, graph.dtype))
        value = graph.emit("Mul", f"{name}/slope", [value, factor])
    if layer.amplitude == 1:
        graph.emit("Tanh", name, [value])
        return
    value = graph.emit("Tanh", f"{name}/tanh", [value])
    factor = graph.constant(f"{name}.amplitude", np.array(layer.amplitude, graph.dtype))
    graph.emit("Mul", name, [value, factor])


_SOFTMAXES: Mapping[str, Any] = {"Softmax": Softmax, "LogSoftmax": LogSoftmax}


@reads("LogSoftmax")
@reads("Softmax")
def read_softmax(operator: Operator, graph: GraphReader) -> None:
    """Up to opset 12 everything from the axis on is one vector; since 13 the axis alone."""
    shape, layer_class = graph.shape(operator.inputs[0]), _SOFTMAXES[operator.kind]
    axis = operator.get("axis", -1 if operator.opset >= 13 else 1)
    if not -len(shape) <= axis < len(shape):
        raise CannotRead(f"axis must exist in the input; got axis {axis}, shape {shape} for one image")
    axis %= len(shape)
    if axis == 0 and graph.batch is None:
        raise CannotRead("axis must not be that of the batch, which the file leaves open")
    if operator.opset >= 13 or math.prod(shape[axis + 1 :]) == 1:
        graph.add(operator, layer_class(axis))
        return
    first = {0: 1, 1: 0}.get(axis, -1)  # a vector in all, one for each image, more
    flat = Reshape((first, math.prod(shape[axis:])))
    vectors = graph.step(operator, "vectors", flat, operator.inputs)
    shares = graph.step(operator, "shares", layer_class(1), [vectors])
    graph.add(operator, Reshape((shape[0] if axis == 0 else first, *shape[1:])), [shares])


@writes("LogSoftmax")
@writes("Softmax")
def write_softmax(node: Node, layer: Softmax | LogSoftmax, graph: GraphWriter) -> None:
    graph.emit(layer.kind, node.name, node.inputs, axis=layer.axis)


@reads("Dropout")
def read_dropout(operator: Operator, graph: GraphReader) -> None:
    """Identity, unless the network is trained further."""
    if operator.has_input(2) and graph.constant(operator, 2):
        raise CannotRead("training_mode must be false")
    if graph.batch is None:
        operator.only_first_output(graph.uses)
    elif any(operator.outputs[1:]):  # the mask: nothing is dropped
        graph.define(operator, np.ones(graph.shape(operator.inputs[0]), bool), 1)
    ratio = float(graph.constant(operator, 1)) if operator.has_input(1) else operator.get("ratio", 0.5)
    graph.add(operator, Dropout(min(round(ratio, 6), 0.999999)))


@writes("Dropout")
def write_dropout(node: Node, layer: Dropout, graph: GraphWriter) -> None:
    ratio = graph.constant(f"{node.name}.ratio", np.array(layer.p, np.float32))
    graph.emit("Dropout", node.name, [*node.inputs, ratio])
