"""How alike two maps are: rank correlation and structural similarity."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["rank_correlation", "structural_similarity"]

Array = NDArray[Any]


def rank_correlation(a: Array, b: Array) -> float:
    """Give Spearman's rank correlation, ties sharing their mean rank; 0 where one is constant.

    Examples
    --------
    >>> rank_correlation(np.array([1.0, 2, 3]), np.array([1.0, 4, 9]))
    1.0
    >>> rank_correlation(np.array([1.0, 2, 3]), np.array([5.0, 5, 5]))
    0.0
    """
    centred = [rank - rank.mean() for rank in map(_ranks, (a, b))]
    length = float(np.sqrt((centred[0] ** 2).sum() * (centred[1] ** 2).sum()))
    return float(np.clip((centred[0] * centred[1]).sum() / length, -1, 1)) if length else 0.0


def _ranks(values: Array) -> Array:
    """As scipy.stats.rankdata, whose import takes longer than a sanity check."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - (counts - 1) / 2)[place.ravel()])


def structural_similarity(a: Array, b: Array) -> float:
    """Give the mean structural similarity of two maps (H, W), each first scaled to [0, 1].

    Windows of 7x7 pixels (smaller where the map is), K1 = 0.01, K2 = 0.03, sample variances.

    References
    ----------
    Wang, Bovik, Sheikh and Simoncelli (2004), Image quality assessment, equation 13.

    Examples
    --------
    >>> ramp = np.arange(64.0).reshape(8, 8)
    >>> structural_similarity(ramp, 3 * ramp + 1)
    1.0
    >>> structural_similarity(ramp, -ramp) < 0
    True
    """
    from scipy.ndimage import uniform_filter

    x, y = _unit(a), _unit(b)
    width = min(7, *x.shape)
    width -= 1 - width % 2  # odd
    taps = width**2
    sample = taps / (taps - 1) if taps > 1 else 1.0

    def mean(values: Array) -> Array:
        return np.asarray(uniform_filter(values, width))

    mx, my = mean(x), mean(y)
    vx, vy, cov = (
        sample * (mean(product) - square)
        for product, square in ((x * x, mx * mx), (y * y, my * my), (x * y, mx * my))
    )
    c1, c2 = 0.01**2, 0.03**2
    score = (2 * mx * my + c1) * (2 * cov + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2))
    edge = width // 2  # windows that lie wholly within the map
    inside = score[edge : score.shape[0] - edge, edge : score.shape[1] - edge]
    return float(np.clip(inside.mean(), -1, 1))


def _unit(values: Array) -> Array:
    array = np.asarray(values, np.float64)
    low, high = float(array.min()), float(array.max())
    return (array - low) / (high - low) if high > low else np.zeros_like(array)
