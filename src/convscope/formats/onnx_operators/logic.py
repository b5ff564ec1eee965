"""Comparisons and what is made of truths, which are the numbers 1 and 0 here: steps of plain layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from convscope.formats.onnx_operators.registry import Operator, reads

if TYPE_CHECKING:
    from convscope.formats.onnx_reader import GraphReader

_BOOL = 9  # TensorProto's number of truth values


@reads("Greater")
@reads("Less")
def read_greater(operator: Operator, graph: GraphReader) -> None:
    """A difference is above 0."""
    a, b = operator.inputs if operator.kind == "Greater" else operator.inputs[::-1]
    difference = graph.compute(operator, "Sub", "difference", [a, b])
    above = graph.compute(operator, "Relu", "above", [difference])
    graph.compute(operator, "Cast", "", [above], to=_BOOL)


@reads("GreaterOrEqual")
@reads("LessOrEqual")
def read_not_less(operator: Operator, graph: GraphReader) -> None:
    """It is not the other way round."""
    opposite = "Less" if operator.kind == "GreaterOrEqual" else "Greater"
    truth = graph.compute(operator, opposite, "opposite", operator.inputs)
    graph.compute(operator, "Not", "", [truth])


@reads("Not")
def read_not(operator: Operator, graph: GraphReader) -> None:
    one = f"{operator.name}/one"
    graph.constants[one] = np.array(1, graph.dtype)
    graph.compute(operator, "Sub", "", [one, operator.inputs[0]])


@reads("And")
def read_and(operator: Operator, graph: GraphReader) -> None:
    graph.compute(operator, "Mul", "", operator.inputs)


@reads("Or")
def read_or(operator: Operator, graph: GraphReader) -> None:
    graph.compute(operator, "Max", "", operator.inputs)


@reads("Sign")
def read_sign(operator: Operator, graph: GraphReader) -> None:
    """What is above 0, less what is below."""
    zero = f"{operator.name}/zero"
    graph.constants[zero] = np.array(0, graph.dtype)
    above = graph.compute(operator, "Greater", "above 0", [operator.inputs[0], zero])
    below = graph.compute(operator, "Less", "below 0", [operator.inputs[0], zero])
    graph.compute(operator, "Sub", "", [above, below])
