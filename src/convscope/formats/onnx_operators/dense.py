"""Gemm and MatMul: the dense layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from convscope.formats.onnx_operators.registry import CannotRead, Operator, reads, writes
from convscope.layers import Linear

if TYPE_CHECKING:
    from convscope.formats.onnx_reader import GraphReader
    from convscope.formats.onnx_writer import GraphWriter
    from convscope.network import Node


@reads("Gemm")
def read_gemm(operator: Operator, graph: GraphReader) -> None:
    """alpha * A' B' + beta * C, where A is the input: alpha and beta go into weight and bias."""
    if operator.get("transA", 0):
        raise CannotRead("transA must be 0: the input's rows are the images of a batch")
    matrix = graph.constant(operator, 1)
    if matrix.ndim != 2:
        raise CannotRead(f"its second input must be a matrix; got shape {matrix.shape}")
    weight = matrix if operator.get("transB", 0) else matrix.T
    bias = None
    if operator.has_input(2):
        bias = _scaled(_row(graph.constant(operator, 2), len(weight)), operator.get("beta", 1.0))
    graph.add(operator, Linear(_scaled(weight, operator.get("alpha", 1.0)), bias))


@reads("MatMul")
def read_matmul(operator: Operator, graph: GraphReader) -> None:
    """A matrix product with constant weights; an Add that follows gives it a bias."""
    matrix = graph.constant(operator, 1)
    if matrix.ndim != 2 or len(graph.shape(operator.inputs[0])) != 2:
        raise CannotRead(
            "only (N, F) times (F, O) is known; "
            f"got {graph.shape(operator.inputs[0])} (for one image) and {matrix.shape}"
        )
    graph.add(operator, Linear(np.ascontiguousarray(matrix.T)))


@writes("Linear")
def write_linear(node: Node, layer: Linear, graph: GraphWriter) -> None:
    inputs = [*node.inputs, graph.parameter(node, "weight")]
    if "bias" in layer.parameters:
        inputs.append(graph.parameter(node, "bias"))
    graph.emit("Gemm", node.name, inputs, transB=1)


def _row(bias: NDArray[Any], outputs: int) -> NDArray[Any]:
    """Spread a bias of shape (), (1,), (O,), (1, 1) or (1, O) over the outputs."""
    if bias.size not in (1, outputs) or (bias.ndim and bias.shape[-1] != bias.size):
        raise CannotRead(f"its bias must have {outputs} numbers or one; got shape {bias.shape}")
    return np.broadcast_to(bias.reshape(-1), outputs)


def _scaled(array: NDArray[Any], factor: float) -> NDArray[Any]:
    return np.ascontiguousarray(array if factor == 1 else array * array.dtype.type(factor))
