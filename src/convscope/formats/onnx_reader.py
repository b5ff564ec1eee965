"""From an ONNX graph to a network: values become nodes, one operator at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope.errors import ConvscopeError, FileError
from convscope.formats.onnx_file import opset, read_notes
from convscope.formats.onnx_operators import READERS
from convscope.formats.onnx_operators.registry import CannotRead, Operator
from convscope.layers import Layer
from convscope.network import Network, Node

__all__ = ["GraphReader", "read_network"]

_FLOATS = {1: np.float32, 11: np.float64}  # TensorProto.FLOAT, DOUBLE


class GraphReader:
    """What is known while a graph is read; readers of operators look things up here and add nodes.

    Attributes
    ----------
    constants : dict of str to ndarray
        Values known without running the network: initialisers and what is computed from them.
    notes : dict
        What convscope stored about nodes in the metadata.
    batch : int or None
        The length of the batch axis, if the file fixes it.
    dtype : dtype
        The type the network computes in.
    """

    def __init__(self, input_name: str, image: tuple[int, ...], batch: int | None, dtype: Any) -> None:
        self.constants: dict[str, NDArray[Any]] = {}
        self.notes: dict[str, dict[str, Any]] = {}
        self.uses: Counter[str] = Counter()
        self.batch = batch
        self.dtype = np.dtype(dtype)
        self.nodes: dict[str, Node] = {}
        # value -> the node (or the input) that gives it; node -> its shape for one image
        self._sources: dict[str, str] = {input_name: input_name}
        self._shapes: dict[str, tuple[int, ...]] = {input_name: (1, *image)}

    def constant(self, operator: Operator, index: int) -> NDArray[Any]:
        """Give an input that must be constant: a weight, a shape."""
        value = operator.inputs[index] if operator.has_input(index) else ""
        if value not in self.constants:
            raise CannotRead(f"its input {index} must be a constant; got {value!r}")
        return self.constants[value]

    def shape(self, value: str) -> tuple[int, ...]:
        """Give the shape of a value for one image."""
        return self._shapes[self.source(value)]

    def source(self, value: str) -> str:
        """Give the name of the node, or the network's input, that a value comes from."""
        if value in self._sources:
            return self._sources[value]
        if value in self.constants:
            raise CannotRead(f"its input {value!r} must not be a constant")
        raise CannotRead(f"nothing before it gives its input {value!r} (a missing value or a cycle)")

    def add(self, operator: Operator, layer: Layer, values: Sequence[str] | None = None) -> None:
        """Add a node that computes the operator's first output, from its first input unless said."""
        inputs = tuple(self.source(value) for value in (operator.inputs[:1] if values is None else values))
        shape = layer.output_shape(*(self._shapes[name] for name in inputs))
        self.nodes[operator.name] = Node(operator.name, layer, inputs)
        self._shapes[operator.name] = tuple(shape)
        self._sources[operator.outputs[0]] = operator.name

    def define(self, operator: Operator, value: Any) -> None:
        """Give the operator's output as a constant."""
        self.constants[operator.outputs[0]] = np.asarray(value)

    def rename(self, operator: Operator) -> None:
        """Give the operator's output as another name of its input."""
        value = operator.inputs[0]
        if value in self.constants:
            self.define(operator, self.constants[value])
        else:
            self._sources[operator.outputs[0]] = self.source(value)

    def only_used_here(self, value: str) -> Node | None:
        """Give the node that computes a value if nothing else uses it, so that an operator may join it."""
        node = self.nodes.get(self.source(value))
        return node if self.uses[value] == 1 else None

    def join(self, operator: Operator, before: Node, layer: Layer) -> None:
        """Make one node of an operator and the one before it; it has the operator's name, as its value."""
        del self.nodes[before.name]
        self.nodes[operator.name] = Node(operator.name, layer, before.inputs)
        self._shapes[operator.name] = self._shapes.pop(before.name)
        self._sources[operator.outputs[0]] = operator.name


