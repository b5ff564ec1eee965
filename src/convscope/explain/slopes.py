"""How functions of one number change with it: the derivative, in words and with the error of the engine's."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from convscope.explain.rounding import Rounded, exactly

__all__ = ["SLOPES", "Slope"]

#: Of a number and the layer's settings, to the derivative there and how it is computed.
Slope = Callable[[Rounded, dict[str, Any]], tuple[Rounded, str]]


def _number(value: float, x: Rounded) -> Rounded:
    return exactly(value, x.dtype)


def _sigmoid_of(x: Rounded) -> Rounded:
    e, one = (-abs(x)).through(np.exp), _number(1, x)
    return (e if x.value < 0 else one) / (one + e)


def _tanh(x: Rounded, s: dict[str, Any]) -> tuple[Rounded, str]:
    y = (x * _number(s["slope"], x)).through(np.tanh)
    bare = _number(1, x) - y * y
    factor = s["amplitude"] * s["slope"]
    if factor == 1:
        return bare, "1 - tanh(x) ** 2"
    return bare * _number(factor, x), f"{factor:.6g} * (1 - tanh({s['slope']:.6g} * x) ** 2)"


def _sigmoid(x: Rounded, s: dict[str, Any]) -> tuple[Rounded, str]:
    y = _sigmoid_of(x)
    return y * (_number(1, x) - y), "y * (1 - y) with y = 1 / (1 + exp(-x))"


def _hardsigmoid(x: Rounded, s: dict[str, Any]) -> tuple[Rounded, str]:
    inside = 0 < x.value * s["alpha"] + s["beta"] < 1
    return _number(s["alpha"] if inside else 0, x), f"{s['alpha']:.6g} between the limits, else 0"


def _silu(x: Rounded, s: dict[str, Any]) -> tuple[Rounded, str]:
    y, one = _sigmoid_of(x), _number(1, x)
    return y * (one + x * (one - y)), "s * (1 + x * (1 - s)) with s = 1 / (1 + exp(-x))"


def _hardswish(x: Rounded, s: dict[str, Any]) -> tuple[Rounded, str]:
    words = "x / 3 + 1/2 from -3 to 3, below 0, above 1"
    if abs(x.value) >= 3:
        return _number(float(x.value > 0), x), words
    return x / _number(3, x) + _number(0.5, x), words


def _gelu(x: Rounded, s: dict[str, Any]) -> tuple[Rounded, str]:
    from scipy.special import erfc

    half = _number(0.5, x)
    if s["approximate"] != "tanh":
        below = half * (x * _number(-math.sqrt(0.5), x)).through(erfc)
        density = (-(half * x * x)).through(np.exp) * _number(1 / math.sqrt(2 * math.pi), x)
        return below + x * density, "P(Z <= x) + x * density(x), Z standard normal"
    one, root = _number(1, x), _number(math.sqrt(2 / math.pi), x)
    cube = x.through(lambda v: v**3) * _number(0.044715, x)
    t = (root * (x + cube)).through(np.tanh)
    inner = root * (one + _number(3 * 0.044715, x) * x * x)
    words = (
        "(1 + t) / 2 + x / 2 * (1 - t ** 2) * u' with t = tanh(u), u = sqrt(2 / pi) * (x + 0.044715 * x ** 3)"
    )
    return half * (one + t) + half * x * (one - t * t) * inner, words


def _softplus(x: Rounded, s: dict[str, Any]) -> tuple[Rounded, str]:
    return _sigmoid_of(x), "1 / (1 + exp(-x))"


def _mish(x: Rounded, s: dict[str, Any]) -> tuple[Rounded, str]:
    plus = x.between(0, math.inf) + (-abs(x)).through(np.exp).through(np.log1p)
    t = plus.through(np.tanh)
    words = "t + x * (1 - t ** 2) / (1 + exp(-x)) with t = tanh(log(1 + exp(x)))"
    return t + x * (_number(1, x) - t * t) * _sigmoid_of(x), words


def _softsign(x: Rounded, s: dict[str, Any]) -> tuple[Rounded, str]:
    one = _number(1, x)
    return one / ((one + abs(x)) * (one + abs(x))), "1 / (1 + |x|) ** 2"


def _exponential_units(x: Rounded, s: dict[str, Any]) -> tuple[Rounded, str]:
    """ELU, SELU (with gamma in front) and CELU, whose alpha cancels."""
    alpha, divided = s["alpha"], s.get("divided", False)
    if x.value > 0:
        slope, words = _number(1, x), "1, since x is positive"
    elif divided:
        slope = (x / _number(alpha, x)).through(np.exp)
        words = f"exp(x / {alpha:g}), since x is negative"
    else:
        slope, words = _number(alpha, x) * x.through(np.exp), f"{alpha:.6g} * exp(x), since x is negative"
    if "gamma" not in s:
        return slope, words
    return _number(s["gamma"], x) * slope, f"{s['gamma']:.6g} * ({words})"


def _celu(x: Rounded, s: dict[str, Any]) -> tuple[Rounded, str]:
    return _exponential_units(x, {**s, "divided": True})


def _erf(x: Rounded, s: dict[str, Any]) -> tuple[Rounded, str]:
    scale = _number(2 / math.sqrt(math.pi), x)
    return scale * (-(x * x)).through(np.exp), "2 / sqrt(pi) * exp(-x ** 2)"


def _exp(x: Rounded, s: dict[str, Any]) -> tuple[Rounded, str]:
    return x.through(np.exp), "exp(x)"


def _log(x: Rounded, s: dict[str, Any]) -> tuple[Rounded, str]:
    return _number(1, x) / x, "1 / x"


def _reciprocal(x: Rounded, s: dict[str, Any]) -> tuple[Rounded, str]:
    y = _number(1, x) / x
    return -(y * y), "-1 / x ** 2"


def _sqrt(x: Rounded, s: dict[str, Any]) -> tuple[Rounded, str]:
    return _number(0.5, x) / x.through(np.sqrt), "1 / (2 * sqrt(x))"


#: The derivatives of the layers that bend each number by itself.
SLOPES: dict[str, Slope] = {
    "CELU": _celu,
    "ELU": _exponential_units,
    "Erf": _erf,
    "Exp": _exp,
    "GELU": _gelu,
    "Hardsigmoid": _hardsigmoid,
    "Hardswish": _hardswish,
    "Log": _log,
    "Mish": _mish,
    "Reciprocal": _reciprocal,
    "SELU": _exponential_units,
    "SiLU": _silu,
    "Sigmoid": _sigmoid,
    "Softplus": _softplus,
    "Softsign": _softsign,
    "Sqrt": _sqrt,
    "Tanh": _tanh,
}
