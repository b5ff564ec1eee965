"""From a network to an ONNX graph: every node keeps its name, and its output has it too."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

import convscope
from convscope.errors import InvalidValue
from convscope.formats.onnx_operators import WRITERS
from convscope.formats.onnx_operators.registry import NEEDS_OPSET
from convscope.network import Network, Node

__all__ = ["OPSET", "GraphWriter", "write_network"]

OPSET = 17
_IR_VERSION = 8  # the file format that came with opset 15 to 18


class GraphWriter:
    """The graph being written; writers of layers look shapes up here and add operators.

    Attributes
    ----------
    shapes : dict of str to tuple
        The shape of every node's output, and of the input, for a batch of one.
    dtype : dtype
        The type of the network's numbers.
    notes : dict
        What ONNX has no words for, by node, stored in the metadata.
    """

    def __init__(self, net: Network) -> None:
        self.dtype = np.dtype(net.dtype)
        self.type_number = 1 if self.dtype == np.float32 else 11  # TensorProto.FLOAT or DOUBLE
        self.notes: dict[str, Any] = {}
        self.operators: list[Any] = []
        self.initialisers: list[Any] = []
        self.shapes: dict[str, tuple[int, ...]] = net.shapes()
        # ONNX has one space of names for inputs, weights and values.
        self._taken = {*self.shapes}

    def parameter(self, node: Node, name: str) -> str:
        """Store a parameter or statistic of a node; give the name it has in the file."""
        arrays = {**node.layer.parameters, **node.layer.statistics}
        return self.constant(f"{node.name}.{name}", arrays[name])

    def constant(self, name: str, array: NDArray[Any]) -> str:
        """Store an array; give the name it has in the file."""
        from onnx import numpy_helper

        name = self._free(name)
        self.initialisers.append(numpy_helper.from_array(np.asarray(array, order="C"), name))
        return name

    def emit(self, kind: str, name: str, inputs: Sequence[str], **attributes: Any) -> str:
        """Add an operator whose output has its name; give that name."""
        from onnx import helper

        if name not in self.shapes:  # a step on the way to a node's output
            name = self._free(name)
        self.operators.append(helper.make_node(kind, list(inputs), [name], name=name, **attributes))
        return name

    def _free(self, name: str) -> str:
        while name in self._taken:
            name += "_"
        self._taken.add(name)
        return name


def write_network(net: Network) -> Any:
    """Turn a Network into a ModelProto.

    Raises
    ------
    InvalidValue
        If a layer has no ONNX form.
    """
    from onnx import helper

    net = net.parted()
    graph = GraphWriter(net)
    for node in net.nodes.values():
        if node.layer.kind not in WRITERS:
            kind = node.layer.kind
            raise InvalidValue(f"save: a layer must have an ONNX form; got {kind} in {node.name!r}.")
        WRITERS[node.layer.kind](node, node.layer, graph)
    opset = max(OPSET, *(NEEDS_OPSET.get(node.layer.kind, 0) for node in net.nodes.values()))
    model = helper.make_model(
        helper.make_graph(
            graph.operators,
            net.name or "network",
            [_value(graph, name) for name in (net.input_name, *net.more_inputs)],
            [_value(graph, name) for name in net.outputs],
            graph.initialisers,
        ),
        opset_imports=[helper.make_opsetid("", opset)],
        ir_version=_IR_VERSION if opset <= 18 else _IR_VERSION + 2,
        producer_name="convscope",
        producer_version=convscope.__version__,
    )
    helper.set_model_props(model, _metadata(net, graph))
    return model


def _value(graph: GraphWriter, name: str) -> Any:
    from onnx import helper

    kind = helper.np_dtype_to_tensor_dtype(graph.dtype)
    return helper.make_tensor_value_info(name, kind, ["N", *graph.shapes[name][1:]])


def _metadata(net: Network, graph: GraphWriter) -> dict[str, str]:
    notes: dict[str, Any] = {}
    if net.input is not None:
        notes["input"] = net.input.to_dict()
    if net.classes:
        notes["classes"] = list(net.classes)
    if graph.notes:
        notes["nodes"] = graph.notes
    return {f"convscope.{key}": json.dumps(value) for key, value in notes.items()}