def read_network(model: Any, file: Path, input_shape: tuple[int, ...] | None = None) -> Network:
    """Turn a ModelProto into a Network; `file` is for messages.

    Raises
    ------
    FileError
        If the graph has operators, inputs or settings that convscope does not know.
    """
    version = opset(model, file)
    graph = model.graph
    _refuse_unknown_operators(graph, file)
    reader, input_name = _begin(model, file, input_shape)
    notes = read_notes(model, file)
    reader.notes = notes.nodes
    for operator in _operators(graph, version, {input_name}, file):
        try:
            READERS[operator.kind](operator, reader)
        except ConvscopeError as error:
            reason = str(error).rstrip(".")
            raise FileError(f"{file}: {operator.kind} node {operator.name!r}: {reason}.") from error
    outputs = []
    for output in graph.output:
        try:
            outputs.append(reader.source(output.name))
        except CannotRead as error:
            raise FileError(f"{file}: no node gives the output {output.name!r}.") from error
    try:
        return Network(
            list(reader.nodes.values()),
            input_shape=reader.shape(input_name)[1:],
            input_name=input_name,
            outputs=tuple(dict.fromkeys(outputs)),
            name=graph.name,
            input=notes.input,
            classes=notes.classes,
        )
    except ConvscopeError as error:
        raise FileError(f"{file}: {error}") from error


def _refuse_unknown_operators(graph: Any, file: Path) -> None:
    """Name every operator that has no reader, with the first node and how many there are."""
    unknown: dict[str, list[str]] = {}
    for node in graph.node:
        kind = node.op_type if node.domain in ("", "ai.onnx") else f"{node.domain}.{node.op_type}"
        if kind not in READERS:
            unknown.setdefault(kind, []).append(node.name or (node.output[0] if node.output else ""))
    if unknown:
        listed = "; ".join(
            f"{kind} ({len(names)} node{'s' if len(names) > 1 else ''}, first {names[0]!r})"
            for kind, names in unknown.items()
        )
        raise FileError(f"{file}: convscope does not know the operator {listed}.")


def _begin(model: Any, file: Path, input_shape: tuple[int, ...] | None) -> tuple[GraphReader, str]:
    """Find the one image input, and read the constants."""
    from onnx import numpy_helper

    graph = model.graph
    weights = {tensor.name for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in weights]
    if len(inputs) != 1:
        names = ", ".join(value.name for value in inputs) or "none"
        raise FileError(f"{file}: a network must have one input; got {names}.")
    tensor = inputs[0].type.tensor_type
    if tensor.elem_type not in _FLOATS:
        raise FileError(f"{file}: the input must be float32 or float64; got type {tensor.elem_type} of ONNX.")
    lengths = [axis.dim_value if axis.HasField("dim_value") else 0 for axis in tensor.shape.dim]
    image = tuple(lengths[1:]) if input_shape is None else tuple(input_shape)
    if len(lengths) != 4 or len(image) != 3 or min(image) < 1:
        hint = "; give load an input_shape=(C, H, W)" if len(lengths) == 4 else ""
        raise FileError(f"{file}: the input must be images (N, C, H, W); got {lengths} (0: left open){hint}.")
    reader = GraphReader(inputs[0].name, image, lengths[0] or None, _FLOATS[tensor.elem_type])
    for weight in graph.initializer:
        try:
            if any(length < 0 for length in weight.dims):  # numpy would take -1 for "whatever is left"
                raise ValueError(f"its shape is {list(weight.dims)}")
            reader.constants[weight.name] = numpy_helper.to_array(weight)
        except (ValueError, TypeError, KeyError) as error:
            raise FileError(f"{file}: the initialiser {weight.name!r} is broken: {error}.") from error
    reader.uses.update(value for node in graph.node for value in node.input)
    reader.uses.update(value.name for value in graph.output)
    return reader, inputs[0].name


def _operators(graph: Any, version: int, taken: set[str], file: Path) -> list[Operator]:
    """Give every node under a name of its own, its attributes as plain values."""
    made: set[str] = set()
    operators = []
    for node in graph.node:
        if not node.output or not node.output[0] or made & set(filter(None, node.output)):
            raise FileError(f"{file}: {node.op_type} node {node.name!r} has no output of its own.")
        made.update(node.output)
        name = _unique((node.name, node.output[0]), taken)
        taken.add(name)
        try:
            attributes = {item.name: _attribute(item) for item in node.attribute}
        except (ValueError, TypeError, KeyError) as error:
            where = f"{node.op_type} node {name!r}"
            raise FileError(f"{file}: {where} has a broken attribute: {error}.") from error
        inputs, outputs = tuple(node.input), tuple(node.output)
        operators.append(Operator(node.op_type, name, inputs, outputs, attributes, version))
    return operators


def _unique(wished: Sequence[str], taken: set[str]) -> str:
    for name in wished:
        if name and name not in taken:
            return name
    count = 2
    while f"{wished[-1]}_{count}" in taken:
        count += 1
    return f"{wished[-1]}_{count}"


def _attribute(item: Any) -> Any:
    """Give an attribute as a number, text, list or array."""
    import onnx

    value = onnx.helper.get_attribute_value(item)
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, onnx.TensorProto):
        return onnx.numpy_helper.to_array(value)
    return value
