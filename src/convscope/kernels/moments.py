"""Vanishing moments: a kernel that differentiates n times annuls all polynomials below degree n."""

from __future__ import annotations

import numpy as np

from convscope.kernels.grid import Array, Grid

__all__ = ["moment_order", "normalised_moments"]

_HIGHEST = 4
# A kernel of order n has all lower normalised moments near 0; noise at 20 dB
# leaves about .03, and an off-centre by a quarter pixel up to .1.
_VANISHED = 0.12


def normalised_moments(patterns: Array, grid: Grid) -> Array:
    """Give the size of the moments of each degree 0 to 4, shape (N, 5), each in [0, 1].

    The degree-n moments are sum w x^a y^b with a + b = n, each divided by
    sum |w| |x|^a |y|^b; the largest magnitude counts.

    Examples
    --------
    >>> sobel = np.array([[-1, 0, 1, -2, 0, 2, -1, 0, 1]], float)
    >>> normalised_moments(sobel, Grid(3, 3))[0].round(2).tolist()
    [0.0, 1.0, 0.0, 1.0, 0.0]
    """
    x, y = (c[:, 0].astype(float) for c in grid.coordinates())
    size = np.abs(patterns)
    found = np.zeros((len(patterns), _HIGHEST + 1))
    for degree in range(_HIGHEST + 1):
        for a in range(degree + 1):
            monomial = x**a * y ** (degree - a)
            norm = size @ np.abs(monomial)
            moment = np.abs(patterns @ monomial) / np.maximum(norm, 1e-12)
            found[:, degree] = np.maximum(found[:, degree], moment)
    return found


def moment_order(patterns: Array, grid: Grid) -> Array:
    """Give the lowest degree whose moments do not vanish, shape (N,); 5 if all do."""
    alive = normalised_moments(patterns, grid) > _VANISHED
    return np.where(alive.any(1), alive.argmax(1), _HIGHEST + 1).astype(np.int8)
