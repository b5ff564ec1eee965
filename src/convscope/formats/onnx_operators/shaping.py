"""Flatten, Reshape, Concat, Identity and Constant: where values go, not what they are."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from convscope.formats.onnx_operators.registry import CannotRead, Operator, reads, writes
from convscope.layers import Concatenate, Flatten

if TYPE_CHECKING:
    from convscope.formats.onnx_reader import GraphReader
    from convscope.formats.onnx_writer import GraphWriter
    from convscope.network import Node


@reads("Flatten")
def read_flatten(operator: Operator, graph: GraphReader) -> None:
    rank = len(graph.shape(operator.inputs[0]))
    axis = operator.get("axis", 1)
    if axis not in (1, 1 - rank):
        raise CannotRead(f"axis must be 1, which keeps the images of a batch apart; got {axis}")
    graph.add(operator, Flatten())


@writes("Flatten")
def write_flatten(node: Node, layer: Flatten, graph: GraphWriter) -> None:
    graph.emit("Flatten", node.name, node.inputs, axis=1)


@reads("Reshape")
def read_reshape(operator: Operator, graph: GraphReader) -> None:
    """Only the reshape that flattens each image: to (0, -1), (-1, F), (N, F) ..."""
    target = [int(n) for n in graph.constant(operator, 1).reshape(-1)]
    length = math.prod(graph.shape(operator.inputs[0])[1:])
    batch = graph.batch
    # Where one length is left open, the other must be the image's; 0 copies the batch axis.
    keeps_batch = len(target) == 2 and target[0] in (0, -1, batch)
    flattens = keeps_batch and (target[1] == length or (target[1] == -1 and target[0] != -1))
    if not flattens or (operator.get("allowzero", 0) and 0 in target):
        raise CannotRead(f"only flattening each image to {length} values is known; got the shape {target}")
    graph.add(operator, Flatten())


@reads("Concat")
def read_concat(operator: Operator, graph: GraphReader) -> None:
    graph.add(operator, Concatenate(int(operator.get("axis", 1))), operator.inputs)


@writes("Concatenate")
def write_concat(node: Node, layer: Concatenate, graph: GraphWriter) -> None:
    graph.emit("Concat", node.name, node.inputs, axis=layer.axis)


@reads("Identity")
def read_identity(operator: Operator, graph: GraphReader) -> None:
    graph.rename(operator)


@reads("Constant")
def read_constant(operator: Operator, graph: GraphReader) -> None:
    for attribute in ("value", "value_float", "value_floats", "value_int", "value_ints"):
        if attribute in operator.attributes:
            graph.define(operator, operator.attributes[attribute])
            return
    raise CannotRead(f"only numbers are known; got {', '.join(operator.attributes) or 'nothing'}")
