"""What values become: functions of each number, of several arrays, of a channel, of an axis."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from convscope.formats.torch_writers.maker import Call, Maker, functional, of_input

__all__ = ["VALUES"]


def _linear(layer: Any, shapes: list[tuple[int, ...]]) -> Call:
    f = functional()
    return lambda m, x: f.linear(x, m.weight, getattr(m, "bias", None))


def _batch_norm(layer: Any, shapes: list[tuple[int, ...]]) -> Call:
    f = functional()
    return lambda m, x: f.batch_norm(
        x, m.running_mean, m.running_var, m.weight, m.bias, m.training, layer.momentum, layer.eps
    )


def _scale(layer: Any, shapes: list[tuple[int, ...]]) -> Call:
    by_channel = (-1, *(1,) * (len(shapes[0]) - 2))
    return lambda m, x: x * m.weight.reshape(by_channel) + m.bias.reshape(by_channel)


def _layer_norm(layer: Any, shapes: list[tuple[int, ...]]) -> Call:
    axes = tuple(range(layer.axis % len(shapes[0]), len(shapes[0])))

    def call(m: Any, x: Any) -> Any:
        centred = x - x.mean(axes, keepdim=True)
        y = centred / ((centred * centred).mean(axes, keepdim=True) + layer.eps).sqrt() * m.weight
        return y + m.bias if "bias" in layer.parameters else y

    return call


def _group_norm(layer: Any, shapes: list[tuple[int, ...]]) -> Call:
    f = functional()
    return lambda m, x: f.group_norm(x, layer.groups, m.weight, m.bias, layer.eps)


def _local_response_norm(layer: Any, shapes: list[tuple[int, ...]]) -> Call:
    """PyTorch puts the further one of an even number of neighbours on the other side."""
    f = functional()

    def call(m: Any, x: Any) -> Any:
        ends = ((layer.size - 1) // 2, layer.size // 2)
        squares = f.pad((x * x).movedim(1, -1), ends).unfold(-1, layer.size, 1).sum(-1).movedim(-1, 1)
        return x / (layer.k + layer.alpha / layer.size * squares) ** layer.beta

    return call


def _reduce(layer: Any, shapes: list[tuple[int, ...]]) -> Call:
    import torch

    axes = tuple(sorted(a % len(shapes[0]) for a in layer.axes)) or tuple(range(len(shapes[0])))
    names = {"mean": "mean", "sum": "sum", "max": "amax", "min": "amin"}
    if layer.how == "norm":
        return lambda m, x: torch.linalg.vector_norm(x, layer.p, axes, keepdim=layer.keepdims)
    return lambda m, x: getattr(x, names[layer.how])(axes, keepdim=layer.keepdims)


def _arg_max(layer: Any, shapes: list[tuple[int, ...]]) -> Call:
    def call(m: Any, x: Any) -> Any:
        if not layer.last:
            place = x.argmax(layer.axis, keepdim=layer.keepdims)
        else:
            place = x.shape[layer.axis] - 1 - x.flip(layer.axis).argmax(layer.axis, keepdim=layer.keepdims)
        return place.to(x.dtype)

    return call


def _dropout(layer: Any, shapes: list[tuple[int, ...]]) -> Call:
    f = functional()
    return lambda m, x: f.dropout(x, layer.p, m.training)


def _prelu(layer: Any, shapes: list[tuple[int, ...]]) -> Call:
    f = functional()
    return lambda m, x: f.prelu(x, m.weight)


def _where(layer: Any, shapes: list[tuple[int, ...]]) -> Call:
    import torch

    return lambda m, c, x, y: torch.where(c != 0, x, y)


def _slope(layer: Any, shapes: list[tuple[int, ...]]) -> Call:
    import torch

    return lambda m, x, slope: torch.where(x < 0, x * slope, x)


def _celu(f: Any, layer: Any, x: Any) -> Any:
    """Written out: the derivative of PyTorch's has the accuracy of float32."""
    below = layer.alpha * (x.clamp(max=0) / layer.alpha).expm1()
    return x.where(x > 0, below)


