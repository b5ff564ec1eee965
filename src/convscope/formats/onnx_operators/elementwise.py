"""Functions of each value whose settings are plain numbers: one row of a table each; and Clip."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from convscope import layers
from convscope.formats.onnx_operators.registry import Operator, reads, writes

if TYPE_CHECKING:
    from convscope.formats.onnx_reader import GraphReader
    from convscope.formats.onnx_writer import GraphWriter
    from convscope.network import Node

# operator: (layer, {ONNX's attribute: (the layer's setting, what ONNX says where it is absent)})
FUNCTIONS: Mapping[str, tuple[Any, Mapping[str, tuple[str, float]]]] = {
    "Relu": (layers.ReLU, {}),
    "LeakyRelu": (layers.LeakyReLU, {"alpha": ("slope", 0.01)}),
    "Elu": (layers.ELU, {"alpha": ("alpha", 1.0)}),
    "Selu": (layers.SELU, {"alpha": ("alpha", 1.6732631921768188), "gamma": ("gamma", 1.0507010221481323)}),
    "Celu": (layers.CELU, {"alpha": ("alpha", 1.0)}),
    "Sigmoid": (layers.Sigmoid, {}),
    "HardSigmoid": (layers.Hardsigmoid, {"alpha": ("alpha", 0.2), "beta": ("beta", 0.5)}),
    "HardSwish": (layers.Hardswish, {}),
    "Softplus": (layers.Softplus, {}),
    "Softsign": (layers.Softsign, {}),
    "GlobalAveragePool": (layers.GlobalAvgPool2d, {}),
    "GlobalMaxPool": (layers.GlobalMaxPool2d, {}),
    "LRN": (
        layers.LocalResponseNorm,
        {"size": ("size", 0), "alpha": ("alpha", 1e-4), "beta": ("beta", 0.75), "bias": ("k", 1.0)},
    ),
}  # fmt: skip


def _register(kind: str, layer_class: Any, settings: Mapping[str, tuple[str, float]]) -> None:
    def read(operator: Operator, graph: GraphReader) -> None:
        values = {name: operator.get(attribute, default) for attribute, (name, default) in settings.items()}
        graph.add(operator, layer_class(**values))

    def write(node: Node, layer: Any, graph: GraphWriter) -> None:
        found = layer.settings()
        attributes = {attribute: found[name] for attribute, (name, _) in settings.items()}
        graph.emit(kind, node.name, node.inputs, **attributes)

    reads(kind)(read)
    writes(layer_class.kind)(write)


for _kind, (_layer, _settings) in FUNCTIONS.items():
    _register(_kind, _layer, _settings)


@reads("Clip")
def read_clip(operator: Operator, graph: GraphReader) -> None:
    """The limits were attributes up to opset 10 and are inputs since."""
    limits = {"low": operator.get("min", -math.inf), "high": operator.get("max", math.inf)}
    for index, name in ((1, "low"), (2, "high")):
        if operator.has_input(index):
            limits[name] = float(graph.constant(operator, index).item())
    graph.add(operator, layers.Clip(**limits))


@writes("Clip")
def write_clip(node: Node, layer: layers.Clip, graph: GraphWriter) -> None:
    inputs = [*node.inputs]
    for name, limit in (("low", layer.low), ("high", layer.high)):
        endless = math.isinf(limit)
        inputs.append("" if endless else graph.constant(f"{node.name}.{name}", np.array(limit, graph.dtype)))
    graph.emit("Clip", node.name, inputs)
