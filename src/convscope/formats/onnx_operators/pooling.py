"""MaxPool and AveragePool."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from convscope.formats.onnx_operators.registry import CannotRead, Operator, reads, writes
from convscope.formats.onnx_operators.windows import read_padding, read_pair, window_attributes
from convscope.layers import AvgPool2d, MaxPool2d

if TYPE_CHECKING:
    from convscope.formats.onnx_reader import GraphReader
    from convscope.formats.onnx_writer import GraphWriter
    from convscope.network import Node


@reads("MaxPool")
def read_max_pool(operator: Operator, graph: GraphReader) -> None:
    operator.only_first_output()
    layer = MaxPool2d(
        read_pair(operator, "kernel_shape", None),
        stride=read_pair(operator, "strides"),
        padding=read_padding(operator),
        dilation=read_pair(operator, "dilations"),
        ceil_mode=bool(operator.get("ceil_mode", 0)),
    )
    graph.add(operator, layer)


@writes("MaxPool2d")
def write_max_pool(node: Node, layer: MaxPool2d, graph: GraphWriter) -> None:
    attributes = window_attributes(layer, graph.shapes[node.inputs[0]])
    graph.emit("MaxPool", node.name, node.inputs, ceil_mode=_ceil_mode(node, layer, graph), **attributes)


@reads("AveragePool")
def read_average_pool(operator: Operator, graph: GraphReader) -> None:
    if read_pair(operator, "dilations") != (1, 1):
        raise CannotRead(f"dilations must be 1; got {operator.get('dilations')}")
    layer = AvgPool2d(
        read_pair(operator, "kernel_shape", None),
        stride=read_pair(operator, "strides"),
        padding=read_padding(operator),
        ceil_mode=bool(operator.get("ceil_mode", 0)),
        count_include_pad=bool(operator.get("count_include_pad", 0)),
    )
    graph.add(operator, layer)


@writes("AvgPool2d")
def write_average_pool(node: Node, layer: AvgPool2d, graph: GraphWriter) -> None:
    attributes = window_attributes(layer, graph.shapes[node.inputs[0]])
    del attributes["dilations"]  # came with opset 19
    attributes["ceil_mode"] = _ceil_mode(node, layer, graph)
    attributes["count_include_pad"] = int(layer.count_include_pad)
    graph.emit("AveragePool", node.name, node.inputs, **attributes)


def _ceil_mode(node: Node, layer: MaxPool2d | AvgPool2d, graph: GraphWriter) -> int:
    """Give 0 where rounding up changes nothing.

    A window that would begin in the padding at the end is left out by PyTorch, ONNX Runtime and
    convscope; the shapes that onnx's own checker infers for ceil_mode=1 count it.
    """
    shape, floored = graph.shapes[node.inputs[0]], copy.copy(layer)
    floored.ceil_mode = False
    return int(floored.output_shape(shape) != layer.output_shape(shape))
