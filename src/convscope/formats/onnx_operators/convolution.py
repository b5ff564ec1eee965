"""Conv."""

from __future__ import annotations

from typing import TYPE_CHECKING

from convscope.formats.onnx_operators.registry import CannotRead, Operator, reads, writes
from convscope.formats.onnx_operators.windows import read_padding, read_pair, window_attributes
from convscope.layers import Conv2d, TableConv2d

if TYPE_CHECKING:
    from convscope.formats.onnx_reader import GraphReader
    from convscope.formats.onnx_writer import GraphWriter
    from convscope.network import Node


@reads("Conv")
def read_conv(operator: Operator, graph: GraphReader) -> None:
    weight = graph.constant(operator, 1)
    bias = graph.constant(operator, 2) if operator.has_input(2) else None
    if weight.ndim != 4:
        raise CannotRead(f"only convolutions over images are known; got a weight of shape {weight.shape}")
    kernel = read_pair(operator, "kernel_shape", (weight.shape[2], weight.shape[3]))
    if kernel != weight.shape[2:]:
        raise CannotRead(f"kernel_shape must be that of the weight, {weight.shape[2:]}; got {kernel}")
    settings = {
        "stride": read_pair(operator, "strides"),
        "padding": read_padding(operator),
        "dilation": read_pair(operator, "dilations"),
    }
    groups = int(operator.get("group", 1))
    connections = graph.notes.get(operator.name, {}).get("connections")
    if connections is None or groups != 1:
        graph.add(operator, Conv2d(weight, bias, groups=groups, **settings))
    else:
        graph.add(operator, TableConv2d(weight, bias, connections=connections, **settings))


@writes("Conv2d")
def write_conv(node: Node, layer: Conv2d, graph: GraphWriter) -> None:
    inputs = [*node.inputs, graph.parameter(node, "weight")]
    if "bias" in layer.parameters:
        inputs.append(graph.parameter(node, "bias"))
    attributes = window_attributes(layer, graph.shapes[node.inputs[0]])
    graph.emit("Conv", node.name, inputs, group=layer.groups, **attributes)


@writes("TableConv2d")
def write_table_conv(node: Node, layer: TableConv2d, graph: GraphWriter) -> None:
    # ONNX has no such table: the zeros are in the weight, and a note says that they must stay.
    write_conv(node, layer, graph)
    graph.notes[node.name] = {"connections": layer.connections.astype(int).tolist()}
