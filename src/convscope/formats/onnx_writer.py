"""From a network to an ONNX graph: every node keeps its name, and its output has it too."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

import convscope
from convscope.errors import ConvscopeError, InvalidValue
from convscope.formats.onnx_operators import WRITERS
from convscope.formats.onnx_operators.registry import NEEDS_OPSET
from convscope.layers.base import Shape
from convscope.network import Network, Node
from convscope.network.graph import shapes_of

__all__ = ["OPSET", "GraphWriter", "write_network"]

OPSET = 17
_IR_VERSION = 8  # the file format that came with opset 15 to 18


class GraphWriter:
    """The graph being written; writers of layers look shapes up here and add operators.

    Attributes
    ----------
    shapes : dict of str to tuple
        The shape of every node's output, and of the inputs, for the batch that the network is made for.
    dtype : dtype
        The type of the network's numbers.
    lengths : dict of str to list
        The shapes as the file says them: "N" where a length is that of the batch, which is free.
    opset : int
        The version of the operators that what was written needs.
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
        self.lengths = _lengths(net, self.shapes)
        self.opset = OPSET
        # ONNX has one space of names for inputs, weights and values.
        self._taken = {*self.shapes}
        self._node = ""

    def write(self, node: Node) -> None:
        """Add a node's operators.

        Raises
        ------
        InvalidValue
            If its layer has no ONNX form.
        """
        kind, self._node = node.layer.kind, node.name
        if kind not in WRITERS:
            raise InvalidValue(f"save: a layer must have an ONNX form; got {kind} in {node.name!r}.")
        self.need_opset(NEEDS_OPSET.get(kind, OPSET))
        WRITERS[kind](node, node.layer, self)

    def need_opset(self, version: int) -> None:
        """Say that an operator is as it is since a version."""
        self.opset = max(self.opset, version)

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

        if name != self._node:  # a step on the way to a node's output
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
        graph.write(node)
    model = helper.make_model(
        helper.make_graph(
            graph.operators,
            net.name or "network",
            [_value(graph, name) for name in (net.input_name, *net.more_inputs)],
            [_value(graph, name) for name in net.outputs],
            graph.initialisers,
        ),
        opset_imports=[helper.make_opsetid("", graph.opset)],
        ir_version=_IR_VERSION if graph.opset <= 18 else _IR_VERSION + 2,
        producer_name="convscope",
        producer_version=convscope.__version__,
    )
    helper.set_model_props(model, _metadata(net, graph))
    return model


def _value(graph: GraphWriter, name: str) -> Any:
    from onnx import helper

    kind = helper.np_dtype_to_tensor_dtype(graph.dtype)
    return helper.make_tensor_value_info(name, kind, graph.lengths[name])


def _lengths(net: Network, shapes: Mapping[str, Shape]) -> dict[str, list[Any]]:
    """Tell the batch's length from the others by what it is for two images.

    It stays as it is where the graph is for so many images only.
    """
    fixed = {name: [*shape] for name, shape in shapes.items()}
    inputs = {name: shapes[name] for name in (net.input_name, *net.more_inputs)}
    if any(shape[0] != 1 for shape in inputs.values()):
        return fixed
    try:
        doubled = shapes_of(net.nodes, {name: (2, *shape[1:]) for name, shape in inputs.items()})
    except ConvscopeError:
        return fixed
    return {
        name: [one if n == one else _batches(one) for one, n in zip(shape, doubled[name], strict=True)]
        for name, shape in shapes.items()
    }


def _batches(count: int) -> str:
    return "N" if count == 1 else f"{count}N"


def _metadata(net: Network, graph: GraphWriter) -> dict[str, str]:
    notes: dict[str, Any] = {}
    if net.input is not None:
        notes["input"] = net.input.to_dict()
    if net.classes:
        notes["classes"] = list(net.classes)
    if graph.notes:
        notes["nodes"] = graph.notes
    return {f"convscope.{key}": json.dumps(value) for key, value in notes.items()}
