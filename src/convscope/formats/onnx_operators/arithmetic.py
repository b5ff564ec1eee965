"""Add, Sum and Mul: branches that meet, and constants for each channel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from convscope.formats.onnx_operators.registry import CannotRead, Operator, reads, writes
from convscope.layers import Add, ChannelScale, Linear, Tanh

if TYPE_CHECKING:
    from convscope.formats.onnx_reader import GraphReader
    from convscope.formats.onnx_writer import GraphWriter
    from convscope.network import Node


@reads("Sum")
def read_sum(operator: Operator, graph: GraphReader) -> None:
    if len(operator.inputs) == 1:
        graph.rename(operator)
    else:
        graph.add(operator, Add(), operator.inputs)


@reads("Add")
def read_add(operator: Operator, graph: GraphReader) -> None:
    """A sum of branches; with a constant, the bias of a matrix product, or a shift of each channel."""
    value, constant = _value_and_constant(operator, graph)
    if constant is None:
        graph.add(operator, Add(), operator.inputs)
        return
    shift = _by_channel(constant, graph.shape(value), value, graph)
    before = graph.only_used_here(value)
    if before is not None and isinstance(before.layer, Linear) and "bias" not in before.layer.parameters:
        graph.join(operator, before, Linear(before.layer.parameters["weight"], shift))
    elif (
        before is not None and before.name == f"{operator.name}/scale" and before.layer.kind == "ChannelScale"
    ):
        graph.join(operator, before, ChannelScale(before.layer.parameters["weight"], shift))
    else:
        graph.add(operator, ChannelScale(np.ones_like(shift), shift), (value,))


@reads("Mul")
def read_mul(operator: Operator, graph: GraphReader) -> None:
    """A product with a constant: a scale of each channel, or the amplitude of a Tanh that convscope wrote."""
    value, constant = _value_and_constant(operator, graph)
    if constant is None:
        raise CannotRead("only the product with a constant is known")
    before = graph.only_used_here(value)
    if before is not None and before.name == f"{operator.name}/tanh" and isinstance(before.layer, Tanh):
        graph.join(operator, before, Tanh(amplitude=float(constant.item()), slope=before.layer.slope))
        return
    scale = _by_channel(constant, graph.shape(value), value, graph)
    graph.add(operator, ChannelScale(scale, np.zeros_like(scale)), (value,))


@writes("Add")
def write_add(node: Node, layer: Add, graph: GraphWriter) -> None:
    graph.emit("Add" if len(node.inputs) == 2 else "Sum", node.name, node.inputs)


@writes("ChannelScale")
def write_channel_scale(node: Node, layer: ChannelScale, graph: GraphWriter) -> None:
    shape = (-1,) + (1,) * (len(graph.shapes[node.inputs[0]]) - 2)
    scale, shift = (
        graph.constant(f"{node.name}.{name}", array.reshape(shape))
        for name, array in layer.parameters.items()
    )
    scaled = graph.emit("Mul", f"{node.name}/scale", [*node.inputs, scale])
    graph.emit("Add", node.name, [scaled, shift])


def _value_and_constant(operator: Operator, graph: GraphReader) -> tuple[str, NDArray[Any] | None]:
    """Tell the two inputs apart; the constant is None where both are computed."""
    first, second = operator.inputs
    if second in graph.constants:
        return first, graph.constants[second]
    if first in graph.constants:
        return second, graph.constants[first]
    return first, None


def _by_channel(
    constant: NDArray[Any], shape: tuple[int, ...], value: str, graph: GraphReader
) -> NDArray[Any]:
    """Give one number for each channel of a value of `shape`, or refuse what varies along other axes."""
    lengths = (1,) * (len(shape) - constant.ndim) + constant.shape
    allowed = (1, shape[1], *(1 for _ in shape[2:]))
    if len(lengths) != len(shape) or any(
        n not in (1, most) for n, most in zip(lengths, allowed, strict=True)
    ):
        raise CannotRead(
            f"a constant must have one number for each of the {shape[1]} channels or one in all; "
            f"got shape {constant.shape} for {value!r} of shape {shape} (one image)"
        )
    return np.broadcast_to(constant.reshape(-1), shape[1]).astype(graph.dtype)
