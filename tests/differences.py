"""Gradients by finite differences, in float64, with an error bound that is measured and not guessed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tolerance import gamma


def check_gradient(
    function: Callable[[np.ndarray], np.ndarray],
    x: np.ndarray,
    grad: np.ndarray,
    gradient: np.ndarray,
    *,
    terms: int,
    linear: bool = False,
    what: str = "gradient",
) -> None:
    """Compare the gradient of sum(function(x) * grad) with central differences.

    With D(h) = (f(x + h) - f(x - h)) / 2h, a function that is linear between the two (`linear`)
    has no truncation error, whatever h is. Otherwise the error of D(h) is c*h**2 + O(h**4), so that
    D(2h) - D(h) = 3*c*h**2, and |D(2h) - D(h)| bounds it. The rounding error of f is at
    most gamma(terms) * sum(|y * grad|) as long as no value inside is larger than those of |x| and |y|.
    """
    assert x.dtype == np.float64
    assert gradient.shape == x.shape
    h = 0.25 if linear else 1e-4
    y = function(x)
    scale = max(1.0, float(np.abs(x).max()), float(np.abs(y).max()))
    rounding = 2 * gamma(terms + y.size, np.float64) * scale * float(np.abs(grad).sum()) / h
    numeric, truncation = np.empty(x.shape), np.zeros(x.shape)
    for place in np.ndindex(x.shape):
        numeric[place] = _difference(function, x, grad, place, h)
        if not linear:
            truncation[place] = abs(_difference(function, x, grad, place, 2 * h) - numeric[place])
    error = np.abs(numeric - gradient)
    bound = truncation + rounding
    worst = np.unravel_index(np.argmax(error - bound), x.shape)
    assert (error <= bound).all(), (
        f"{what}: at {tuple(map(int, worst))} got {gradient[worst]!r}, differences give {numeric[worst]!r}, "
        f"allowed {bound[worst]:.3g}"
    )


def _difference(function, x, grad, place, h) -> float:
    there, back = x.copy(), x.copy()
    there[place] += h
    back[place] -= h
    return float(((function(there) - function(back)) * grad).sum() / (there[place] - back[place]))
