"""The cells of layers that images rarely meet: volumes, moves, reductions, norms by image."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from convscope.explain.rounding import Rounded, exactly
from convscope.explain.terms import Array, Cell, Reading, Terms, Way, added, bent, folded, one_cell, rows_of
from convscope.layers import Layer

__all__ = ["BENT", "BY_GRADIENT", "MOVES", "in_float64"]


def in_float64(original: Layer, inputs: tuple[Array, ...]) -> tuple[Any, tuple[Array, ...]]:
    """Give a layer and its inputs in float64, so that what it computes is as good as exact."""
    layer = copy.copy(original)
    for name in ("parameters", "statistics"):
        arrays = getattr(layer, name)
        setattr(layer, name, {key: array.astype(np.float64) for key, array in arrays.items()})
    return layer, tuple(x.astype(np.float64) for x in inputs)


def _weights(reading: Reading) -> tuple[Array, ...]:
    """Ask the layer itself how much each input value weighs in the cell: its gradient there."""
    layer, inputs = in_float64(reading.layer, reading.batched)
    y, cache = layer.forward(*inputs)
    seed = np.zeros(y.shape)
    seed[(0, *reading.place)] = 1
    back, _ = layer.backward(seed, cache)
    return back if isinstance(back, tuple) else (back,)


def _reached(reading: Reading, sources: tuple[int, ...] | None = None) -> Terms:
    """Make a term of every input value that weighs something."""
    parts = []
    for source, weights in enumerate(_weights(reading)):
        if sources is not None and source not in sources:
            continue
        values = reading.batched[source]
        where = np.argwhere(weights != 0)
        at = tuple(where.T)
        own = reading.inputs[source].shape  # without the batch, if there is one
        channel, row, column = folded(where[:, values.ndim - len(own) :], own)
        parts.append(rows_of(values[at], weights[at], source=source, channel=channel, row=row, column=column))
    return np.concatenate(parts)


def _by_gradient(reading: Reading) -> Cell:
    """Write a layer that is linear, or linear on each side of its bends, by its own weights."""
    bilinear = reading.layer.kind in ("MatMul", "Slope")  # the other factor is the weight
    terms = _reached(reading, (0,) if bilinear else None)
    bias = reading.layer.parameters.get("bias")
    value = 0.0 if bias is None else float(bias[reading.place[0]])
    return added(reading, terms, value, more=8)


def _move(reading: Reading) -> Cell:
    """Follow the numbers of the places to the one that came here."""
    x = reading.batched[0]
    layer: Any = reading.layer
    places = layer.move_places(np.arange(1, x.size + 1).reshape(x.shape))
    number = int(places[(0, *reading.place)]) - 1
    if number < 0:  # a frame of a constant
        return added(reading, rows_of(np.zeros(0), 1.0), float(layer.settings().get("value", 0.0)))
    place = np.array([np.unravel_index(number, x.shape)])
    channel, row, column = folded(place[:, 1:], x.shape[1:])
    return added(reading, rows_of(x.reshape(-1)[[number]], 1.0, channel=channel, row=row, column=column))


_POINTWISE = {
    "Erf": "erf(sum)",
    "Exp": "exp(sum)",
    "Log": "log(sum)",
    "Reciprocal": "1 / sum",
    "Sqrt": "sqrt(sum)",
}


def _pointwise(reading: Reading) -> Cell:
    terms = one_cell(reading)
    terms["product"] = terms["input"]
    x, kind = exactly(terms["input"][0], reading.dtype), reading.layer.kind
    with np.errstate(all="ignore"):
        if kind == "Reciprocal":
            result = exactly(1.0, reading.dtype) / x
        else:
            result = x.through(_erf if kind == "Erf" else getattr(np, kind.lower()))
    return bent(terms, result, _POINTWISE[kind])


def _erf(x: Array) -> Array:
    from scipy.special import erf

    return np.asarray(erf(x))


def _power(reading: Reading) -> Cell:
    (base, a), (_, b) = reading.stretched(0), reading.stretched(1)
    base["product"] = base["input"]
    with np.errstate(all="ignore"):
        result = exactly(a, reading.dtype).through(lambda v: np.asarray(np.float_power(v, b)))
    return bent(base, result, f"sum ** {b:g}")


def _step(reading: Reading) -> Cell:
    """Round or compare one number: nothing is lost on the way."""
    if reading.layer.kind == "Equal":
        (one, a), (other, b) = reading.stretched(0), reading.stretched(1)
        other["weight"] = -1.0
        terms, value, formula = np.concatenate([one, other]), float(a == b), "1 if the sum is 0, else 0"
    else:
        terms = one_cell(reading)
        kind = reading.layer.settings().get("to", reading.layer.kind.lower())
        function, formula = _STEPS[kind]
        value = float(function(terms["input"][0]))
    terms["product"] = terms["input"] * terms["weight"]
    return bent(terms, _exact(value, reading), formula)


_STEPS: dict[str, tuple[Any, str]] = {
    "bool": (lambda v: v != 0, "0 if the sum is 0, else 1"),
    "ceil": (np.ceil, "the sum, rounded up"),
    "float": (lambda v: v, "sum"),
    "floor": (np.floor, "the sum, rounded down"),
    "int": (np.trunc, "the sum without what is behind the point"),
}


def _exact(value: float, reading: Reading) -> Rounded:
    return Rounded(np.asarray(value), np.asarray(0.0), reading.dtype)


def _constant(reading: Reading) -> Cell:
    (value,) = reading.layer.statistics.values()
    return added(reading, rows_of(np.zeros(0), 1.0), float(value[(0, *reading.place)]))


def _arg_max(reading: Reading) -> Cell:
    """List the values that are compared; the answer is a place, and no sum."""
    layer: Any = reading.layer
    x = reading.batched[0]
    axis = layer.axis % x.ndim
    place = [0, *reading.place]
    if layer.keepdims:
        place[axis] = 0
    else:
        place.insert(axis, 0)
    places = np.repeat(np.array([place]), x.shape[axis], axis=0)
    places[:, axis] = np.arange(x.shape[axis])
    values = x[tuple(places.T)]
    channel, row, column = folded(places[:, 1:], x.shape[1:])
    terms = rows_of(values, 1.0, channel=channel, row=row, column=column)
    terms["product"] = terms["input"]
    best = len(values) - 1 - int(values[::-1].argmax()) if layer.last else int(values.argmax())
    which = "last" if layer.last else "first"
    return bent(terms, _exact(float(best), reading), f"the place of the largest, the {which} of equals")


def _norm_by_image(reading: Reading) -> Cell:
    """(x - mean) / sqrt(variance + eps) * weight + bias, over a group of channels or the last axes."""
    layer: Any = reading.layer
    x, dtype, place = reading.x, reading.dtype, reading.place
    if reading.layer.kind == "LayerNorm":
        first = layer.axis % (x.ndim + 1) - 1
        group = x[place[:first]] if first else x
        at = np.argwhere(np.ones(group.shape))
        places = np.concatenate([np.tile(place[:first], (len(at), 1)).astype(int), at], axis=1)
        index = place[len(place) - layer.parameters["weight"].ndim :]
    else:
        each = x.shape[0] // getattr(layer, "groups", x.shape[0])
        start = place[0] // each * each
        group = x[start : start + each]
        places = np.argwhere(np.ones(group.shape)) + np.array([start, *(0,) * (x.ndim - 1)])
        index = place[:1]
    channel, row, column = folded(places, x.shape)
    count = group.size
    terms = rows_of(group.reshape(-1), 1.0 / count, channel=channel, row=row, column=column)
    terms["product"] = terms["input"] * terms["weight"]
    values = exactly(terms["input"], dtype)
    number = exactly(float(count), dtype)
    mean = values.sum() / number
    spread = values - mean
    variance = (spread * spread).sum() / number
    deviation = (variance + exactly(layer.eps, dtype)).through(np.sqrt)
    weight = _at(layer.parameters.get("weight"), index, 1.0)
    bias = _at(layer.parameters.get("bias"), index, 0.0)
    own = exactly(x[place], dtype) - mean
    result = own * (exactly(1.0, dtype) / deviation) * exactly(weight, dtype) + exactly(bias, dtype)
    formula = f"({float(x[place]):.6g} - sum) / {float(deviation.value):.6g} * {weight:.6g} + {bias:.6g}"
    return bent(terms, result, formula)


def _at(values: Array | None, index: tuple[int, ...], default: float) -> float:
    if values is None:
        return default
    fitting = tuple(0 if n == 1 else i for i, n in zip(index, values.shape, strict=True))
    return float(values[fitting])


def _norm_of_window(reading: Reading) -> Cell:
    """(sum of |x| ** p) ** (1/p) over what the cell reads."""
    p = float(reading.layer.settings().get("p", 2))
    terms = _reached(reading)
    terms["weight"] = 1.0
    terms["product"] = np.abs(terms["input"]) ** p
    with np.errstate(all="ignore"):
        powers = exactly(np.abs(terms["input"]), reading.dtype).through(lambda v: np.abs(v) ** p)
        result = powers.sum().through(lambda v: np.maximum(v, 0) ** (1 / p))
    return bent(terms, result, f"sum ** (1/{p:g})", summand=f"|input| ** {p:g} * weight")


def _reduce(reading: Reading) -> Cell:
    norm = reading.layer.settings()["how"] == "norm"
    return _norm_of_window(reading) if norm else _by_gradient(reading)


#: Layers that only put values elsewhere.
MOVES = (
    "DepthToSpace", "Expand", "Gather", "PadAxes", "Reshape", "Slice", "SpaceToDepth", "Squeeze", "Tile",
    "Transpose", "Unsqueeze",
)  # fmt: skip

#: Layers that are linear, at least on each side of their bends, and tell their weights themselves.
BY_GRADIENT: dict[str, Way] = {
    **dict.fromkeys(
        ("Abs", "Average", "AvgPoolNd", "ConvNd", "ConvTransposeNd", "MatMul", "MaxPoolNd", "Maximum",
         "Minimum", "Negate", "ResizeAxes", "Slope", "Where"),
        _by_gradient,
    ),
    **dict.fromkeys(MOVES, _move),
    "Constant": _constant,
}  # fmt: skip

#: Layers that are more than a sum.
BENT: dict[str, Way] = {
    **dict.fromkeys(_POINTWISE, _pointwise),
    **dict.fromkeys(("Cast", "Ceil", "Equal", "Floor"), _step),
    **dict.fromkeys(("GroupNorm", "InstanceNorm", "LayerNorm"), _norm_by_image),
    "ArgMax": _arg_max,
    "LpPoolNd": _norm_of_window,
    "Power": _power,
    "Reduce": _reduce,
}
