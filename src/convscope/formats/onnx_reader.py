"""From an ONNX graph to a network: values become nodes, one operator at a time."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope.errors import ConvscopeError, FileError
from convscope.formats.batch import open_shape
from convscope.formats.onnx_file import opset, read_notes
from convscope.formats.onnx_graph import image_shapes, operators, read_constants, refuse_unknown_operators
from convscope.formats.onnx_operators import READERS
from convscope.formats.onnx_operators.folding import fold
from convscope.formats.onnx_operators.registry import CannotRead, Operator
from convscope.layers import Cast, Constant, Layer
from convscope.network import Network, Node
from convscope.network.graph import shapes_of

__all__ = ["MAX_BYTES", "GraphReader", "read_graph", "read_network"]

MAX_BYTES = 4 * 2**30
# what Python and NumPy raise where an attribute is of a wrong kind, or an input is missing
_BROKEN = (
    *(ValueError, TypeError, IndexError, KeyError, AttributeError),
    *(OverflowError, ZeroDivisionError, MemoryError, AssertionError),
)


class GraphReader:
    """What is known while a graph is read; readers of operators look things up here and add nodes.

    Attributes
    ----------
    constants : dict of str to ndarray
        Values known without running the network: initialisers and what is computed from them.
    bound : dict of str to ndarray
        Inputs whose values are known too, for operators that need to know them (`onnx_backend`).
    notes : dict
        What convscope stored about nodes in the metadata.
    batch : int or None
        The length of the batch axis, if the file fixes it.
    dtype : dtype
        The type the network computes in.
    """

    def __init__(
        self,
        inputs: Mapping[str, tuple[int, ...]],
        batch: int | None,
        dtype: Any,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        self.constants: dict[str, NDArray[Any]] = {}
        self.bound: dict[str, NDArray[Any]] = {}
        self.notes: dict[str, dict[str, Any]] = {}
        self.uses: Counter[str] = Counter()
        self.batch = batch
        self.dtype = np.dtype(dtype)
        self.max_bytes = max_bytes
        self.moved: Operator | None = None  # the first to take an open batch axis from its place
        self.nodes: dict[str, Node] = {}
        self.taken: set[str] = set(inputs)
        # value -> the node (or the input) that gives it; node -> its shape
        self._sources: dict[str, str] = {name: name for name in inputs}
        self._shapes: dict[str, tuple[int, ...]] = dict(inputs)
        self._spent: set[str] = set()
        self._makers: dict[str, str] = {}  # a constant -> the operator that gives it, which has no node

    def known(self, value: str) -> NDArray[Any] | None:
        """Give a value if it is a constant."""
        return self.constants.get(value)

    def constant(self, operator: Operator, index: int) -> NDArray[Any]:
        """Give an input that must be constant: a weight, a shape."""
        value = operator.inputs[index] if operator.has_input(index) else ""
        if value not in self.constants and value in self.bound:
            self.constants[value] = self.bound[value]
        if value not in self.constants and self._sources.get(value) in self.nodes:
            self._settle(value)
        if value not in self.constants:
            raise CannotRead(f"its input {index} must be a constant; got {value!r}")
        return self.constants[value]

    def weight(self, operator: Operator, index: int) -> NDArray[Any]:
        """Give an input that must be constant, in the type the network computes in."""
        array = self.constant(operator, index)
        if array.dtype.kind != "f":
            raise CannotRead(f"its input {index} must be float32 or float64; got {array.dtype}")
        return array.astype(self.dtype, copy=False)

    def optional(self, operator: Operator, index: int) -> NDArray[Any] | None:
        """Give an input that must be constant, or None where it is absent."""
        return self.constant(operator, index) if operator.has_input(index) else None

    def shape(self, value: str) -> tuple[int, ...]:
        """Give the shape of a value; the batch axis is 1 where the file leaves it open."""
        if value in self.constants and value not in self._sources:
            return self.constants[value].shape
        return self._shapes[self.source(value)]

    def source(self, value: str) -> str:
        """Give the name of the node, or the network's input, that a value comes from."""
        if value in self._sources:
            return self._sources[value]
        if value in self.constants:
            return self._add_constant(value)
        raise CannotRead(f"nothing before it gives its input {value!r} (a missing value or a cycle)")

    def add(self, operator: Operator, layer: Layer, values: Sequence[str] | None = None) -> None:
        """Add a node that computes the operator's first output, from its first input unless said."""
        inputs = tuple(self.source(value) for value in (operator.inputs[:1] if values is None else values))
        self._sources[operator.outputs[0]] = self.insert(operator.name, layer, inputs)

    def add_part(self, operator: Operator, index: int, layer: Layer) -> None:
        """Add a node that computes one of several outputs; its name is "name:index"."""
        name = self._free(f"{operator.name}:{index}")
        inputs = (self.source(operator.inputs[0]),)
        self._sources[operator.outputs[index]] = self.insert(name, layer, inputs)

    def step(self, operator: Operator, what: str, layer: Layer, values: Sequence[str]) -> str:
        """Add a node on the way to an operator's output; give the name by which its value is known."""
        name = self._free(f"{operator.name}/{what}")
        self._sources[name] = self.insert(name, layer, tuple(self.source(value) for value in values))
        return name

    def compute(
        self, operator: Operator, kind: str, what: str, values: Sequence[str], **attributes: Any
    ) -> str:
        """Read another operator, on the way to an operator's output; give the name of its value.

        It is read as from a file, so that a file that it is written to gives the same nodes.
        """
        name = self._free(f"{operator.name}/{what}") if what else operator.name
        value = name if what else operator.outputs[0]
        self.uses[value] += bool(what)
        self.read(Operator(kind, name, tuple(values), (value,), attributes, operator.opset))
        return value

    def insert(self, name: str, layer: Layer, inputs: tuple[str, ...]) -> str:
        """Add a node under a name that is free, reading other nodes."""
        shape = tuple(layer.output_shape(*(self._shapes[source] for source in inputs)))
        if math.prod(shape) * self.dtype.itemsize > self.max_bytes:
            raise CannotRead(f"its output {shape} would have more than max_bytes, {self.max_bytes:,}")
        if inputs and _padded(layer, self._shapes[inputs[0]]) * self.dtype.itemsize > self.max_bytes:
            raise CannotRead(f"its padded input would have more than max_bytes, {self.max_bytes:,}")
        self.nodes[name] = Node(name, layer, inputs)
        self._shapes[name] = shape
        return name

    def define(self, operator: Operator, value: Any, index: int = 0) -> None:
        """Give an output of the operator as a constant."""
        self.constants[operator.outputs[index]] = np.asarray(value)
        if index == 0:
            self._makers[operator.outputs[0]] = operator.name

    def only_used_here(self, value: str) -> Node | None:
        """Give the node that computes a value if nothing else uses it, so that an operator may join it."""
        node = self.nodes.get(self.source(value))
        return node if self.uses[value] == 1 else None

    def join(self, operator: Operator, before: Node, layer: Layer, more: Sequence[str] = ()) -> None:
        """Make one node of an operator and the one before it; it has the operator's name, as its value."""
        del self.nodes[before.name]
        inputs = (*before.inputs, *(self.source(value) for value in more))
        self._sources[operator.outputs[0]] = self.insert(operator.name, layer, inputs)

    def read(self, operator: Operator) -> None:
        """Compute an operator if all it needs is known, else let its reader add a node."""
        values = [self.constants.get(value) if value else None for value in operator.inputs]
        if operator.kind in ("Shape", "Size") and values[0] is None:
            self._define_shape(operator)
            return
        given = [value for value in operator.inputs if value]
        if given and all(value in self.constants for value in given):
            found = fold(operator, values, self.max_bytes)
            if found is not None:
                for index in range(min(len(found), len(operator.outputs))):
                    self.define(operator, found[index], index)
                return
        if operator.kind not in READERS:
            missing = next((value for value in given if value not in self.constants), "")
            raise CannotRead(f"its inputs must be constants; got {missing!r}")
        READERS[operator.kind](operator, self)

    def output(self, value: str) -> str:
        """Give the node of an output of the graph, which may not be the input itself."""
        source = self.source(value)
        if source in self.nodes:
            return source
        self._sources[value] = self.insert(self._free(value), Cast("float"), (source,))
        return self._sources[value]

    def alias(self, value: str, step: str) -> None:
        """Give a further output of an operator: the value of a step."""
        self._sources[value] = self.source(step)

    def drop_spent(self, outputs: Sequence[str]) -> None:
        """Take away nodes that compute what became a constant, if nothing else reads them."""
        read = Counter(name for node in self.nodes.values() for name in node.inputs)
        read.update(self._sources[value] for value in outputs if value in self._sources)
        for name in [name for name in reversed(self.nodes) if name in self._spent]:
            if not read[name]:
                read.subtract(self.nodes.pop(name).inputs)

    def _settle(self, value: str) -> None:
        """Make a constant of a computed value that depends on no input: a weight that is normalised."""
        needed, waiting = set[str](), [self._sources[value]]
        while waiting:
            name = waiting.pop()
            if name not in self.nodes:
                return  # an input
            if name not in needed:
                needed.add(name)
                waiting.extend(self.nodes[name].inputs)
        found: dict[str, NDArray[Any]] = {}
        for name, node in self.nodes.items():
            if name in needed:
                found[name] = node.layer.forward(*(found[source] for source in node.inputs))[0]
        self.constants[value] = found[self._sources[value]]
        self._spent |= needed

    def _define_shape(self, operator: Operator) -> None:
        shape = self.shape(operator.inputs[0])
        if operator.kind == "Size":
            if self.batch is None:
                raise CannotRead("the size depends on the number of images, which the file leaves open")
            self.define(operator, np.array(math.prod(shape), np.int64))
            return
        if self.moved is not None:
            raise CannotRead(f"{self.moved.name!r} moved the batch axis, so no shape behind it is known")
        start, stop = int(operator.get("start", 0)), operator.get("end")
        if self.batch is None and shape:
            self.define(operator, open_shape(shape, start, stop))
        else:
            self.define(operator, np.array(shape, np.int64)[start:stop])

    def _add_constant(self, value: str) -> str:
        """Make a node of a constant that a layer of several inputs reads."""
        array = self.constants[value]
        if array.dtype == object:
            raise CannotRead(f"its input {value!r} depends on the number of images")
        layer = Constant(np.array(array, self.dtype))
        name = self._makers[value] if value in self._makers else self._free(value)
        self._sources[value] = self.insert(name, layer, ())
        return self._sources[value]

    def _free(self, name: str) -> str:
        found, count = name, 2
        while found in self.taken:
            found, count = f"{name}_{count}", count + 1
        self.taken.add(found)
        return found


