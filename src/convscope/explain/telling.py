"""How well a number tells two sets apart: the ROC curve."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["RocCurve", "roc_area", "roc_curve"]


@dataclass(frozen=True, eq=False)
class RocCurve:
    """The ROC curve of telling a second set from a first by a number that should be larger there.

    Attributes
    ----------
    name : str
        The number.
    area : float
        Under the curve: the probability that an image of the second set has the larger number, ties
        counting half. 0.5 is chance, 1 never wrong.
    error : float
        The area's standard error (Hanley and McNeil 1982).
    false_alarms, found : ndarrays of shape (P,)
        Shares of the first and of the second set at or above each threshold, from (0, 0) to (1, 1).
    """

    name: str
    area: float
    error: float
    false_alarms: NDArray[np.float64] = field(repr=False)
    found: NDArray[np.float64] = field(repr=False)


def roc_curve(name: str, first: NDArray[Any], second: NDArray[Any]) -> RocCurve:
    """Draw the curve of telling `second` from `first`.

    Parameters
    ----------
    name : str
    first, second : ndarrays of shape (N,), (M,)

    Examples
    --------
    >>> curve = roc_curve("height", np.array([1.0, 2.0, 3.0]), np.array([2.5, 4.0]))
    >>> round(curve.area, 4), curve.false_alarms.tolist()[0], curve.found.tolist()[-1]
    (0.8333, 0.0, 1.0)
    """
    values = np.concatenate([second, first]).astype(np.float64)
    order = np.argsort(-values, kind="stable")
    hits = np.cumsum(order < len(second))
    # a threshold can only lie where the value changes
    last = np.flatnonzero(np.append(np.diff(values[order]) != 0, True))
    found = np.concatenate([[0.0], hits[last] / len(second)])
    alarms = np.concatenate([[0.0], (last + 1 - hits[last]) / len(first)])
    # points on a straight line between their neighbours say nothing
    bend = np.ones(len(found), bool)
    bend[1:-1] = (np.diff(found, 2) != 0) | (np.diff(alarms, 2) != 0)
    area = float(roc_area(first[:, None], second[:, None])[0])
    return RocCurve(name, area, _standard_error(area, len(first), len(second)), alarms[bend], found[bend])


def roc_area(first: NDArray[Any], second: NDArray[Any]) -> NDArray[np.float64]:
    """Give the area of each column, (F,), by ranks (Mann and Whitney 1947).

    Parameters
    ----------
    first, second : ndarrays of shape (N, F), (M, F)

    Examples
    --------
    >>> roc_area(np.array([[1.0], [2.0]]), np.array([[2.0], [3.0]]))
    array([0.875])
    """
    n, m = len(first), len(second)
    areas = np.empty(first.shape[1])
    for column in range(first.shape[1]):
        ordered = np.sort(first[:, column])
        below = np.searchsorted(ordered, second[:, column], "left").sum()
        upto = np.searchsorted(ordered, second[:, column], "right").sum()
        areas[column] = (below + upto) / 2 / (n * m)
    return areas


def _standard_error(area: float, n: int, m: int) -> float:
    """Give the standard error of an area over n and m images (Hanley and McNeil 1982, equation 2)."""
    one, two = area / (2 - area), 2 * area**2 / (1 + area)
    variance = area * (1 - area) + (m - 1) * (one - area**2) + (n - 1) * (two - area**2)
    return float(np.sqrt(max(variance, 0.0) / (n * m)))
