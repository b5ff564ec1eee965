"""Conv and ConvTranspose."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from convscope.formats.onnx_operators.registry import CannotRead, Operator, reads, writes
from convscope.formats.onnx_operators.windows import (
    read_lengths,
    read_padding,
    read_pair,
    spatial_attributes,
    spatial_settings,
    window_attributes,
)
from convscope.geometry import kernel_span
from convscope.layers import Conv2d, ConvNd, ConvTranspose2d, ConvTransposeNd, TableConv2d

if TYPE_CHECKING:
    from convscope.formats.onnx_reader import GraphReader
    from convscope.formats.onnx_writer import GraphWriter
    from convscope.network import Node


@reads("Conv")
def read_conv(operator: Operator, graph: GraphReader) -> None:
    weight = graph.weight(operator, 1)
    bias = graph.weight(operator, 2) if operator.has_input(2) else None
    if weight.ndim != 4:
        _read_conv_nd(operator, graph, weight, bias)
        return
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


def _read_conv_nd(operator: Operator, graph: GraphReader, weight: Any, bias: Any) -> None:
    """Sound, volumes: any number of axes."""
    rank = weight.ndim - 2
    if rank < 1 or tuple(operator.get("kernel_shape", weight.shape[2:])) != weight.shape[2:]:
        raise CannotRead(f"the weight must be (filters, channels, kernel_shape...); got {weight.shape}")
    settings = spatial_settings(operator, rank)
    graph.add(operator, ConvNd(weight, bias, groups=int(operator.get("group", 1)), **settings))


@writes("Conv2d")
def write_conv(node: Node, layer: Conv2d, graph: GraphWriter) -> None:
    attributes = window_attributes(layer, graph.shapes[node.inputs[0]])
    graph.emit("Conv", node.name, _with_weights(node, graph), group=layer.groups, **attributes)


@writes("TableConv2d")
def write_table_conv(node: Node, layer: TableConv2d, graph: GraphWriter) -> None:
    # ONNX has no such table: the zeros are in the weight, and a note says that they must stay.
    write_conv(node, layer, graph)
    graph.notes[node.name] = {"connections": layer.connections.astype(int).tolist()}


@writes("ConvNd")
def write_conv_nd(node: Node, layer: ConvNd, graph: GraphWriter) -> None:
    attributes = spatial_attributes(layer, graph.shapes[node.inputs[0]])
    graph.emit("Conv", node.name, _with_weights(node, graph), group=layer.groups, **attributes)


@reads("ConvTranspose")
def read_conv_transpose(operator: Operator, graph: GraphReader) -> None:
    """The padding may be given, or follow from a wished size (output_shape, or SAME: size * stride)."""
    weight = graph.weight(operator, 1)
    bias = graph.weight(operator, 2) if operator.has_input(2) else None
    rank, size = weight.ndim - 2, graph.shape(operator.inputs[0])[2:]
    if rank < 1 or len(size) != rank:
        raise CannotRead(f"weight and input must have one kernel axis for each; got {weight.shape}, {size}")
    stride, dilation = (read_lengths(operator, name, rank) for name in ("strides", "dilations"))
    extra = tuple(int(n) for n in operator.get("output_padding", (0,) * rank))
    wished = operator.get("output_shape")
    auto = operator.get("auto_pad", "NOTSET")
    if wished is None and auto in ("SAME_UPPER", "SAME_LOWER"):
        wished = [n * s for n, s in zip(size, stride, strict=True)]
    if wished is None:
        pads = operator.get("pads", (0,) * 2 * rank) if auto == "NOTSET" else (0,) * 2 * rank
        ends = [(int(pads[a]), int(pads[rank + a])) for a in range(rank)]
    else:
        kernel = weight.shape[2:]
        ends, extra = _ends_for(tuple(wished)[-rank:], size, kernel, stride, dilation, extra, auto)
    settings = {"stride": stride, "output_padding": extra, "dilation": dilation}
    kind: Any = ConvTranspose2d if rank == 2 else ConvTransposeNd
    groups = int(operator.get("group", 1))
    graph.add(operator, kind(weight, bias, groups=groups, padding=tuple(ends), **settings))


@writes("ConvTransposeNd")
@writes("ConvTranspose2d")
def write_conv_transpose(node: Node, layer: Any, graph: GraphWriter) -> None:
    shape, output = graph.shapes[node.inputs[0]], graph.shapes[node.name]
    auto = {}
    if isinstance(layer.padding, str):
        word = {"same": "SAME_UPPER", "same_lower": "SAME_LOWER"}[layer.padding]
        rank = len(layer.kernel_size)
        layer_ends, _ = _ends_for(
            output[2:], shape[2:], layer.kernel_size, layer.stride, layer.dilation, (0,) * rank, word
        )
    else:
        layer_ends = layer.padding
    auto["pads"] = [before for before, _ in layer_ends] + [after for _, after in layer_ends]
    graph.emit(
        "ConvTranspose",
        node.name,
        _with_weights(node, graph),
        kernel_shape=list(layer.kernel_size),
        strides=list(layer.stride),
        dilations=list(layer.dilation),
        output_padding=list(layer.output_padding),
        group=layer.groups,
        **auto,
    )


def _ends_for(
    wished: Sequence[int],
    size: Sequence[int],
    kernel: Sequence[int],
    stride: Sequence[int],
    dilation: Sequence[int],
    extra: Sequence[int],
    auto: str,
) -> tuple[list[tuple[int, int]], tuple[int, ...]]:
    """Give the padding that makes an output of the wished size; what is missing is output padding."""
    ends, added = [], []
    for axis, length in enumerate(wished):
        full = stride[axis] * (size[axis] - 1) + extra[axis] + kernel_span(kernel[axis], dilation[axis])
        total = full - int(length)
        added.append(extra[axis] + max(0, -total))
        small, large = max(0, total) // 2, max(0, total) - max(0, total) // 2
        ends.append((small, large) if auto == "SAME_UPPER" else (large, small))
    return ends, tuple(added)


def _with_weights(node: Node, graph: GraphWriter) -> list[str]:
    inputs = [*node.inputs, graph.parameter(node, "weight")]
    if "bias" in node.layer.parameters:
        inputs.append(graph.parameter(node, "bias"))
    return inputs