def _check_batch_is_back(net: Network, moved: Operator) -> None:
    """Refuse a graph that leaves an open batch axis where it was moved to."""
    where = f"{moved.kind} node {moved.name!r}"
    shapes = {net.input_name: net.input_shape, **{name: s[1:] for name, s in net.more_inputs.items()}}
    try:
        found = shapes_of(net.nodes, {name: (2, *shape) for name, shape in shapes.items()})
    except ConvscopeError as error:
        raise CannotRead(f"{where} moves the batch axis, which the file leaves open: {error}") from error
    if any(found[name][:1] != (2,) for name in net.outputs):
        raise CannotRead(f"{where} moves the batch axis, which the file leaves open; it must come back")


def _padded(layer: Layer, shape: tuple[int, ...]) -> int:
    """Say how many values the input of a sliding window has with the most that its padding can add."""
    kernel = getattr(layer, "kernel_size", None)
    if kernel is None or len(shape) != len(kernel) + 2:
        return 0
    dilation = getattr(layer, "dilation", (1,) * len(kernel))
    padding = getattr(layer, "padding", 0)
    ends = [0] * len(kernel) if isinstance(padding, str | int) else [sum(pair) for pair in padding]
    spans = (n + k * d + p for n, k, d, p in zip(shape[2:], kernel, dilation, ends, strict=True))
    return int(math.prod(shape[:2]) * math.prod(spans))


