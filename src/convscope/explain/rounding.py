"""Numbers that know how far the engine's may be from them.

A bound on rounding is derived here, not guessed: the same formula that the engine
computes is computed once in float64, and every step adds what rounding in the engine's
precision may add to it, at most (running error analysis: Higham, Accuracy and Stability
of Numerical Algorithms, 2002, section 3.3).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Rounded", "exactly", "gamma", "sum_bound"]

Array = NDArray[Any]

# libraries compute exp, tanh and their like to within 4 units in the last place, each two unit roundoffs
_LIBRARY = 8


def gamma(count: int, dtype: np.dtype[Any]) -> float:
    """Bound the relative error of `count` roundings: n*u / (1 - n*u).

    Examples
    --------
    >>> gamma(3, np.dtype(np.float32)) == 3 * 2**-24 / (1 - 3 * 2**-24)
    True
    """
    roundings = count * float(np.finfo(dtype).eps) / 2
    return roundings / (1 - roundings)


def sum_bound(count: int, magnitude: float, dtype: np.dtype[Any]) -> float:
    """Bound the rounding of a sum of `count` products and a bias, in any order of summation.

    gamma(count + 1) * magnitude, in the engine's precision and again in float64 for the value it
    is compared with; a product that is too small to be normal may be lost altogether.

    Parameters
    ----------
    count : int
    magnitude : float
        The sum of the absolute products and the absolute bias.
    """
    lost = (count + 1) * float(np.finfo(dtype).tiny)
    return (gamma(count + 1, dtype) + gamma(count + 1, np.dtype(np.float64))) * magnitude + lost


@dataclass(frozen=True)
class Rounded:
    """Exact values, in float64, and by how much the engine's may differ from them.

    Attributes
    ----------
    value, error : ndarray of float64
    dtype : dtype
        The engine's precision.

    Examples
    --------
    >>> third = exactly(1.0, np.dtype(np.float32)) / exactly(3.0, np.dtype(np.float32))
    >>> float(third.value), float(third.error) <= 2**-24 * 0.34
    (0.3333333333333333, True)
    """

    value: Array
    error: Array
    dtype: np.dtype[Any]

    def __add__(self, other: Rounded) -> Rounded:
        return self._rounded(self.value + other.value, self.error + other.error)

    def __sub__(self, other: Rounded) -> Rounded:
        return self._rounded(self.value - other.value, self.error + other.error)

    def __mul__(self, other: Rounded) -> Rounded:
        a, b = np.abs(self.value), np.abs(other.value)
        return self._rounded(
            self.value * other.value, a * other.error + b * self.error + self.error * other.error
        )

    def __truediv__(self, other: Rounded) -> Rounded:
        value = self.value / other.value
        nearest = np.maximum(np.abs(other.value) - other.error, 0.0)
        return self._rounded(value, (self.error + np.abs(value) * other.error) / nearest)

    def __abs__(self) -> Rounded:
        return Rounded(np.abs(self.value), self.error, self.dtype)

    def __neg__(self) -> Rounded:
        return Rounded(-self.value, self.error, self.dtype)

    def through(self, function: Callable[[Array], Array], *, roundings: int = _LIBRARY) -> Rounded:
        """Give a library's value of a monotonous function: its own error, and what the argument's makes."""
        value = function(self.value)
        spread = [np.abs(function(self.value + side * self.error) - value) for side in (-1, 1)]
        return self._rounded(value, np.fmax(*spread), roundings)

    def between(self, low: float, high: float) -> Rounded:
        """Keep to [low, high], which rounds nothing."""
        return Rounded(np.clip(self.value, low, high), self.error, self.dtype)

    def __getitem__(self, index: Any) -> Rounded:
        return Rounded(np.asarray(self.value[index]), np.asarray(self.error[index]), self.dtype)

    def sum(self) -> Rounded:
        """Add all up, in any order."""
        count = max(self.value.size - 1, 0)
        error = self.error.sum() + gamma(count, self.dtype) * (np.abs(self.value) + self.error).sum()
        return Rounded(np.asarray(self.value.sum()), np.asarray(error), self.dtype)

    @property
    def bound(self) -> float:
        """The error of a single number, with as much again for float64's own where that is the engine's."""
        share = float(np.finfo(np.float64).eps / np.finfo(self.dtype).eps)
        return float(self.error) * (1 + share)

    def _rounded(self, value: Array, error: Array, roundings: int = 1) -> Rounded:
        u, tiny = float(np.finfo(self.dtype).eps) / 2, float(np.finfo(self.dtype).tiny)
        own = roundings * (u * (np.abs(value) + error) + tiny)
        return Rounded(np.asarray(value), np.asarray(error + own), self.dtype)


def exactly(value: Any, dtype: np.dtype[Any]) -> Rounded:
    """Take numbers: those that the engine's precision has are exact, others are rounded to it."""
    array = np.asarray(value, np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        error = np.abs(array - array.astype(dtype).astype(np.float64))
    return Rounded(array, np.where(np.isfinite(error), error, 0.0), dtype)
