"""ReduceMean and the like, and ArgMax."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from convscope.formats.onnx_operators.registry import Operator, reads, writes
from convscope.layers import Abs, ArgMax, Cast, Reduce

if TYPE_CHECKING:
    from convscope.formats.onnx_reader import GraphReader
    from convscope.formats.onnx_writer import GraphWriter
    from convscope.network import Node

# operator: (how, p)
REDUCTIONS = {
    "ReduceMean": ("mean", 2),
    "ReduceSum": ("sum", 2),
    "ReduceMax": ("max", 2),
    "ReduceMin": ("min", 2),
    "ReduceL1": ("norm", 1),
    "ReduceL2": ("norm", 2),
}


def _read(operator: Operator, graph: GraphReader) -> None:
    """The axes are an attribute, or an input since opset 13 (ReduceSum) and 18 (the others)."""
    how, p = REDUCTIONS[operator.kind]
    given = graph.optional(operator, 1) if operator.has_input(1) else operator.get("axes")
    axes = [] if given is None else [int(a) for a in np.reshape(given, -1)]
    if not axes and operator.get("noop_with_empty_axes", 0):
        graph.add(operator, Abs() if how == "norm" else Cast("float"))  # of one value each
    else:
        graph.add(operator, Reduce(how, axes, keepdims=bool(operator.get("keepdims", 1)), p=p))


for _kind in REDUCTIONS:
    reads(_kind)(_read)


@writes("Reduce", opset=18)
def write_reduce(node: Node, layer: Reduce, graph: GraphWriter) -> None:
    """A norm other than 1 and 2 is written out; axes are inputs since opset 18."""
    inputs = [*node.inputs]
    keepdims = int(layer.keepdims)
    axes = [graph.constant(f"{node.name}.axes", np.array(layer.axes, np.int64))] if layer.axes else []
    if layer.how != "norm" or layer.p in (1, 2):
        p = layer.p if layer.how == "norm" else 2
        kind = next(kind for kind, row in REDUCTIONS.items() if row == (layer.how, p))
        graph.emit(kind, node.name, [*inputs, *axes], keepdims=keepdims)
        return
    power = graph.constant(f"{node.name}.p", np.array(layer.p, graph.dtype))
    root = graph.constant(f"{node.name}.root", np.array(1 / layer.p, graph.dtype))
    value = graph.emit("Abs", f"{node.name}/abs", inputs)
    value = graph.emit("Pow", f"{node.name}/powers", [value, power])
    value = graph.emit("ReduceSum", f"{node.name}/sum", [value, *axes], keepdims=keepdims)
    graph.emit("Pow", node.name, [value, root])


@reads("ArgMax")
def read_arg_max(operator: Operator, graph: GraphReader) -> None:
    last = bool(operator.get("select_last_index", 0))
    keepdims = bool(operator.get("keepdims", 1))
    graph.add(operator, ArgMax(int(operator.get("axis", 0)), keepdims=keepdims, last=last))


@writes("ArgMax")
def write_arg_max(node: Node, layer: ArgMax, graph: GraphWriter) -> None:
    attributes = {"axis": layer.axis, "keepdims": int(layer.keepdims), "select_last_index": int(layer.last)}
    value = graph.emit("ArgMax", f"{node.name}/place", node.inputs, **attributes)
    graph.emit("Cast", node.name, [value], to=graph.type_number)
