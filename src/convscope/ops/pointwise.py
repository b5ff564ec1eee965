"""Functions of each value that images rarely meet: a table of the function and its derivative.

`derivative(x, y)` may use the input or the output. At a step (floor, ceil) it is 0, as everywhere
around it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from convscope.ops.memory import Array, silent

__all__ = ["FUNCTIONS", "Function", "apply", "apply_grad"]


class Function(NamedTuple):
    """A function and its derivative."""

    value: Callable[[Array], Array]
    derivative: Callable[[Array, Array], Array]


def _erf(x: Array) -> Array:
    from scipy.special import erf

    return np.asarray(erf(x), x.dtype)


def _two_over_root_pi(x: Array) -> Array:
    return np.asarray(2 / math.sqrt(math.pi) * np.exp(-x * x), x.dtype)


FUNCTIONS: Mapping[str, Function] = {
    "sqrt": Function(np.sqrt, lambda x, y: 0.5 / y),
    "reciprocal": Function(np.reciprocal, lambda x, y: -y * y),
    "abs": Function(np.abs, lambda x, y: np.sign(x)),
    "exp": Function(np.exp, lambda x, y: y),
    "log": Function(np.log, lambda x, y: 1 / x),
    "neg": Function(np.negative, lambda x, y: -np.ones_like(x)),
    "floor": Function(np.floor, lambda x, y: np.zeros_like(x)),
    "ceil": Function(np.ceil, lambda x, y: np.zeros_like(x)),
    "erf": Function(_erf, lambda x, y: _two_over_root_pi(x)),
}


@silent
def apply(name: str, x: Array) -> Array:
    """Give the function `name` of each value.

    Examples
    --------
    >>> apply("sqrt", np.array([4.0, 9.0]))
    array([2., 3.])
    """
    return np.asarray(FUNCTIONS[name].value(x), x.dtype)


@silent
def apply_grad(name: str, grad: Array, x: Array, y: Array) -> Array:
    """Give the gradient by the input.

    Examples
    --------
    >>> apply_grad("sqrt", np.ones(1), np.array([4.0]), np.array([2.0]))
    array([0.25])
    """
    return np.asarray(grad * FUNCTIONS[name].derivative(x, y), x.dtype)
