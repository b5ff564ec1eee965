"""From a PyTorch module to a network: the module is exported, and each operation becomes a layer.

`torch.export` follows a module's forward pass with all that is functional, reused or branched in it, and
gives a plain list of operations, which is read like an ONNX graph.
"""

from __future__ import annotations

import operator
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope import layers
from convscope.errors import ConvscopeError, InvalidValue
from convscope.formats.torch_readers import BATCH, READERS
from convscope.formats.torch_readers.row import Row
from convscope.layers import Layer
from convscope.network import Network, Node

__all__ = ["TorchReader", "from_torch"]


def from_torch(
    module: Any,
    input_shape: Sequence[int] | Sequence[Sequence[int]],
    *,
    name: str = "",
    classes: Sequence[str] = (),
) -> Network:
    """Turn a PyTorch module into a network of equal outputs, with copies of its weights.

    The module is followed in eval mode; it is left as it was. Nodes get the names of the submodules
    ("features.0"); operations outside of any get their own ("add", "cat_1").

    Parameters
    ----------
    module : torch.nn.Module
    input_shape : (C, H, W), or other axes without the batch's
        A sequence of such shapes where `forward` takes several tensors.
    name : str
    classes : sequence of str

    Returns
    -------
    Network

    Raises
    ------
    InvalidValue
        If PyTorch cannot follow the module, or it has an operation that convscope does not know.

    Examples
    --------
    >>> import torch
    >>> module = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.ReLU())
    >>> net = from_torch(module, (3, 16, 16))
    >>> [(node.name, node.layer.kind) for node in net.nodes.values()]
    [('0', 'Conv2d'), ('1', 'ReLU')]
    """
    import torch

    shapes = _input_shapes(input_shape)
    values = [*module.parameters(), *module.buffers()]
    dtype = next((v.dtype for v in values if v.is_floating_point()), torch.float32)
    training = module.training
    try:
        examples = tuple(torch.empty((BATCH, *shape), dtype=dtype) for shape in shapes)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # PyTorch's, of its own ways
            exported = _decomposed(_without_hidden_writes(torch.export.export(module.eval(), examples)))
    except Exception as error:  # torch has no common class for what it cannot follow
        reason = " ".join(str(error).split())[:300]
        raise InvalidValue(f"from_torch: PyTorch cannot follow the module: {reason}") from error
    finally:
        module.train(training)
    return TorchReader(exported).network(name or type(module).__name__, classes)


def _input_shapes(given: Any) -> list[tuple[int, ...]]:
    """Give the shape of each input."""
    try:
        several = [given] if all(isinstance(n, int | np.integer) for n in given) else list(given)
        shapes = [tuple(int(n) for n in shape) for shape in several]
    except (TypeError, ValueError):
        shapes = []
    if not shapes or min((min(shape, default=0) for shape in shapes), default=0) < 1:
        raise InvalidValue(
            "from_torch: input_shape must be the lengths of one image, such as (3, 224, 224), or one such "
            f"shape for each input; got {given!r}."
        )
    return shapes


def _without_hidden_writes(exported: Any) -> Any:
    """Let PyTorch spell out what an operation in place does to other names of the same memory."""
    writes = [item for item in exported.graph.nodes if _schema(item) and _schema(item).is_mutable]
    if any(_is_view(item.args[0]) or any(map(_is_view, item.args[0].users)) for item in writes):
        return exported.run_decompositions({})
    return exported


def _is_view(item: Any) -> bool:
    """Say whether an operation's value lies in the memory of its input."""
    if item.target is operator.getitem:
        return _is_view(item.args[0])
    returns = _schema(item).returns if _schema(item) else ()
    return any(value.alias_info and not value.alias_info.is_write for value in returns)


def _schema(item: Any) -> Any:
    return getattr(item.target, "_schema", None) if item.op == "call_function" else None


def _decomposed(exported: Any) -> Any:
    """Let PyTorch express operations that have no row here by ones that have."""
    import torch

    for _ in range(4):  # what comes out may have to be expressed again
        unknown = {
            item.target
            for item in exported.graph.nodes
            if _schema(item) and not _is_check(item) and _row(item) is None
        }
        if not unknown:
            break
        known = torch.export.default_decompositions()
        chosen = {target: known[target] for target in unknown if target in known}
        if not chosen:
            break
        exported = exported.run_decompositions(chosen)
    return exported