def read_network(
    model: Any,
    file: Path,
    input_shape: tuple[int, ...] | None = None,
    max_bytes: int = MAX_BYTES,
    size: Any = None,
) -> Network:
    """Turn a ModelProto into a Network; `file` is for messages.

    An `input_shape` comes before the file's; a `size` (height, width) fills what the file leaves open.

    Raises
    ------
    FileError
        If the graph has operators, inputs or settings that convscope does not know.
    """
    refuse_unknown_operators(model.graph, file)
    constants = read_constants(model.graph, file)
    if size is None:
        rule = read_notes(model, file).input
        size = None if rule is None else rule.size
    shapes, batch, dtype = image_shapes(model.graph, file, input_shape, constants, size)
    for name, shape in shapes.items():
        if math.prod(shape) * np.dtype(dtype).itemsize > max_bytes:
            raise FileError(f"{file}: the input {name!r} {shape} has more than max_bytes, {max_bytes:,}.")
    reader = GraphReader(shapes, batch, dtype, max_bytes)
    reader.constants.update(constants)
    return read_graph(model, file, reader)


def read_graph(model: Any, file: Path, reader: GraphReader, outputs: Sequence[str] | None = None) -> Network:
    """Read all operators into `reader`, which knows the inputs and constants; give the network."""
    graph = model.graph
    notes = read_notes(model, file)
    reader.notes = notes.nodes
    reader.uses.update(value for node in graph.node for value in node.input)
    reader.uses.update(value.name for value in graph.output)
    inputs = [*reader.taken]
    inputs = [value.name for value in graph.input if value.name in inputs]
    listed = operators(graph, opset(model, file), set(inputs), file)
    reader.taken.update(operator.name for operator in listed)
    for operator in listed:
        try:
            reader.read(operator)
        except ConvscopeError as error:
            reason = str(error).rstrip(".")
            raise FileError(f"{file}: {operator.kind} node {operator.name!r}: {reason}.") from error
        except _BROKEN as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            where = f"{operator.kind} node {operator.name!r}"
            raise FileError(f"{file}: {where} has broken inputs or attributes: {reason}.") from error
    names = []
    for output in [value.name for value in graph.output] if outputs is None else outputs:
        try:
            names.append(reader.output(output))
        except CannotRead as error:
            raise FileError(f"{file}: no node gives the output {output!r}.") from error
    reader.drop_spent([value.name for value in graph.output])
    main, *others = inputs
    try:
        net = Network(
            list(reader.nodes.values()),
            input_shape=reader.shape(main)[1:],
            input_name=main,
            outputs=tuple(dict.fromkeys(names)),
            name=graph.name,
            input=notes.input,
            classes=notes.classes,
            more_inputs={name: reader.shape(name) for name in others},
            batch=reader.shape(main)[0],
        )
        if reader.moved is not None:
            _check_batch_is_back(net, reader.moved)
        return net if net.dtype == reader.dtype else net.astype(reader.dtype)
    except ConvscopeError as error:
        raise FileError(f"{file}: {error}") from error
