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
FUNCTIONS: Mapping[str, tuple[Any, Mapping[str, tuple[str, Any]]]] = {
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
    "Mish": (layers.Mish, {}),
    "Gelu": (layers.GELU, {"approximate": ("approximate", "none")}),
    "Erf": (layers.Erf, {}),
    "Sqrt": (layers.Sqrt, {}),
    "Reciprocal": (layers.Reciprocal, {}),
    "Abs": (layers.Abs, {}),
    "Exp": (layers.Exp, {}),
    "Log": (layers.Log, {}),
    "Neg": (layers.Negate, {}),
    "Floor": (layers.Floor, {}),
    "Ceil": (layers.Ceil, {}),
    "LRN": (
        layers.LocalResponseNorm,
        {"size": ("size", 0), "alpha": ("alpha", 1e-4), "beta": ("beta", 0.75), "bias": ("k", 1.0)},
    ),
}  # fmt: skip


_YOUNG = {"Mish": 18, "Gelu": 20}  # the opset they came with


def _register(kind: str, layer_class: Any, settings: Mapping[str, tuple[str, Any]]) -> None:
    def read(operator: Operator, graph: GraphReader) -> None:
        values = {name: operator.get(attribute, default) for attribute, (name, default) in settings.items()}
        graph.add(operator, layer_class(**values))

    def write(node: Node, layer: Any, graph: GraphWriter) -> None:
        found = layer.settings()
        attributes = {attribute: found[name] for attribute, (name, _) in settings.items()}
        graph.emit(kind, node.name, node.inputs, **attributes)

    reads(kind)(read)
    writes(layer_class.kind, _YOUNG.get(kind))(write)


for _kind, (_layer, _settings) in FUNCTIONS.items():
    _register(_kind, _layer, _settings)


@reads("Clip")
def read_clip(operator: Operator, graph: GraphReader) -> None:
    """The limits were attributes up to opset 10 and are inputs since."""
    limits = {"low": operator.get("min", -math.inf), "high": operator.get("max", math.inf)}
    for index, name in ((1, "low"), (2, "high")):
        if operator.has_input(index):
            limits[name] = float(graph.constant(operator, index).item())
    low, high = limits["low"], limits["high"]
    graph.add(operator, layers.Clip(min(low, high), high))  # the upper limit comes last, so it wins


@reads("PRelu")
def read_prelu(operator: Operator, graph: GraphReader) -> None:
    """One slope, or one for each channel, is a PReLU; other shapes stretch."""
    slope, shape = graph.weight(operator, 1), graph.shape(operator.inputs[0])
    lengths = (1,) * (len(shape) - slope.ndim) + slope.shape
    by_channel = len(shape) > 1 and lengths == (1, shape[1], *(1 for _ in shape[2:]))
    if operator.opset < 7 and slope.shape == shape[1:2]:
        by_channel = True
    if slope.size == 1 or by_channel:
        graph.add(operator, layers.PReLU(slope.reshape(-1)))
    else:
        graph.add(operator, layers.Slope(), operator.inputs[:2])


@writes("PReLU")
def write_prelu(node: Node, layer: layers.PReLU, graph: GraphWriter) -> None:
    rank = len(graph.shapes[node.inputs[0]])
    slope = layer.parameters["weight"].reshape(-1, *(1,) * (rank - 2))
    graph.emit("PRelu", node.name, [*node.inputs, graph.constant(f"{node.name}.weight", slope)])


@writes("Slope")
def write_slope(node: Node, layer: layers.Slope, graph: GraphWriter) -> None:
    graph.emit("PRelu", node.name, node.inputs)


@writes("SiLU")
def write_silu(node: Node, layer: layers.SiLU, graph: GraphWriter) -> None:
    gate = graph.emit("Sigmoid", f"{node.name}/sigmoid", node.inputs)
    graph.emit("Mul", node.name, [*node.inputs, gate])


@writes("Clip")
def write_clip(node: Node, layer: layers.Clip, graph: GraphWriter) -> None:
    inputs = [*node.inputs]
    for name, limit in (("low", layer.low), ("high", layer.high)):
        endless = math.isinf(limit)
        inputs.append("" if endless else graph.constant(f"{node.name}.{name}", np.array(limit, graph.dtype)))
    graph.emit("Clip", node.name, inputs)
