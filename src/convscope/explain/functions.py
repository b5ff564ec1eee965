"""The cells that are more than a sum: exponentials, roots and quotients, with bounds that are derived."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from convscope.explain.rounding import Rounded, exactly
from convscope.explain.sums import own_window
from convscope.explain.terms import Array, Cell, Reading, Terms, Way, bent, one_cell, rows_of

__all__ = ["FUNCTIONS"]


def _pointwise(reading: Reading) -> Cell:
    """Apply the layer's function to one number, step by step as the engine does."""
    terms = one_cell(reading)
    terms["product"] = terms["input"]
    x = exactly(terms["input"][0], reading.dtype)
    settings = reading.layer.settings()
    with np.errstate(all="ignore"):
        result, formula = _FORMULAS[reading.layer.kind](x, settings)
    return bent(terms, result, formula)


def _sigmoid_of(x: Rounded) -> Rounded:
    e, one = (-abs(x)).through(np.exp), exactly(1.0, x.dtype)
    return (e if x.value < 0 else one) / (one + e)


def _softplus_of(x: Rounded) -> Rounded:
    return x.between(0, math.inf) + (-abs(x)).through(np.exp).through(np.log1p)


def _normal_below(x: Rounded) -> Rounded:
    from scipy.special import erfc

    half = exactly(0.5, x.dtype)
    return half * (x * exactly(-math.sqrt(0.5), x.dtype)).through(erfc)


def _tanh(x: Rounded, s: dict[str, Any]) -> tuple[Rounded, str]:
    inner = x * exactly(s["slope"], x.dtype)
    y = inner.through(np.tanh) * exactly(s["amplitude"], x.dtype)
    if s["amplitude"] == s["slope"] == 1:
        return y, "tanh(sum)"
    return y, f"{s['amplitude']:g} * tanh({s['slope']:.6g} * sum)"


def _sigmoid(x: Rounded, s: dict[str, Any]) -> tuple[Rounded, str]:
    return _sigmoid_of(x), "1 / (1 + exp(-sum))"


def _silu(x: Rounded, s: dict[str, Any]) -> tuple[Rounded, str]:
    return x * _sigmoid_of(x), "sum / (1 + exp(-sum))"


def _hardsigmoid(x: Rounded, s: dict[str, Any]) -> tuple[Rounded, str]:
    alpha, beta = exactly(s["alpha"], x.dtype), exactly(s["beta"], x.dtype)
    return (x * alpha + beta).between(0, 1), f"{s['alpha']:.6g} * sum + {s['beta']:g}, kept to 0 .. 1"


def _hardswish(x: Rounded, s: dict[str, Any]) -> tuple[Rounded, str]:
    gate = (x / exactly(6.0, x.dtype) + exactly(0.5, x.dtype)).between(0, 1)
    return x * gate, "sum * (sum / 6 + 1/2, kept to 0 .. 1)"


def _gelu(x: Rounded, s: dict[str, Any]) -> tuple[Rounded, str]:
    if s["approximate"] != "tanh":
        return x * _normal_below(x), "sum * P(Z <= sum), Z standard normal"
    cube = (x.through(lambda v: v**3)) * exactly(0.044715, x.dtype)
    inner = exactly(math.sqrt(2 / math.pi), x.dtype) * (x + cube)
    y = exactly(0.5, x.dtype) * x * (exactly(1.0, x.dtype) + inner.through(np.tanh))
    return y, "sum / 2 * (1 + tanh(sqrt(2 / pi) * (sum + 0.044715 * sum ** 3)))"


def _softplus(x: Rounded, s: dict[str, Any]) -> tuple[Rounded, str]:
    return _softplus_of(x), "log(1 + exp(sum))"


def _mish(x: Rounded, s: dict[str, Any]) -> tuple[Rounded, str]:
    return x * _softplus_of(x).through(np.tanh), "sum * tanh(log(1 + exp(sum)))"


def _softsign(x: Rounded, s: dict[str, Any]) -> tuple[Rounded, str]:
    return x / (exactly(1.0, x.dtype) + abs(x)), "sum / (1 + |sum|)"


def _exponential_units(x: Rounded, s: dict[str, Any]) -> tuple[Rounded, str]:
    """ELU, SELU (with gamma in front) and, with the sum divided by alpha, CELU in one."""
    alpha, divided = s["alpha"], s.get("divided", False)
    inner = x.between(-math.inf, 0)
    if divided:
        inner = inner / exactly(alpha, x.dtype)
    bend = exactly(alpha, x.dtype) * inner.through(np.expm1)
    y = x if x.value > 0 else bend
    below = f"{alpha:.6g} * (exp(sum{f' / {alpha:g}' if divided else ''}) - 1)"
    text = "sum" if x.value > 0 else f"{below}, since the sum is negative"
    if "gamma" in s:
        y, text = y * exactly(s["gamma"], x.dtype), f"{s['gamma']:.6g} * ({text})"
    return y, text


