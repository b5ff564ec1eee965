"""How each operation of PyTorch becomes a layer: a row of a table, a small function.

The operations are those of `torch.export` ("aten"); their arguments come by name.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from convscope import layers
from convscope.errors import InvalidValue
from convscope.layers import Layer

if TYPE_CHECKING:
    from convscope.formats.torch_in import TorchReader

__all__ = ["BATCH", "TABLE"]

BATCH = 2  # shapes are followed for two images, so that the batch axis is told from a length of 1

Arguments = Mapping[str, Any]
Row = Callable[["TorchReader", Any, Arguments], None]


def _shape(item: Any) -> tuple[int, ...]:
    return tuple(int(n) for n in item.meta["val"].shape)


def _pair(value: Any) -> tuple[int, int]:
    items = [value] if isinstance(value, int) else list(value)
    return (items[0], items[0]) if len(items) == 1 else (items[0], items[1])


def _each(value: Any, rank: int) -> tuple[int, ...]:
    items = [value] if isinstance(value, int) else list(value)
    return tuple(items * rank) if len(items) == 1 else tuple(items)


def _simple(make: Callable[[Arguments], Layer]) -> Row:
    """An operation of one input."""

    def row(reader: TorchReader, item: Any, given: Arguments) -> None:
        reader.add(item, make(given), given.get("self", given.get("input")))

    return row


def _conv(reader: TorchReader, item: Any, given: Arguments) -> None:
    weight, bias = reader.array(given["weight"]), reader.array(given["bias"])
    rank, words = weight.ndim - 2, given["padding"]
    settings: dict[str, Any] = {"groups": given["groups"]}
    for name in ("stride", "dilation"):
        settings[name] = _each(given[name], rank)
    if isinstance(words, str):
        padding: Any = "same" if words == "same" else ((0, 0),) * rank
    else:
        padding = tuple((n, n) for n in _each(words, rank))
    kind: Any = layers.Conv2d if rank == 2 else layers.ConvNd
    reader.add(item, kind(weight, bias, padding=padding, **settings), given["input"])


def _conv_transpose(reader: TorchReader, item: Any, given: Arguments) -> None:
    weight, bias = reader.array(given["weight"]), reader.array(given["bias"])
    rank = weight.ndim - 2
    settings = {name: _each(given[name], rank) for name in ("stride", "output_padding", "dilation")}
    padding = tuple((n, n) for n in _each(given["padding"], rank))
    kind: Any = layers.ConvTranspose2d if rank == 2 else layers.ConvTransposeNd
    layer = kind(weight, bias, padding=padding, groups=given["groups"], **settings)
    reader.add(item, layer, given["input"])


def _linear(reader: TorchReader, item: Any, given: Arguments) -> None:
    weight, bias = reader.array(given["weight"]), reader.array(given["bias"])
    if len(_shape(given["input"])) == 2:
        reader.add(item, layers.Linear(weight, bias), given["input"])
        return
    matrix = reader.step(item, "weight", layers.Constant(np.ascontiguousarray(weight.T)))
    if bias is None:
        reader.add(item, layers.MatMul(), given["input"], matrix)
        return
    product = reader.step(item, "product", layers.MatMul(), given["input"], matrix)
    reader.add(item, layers.Add(), product, reader.step(item, "bias", layers.Constant(bias)))


def _batch_norm(reader: TorchReader, item: Any, given: Arguments) -> None:
    mean, var = reader.array(given["running_mean"]), reader.array(given["running_var"])
    if mean is None or var is None:
        raise InvalidValue("a batch norm must have running statistics")
    weight, bias = reader.array(given["weight"]), reader.array(given["bias"])
    weight = np.ones_like(mean) if weight is None else weight
    bias = np.zeros_like(mean) if bias is None else bias
    settings = {"eps": given["eps"], "momentum": given["momentum"]}
    reader.add(item, layers.BatchNorm(weight, bias, mean, var, **settings), given["input"])


def _norm_weights(reader: TorchReader, given: Arguments, shape: tuple[int, ...]) -> tuple[Any, Any]:
    weight, bias = reader.array(given["weight"]), reader.array(given["bias"])
    ones, zeros = np.ones(shape, reader.dtype), np.zeros(shape, reader.dtype)
    return (ones if weight is None else weight), (zeros if bias is None else bias)


def _group_norm(reader: TorchReader, item: Any, given: Arguments) -> None:
    weight, bias = _norm_weights(reader, given, (_shape(given["input"])[1],))
    layer = layers.GroupNorm(weight, bias, groups=given["num_groups"], eps=given["eps"])
    reader.add(item, layer, given["input"])


def _instance_norm(reader: TorchReader, item: Any, given: Arguments) -> None:
    if not given["use_input_stats"]:
        raise InvalidValue("an instance norm must not have running statistics")
    weight, bias = _norm_weights(reader, given, (_shape(given["input"])[1],))
    reader.add(item, layers.InstanceNorm(weight, bias, eps=given["eps"]), given["input"])


def _layer_norm(reader: TorchReader, item: Any, given: Arguments) -> None:
    weight, bias = _norm_weights(reader, given, tuple(given["normalized_shape"]))
    layer = layers.LayerNorm(weight, bias, axis=-len(given["normalized_shape"]), eps=given["eps"])
    reader.add(item, layer, given["input"])


def _pool_settings(given: Arguments, rank: int) -> dict[str, Any]:
    kernel = _each(given["kernel_size"], rank)
    return {
        "kernel_size": kernel,
        "stride": _each(given["stride"], rank) if given["stride"] else kernel,
        "padding": tuple((n, n) for n in _each(given["padding"], rank)),
        "ceil_mode": given["ceil_mode"],
    }


def _max_pool(reader: TorchReader, item: Any, given: Arguments) -> None:
    rank = len(_shape(given["self"])) - 2
    kind: Any = layers.MaxPool2d if rank == 2 else layers.MaxPoolNd
    dilation = _each(given["dilation"], rank)
    reader.add(item, kind(**_pool_settings(given, rank), dilation=dilation), given["self"])


def _avg_pool(reader: TorchReader, item: Any, given: Arguments) -> None:
    if given.get("divisor_override") is not None:
        raise InvalidValue("divisor_override is not known")
    rank = len(_shape(given["self"])) - 2
    kind: Any = layers.AvgPool2d if rank == 2 else layers.AvgPoolNd
    count = given["count_include_pad"]
    reader.add(item, kind(**_pool_settings(given, rank), count_include_pad=count), given["self"])


def _adaptive_avg_pool(reader: TorchReader, item: Any, given: Arguments) -> None:
    """Equal windows are a pooling; others are a matrix along each axis."""
    size, rank = _shape(given["self"])[2:], len(_shape(given["self"])) - 2
    output = _shape(item)[2:]
    if output == (1,) * rank:
        layer: Layer = layers.GlobalAvgPool2d() if rank == 2 else layers.Reduce("mean", range(2, 2 + rank))
        reader.add(item, layer, given["self"])
    elif all(n % o == 0 for n, o in zip(size, output, strict=True)):
        kernel = tuple(n // o for n, o in zip(size, output, strict=True))
        kind: Any = layers.AvgPool2d if rank == 2 else layers.AvgPoolNd
        reader.add(item, kind(kernel, stride=kernel), given["self"])
    elif rank == 2:
        rows, columns = (_means(n, o, reader.dtype) for n, o in zip(size, output, strict=True))
        left = reader.step(item, "rows", layers.Constant(rows))
        right = reader.step(item, "columns", layers.Constant(np.ascontiguousarray(columns.T)))
        value = reader.step(item, "means of rows", layers.MatMul(), left, given["self"])
        reader.add(item, layers.MatMul(), value, right)
    else:
        raise InvalidValue(f"adaptive pooling of {size} to {output} has unequal windows")


def _means(size: int, output: int, dtype: Any) -> NDArray[Any]:
    """Cell i is the mean of the pixels from floor(i*size/output) to ceil((i+1)*size/output)."""
    matrix = np.zeros((output, size), dtype)
    for i in range(output):
        first, last = i * size // output, -(-(i + 1) * size // output)
        matrix[i, first:last] = 1 / (last - first)
    return matrix


def _adaptive_max_pool(reader: TorchReader, item: Any, given: Arguments) -> None:
    size, output = _shape(given["self"])[2:], _each(given["output_size"], 2)
    if any(n % o for n, o in zip(size, output, strict=True)):
        raise InvalidValue(f"adaptive max pooling of {size} to {output} has unequal windows")
    kernel = (size[0] // output[0], size[1] // output[1])
    reader.add(item, layers.MaxPool2d(kernel, stride=kernel), given["self"])
    reader.parts[item.name] = [reader.sources[item.name]]


def _several(layer_class: Any) -> Row:
    """An operation of two inputs, of which one may be a number."""

    def row(reader: TorchReader, item: Any, given: Arguments) -> None:
        inputs = []
        for key in ("self", "other"):
            value = given.get(key, given.get("exponent"))
            inputs.append(reader.number(item, key, value) if isinstance(value, int | float) else value)
        if given.get("alpha", 1) != 1:
            factor = reader.number(item, "alpha", given["alpha"])
            inputs[1] = reader.step(item, "scaled", layers.Multiply(), inputs[1], factor)
        reader.add(item, layer_class(), *inputs)

    return row


def _rsub(reader: TorchReader, item: Any, given: Arguments) -> None:
    other = given["other"]
    first = reader.number(item, "other", other) if isinstance(other, int | float) else other
    reader.add(item, layers.Subtract(), first, given["self"])


def _cat(reader: TorchReader, item: Any, given: Arguments) -> None:
    reader.add(item, layers.Concatenate(given["dim"]), *given["tensors"])


def _stack(reader: TorchReader, item: Any, given: Arguments) -> None:
    axis = given["dim"] % len(_shape(item))
    parts = [
        reader.step(item, f"part {i}", layers.Unsqueeze((axis,)), value)
        for i, value in enumerate(given["tensors"])
    ]
    reader.add(item, layers.Concatenate(axis), *parts)


def _reshape(reader: TorchReader, item: Any, given: Arguments) -> None:
    """The batch axis stays free where it stays first."""
    source = given.get("self", given.get("input"))
    old, new = _shape(source), _shape(item)
    if old == new:
        reader.add(item, layers.Cast("float"), source)
    elif new[0] == old[0] and len(new) == 2 and len(old) == 4:
        reader.add(item, layers.Flatten(), source)
    elif new[0] == old[0]:
        reader.add(item, layers.Reshape((0, *new[1:])), source)
    else:  # the batch is among the first axis's values
        reader.add(item, layers.Reshape((-1, *new[1:])), source)


def _permute(reader: TorchReader, item: Any, given: Arguments) -> None:
    rank = len(_shape(given["self"]))
    if "dims" in given:
        order = [a % rank for a in given["dims"]]
    else:
        order = [*range(rank)]
        one, other = given["dim0"] % rank, given["dim1"] % rank
        order[one], order[other] = other, one
    reader.add(item, layers.Transpose(order), given["self"])


def _slice(reader: TorchReader, item: Any, given: Arguments) -> None:
    start, end = given.get("start") or 0, given.get("end")
    if given["dim"] == 0 and (start, end) in ((0, None), (0, 2**63 - 1), (0, BATCH)):
        reader.add(item, layers.Cast("float"), given["self"])
        return
    reader.add(item, layers.Slice({given["dim"]: (start, end, given["step"])}), given["self"])


def _select(reader: TorchReader, item: Any, given: Arguments) -> None:
    reader.add(item, layers.Gather(np.array(given["index"]), given["dim"]), given["self"])


def _split(reader: TorchReader, item: Any, given: Arguments) -> None:
    """Each part is a slice."""
    axis = given["dim"]
    lengths = [int(part.shape[axis]) for part in item.meta["val"]]
    ends = np.cumsum(lengths).tolist()
    reader.parts[item.name] = [
        reader.step(item, str(i), layers.Slice({axis: (end - length, end, 1)}), given["self"])
        for i, (length, end) in enumerate(zip(lengths, ends, strict=True))
    ]


def _reduce(how: str) -> Row:
    def row(reader: TorchReader, item: Any, given: Arguments) -> None:
        axes = given.get("dim")
        axes = () if axes is None else (axes,) if isinstance(axes, int) else tuple(axes)
        if not axes or 0 in axes:
            raise InvalidValue("the batch axis must stay")
        reader.add(item, layers.Reduce(how, axes, keepdims=bool(given.get("keepdim", False))), given["self"])

    return row


def _pad(reader: TorchReader, item: Any, given: Arguments) -> None:
    """PyTorch names the last axis first."""
    pads, rank = list(given["pad"]), len(_shape(given["self"]))
    pairs = [(pads[i], pads[i + 1]) for i in range(0, len(pads), 2)][::-1]
    ends = [(0, 0)] * (rank - len(pairs)) + pairs
    mode, value = given.get("mode", "constant"), float(given.get("value") or 0)
    if rank == 4 and ends[:2] == [(0, 0), (0, 0)] and min(min(pair) for pair in ends) >= 0:
        reader.add(item, layers.Pad2d((ends[2], ends[3]), mode=mode, value=value), given["self"])
    else:
        mode = {"replicate": "edge", "circular": "wrap"}.get(str(mode), str(mode))
        reader.add(item, layers.PadAxes(ends, mode=mode, value=value), given["self"])


def _upsample(mode: str) -> Row:
    def row(reader: TorchReader, item: Any, given: Arguments) -> None:
        words = {"mode": mode}
        if mode == "nearest":
            words |= {"coordinates": "asymmetric", "rounding": "floor"}
        elif given.get("align_corners"):
            words |= {"coordinates": "align_corners"}
        size = _shape(item)[2:]
        scales = given.get("scale_factors")
        old = _shape(given.get("input", given.get("self")))[2:]
        exact = scales is not None and all(n * s == m for n, s, m in zip(old, scales, size, strict=True))
        layer = layers.Resize2d(scale=_floats(scales), **words) if exact else layers.Resize2d(size, **words)  # type: ignore[arg-type]
        reader.add(item, layer, given.get("input", given.get("self")))

    return row


def _floats(values: Any) -> tuple[float, float]:
    return float(values[0]), float(values[1])


def _prelu(reader: TorchReader, item: Any, given: Arguments) -> None:
    reader.add(item, layers.PReLU(reader.array(given["weight"])), given["self"])


def _clip(reader: TorchReader, item: Any, given: Arguments) -> None:
    low = given.get("min", given.get("min_val"))
    high = given.get("max", given.get("max_val"))
    limits = (-math.inf if low is None else low, math.inf if high is None else high)
    reader.add(item, layers.Clip(*limits), given["self"])


def _shuffle(layer_class: Any, factor: str) -> Row:
    return _simple(lambda given: layer_class(given[factor], "CRD"))


def _copy(reader: TorchReader, item: Any, given: Arguments) -> None:
    """Contiguous, detach, to: the same value."""
    source = given["self"]
    reader.sources[item.name] = reader.source(source)


def _squeeze(reader: TorchReader, item: Any, given: Arguments) -> None:
    axes = given["dim"] if isinstance(given["dim"], list | tuple) else (given["dim"],)
    shape = _shape(given["self"])
    axes = [a % len(shape) for a in axes if shape[a] == 1]
    reader.add(item, layers.Squeeze(axes), given["self"])


def _l2(reader: TorchReader, item: Any, given: Arguments) -> None:
    axes = given["dim"] if isinstance(given["dim"], list | tuple) else (given["dim"],)
    p = float(given.get("ord", given.get("p")) or 2)
    layer = layers.Reduce("norm", axes, keepdims=given["keepdim"], p=p)
    reader.add(item, layer, given["self"])


_PLAIN: Mapping[str, Callable[[Arguments], Layer]] = {
    "relu": lambda a: layers.ReLU(),
    "leaky_relu": lambda a: layers.LeakyReLU(a["negative_slope"]),
    "sigmoid": lambda a: layers.Sigmoid(),
    "tanh": lambda a: layers.Tanh(),
    "silu": lambda a: layers.SiLU(),
    "gelu": lambda a: layers.GELU(a["approximate"]),
    "selu": lambda a: layers.SELU(),
    "celu": lambda a: layers.CELU(a["alpha"]),
    "elu": lambda a: layers.ELU(a["alpha"]),
    "hardswish": lambda a: layers.Hardswish(),
    "hardsigmoid": lambda a: layers.Hardsigmoid(1 / 6, 0.5),
    "mish": lambda a: layers.Mish(),
    "softplus": lambda a: layers.Softplus(),
    "softmax": lambda a: layers.Softmax(a["dim"]),
    "log_softmax": lambda a: layers.LogSoftmax(a["dim"]),
    "dropout": lambda a: layers.Dropout(a["p"]),
    "feature_dropout": lambda a: layers.Dropout(a["p"]),
    "exp": lambda a: layers.Exp(),
    "log": lambda a: layers.Log(),
    "sqrt": lambda a: layers.Sqrt(),
    "abs": lambda a: layers.Abs(),
    "neg": lambda a: layers.Negate(),
    "floor": lambda a: layers.Floor(),
    "ceil": lambda a: layers.Ceil(),
    "erf": lambda a: layers.Erf(),
    "reciprocal": lambda a: layers.Reciprocal(),
    "relu6": lambda a: layers.Clip(0, 6),
    "unsqueeze": lambda a: layers.Unsqueeze((a["dim"],)),
}

TABLE: dict[str, Row] = {
    **{name: _simple(make) for name, make in _PLAIN.items()},
    **dict.fromkeys(("conv1d", "conv2d", "conv3d"), _conv),
    **dict.fromkeys(("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"), _conv_transpose),
    **dict.fromkeys(("max_pool1d", "max_pool2d", "max_pool3d"), _max_pool),
    **dict.fromkeys(("avg_pool1d", "avg_pool2d", "avg_pool3d"), _avg_pool),
    **dict.fromkeys(
        ("adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d"), _adaptive_avg_pool
    ),
    **dict.fromkeys(("view", "reshape", "flatten", "_unsafe_view", "unflatten"), _reshape),
    **dict.fromkeys(("permute", "transpose"), _permute),
    **dict.fromkeys(("chunk", "split", "split_with_sizes"), _split),
    **dict.fromkeys(("contiguous", "detach", "clone", "alias", "to", "lift_fresh_copy", "identity"), _copy),
    **dict.fromkeys(("clamp", "hardtanh", "clamp_min", "clamp_max"), _clip),
    **dict.fromkeys(("add", "add_"), _several(layers.Add)),
    **dict.fromkeys(("mul", "mul_"), _several(layers.Multiply)),
    **dict.fromkeys(("sub", "sub_"), _several(layers.Subtract)),
    **dict.fromkeys(("div", "div_"), _several(layers.Divide)),
    "adaptive_max_pool2d": _adaptive_max_pool,
    "amax": _reduce("max"),
    "batch_norm": _batch_norm,
    "cat": _cat,
    "group_norm": _group_norm,
    "instance_norm": _instance_norm,
    "layer_norm": _layer_norm,
    "linalg_vector_norm": _l2,
    "linear": _linear,
    "matmul": _several(layers.MatMul),
    "maximum": _several(layers.Maximum),
    "mean": _reduce("mean"),
    "minimum": _several(layers.Minimum),
    "pad": _pad,
    "pixel_shuffle": _shuffle(layers.DepthToSpace, "upscale_factor"),
    "pixel_unshuffle": _shuffle(layers.SpaceToDepth, "downscale_factor"),
    "pow": _several(layers.Power),
    "prelu": _prelu,
    "rsub": _rsub,
    "select": _select,
    "slice": _slice,
    "squeeze": _squeeze,
    "stack": _stack,
    "sum": _reduce("sum"),
    "upsample_bicubic2d": _upsample("cubic"),
    "upsample_bilinear2d": _upsample("bilinear"),
    "upsample_nearest2d": _upsample("nearest"),
}
for _inplace in (
    "relu_",
    "leaky_relu_",
    "silu_",
    "hardswish_",
    "elu_",
    "celu_",
    "selu_",
    "sigmoid_",
    "hardtanh_",
):
    TABLE[_inplace] = TABLE[_inplace.removesuffix("_")]
