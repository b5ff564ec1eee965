"""convscope as a backend of ONNX's own interface, so that ONNX's conformance suite can judge it.

    import convscope.formats.onnx_backend as backend
    backend.prepare(model).run([x])

A network needs to know its weights and shapes, which a graph may take as inputs. So a graph is read anew
for each run: inputs of floats are inputs of the network, unless an operator must know them; whole numbers
(indices, shapes) are known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx.backend.base import Backend, BackendRep, namedtupledict

from convscope.errors import ConvscopeError, FileError, InvalidValue
from convscope.formats.onnx_graph import FLOATS, plain, read_constants, refuse_unknown_operators
from convscope.formats.onnx_reader import GraphReader, read_graph

__all__ = ["ConvscopeBackend", "PreparedModel", "prepare", "run_model", "run_node", "supports_device"]

_FILE = Path("model")  # for messages


class PreparedModel(BackendRep):
    """A model that runs.

    Parameters
    ----------
    model : onnx.ModelProto
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        self.constants = read_constants(model.graph, _FILE)
        refuse_unknown_operators(model.graph, _FILE)
        self.network: Any = None  # of the last run

    def run(self, inputs: Sequence[Any] | Mapping[str, Any], **kwargs: Any) -> tuple[Any, ...]:
        """Compute the outputs, in the graph's order.

        Parameters
        ----------
        inputs : sequence or mapping of arrays
            Of the graph's inputs that have no initialiser, or of all.

        Raises
        ------
        ConvscopeError
            If the graph has what convscope cannot express.
        """
        graph = self.model.graph
        values = self._values(inputs)
        floats = {
            value.name: values[value.name]
            for value in graph.input
            if value.name in values and value.type.tensor_type.elem_type in FLOATS
        }
        floats = {name: array for name, array in floats.items() if array.ndim and array.size}
        dtype = np.result_type(*floats.values()) if floats else np.dtype(np.float32)
        first = next(iter(floats.values()), np.zeros(1))
        reader = GraphReader({name: array.shape for name, array in floats.items()}, len(first), dtype)
        reader.constants.update(self.constants)
        reader.constants.update({name: array for name, array in values.items() if name not in floats})
        reader.bound.update(floats)
        found = self._run(reader, floats)
        by_name = {output.name: _typed(found[output.name], output) for output in graph.output}
        names = [output.name for output in graph.output]
        return tuple(namedtupledict("Outputs", names)(*by_name.values()))

    def _values(self, inputs: Sequence[Any] | Mapping[str, Any]) -> dict[str, NDArray[Any]]:
        if isinstance(inputs, Mapping):
            given = dict(inputs)
        else:
            names = [value.name for value in self.model.graph.input]
            if len(inputs) < len(names):
                names = [name for name in names if name not in self.constants]
            given = dict(zip(names, inputs, strict=True))
        return {name: plain(np.asarray(array)) for name, array in given.items()}

    def _run(self, reader: GraphReader, floats: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Read the graph; what is not known by then is computed by the network."""
        outputs = [value.name for value in self.model.graph.output]
        if not floats:
            return self._fold(reader, outputs)
        main, *others = floats
        net = read_graph(self.model, _FILE, reader, outputs)
        self.network = net
        x: Any = floats[main].astype(net.dtype)
        if others:
            x = {main: x, **{name: floats[name].astype(net.dtype) for name in others}}
        record = net.run(x)
        known = reader.constants
        return {
            name: known[name] if name in known and name not in floats else record[reader.output(name)]
            for name in outputs
        }

    def _fold(self, reader: GraphReader, outputs: list[str]) -> dict[str, NDArray[Any]]:
        """All inputs are known, so the operators either fold or run as constants of a network."""
        from convscope.network import Network

        try:
            read_graph(self.model, _FILE, reader, [])
        except (InvalidValue, FileError, ValueError):
            missing = [name for name in outputs if name not in reader.constants and not reader.nodes]
            if missing:
                raise
        found = {name: reader.constants[name] for name in outputs if name in reader.constants}
        if len(found) < len(outputs):
            names = {name: reader.output(name) for name in outputs if name not in found}
            net = Network(reader.nodes.values(), (1,), input_name="", outputs=[*names.values()])
            record = net.run(np.zeros((1, 1), net.dtype))
            found.update({name: record[node] for name, node in names.items()})
        return found


class ConvscopeBackend(Backend):
    """ONNX's `Backend`, computed by convscope on the CPU.

    Examples
    --------
    >>> from onnx import TensorProto, helper
    >>> x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3]) for name in "xy")
    >>> graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", [x], [y])
    >>> model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    >>> ConvscopeBackend.prepare(model).run([np.array([[-1, 0, 2]], np.float32)])[0]
    array([[0., 0., 2.]], dtype=float32)
    """

    @classmethod
    def is_compatible(cls, model: Any, device: str = "CPU", **kwargs: Any) -> bool:
        """Say whether convscope knows all operators of a model."""
        try:
            refuse_unknown_operators(model.graph, _FILE)
        except ConvscopeError:
            return False
        return True

    @classmethod
    def prepare(cls, model: Any, device: str = "CPU", **kwargs: Any) -> PreparedModel:
        """Check a model and make it ready to run.

        Raises
        ------
        ConvscopeError
            If it has operators that convscope does not know.
        onnx.checker.ValidationError
            If it is no valid model.
        """
        super().prepare(model, device, **kwargs)
        return PreparedModel(model)

    @classmethod
    def run_node(
        cls, node: Any, inputs: Any, device: str = "CPU", outputs_info: Any = None, **kwargs: Any
    ) -> tuple[Any, ...]:
        """Run one operator on arrays."""
        names = [name for name in node.input if name]
        arrays = [np.asarray(array) for array in inputs]
        infos = [
            onnx.helper.make_tensor_value_info(
                name, onnx.helper.np_dtype_to_tensor_dtype(array.dtype), array.shape
            )
            for name, array in zip(names, arrays, strict=True)
        ]
        outputs = [onnx.helper.make_empty_tensor_value_info(name) for name in node.output if name]
        graph = onnx.helper.make_graph([node], "node", infos, outputs)
        version = kwargs.get("opset_version", min(21, onnx.defs.onnx_opset_version()))
        model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", version)])
        return PreparedModel(model).run(arrays)

    @classmethod
    def supports_device(cls, device: str) -> bool:
        """Only the CPU."""
        return device == "CPU"


def _typed(array: NDArray[Any], output: Any) -> NDArray[Any]:
    """Give an output in the type that the graph declares: a network computes in one type."""
    kind = output.type.tensor_type.elem_type
    if not kind:
        return array
    return array.astype(onnx.helper.tensor_dtype_to_np_dtype(kind), copy=False)


prepare = ConvscopeBackend.prepare
run_node = ConvscopeBackend.run_node
run_model = ConvscopeBackend.run_model
supports_device = ConvscopeBackend.supports_device
