"""What values become: arithmetic, activation, normalisation, reduction."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from convscope import layers
from convscope.errors import InvalidValue
from convscope.formats.torch_readers.row import (
    BATCH,
    Arguments,
    Row,
    of_input,
    several,
    shape_of,
)
from convscope.layers import Layer

if TYPE_CHECKING:
    from convscope.formats.torch_in import TorchReader

__all__ = ["VALUES"]


def _linear(reader: TorchReader, item: Any, given: Arguments) -> None:
    weight, bias = reader.array(given["weight"]), reader.array(given["bias"])
    if len(shape_of(given["input"])) == 2:
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
    weight, bias = _norm_weights(reader, given, (shape_of(given["input"])[1],))
    layer = layers.GroupNorm(weight, bias, groups=given["num_groups"], eps=given["eps"])
    reader.add(item, layer, given["input"])


def _instance_norm(reader: TorchReader, item: Any, given: Arguments) -> None:
    """With running statistics it is a batch norm."""
    if not given["use_input_stats"]:
        _batch_norm(reader, item, given)
        return
    weight, bias = _norm_weights(reader, given, (shape_of(given["input"])[1],))
    reader.add(item, layers.InstanceNorm(weight, bias, eps=given["eps"]), given["input"])


def _layer_norm(reader: TorchReader, item: Any, given: Arguments) -> None:
    weight, bias = _norm_weights(reader, given, tuple(given["normalized_shape"]))
    layer = layers.LayerNorm(weight, bias, axis=-len(given["normalized_shape"]), eps=given["eps"])
    reader.add(item, layer, given["input"])


def _divide(reader: TorchReader, item: Any, given: Arguments) -> None:
    """A quotient, perhaps rounded down ("floor") or towards 0 ("trunc")."""
    rounding = given.get("rounding_mode", "floor" if "floor_divide" in str(item.target) else None)
    if rounding is None:
        several(layers.Divide)(reader, item, given)
        return
    other = given["other"]
    divisor = reader.number(item, "other", other) if isinstance(other, int | float) else other
    quotient = reader.step(item, "quotient", layers.Divide(), given["self"], divisor)
    reader.add(item, layers.Floor() if rounding == "floor" else layers.Cast("int"), quotient)


def _not(reader: TorchReader, item: Any, given: Arguments) -> None:
    """1 where it is 0, else 0."""
    truth = reader.step(item, "truth", layers.Cast("bool"), given["self"])
    reader.add(item, layers.Subtract(), reader.number(item, "one", 1.0), truth)


def _both(layer_class: Any) -> Row:
    """What is true of two truths."""

    def row(reader: TorchReader, item: Any, given: Arguments) -> None:
        if "bitwise" in str(item.target) and "bool" not in str(item.meta["val"].dtype):
            raise InvalidValue("only truth values are known, not bits")
        truths = [
            reader.step(item, f"truth of {key}", layers.Cast("bool"), given[key]) for key in ("self", "other")
        ]
        reader.add(item, layer_class(), *truths)

    return row


def _rsub(reader: TorchReader, item: Any, given: Arguments) -> None:
    other = given["other"]
    first = reader.number(item, "other", other) if isinstance(other, int | float) else other
    reader.add(item, layers.Subtract(), first, given["self"])


def _prelu(reader: TorchReader, item: Any, given: Arguments) -> None:
    reader.add(item, layers.PReLU(reader.array(given["weight"])), given["self"])


def _clip(reader: TorchReader, item: Any, given: Arguments) -> None:
    low = given.get("min", given.get("min_val"))
    high = given.get("max", given.get("max_val"))
    limits = (-math.inf if low is None else low, math.inf if high is None else high)
    reader.add(item, layers.Clip(*limits), given["self"])


def _compare(what: str) -> Row:
    """1 where it holds, else 0: greater is a ReLU of the difference that is not 0."""

    def row(reader: TorchReader, item: Any, given: Arguments) -> None:
        values = [
            reader.number(item, key, given[key]) if isinstance(given[key], int | float) else given[key]
            for key in ("self", "other")
        ]
        if what in ("lt", "ge"):
            values.reverse()
        if what in ("eq", "ne"):
            found = reader.step(item, "equal", layers.Equal(), *values)
        else:
            above = reader.step(item, "difference", layers.Subtract(), *values)
            found = reader.step(item, "above", layers.ReLU(), above)
        if what in ("eq", "gt", "lt"):
            reader.add(item, layers.Cast("bool"), found)
        else:
            truth = reader.step(item, "opposite", layers.Cast("bool"), found)
            reader.add(item, layers.Subtract(), reader.number(item, "one", 1.0), truth)

    return row


def _where(reader: TorchReader, item: Any, given: Arguments) -> None:
    values = [
        reader.number(item, key, given[key]) if isinstance(given[key], int | float) else given[key]
        for key in ("self", "other")
    ]
    reader.add(item, layers.Where(), given["condition"], *values)


def _softplus(reader: TorchReader, item: Any, given: Arguments) -> None:
    """log(1 + exp(beta * x)) / beta, and x itself where beta * x is above the threshold."""
    beta, threshold, source = float(given["beta"]), float(given["threshold"]), given["self"]
    if beta == 1 and threshold >= 20:  # beyond it the two differ by less than a rounding of float32
        reader.add(item, layers.Softplus(), source)
        return
    scaled = reader.step(item, "scaled", layers.Multiply(), source, reader.number(item, "beta", beta))
    soft = reader.step(item, "soft", layers.Softplus(), scaled)
    smooth = reader.step(item, "smooth", layers.Divide(), soft, reader.number(item, "divisor", beta))
    over = reader.step(item, "over", layers.Subtract(), scaled, reader.number(item, "threshold", threshold))
    above = reader.step(item, "above", layers.ReLU(), over)
    reader.add(item, layers.Where(), above, source, smooth)


def _shifted(layer: Layer, shift: float, before: bool) -> Row:
    """A function of x + shift, or plus shift afterwards."""

    def row(reader: TorchReader, item: Any, given: Arguments) -> None:
        number, source = reader.number(item, "shift", shift), given["self"]
        if before:
            reader.add(item, layer, reader.step(item, "shifted", layers.Add(), source, number))
        else:
            reader.add(item, layers.Add(), reader.step(item, "value", layer, source), number)

    return row


def _chain(*made: Layer) -> Row:
    """Functions one after the other."""

    def row(reader: TorchReader, item: Any, given: Arguments) -> None:
        value = given["self"]
        for layer in made[:-1]:
            value = reader.step(item, layer.kind, layer, value)
        reader.add(item, made[-1], value)

    return row


def _elu(reader: TorchReader, item: Any, given: Arguments) -> None:
    """As SELU, PyTorch's operation has a scale outside; inside it is CELU's."""
    inside = float(given.get("input_scale", 1))
    layer = layers.ELU(given["alpha"]) if inside == 1 else layers.CELU(1 / inside)
    if inside != 1 and given["alpha"] * inside != 1:
        raise InvalidValue("an ELU must have no other scale inside than CELU's")
    outside = float(given.get("scale", 1))
    if outside == 1:
        reader.add(item, layer, given["self"])
        return
    value = reader.step(item, "elu", layer, given["self"])
    reader.add(item, layers.Multiply(), value, reader.number(item, "scale", outside))


def _square(reader: TorchReader, item: Any, given: Arguments) -> None:
    reader.add(item, layers.Multiply(), given["self"], given["self"])


def _sign(reader: TorchReader, item: Any, given: Arguments) -> None:
    """What is above 0, less what is below."""
    negated = reader.step(item, "negated", layers.Negate(), given["self"])
    sides = [
        reader.step(item, side, layers.Cast("bool"), reader.step(item, f"{side} part", layers.ReLU(), value))
        for side, value in (("above", given["self"]), ("below", negated))
    ]
    reader.add(item, layers.Subtract(), *sides)


def _attention(reader: TorchReader, item: Any, given: Arguments) -> None:
    """softmax(query key^T scale) value."""
    if given.get("attn_mask") is not None or given.get("is_causal"):
        raise InvalidValue("attention must have no mask")
    query, key = given["query"], given["key"]
    rank, scale = len(shape_of(key)), given.get("scale")
    turned = reader.step(item, "key turned", layers.Transpose([*range(rank - 2), rank - 1, rank - 2]), key)
    scores = reader.step(item, "scores", layers.MatMul(), query, turned)
    factor = reader.number(item, "scale", shape_of(key)[-1] ** -0.5 if scale is None else scale)
    scaled = reader.step(item, "scaled", layers.Multiply(), scores, factor)
    shares = reader.step(item, "shares", layers.Softmax(-1), scaled)
    reader.add(item, layers.MatMul(), shares, given["value"])


def _filled(reader: TorchReader, item: Any, given: Arguments) -> None:
    """As many images as the input has, each full of one number."""
    shape = shape_of(item)
    value = float(given.get("fill_value", 1.0 if "ones" in str(item.target) else 0.0))
    if shape[:1] != (BATCH,):
        reader.arrays[item.name] = np.full(shape, value, reader.dtype)
        return
    unit = reader.per_image(item, value, len(shape))
    reader.add(item, layers.Expand((1, *shape[1:])), unit)


_PLAIN: Mapping[str, Callable[[Arguments], Layer]] = {
    "relu": lambda a: layers.ReLU(),
    "rrelu": lambda a: layers.LeakyReLU((a["lower"] + a["upper"]) / 2),
    "leaky_relu": lambda a: layers.LeakyReLU(a["negative_slope"]),
    "sigmoid": lambda a: layers.Sigmoid(),
    "tanh": lambda a: layers.Tanh(),
    "silu": lambda a: layers.SiLU(),
    "gelu": lambda a: layers.GELU(a["approximate"]),
    "selu": lambda a: layers.SELU(),
    "celu": lambda a: layers.CELU(a["alpha"]),
    "hardswish": lambda a: layers.Hardswish(),
    "hardsigmoid": lambda a: layers.Hardsigmoid(1 / 6, 0.5),
    "mish": lambda a: layers.Mish(),
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
    "trunc": lambda a: layers.Cast("int"),
    "ceil": lambda a: layers.Ceil(),
    "erf": lambda a: layers.Erf(),
    "reciprocal": lambda a: layers.Reciprocal(),
    "relu6": lambda a: layers.Clip(0, 6),
    "alpha_dropout": lambda a: layers.Dropout(a["p"]),
    "feature_alpha_dropout": lambda a: layers.Dropout(a["p"]),
}

VALUES: Mapping[str, Row] = {
    **{name: of_input(make) for name, make in _PLAIN.items()},
    **dict.fromkeys(("clamp", "clip", "hardtanh", "clamp_min", "clamp_max"), _clip),
    **dict.fromkeys(("matmul", "bmm", "mm"), several(layers.MatMul)),
    **dict.fromkeys(
        (what + how for what in ("zeros", "ones", "full") for how in ("", "_like")),
        _filled,
    ),
    **dict.fromkeys(("new_zeros", "new_ones", "new_full"), _filled),
    **dict.fromkeys(("logical_not", "bitwise_not"), _not),
    **dict.fromkeys(("logical_and", "bitwise_and"), _both(layers.Multiply)),
    **dict.fromkeys(("logical_or", "bitwise_or"), _both(layers.Maximum)),
    **{name: _compare(name) for name in ("eq", "ne", "gt", "ge", "lt", "le")},
    "add": several(layers.Add),
    "batch_norm": _batch_norm,
    **dict.fromkeys(("div", "floor_divide"), _divide),
    "elu": _elu,
    "expm1": _shifted(layers.Exp(), -1.0, before=False),
    "group_norm": _group_norm,
    "instance_norm": _instance_norm,
    "layer_norm": _layer_norm,
    "linear": _linear,
    "log1p": _shifted(layers.Log(), 1.0, before=True),
    "log_sigmoid": _chain(layers.Negate(), layers.Softplus(), layers.Negate()),
    "maximum": several(layers.Maximum),
    "minimum": several(layers.Minimum),
    "mul": several(layers.Multiply),
    "pow": several(layers.Power),
    "prelu": _prelu,
    "rsqrt": _chain(layers.Sqrt(), layers.Reciprocal()),
    "rsub": _rsub,
    "scaled_dot_product_attention": _attention,
    "sign": _sign,
    "softplus": _softplus,
    "square": _square,
    "sub": several(layers.Subtract),
    "where": _where,
}
