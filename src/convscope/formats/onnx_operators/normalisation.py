"""BatchNormalization."""

from __future__ import annotations

from typing import TYPE_CHECKING

from convscope.formats.onnx_operators.registry import CannotRead, Operator, reads, writes
from convscope.layers import BatchNorm

if TYPE_CHECKING:
    from convscope.formats.onnx_reader import GraphReader
    from convscope.formats.onnx_writer import GraphWriter
    from convscope.network import Node


@reads("BatchNormalization")
def read_batch_norm(operator: Operator, graph: GraphReader) -> None:
    operator.only_first_output()
    if operator.get("training_mode", 0) or not operator.get("spatial", 1):
        raise CannotRead("training_mode must be 0 and spatial 1")
    weight, bias, mean, var = (graph.constant(operator, index) for index in (1, 2, 3, 4))
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
