"""From a network to a PyTorch module: each node becomes a submodule with the same weights."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from convscope.errors import InvalidValue
from convscope.geometry import resolve_padding
from convscope.layers import Layer
from convscope.network import Network

__all__ = ["to_torch"]


def to_torch(net: Network) -> Any:
    """Turn a network into a PyTorch module of equal outputs, with copies of its weights.

    Each node is a submodule of its name; parameters and running statistics have the names they have in
    `net.parameters` and `net.statistics`. The module is in eval mode; in training mode batch norms
    and dropout do as PyTorch does.

    Parameters
    ----------
    net : Network

    Returns
    -------
    torch.nn.Module
        Its output is a tensor, or a tuple where the network has several outputs.

    Raises
    ------
    InvalidValue
        If a layer has no PyTorch form.

    Examples
    --------
    >>> import convscope as cs, torch
    >>> module = to_torch(cs.models.lenet5())
    >>> tuple(module(torch.zeros(2, 1, 28, 28)).shape)
    (2, 10)
    >>> sorted(module.state_dict())[:2]
    ['conv1.bias', 'conv1.weight']
    """
    unknown = {node.layer.kind: node.name for node in net.nodes.values() if node.layer.kind not in TABLE}
    if unknown:
        listed = ", ".join(f"{kind} in {name!r}" for kind, name in unknown.items())
        raise InvalidValue(f"to_torch: a layer must have a PyTorch form; got {listed}.")
    return _module_class()(net).eval()


def _module_class() -> Any:
    """Make the classes here, since torch is not imported before it is needed."""
    import torch

    class Step(torch.nn.Module):
        """One node."""

        def __init__(self, layer: Layer, shapes: list[tuple[int, ...]]) -> None:
            super().__init__()
            for name, array in layer.parameters.items():
                tensor = torch.from_numpy(np.array(array, order="C"))
                self.register_parameter(name, torch.nn.Parameter(tensor))
            for name, array in layer.statistics.items():
                self.register_buffer(name, torch.from_numpy(np.array(array, order="C")))
            self.call = TABLE[layer.kind](layer, shapes)

        def forward(self, *inputs: Any) -> Any:
            return self.call(self, *inputs)

    class Module(torch.nn.Module):
        """All nodes, in order."""

        def __init__(self, net: Network) -> None:
            super().__init__()
            shapes = net.shapes()
            self.plan = [(node.name, node.inputs) for node in net.nodes.values()]
            self.input_names = (net.input_name, *net.more_inputs)
            self.output_names = net.outputs
            for node in net.nodes.values():
                _place(self, node.name, Step(node.layer, [shapes[name] for name in node.inputs]), torch)

        def forward(self, *inputs: Any) -> Any:
            values = dict(zip(self.input_names, inputs, strict=True))
            for name, sources in self.plan:
                values[name] = self.get_submodule(name)(*(values[source] for source in sources))
            outputs = tuple(values[name] for name in self.output_names)
            return outputs[0] if len(outputs) == 1 else outputs

    return Module


def _place(module: Any, name: str, step: Any, torch: Any) -> None:
    """Put a submodule where its dotted name says; one that is there already keeps its own submodules."""
    *path, last = name.split(".")
    for part in path:
        if part not in module._modules:
            module.add_module(part, torch.nn.Module())
        module = module._modules[part]
    if last in module._modules:
        for key, child in module._modules[last]._modules.items():
            step.add_module(key, child)
    module.add_module(last, step)


Call = Callable[..., Any]
Maker = Callable[[Any, list[tuple[int, ...]]], Call]


def _functional() -> Any:
    import torch.nn.functional

    return torch.nn.functional


def _ends(layer: Any, shape: tuple[int, ...]) -> list[tuple[int, int]]:
    rank = len(layer.kernel_size)
    padding = (layer.padding,) * rank if isinstance(layer.padding, str) else layer.padding
    sizes = zip(padding, shape[2:], layer.kernel_size, layer.stride, layer.dilation, strict=True)
    return [resolve_padding(p, *rest) for p, *rest in sizes]


def _padded(f: Any, x: Any, ends: Any, value: float = 0.0) -> Any:
    """PyTorch wants the last axis first."""
    flat = [n for pair in reversed(list(ends)) for n in pair]
    return f.pad(x, flat, value=value) if any(flat) else x


def _conv(layer: Any, shapes: list[tuple[int, ...]]) -> Call:
    f, ends, rank = _functional(), _ends(layer, shapes[0]), len(layer.kernel_size)
    function = getattr(f, f"conv{rank}d")
    settings = {"stride": layer.stride, "dilation": layer.dilation, "groups": getattr(layer, "groups", 1)}
    return lambda m, x: function(_padded(f, x, ends), m.weight, getattr(m, "bias", None), **settings)


def _conv_transpose(layer: Any, shapes: list[tuple[int, ...]]) -> Call:
    """Without padding, and then cut: PyTorch knows no padding of unlike sides."""
    f, rank = _functional(), len(layer.kernel_size)
    function = getattr(f, f"conv_transpose{rank}d")
    output = layer.output_shape(shapes[0])[2:]
    settings = {"stride": layer.stride, "dilation": layer.dilation, "groups": layer.groups}
    full = [
        (n - 1) * s + (k - 1) * d + 1
        for n, s, k, d in zip(shapes[0][2:], layer.stride, layer.kernel_size, layer.dilation, strict=True)
    ]
    if isinstance(layer.padding, str):
        total = [max(0, a - b) for a, b in zip(full, output, strict=True)]
        first = [t // 2 if layer.padding == "same" else t - t // 2 for t in total]
    else:
        first = [before for before, _ in layer.padding]
    cuts = [(-b, b + o - a) for b, o, a in zip(first, output, full, strict=True)]

    def call(m: Any, x: Any) -> Any:
        y = _padded(f, function(x, m.weight, None, **settings), cuts)
        return y if getattr(m, "bias", None) is None else y + m.bias.reshape(-1, *(1,) * rank)

    return call


def _max_pool(layer: Any, shapes: list[tuple[int, ...]]) -> Call:
    f, ends, rank = _functional(), _ends(layer, shapes[0]), len(layer.kernel_size)
    function = getattr(f, f"max_pool{rank}d")
    s = {"stride": layer.stride, "dilation": layer.dilation, "ceil_mode": layer.ceil_mode}
    return lambda m, x: function(_padded(f, x, ends, -math.inf), layer.kernel_size, **s)


def _avg_pool(layer: Any, shapes: list[tuple[int, ...]]) -> Call:
    f, ends, rank = _functional(), _ends(layer, shapes[0]), len(layer.kernel_size)
    if any(before != after for before, after in ends):
        raise InvalidValue(f"to_torch: an average pooling must have equal padding on both sides; got {ends}.")
    function = getattr(f, f"avg_pool{rank}d")
    padding = tuple(before for before, _ in ends)
    s = {"ceil_mode": layer.ceil_mode, "count_include_pad": layer.count_include_pad}
    return lambda m, x: function(x, layer.kernel_size, layer.stride, padding, **s)


def _batch_norm(layer: Any, shapes: list[tuple[int, ...]]) -> Call:
    f = _functional()
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


def _reduce(layer: Any, shapes: list[tuple[int, ...]]) -> Call:
    import torch

    axes = tuple(sorted(a % len(shapes[0]) for a in layer.axes)) or tuple(range(len(shapes[0])))
    names = {"mean": "mean", "sum": "sum", "max": "amax", "min": "amin"}
    if layer.how == "norm":
        return lambda m, x: torch.linalg.vector_norm(x, layer.p, axes, keepdim=layer.keepdims)
    return lambda m, x: getattr(x, names[layer.how])(axes, keepdim=layer.keepdims)


def _resize(layer: Any, shapes: list[tuple[int, ...]]) -> Call:
    """As the weighted sums they are: PyTorch lacks some of the ways."""
    import torch

    from convscope.ops.taps import resize_taps

    output = layer.output_shape(shapes[0])[2:]
    words = {"mode": layer.mode, "coordinates": layer.coordinates, "rounding": layer.rounding}
    matrices = []
    for axis in (0, 1):
        scale = None if layer.scale is None else float(layer.scale[axis])
        cells, weights = resize_taps(shapes[0][2 + axis], output[axis], scale=scale, **words)
        matrix = np.zeros((output[axis], shapes[0][2 + axis]))
        np.add.at(matrix, (np.arange(output[axis])[:, None], cells), weights)
        matrices.append(torch.from_numpy(matrix))
    rows, columns = matrices
    return lambda m, x: rows.to(x.dtype) @ x @ columns.T.to(x.dtype)


def _slice(layer: Any, shapes: list[tuple[int, ...]]) -> Call:
    shape = shapes[0]

    def call(m: Any, x: Any) -> Any:
        for axis, (start, stop, step) in layer.slices.items():
            if axis % len(shape) == 0 and (start, stop, step) in ((0, None, 1), (None, None, 1)):
                continue
            places = range(*slice(start, stop, step).indices(x.shape[axis]))
            import torch

            x = x.index_select(axis % len(shape), torch.tensor([*places]))
        return x

    return call


def _gather(layer: Any, shapes: list[tuple[int, ...]]) -> Call:
    import torch

    axis = layer.axis % len(shapes[0])
    flat = torch.from_numpy((layer.indices % shapes[0][axis]).reshape(-1))
    front, back = shapes[0][:axis], shapes[0][axis + 1 :]
    assert len(front) + len(back) + 1 == len(shapes[0])

    def call(m: Any, x: Any) -> Any:
        shape = (*x.shape[:axis], *layer.indices.shape, *x.shape[axis + 1 :])
        return x.index_select(axis, flat).reshape(shape)

    return call


def _pad(layer: Any, shapes: list[tuple[int, ...]]) -> Call:
    f = _functional()
    flat = [n for pair in reversed(layer.padding) for n in pair]
    return lambda m, x: f.pad(
        x, flat, mode=layer.mode, **({"value": layer.value} if layer.mode == "constant" else {})
    )


def _one(function: Callable[[Any, Any, Any], Any]) -> Maker:
    """A function of torch.nn.functional, the layer and the input."""

    def make(layer: Any, shapes: list[tuple[int, ...]]) -> Call:
        f = _functional()
        return lambda m, x: function(f, layer, x)

    return make


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


def _concatenate(layer: Any, shapes: list[tuple[int, ...]]) -> Call:
    import torch

    return lambda m, *xs: torch.cat(xs, layer.axis)


def _where(layer: Any, shapes: list[tuple[int, ...]]) -> Call:
    import torch

    return lambda m, c, x, y: torch.where(c != 0, x, y)


def _prelu(layer: Any, shapes: list[tuple[int, ...]]) -> Call:
    f = _functional()
    return lambda m, x: f.prelu(x, m.weight)


def _dropout(layer: Any, shapes: list[tuple[int, ...]]) -> Call:
    f = _functional()
    return lambda m, x: f.dropout(x, layer.p, m.training)


def _linear(layer: Any, shapes: list[tuple[int, ...]]) -> Call:
    f = _functional()
    return lambda m, x: f.linear(x, m.weight, getattr(m, "bias", None))


def _group_norm(layer: Any, shapes: list[tuple[int, ...]]) -> Call:
    f = _functional()
    return lambda m, x: f.group_norm(x, layer.groups, m.weight, m.bias, layer.eps)


def _reshape(x: Any, target: tuple[int, ...]) -> Any:
    return x.reshape([x.shape[axis] if n == 0 else n for axis, n in enumerate(target)])


def _unsqueezed(layer: Any, x: Any) -> Any:
    rank = x.ndim + len(layer.axes)
    for axis in sorted(a % rank for a in layer.axes):
        x = x.unsqueeze(axis)
    return x


TABLE: Mapping[str, Maker] = {
    **dict.fromkeys(("Conv2d", "TableConv2d", "ConvNd"), _conv),
    **dict.fromkeys(("ConvTranspose2d", "ConvTransposeNd"), _conv_transpose),
    **dict.fromkeys(("MaxPool2d", "MaxPoolNd"), _max_pool),
    **dict.fromkeys(("AvgPool2d", "AvgPoolNd"), _avg_pool),
    **dict.fromkeys(("GroupNorm", "InstanceNorm"), _group_norm),
    "Linear": _linear,
    "BatchNorm": _batch_norm,
    "ChannelScale": _scale,
    "LayerNorm": _layer_norm,
    "LocalResponseNorm": _one(lambda f, a, x: f.local_response_norm(x, a.size, a.alpha, a.beta, a.k)),
    "PReLU": _prelu,
    "Dropout": _dropout,
    "Concatenate": _concatenate,
    "Where": _where,
    "Reduce": _reduce,
    "Resize2d": _resize,
    "Slice": _slice,
    "Gather": _gather,
    "Pad2d": _pad,
    "Constant": lambda layer, shapes: lambda m: m.value,
    "Add": _fold(lambda a, b: a + b),
    "Multiply": _fold(lambda a, b: a * b),
    "Subtract": _fold(lambda a, b: a - b),
    "Divide": _fold(lambda a, b: a / b),
    "Maximum": _fold(lambda a, b: a.maximum(b)),
    "Minimum": _fold(lambda a, b: a.minimum(b)),
    "MatMul": _fold(lambda a, b: a @ b),
    "Power": _fold(lambda a, b: a**b),
    "ReLU": _one(lambda f, a, x: f.relu(x)),
    "LeakyReLU": _one(lambda f, a, x: f.leaky_relu(x, a.slope)),
    "ELU": _one(lambda f, a, x: f.elu(x, a.alpha)),
    "CELU": _one(lambda f, a, x: f.celu(x, a.alpha)),
    "SELU": _one(lambda f, a, x: a.gamma * f.elu(x, a.alpha)),
    "GELU": _one(lambda f, a, x: f.gelu(x, approximate=a.approximate)),
    "SiLU": _one(lambda f, a, x: f.silu(x)),
    "Mish": _one(lambda f, a, x: f.mish(x)),
    "Hardswish": _one(lambda f, a, x: f.hardswish(x)),
    "Hardsigmoid": _one(lambda f, a, x: (a.alpha * x + a.beta).clamp(0, 1)),
    "Softplus": _one(lambda f, a, x: f.softplus(x)),
    "Softsign": _one(lambda f, a, x: f.softsign(x)),
    "Sigmoid": _method("sigmoid"),
    "Tanh": _one(lambda f, a, x: a.amplitude * (a.slope * x).tanh()),
    "Clip": _one(lambda f, a, x: x.clamp(a.low, a.high)),
    "Softmax": _one(lambda f, a, x: x.softmax(a.axis)),
    "LogSoftmax": _one(lambda f, a, x: x.log_softmax(a.axis)),
    "GlobalAvgPool2d": _one(lambda f, a, x: x.mean((2, 3), keepdim=True)),
    "GlobalMaxPool2d": _one(lambda f, a, x: x.amax((2, 3), keepdim=True)),
    "Flatten": _one(lambda f, a, x: x.flatten(1)),
    "Reshape": _one(lambda f, a, x: _reshape(x, a.shape)),
    "Squeeze": _one(lambda f, a, x: x.squeeze(a.axes)),
    "Unsqueeze": _one(lambda f, a, x: _unsqueezed(a, x)),
    "Transpose": _one(lambda f, a, x: x.permute(a.order)),
    "DepthToSpace": _one(lambda f, a, x: _depth(f, a, x)),
    "SpaceToDepth": _one(lambda f, a, x: _space(f, a, x)),
    "Cast": _one(
        lambda f, a, x: x.clone() if a.to == "float" else x.trunc() if a.to == "int" else (x != 0).to(x.dtype)
    ),
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


def _depth(f: Any, layer: Any, x: Any) -> Any:
    if layer.mode == "CRD":
        return f.pixel_shuffle(x, layer.block)
    n, c, h, w = x.shape
    b = layer.block
    parts = x.reshape(n, b, b, c // b**2, h, w).permute(0, 3, 4, 1, 5, 2)
    return parts.reshape(n, c // b**2, h * b, w * b)


def _space(f: Any, layer: Any, x: Any) -> Any:
    if layer.mode == "CRD":
        return f.pixel_unshuffle(x, layer.block)
    n, c, h, w = x.shape
    b = layer.block
    parts = x.reshape(n, c, h // b, b, w // b, b).permute(0, 3, 5, 1, 2, 4)
    return parts.reshape(n, c * b**2, h // b, w // b)
