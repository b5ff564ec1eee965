"""Normalisations: by batch, image, group and layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from convscope.formats.onnx_operators.registry import CannotRead, Operator, reads, writes
from convscope.layers import BatchNorm, GroupNorm, InstanceNorm, LayerNorm, Reduce

if TYPE_CHECKING:
    from convscope.formats.onnx_reader import GraphReader
    from convscope.formats.onnx_writer import GraphWriter
    from convscope.network import Node


@reads("BatchNormalization")
def read_batch_norm(operator: Operator, graph: GraphReader) -> None:
    operator.only_first_output(graph.uses)
    if operator.get("training_mode", 0) or not operator.get("spatial", 1):
        raise CannotRead("training_mode must be 0 and spatial 1")
    weight, bias, mean, var = (graph.weight(operator, index) for index in (1, 2, 3, 4))
    # ONNX's momentum is the share of the old statistics, ours (and PyTorch's) that of the new ones.
    momentum = round(1 - operator.get("momentum", 0.9), 6)
    eps = operator.get("epsilon", 1e-5)
    graph.add(operator, BatchNorm(weight, bias, mean, var, eps=eps, momentum=momentum))


@writes("BatchNorm")
def write_batch_norm(node: Node, layer: BatchNorm, graph: GraphWriter) -> None:
    names = ("weight", "bias", "running_mean", "running_var")
    inputs = [*node.inputs, *(graph.parameter(node, name) for name in names)]
    attributes = {"epsilon": layer.eps, "momentum": 1 - layer.momentum}
    graph.emit("BatchNormalization", node.name, inputs, **attributes)


@reads("InstanceNormalization")
def read_instance_norm(operator: Operator, graph: GraphReader) -> None:
    weight, bias = graph.weight(operator, 1), graph.weight(operator, 2)
    graph.add(operator, InstanceNorm(weight, bias, eps=operator.get("epsilon", 1e-5)))


@reads("GroupNormalization")
def read_group_norm(operator: Operator, graph: GraphReader) -> None:
    """Up to opset 20 there is one scale for each group, since then one for each channel."""
    weight, bias = graph.weight(operator, 1), graph.weight(operator, 2)
    channels = graph.shape(operator.inputs[0])[1]
    if operator.opset < 21 and weight.size and channels % weight.size == 0:
        weight, bias = (np.repeat(array, channels // array.size) for array in (weight, bias))
    groups = int(operator.get("num_groups", 1))
    graph.add(operator, GroupNorm(weight, bias, groups=groups, eps=operator.get("epsilon", 1e-5)))


@reads("LayerNormalization")
def read_layer_norm(operator: Operator, graph: GraphReader) -> None:
    bias = graph.weight(operator, 2) if operator.has_input(2) else None
    axis, eps = int(operator.get("axis", -1)), operator.get("epsilon", 1e-5)
    graph.add(operator, LayerNorm(graph.weight(operator, 1), bias, axis=axis, eps=eps))
    if any(operator.outputs[1:]):
        _add_moments(operator, graph, axis, eps)


def _add_moments(operator: Operator, graph: GraphReader, axis: int, eps: float) -> None:
    """The mean and 1 / deviation, which are further outputs, step by step."""
    x = operator.inputs[0]
    rank = len(graph.shape(x))
    axes = range(axis % rank, rank)
    graph.constants[f"{operator.name}/eps"] = np.full((1,) * rank, eps, graph.dtype)
    mean = graph.step(operator, "mean", Reduce("mean", axes), [x])
    centred = graph.compute(operator, "Sub", "centred", [x, mean])
    squares = graph.compute(operator, "Mul", "squares", [centred, centred])
    variance = graph.step(operator, "variance", Reduce("mean", axes), [squares])
    shifted = graph.compute(operator, "Add", "variance + eps", [variance, f"{operator.name}/eps"])
    deviation = graph.compute(operator, "Sqrt", "deviation", [shifted])
    inverse = graph.compute(operator, "Reciprocal", "1 / deviation", [deviation])
    for value, step in zip(operator.outputs[1:], (mean, inverse), strict=False):
        if value:
            graph.alias(value, step)


@writes("InstanceNorm")
def write_instance_norm(node: Node, layer: InstanceNorm, graph: GraphWriter) -> None:
    graph.emit("InstanceNormalization", node.name, _with_weights(node, graph), epsilon=layer.eps)


@writes("GroupNorm", opset=21)
def write_group_norm(node: Node, layer: GroupNorm, graph: GraphWriter) -> None:
    attributes: dict[str, Any] = {"num_groups": layer.groups, "epsilon": layer.eps}
    graph.emit("GroupNormalization", node.name, _with_weights(node, graph), **attributes)


@writes("LayerNorm")
def write_layer_norm(node: Node, layer: LayerNorm, graph: GraphWriter) -> None:
    attributes: dict[str, Any] = {"axis": layer.axis, "epsilon": layer.eps}
    graph.emit("LayerNormalization", node.name, _with_weights(node, graph), **attributes)


def _with_weights(node: Node, graph: GraphWriter) -> list[str]:
    return [*node.inputs, *(graph.parameter(node, name) for name in node.layer.parameters)]