def _celu(x: Rounded, s: dict[str, Any]) -> tuple[Rounded, str]:
    return _exponential_units(x, {**s, "divided": True})


_FORMULAS = {
    "CELU": _celu,
    "ELU": _exponential_units,
    "GELU": _gelu,
    "Hardsigmoid": _hardsigmoid,
    "Hardswish": _hardswish,
    "Mish": _mish,
    "SELU": _exponential_units,
    "SiLU": _silu,
    "Sigmoid": _sigmoid,
    "Softplus": _softplus,
    "Softsign": _softsign,
    "Tanh": _tanh,
}


def _line(reading: Reading, axis: int, first: int = 0, last: int | None = None) -> Terms:
    """Take the cells along one axis of the input through the place, from `first` to before `last`."""
    along = axis % (reading.x.ndim + 1) - 1
    index: list[Any] = list(reading.place)
    last = reading.x.shape[along] if last is None else last
    index[along] = slice(first, last)
    names = ("channel", "row", "column")
    places: dict[str, Array | int] = dict(zip(names, reading.place, strict=False))
    places[names[along]] = np.arange(first, last)
    return rows_of(reading.x[tuple(index)], 1.0, **places)


def _own(reading: Reading) -> Rounded:
    return exactly(reading.x[reading.place], reading.dtype)


def _softmax(reading: Reading) -> Cell:
    terms = _line(reading, reading.layer.settings()["axis"])
    largest = float(terms["input"].max())
    top = exactly(largest, reading.dtype)
    with np.errstate(all="ignore"):
        powers = (exactly(terms["input"], reading.dtype) - top).through(np.exp)
        result = (_own(reading) - top).through(np.exp) / powers.sum()
    terms["product"] = powers.value
    own = float(reading.x[reading.place])
    return bent(
        terms,
        result,
        f"exp({own:.6g} - {largest:.6g}) / sum",
        summand=f"exp(input - {largest:.6g}) * weight",
    )


def _log_softmax(reading: Reading) -> Cell:
    terms = _line(reading, reading.layer.settings()["axis"])
    largest = float(terms["input"].max())
    top = exactly(largest, reading.dtype)
    with np.errstate(all="ignore"):
        powers = (exactly(terms["input"], reading.dtype) - top).through(np.exp)
        result = (_own(reading) - top) - powers.sum().through(np.log)
    terms["product"] = powers.value
    own = float(reading.x[reading.place])
    return bent(
        terms,
        result,
        f"{own:.6g} - {largest:.6g} - log(sum)",
        summand=f"exp(input - {largest:.6g}) * weight",
    )


def _local_response_norm(reading: Reading) -> Cell:
    """x / (k + alpha/size * sum of squares over the neighbouring channels) ** beta."""
    settings, dtype = reading.layer.settings(), reading.dtype
    size, beta, k = settings["size"], settings["beta"], settings["k"]
    channel, channels = reading.place[0], reading.x.shape[0]
    first, last = max(0, channel - (size - 1) // 2), min(channels, channel + size // 2 + 1)
    terms = _line(reading, 1, first, last)
    terms["weight"] = settings["alpha"] / size
    terms["product"] = terms["input"] ** 2 * terms["weight"]
    x, share = exactly(terms["input"], dtype), exactly(settings["alpha"] / size, dtype)
    with np.errstate(all="ignore"):
        scale = exactly(k, dtype) + share * (x * x).sum()
        result = _own(reading) / scale.through(lambda v: v**beta)
    own = float(reading.x[reading.place])
    return bent(terms, result, f"{own:.6g} / sum ** {beta:g}", bias=k, summand="input ** 2 * weight")


def _lp_pool(reading: Reading) -> Cell:
    """(sum of |x| ** p) ** (1/p) over the window; padding counts as 0."""
    p = reading.layer.settings()["p"]
    terms = own_window(reading)
    terms["weight"] = 1.0
    terms["product"] = np.abs(terms["input"]) ** p
    with np.errstate(all="ignore"):
        powers = exactly(np.abs(terms["input"]), reading.dtype).through(lambda v: np.abs(v) ** p)
        result = powers.sum().through(lambda v: np.maximum(v, 0) ** (1 / p))
    return bent(terms, result, f"sum ** (1/{p:g})", summand=f"|input| ** {p:g} * weight")


#: Layers whose cells are a function of a sum.
FUNCTIONS: dict[str, Way] = {
    **dict.fromkeys(_FORMULAS, _pointwise),
    "LocalResponseNorm": _local_response_norm,
    "LogSoftmax": _log_softmax,
    "LpPool2d": _lp_pool,
    "Softmax": _softmax,
}
