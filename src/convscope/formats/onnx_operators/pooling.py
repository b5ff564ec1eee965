"""MaxPool, AveragePool, LpPool and the global ones."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from convscope.errors import InvalidValue
from convscope.formats.onnx_operators.registry import Operator, reads, writes
from convscope.formats.onnx_operators.windows import (
    read_padding,
    read_pair,
    spatial_attributes,
    spatial_settings,
    window_attributes,
)
from convscope.geometry import kernel_span
from convscope.layers import (
    AvgPool2d,
    AvgPoolNd,
    GlobalAvgPool2d,
    GlobalMaxPool2d,
    LpPool2d,
    LpPoolNd,
    MaxPool2d,
    MaxPoolNd,
    Reduce,
)

if TYPE_CHECKING:
    from convscope.formats.onnx_reader import GraphReader
    from convscope.formats.onnx_writer import GraphWriter
    from convscope.network import Node


@reads("MaxPool")
def read_max_pool(operator: Operator, graph: GraphReader) -> None:
    operator.only_first_output(graph.uses)
    rank = len(operator.get("kernel_shape", ()))
    if rank != 2:
        ceil = bool(operator.get("ceil_mode", 0))
        kernel = operator.get("kernel_shape", ())
        graph.add(operator, MaxPoolNd(kernel, ceil_mode=ceil, **spatial_settings(operator, rank)))
        return
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
    _round_as_here(node, layer, graph, attributes)
    graph.emit("MaxPool", node.name, node.inputs, **attributes)


@reads("AveragePool")
def read_average_pool(operator: Operator, graph: GraphReader) -> None:
    kernel = operator.get("kernel_shape", ())
    if len(kernel) != 2 or read_pair(operator, "dilations") != (1, 1):
        settings = spatial_settings(operator, len(kernel))
        settings["ceil_mode"] = bool(operator.get("ceil_mode", 0))
        count = bool(operator.get("count_include_pad", 0))
        graph.add(operator, AvgPoolNd(kernel, count_include_pad=count, **settings))
        return
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
    attributes["count_include_pad"] = int(layer.count_include_pad)
    _round_as_here(node, layer, graph, attributes)
    graph.emit("AveragePool", node.name, node.inputs, **attributes)


@reads("LpPool")
def read_lp_pool(operator: Operator, graph: GraphReader) -> None:
    kernel, rank = operator.get("kernel_shape", ()), len(operator.get("kernel_shape", ()))
    kind: Any = LpPool2d if rank == 2 else LpPoolNd
    settings = spatial_settings(operator, rank)
    settings["ceil_mode"] = bool(operator.get("ceil_mode", 0))
    graph.add(operator, kind(tuple(kernel), p=float(operator.get("p", 2)), **settings))


@reads("GlobalLpPool")
@reads("GlobalMaxPool")
@reads("GlobalAveragePool")
def read_global_pool(operator: Operator, graph: GraphReader) -> None:
    rank = len(graph.shape(operator.inputs[0]))
    if rank == 4 and operator.kind != "GlobalLpPool":
        graph.add(operator, GlobalMaxPool2d() if operator.kind == "GlobalMaxPool" else GlobalAvgPool2d())
        return
    how = {"GlobalLpPool": "norm", "GlobalMaxPool": "max", "GlobalAveragePool": "mean"}[operator.kind]
    graph.add(operator, Reduce(how, range(2, rank), p=float(operator.get("p", 2))))


@writes("GlobalMaxPool2d")
@writes("GlobalAvgPool2d")
def write_global_pool(node: Node, layer: Any, graph: GraphWriter) -> None:
    kind = "GlobalMaxPool" if layer.kind == "GlobalMaxPool2d" else "GlobalAveragePool"
    graph.emit(kind, node.name, node.inputs)


@writes("MaxPoolNd")
def write_max_pool_nd(node: Node, layer: MaxPoolNd, graph: GraphWriter) -> None:
    attributes = spatial_attributes(layer, graph.shapes[node.inputs[0]])
    _round_as_here(node, layer, graph, attributes)
    graph.emit("MaxPool", node.name, node.inputs, **attributes)


@writes("AvgPoolNd", opset=19)
def write_average_pool_nd(node: Node, layer: AvgPoolNd, graph: GraphWriter) -> None:
    attributes = spatial_attributes(layer, graph.shapes[node.inputs[0]])
    attributes["count_include_pad"] = int(layer.count_include_pad)
    _round_as_here(node, layer, graph, attributes)
    graph.emit("AveragePool", node.name, node.inputs, **attributes)


@writes("LpPoolNd", opset=18)
@writes("LpPool2d", opset=18)
def write_lp_pool(node: Node, layer: Any, graph: GraphWriter) -> None:
    if layer.p != int(layer.p):
        raise InvalidValue(f"save: LpPool of ONNX must have a whole p; got {layer.p} in {node.name!r}.")
    attributes = spatial_attributes(layer, graph.shapes[node.inputs[0]])
    _round_as_here(node, layer, graph, attributes)
    graph.emit("LpPool", node.name, node.inputs, p=int(layer.p), **attributes)


def _round_as_here(node: Node, layer: Any, graph: GraphWriter, attributes: dict[str, Any]) -> None:
    """Say ceil_mode only where every reader takes it alike.

    A window that would begin in the padding at the end is left out by PyTorch, ONNX Runtime and
    convscope; the shapes that onnx's own checker infers for ceil_mode=1 count it. So where rounding up
    changes nothing it is not said, and where it changes one axis but not another, the padding at the
    end is what the last windows reach into.
    """
    shape, floored = graph.shapes[node.inputs[0]], copy.copy(layer)
    floored.ceil_mode = False
    attributes["ceil_mode"] = int(floored.output_shape(shape) != layer.output_shape(shape))
    pads = attributes.get("pads")
    if not attributes["ceil_mode"] or pads is None or attributes.get("count_include_pad"):
        return
    rank = len(layer.kernel_size)
    reach, counted = [], []
    for axis, (size, output) in enumerate(zip(shape[2:], layer.output_shape(shape)[2:], strict=True)):
        kernel, stride = layer.kernel_size[axis], layer.stride[axis]
        span = kernel_span(kernel, attributes.get("dilations", (1,) * rank)[axis])
        counted.append(-(-(size + pads[axis] + pads[rank + axis] - span) // stride) + 1 == output)
        reach.append(max(pads[rank + axis], (output - 1) * stride + span - size - pads[axis]))
    if not all(counted) and all(end < k for end, k in zip(reach, layer.kernel_size, strict=True)):
        attributes["pads"], attributes["ceil_mode"] = [*pads[:rank], *reach], 0
