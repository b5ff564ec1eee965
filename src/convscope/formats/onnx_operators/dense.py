"""Gemm and MatMul: the dense layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from convscope.formats.onnx_operators.registry import CannotRead, Operator, reads, writes
from convscope.layers import Linear, MatMul

if TYPE_CHECKING:
    from convscope.formats.onnx_reader import GraphReader
    from convscope.formats.onnx_writer import GraphWriter
    from convscope.network import Node


@reads("Gemm")
def read_gemm(operator: Operator, graph: GraphReader) -> None:
    """alpha * A' B' + beta * C, where A is the input: alpha and beta go into weight and bias."""
    if not _is_dense_layer(operator, graph):
        _read_product(operator, graph)
        return
    matrix = graph.weight(operator, 1)
    weight = matrix if operator.get("transB", 0) else matrix.T
    bias = None
    if operator.has_input(2):
        bias = _scaled(_row(graph.weight(operator, 2), len(weight)), operator.get("beta", 1.0))
    graph.add(operator, Linear(_scaled(weight, operator.get("alpha", 1.0)), bias))


@reads("MatMul")
def read_matmul(operator: Operator, graph: GraphReader) -> None:
    """A matrix product with constant weights; an Add that follows gives it a bias."""
    matrix = graph.known(operator.inputs[1])
    if matrix is None or matrix.ndim != 2 or len(graph.shape(operator.inputs[0])) != 2:
        graph.add(operator, MatMul(), operator.inputs)
    else:
        graph.add(operator, Linear(np.ascontiguousarray(graph.weight(operator, 1).T)))


@writes("MatMul")
def write_matmul(node: Node, layer: MatMul, graph: GraphWriter) -> None:
    graph.emit("MatMul", node.name, node.inputs)


@writes("Linear")
def write_linear(node: Node, layer: Linear, graph: GraphWriter) -> None:
    inputs = [*node.inputs, graph.parameter(node, "weight")]
    if "bias" in layer.parameters:
        inputs.append(graph.parameter(node, "bias"))
    graph.emit("Gemm", node.name, inputs, transB=1)


def _is_dense_layer(operator: Operator, graph: GraphReader) -> bool:
    matrix = graph.known(operator.inputs[1]) if len(operator.inputs) > 1 else None
    if matrix is None or matrix.ndim != 2 or operator.get("transA", 0):
        return False
    outputs = matrix.shape[0 if operator.get("transB", 0) else 1]
    if not operator.has_input(2):
        return True
    bias = graph.known(operator.inputs[2])
    return bias is not None and bias.size in (1, outputs) and (not bias.ndim or bias.shape[-1] == bias.size)


def _read_product(operator: Operator, graph: GraphReader) -> None:
    """A product of two computed matrices, step by step; the last step has the operator's name."""
    a, b = operator.inputs[0], operator.inputs[1]
    if operator.get("transA", 0):
        a = graph.compute(operator, "Transpose", "transposed A", [a], perm=(1, 0))
    if operator.get("transB", 0):
        b = graph.compute(operator, "Transpose", "transposed B", [b], perm=(1, 0))
    scaled, added = operator.get("alpha", 1.0) != 1, operator.has_input(2)
    value = graph.compute(operator, "MatMul", "product" if scaled or added else "", [a, b])
    if scaled:
        values = [value, _number(operator, graph, "alpha")]
        value = graph.compute(operator, "Mul", "scaled" if added else "", values)
    if added:
        addend = operator.inputs[2]
        if operator.get("beta", 1.0) != 1:
            values = [addend, _number(operator, graph, "beta")]
            addend = graph.compute(operator, "Mul", "scaled C", values)
        graph.compute(operator, "Add", "", [value, addend])


def _number(operator: Operator, graph: GraphReader, name: str) -> str:
    value = f"{operator.name}/{name}"
    graph.constants[value] = np.array(operator.get(name), graph.dtype)
    return value


def _row(bias: NDArray[Any], outputs: int) -> NDArray[Any]:
    """Spread a bias of shape (), (1,), (O,), (1, 1) or (1, O) over the outputs."""
    if bias.size not in (1, outputs) or (bias.ndim and bias.shape[-1] != bias.size):
        raise CannotRead(f"its bias must have {outputs} numbers or one; got shape {bias.shape}")
    return np.broadcast_to(bias.reshape(-1), outputs)


def _scaled(array: NDArray[Any], factor: float) -> NDArray[Any]:
    return np.ascontiguousarray(array if factor == 1 else array * array.dtype.type(factor))