def _is_check(item: Any) -> bool:
    """Say whether an operation gives nothing: it checks a type or a shape."""
    return _schema(item) is not None and not _schema(item).returns


def _row(item: Any) -> Row | None:
    """Give the row of an operation; "add_" works in place and is read as "add"."""
    full = str(item.target)
    if not full.startswith("aten."):
        return None
    name = full.removeprefix("aten.").split(".")[0]
    return READERS.get(name) or READERS.get(name.removesuffix("_"))


class TorchReader:
    """What is known while the operations are read."""

    def __init__(self, exported: Any) -> None:
        self.exported = exported
        self.nodes: dict[str, Node] = {}
        self.sources: dict[str, str] = {}  # an operation -> the node that gives its value
        self.arrays: dict[str, NDArray[Any]] = {}  # an operation -> its value, where it is known
        self.parts: dict[str, list[str]] = {}  # an operation with several outputs -> their nodes
        self.known_parts: dict[str, list[Any]] = {}  # the same of an operation whose values are known
        self.shapes: dict[str, tuple[int, ...]] = {}  # of each input, without the batch
        self.dtype: Any = np.float32

    @property
    def inputs(self) -> list[str]:
        """The names of the inputs."""
        return list(self.shapes)

    def network(self, name: str, classes: Sequence[str]) -> Network:
        """Read all operations."""
        outputs: list[str] = []
        self._placeholders()
        for item in self.exported.graph.nodes:
            if item.op == "call_function" and not _is_check(item):
                self._read(item)
            elif item.op == "output":
                outputs = [self._output(value) for value in _flat(item.args[0])]
        first, *others = self.inputs
        net = Network(
            list(self.nodes.values()),
            self.shapes[first],
            input_name=first,
            more_inputs={other: (1, *self.shapes[other]) for other in others},
            outputs=tuple(dict.fromkeys(outputs)),
            name=name,
            classes=classes,
        )
        return net if net.dtype == self.dtype else net.astype(self.dtype)

    def _output(self, item: Any) -> str:
        """Give the node of an output, which may not be an input itself."""
        source = self.source(item)
        return (
            self._insert(f"{source}_output", layers.Cast("float"), (source,))
            if source in self.shapes
            else source
        )

    def source(self, item: Any) -> str:
        """Give the node of a value; a known array becomes a constant."""
        if item.name in self.arrays and item.name not in self.sources:
            array = self.arrays[item.name].astype(self.dtype)
            self.sources[item.name] = self._insert(item.name, layers.Constant(array), ())
        if item.name not in self.sources:
            raise InvalidValue(f"from_torch: the value {item.name!r} is not known here.")
        return self.sources[item.name]

    def array(self, item: Any) -> Any:
        """Give a weight, or None where there is none."""
        if item is None:
            return None
        if getattr(item, "name", None) not in self.arrays:
            raise InvalidValue("from_torch: weights must be parameters or buffers, not computed.")
        return self.arrays[item.name]

    def add(self, item: Any, layer: Layer, *inputs: Any) -> None:
        """Add a node for an operation."""
        names = tuple(value if isinstance(value, str) else self.source(value) for value in inputs)
        self.sources[item.name] = self._insert(_name(item), layer, names)

    def step(self, item: Any, what: str, layer: Layer, *inputs: Any) -> str:
        """Add a node on the way."""
        names = tuple(value if isinstance(value, str) else self.source(value) for value in inputs)
        return self._insert(f"{_name(item)}/{what}", layer, names)

    def number(self, item: Any, what: str, value: float) -> str:
        """Add a constant."""
        layer = layers.Constant(np.array(value, self.dtype))
        return self._insert(f"{_name(item)}/{what}", layer, ())

    def per_image(self, item: Any, value: float, rank: int) -> str:
        """Add nodes that give a number for every image of the first input: (N, 1, 1 ...)."""
        first = self.inputs[0]
        axes = range(1, 1 + len(self.shapes[first]))
        largest = self.step(item, "largest", layers.Reduce("max", axes, keepdims=False), first)
        number = self.step(item, "number", layers.Clip(value, value), largest)
        return self.step(item, "unit", layers.Reshape((0, *(1,) * (rank - 1))), number)

    def _insert(self, name: str, layer: Layer, inputs: tuple[str, ...]) -> str:
        found, count = name, 1
        while found in self.nodes or found in self.shapes:
            found, count = f"{name}_{count}", count + 1
        self.nodes[found] = Node(found, layer, inputs)
        return found

    def _placeholders(self) -> None:
        signature = self.exported.graph_signature
        stored = {**self.exported.state_dict, **self.exported.constants}
        names = {
            **signature.inputs_to_parameters,
            **signature.inputs_to_buffers,
            **signature.inputs_to_lifted_tensor_constants,
        }
        for item in self.exported.graph.nodes:
            if item.op != "placeholder":
                continue
            if item.name in names:
                self.arrays[item.name] = np.array(stored[names[item.name]].detach().numpy())
            else:
                self.shapes[item.name] = tuple(int(n) for n in item.meta["val"].shape[1:])
                self.sources[item.name] = item.name
                self.dtype = np.dtype(str(item.meta["val"].dtype).removeprefix("torch."))

    def _read(self, item: Any) -> None:
        if item.target is operator.getitem:
            source, index = item.args
            if source.name in self.known_parts:
                self.arrays[item.name] = self.known_parts[source.name][index]
            elif index < len(self.parts[source.name]):  # of maxima, places that nobody may ask for are not
                self.sources[item.name] = self.parts[source.name][index]
            return
        if self._is_known(item):
            self._compute(item)
            return
        row = _row(item)
        if row is None:
            raise InvalidValue(f"from_torch: the operation {item.target} ({_name(item)!r}) is not known.")
        try:
            row(self, item, _arguments(item))
        except ConvscopeError as error:
            raise InvalidValue(f"from_torch: {item.target} ({_name(item)!r}): {error}") from error
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            where = f"{item.target} ({_name(item)!r})"
            raise InvalidValue(f"from_torch: {where} is not known with such arguments: {error}.") from error

    def _is_known(self, item: Any) -> bool:
        """Say whether an operation's value depends on weights only, not on the images or their number."""
        if not item.all_input_nodes:
            values = _flat(item.meta["val"])
            return all(tuple(value.shape[:1]) != (BATCH,) for value in values)
        return all(node.name in self.arrays for node in item.all_input_nodes)

    def _compute(self, item: Any) -> None:
        """Let PyTorch compute what is known: a weight that is normalised, a table of places."""
        import torch

        def tensor(node: Any) -> Any:
            return torch.from_numpy(np.array(self.arrays[node.name]))

        with torch.no_grad():
            found = item.target(
                *torch.fx.node.map_arg(item.args, tensor), **torch.fx.node.map_arg(item.kwargs, tensor)
            )
        if isinstance(found, torch.Tensor):
            array = found.numpy()
            if array.shape[:1] == (BATCH,) and (array == array[:1]).all():
                one = self.step(item, "one image", layers.Constant(array[:1].astype(self.dtype)))
                self.add(item, layers.Add(), one, self.per_image(item, 0.0, array.ndim))
            else:
                self.arrays[item.name] = array
        else:
            self.known_parts[item.name] = [part.numpy() for part in found]


def _arguments(item: Any) -> dict[str, Any]:
    """Give all arguments of an operation by name, defaults too."""
    schema = item.target._schema.arguments
    found = {a.name: a.default_value for a in schema if a.has_default_value()}
    found.update({a.name: value for a, value in zip(schema, item.args, strict=False)})
    return {**found, **item.kwargs}


def _flat(value: Any) -> list[Any]:
    if isinstance(value, list | tuple):
        return [part for item in value for part in _flat(item)]
    if isinstance(value, dict):
        return [part for item in value.values() for part in _flat(item)]
    return [value]


def _name(item: Any) -> str:
    """Give the submodule's name if it is one operation, else the operation's, behind the submodule's."""
    stack = list((item.meta.get("nn_module_stack") or {}).values())
    path, kind = stack[-1] if stack else ("", "")
    kind = kind if isinstance(kind, str) else f"{kind.__module__}.{kind.__qualname__}"
    if path and kind.startswith("torch.nn.modules") and item.target.name() != "aten::pad":
        return str(path)
    return f"{path}.{item.name}" if path else str(item.name)