def _cast(f: Any, layer: Any, x: Any) -> Any:
    if layer.to == "float":
        return x.clone()
    return x.trunc() if layer.to == "int" else (x != 0).to(x.dtype)


def _method(name: str) -> Maker:
    return lambda layer, shapes: lambda m, *xs: getattr(xs[0], name)(*xs[1:])


def _fold(function: Callable[[Any, Any], Any]) -> Maker:
    def make(layer: Any, shapes: list[tuple[int, ...]]) -> Call:
        def call(m: Any, *xs: Any) -> Any:
            total = xs[0]
            for x in xs[1:]:
                total = function(total, x)
            return total

        return call

    return make


VALUES: Mapping[str, Maker] = {
    **dict.fromkeys(("GroupNorm", "InstanceNorm"), _group_norm),
    "Linear": _linear,
    "BatchNorm": _batch_norm,
    "ChannelScale": _scale,
    "LayerNorm": _layer_norm,
    "LocalResponseNorm": _local_response_norm,
    "PReLU": _prelu,
    "Dropout": _dropout,
    "Where": _where,
    "Slope": _slope,
    "Equal": lambda layer, shapes: lambda m, a, b: (a == b).to(a.dtype),
    "Average": lambda layer, shapes: lambda m, *xs: sum(xs[1:], xs[0]) / len(xs),
    "ArgMax": _arg_max,
    "Reduce": _reduce,
    "Constant": lambda layer, shapes: lambda m: m.value,
    "Add": _fold(lambda a, b: a + b),
    "Multiply": _fold(lambda a, b: a * b),
    "Subtract": _fold(lambda a, b: a - b),
    "Divide": _fold(lambda a, b: a / b),
    "Maximum": _fold(lambda a, b: a.maximum(b)),
    "Minimum": _fold(lambda a, b: a.minimum(b)),
    "MatMul": _fold(lambda a, b: a @ b),
    "Power": _fold(lambda a, b: a**b),
    "ReLU": of_input(lambda f, a, x: f.relu(x)),
    "LeakyReLU": of_input(lambda f, a, x: f.leaky_relu(x, a.slope)),
    "ELU": of_input(lambda f, a, x: f.elu(x, a.alpha)),
    "CELU": of_input(_celu),
    "SELU": of_input(lambda f, a, x: a.gamma * f.elu(x, a.alpha)),
    "GELU": of_input(lambda f, a, x: f.gelu(x, approximate=a.approximate)),
    "SiLU": of_input(lambda f, a, x: f.silu(x)),
    "Mish": of_input(lambda f, a, x: f.mish(x)),
    "Hardswish": of_input(lambda f, a, x: f.hardswish(x)),
    "Hardsigmoid": of_input(lambda f, a, x: (a.alpha * x + a.beta).clamp(0, 1)),
    "Softplus": of_input(lambda f, a, x: f.softplus(x)),
    "Softsign": of_input(lambda f, a, x: f.softsign(x)),
    "Sigmoid": _method("sigmoid"),
    "Tanh": of_input(lambda f, a, x: a.amplitude * (a.slope * x).tanh()),
    "Clip": of_input(lambda f, a, x: x.clamp(a.low, a.high)),
    "Softmax": of_input(lambda f, a, x: x.softmax(a.axis)),
    "LogSoftmax": of_input(lambda f, a, x: x.log_softmax(a.axis)),
    "GlobalAvgPool2d": of_input(lambda f, a, x: x.mean((2, 3), keepdim=True)),
    "GlobalMaxPool2d": of_input(lambda f, a, x: x.amax((2, 3), keepdim=True)),
    "Cast": of_input(_cast),
    "Sqrt": _method("sqrt"),
    "Reciprocal": _method("reciprocal"),
    "Abs": _method("abs"),
    "Exp": _method("exp"),
    "Log": _method("log"),
    "Negate": _method("neg"),
    "Floor": _method("floor"),
    "Ceil": _method("ceil"),
    "Erf": _method("erf"),
}
