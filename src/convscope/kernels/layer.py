"""The view of a whole layer: findings as Zeiler and Fergus made them, and CNN Filter DB measures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from convscope.kernels.families import FAMILIES
from convscope.kernels.grid import Array
from convscope.result import Result

__all__ = [
    "Finding",
    "Layer",
    "describe",
    "orthogonality",
    "sparsity",
    "variance_entropy",
    "variance_entropy_threshold",
]

_ZF = "Zeiler & Fergus (2014), section 4.1"
_DB = "Gavrikov & Keuper (2022), CNN Filter DB"
_OWN = "convscope: a rule of thumb"


@dataclass(frozen=True)
class Finding(Result):
    """One thing worth knowing about a layer.

    Attributes
    ----------
    name : str
    found : bool
        Whether the number is on the wrong side of the threshold.
    value, threshold : float
    text : str
        What it means, with the number.
    source : str
        Where the measure or the threshold comes from.
    advice : str
        What one might do.
    """

    name: str
    found: bool
    value: float
    threshold: float
    text: str
    source: str
    advice: str


@dataclass(frozen=True)
class Layer(Result):
    """What can be said of a layer as a whole.

    Attributes
    ----------
    counts : dict
        Filters of each family.
    orientations : ndarray of shape (12,)
        How many filters have stripes in each 15 degrees, from 0.
    coverage : ndarray of shape (5, 12)
        Filters by peak frequency (octave-like bands: below 1/16, to 1/8, 1/4, 3/8, above)
        and orientation; filters without an orientation are spread over all.
    sparsity : float
        Share of kernels whose infinity norm is below 1 % of the layer's.
    variance_entropy, variance_entropy_threshold : float or None
        For 3 x 3 kernels only.
    orthogonality : float or None
    findings : tuple of Finding
    """

    counts: dict[str, int]
    orientations: Array
    coverage: Array
    sparsity: float
    variance_entropy: float | None
    variance_entropy_threshold: float | None
    orthogonality: float | None
    findings: tuple[Finding, ...]


def describe(weight: Array, columns: dict[str, Array], stride: int) -> Layer:
    """Describe a layer from its weight (K, C, kH, kW) and the columns of its table."""
    family = np.array(FAMILIES)[columns["family"]]
    names, numbers = np.unique(family, return_counts=True)
    counts = {str(n): int(c) for c, n in sorted(zip(numbers, names, strict=True), reverse=True)}
    three = weight.shape[2:] == (3, 3)
    kernels = weight.shape[0] * weight.shape[1]
    return Layer(
        counts,
        _orientations(columns),
        _coverage(columns),
        sparsity(weight),
        variance_entropy(weight) if three and kernels > 1 else None,
        variance_entropy_threshold(kernels) if three and kernels > 1 else None,
        orthogonality(weight) if len(weight) > 1 else None,
        tuple(make(weight, columns, stride) for make in _FINDINGS),
    )


# ---- CNN Filter DB ------------------------------------------------------------------------------


def sparsity(weight: Array) -> float:
    """Share of kernels whose infinity norm is below 1 % of the layer's largest.

    Examples
    --------
    >>> sparsity(np.array([1.0, 0.001]).reshape(2, 1, 1, 1))
    0.5
    """
    largest = np.abs(weight).max(axis=(2, 3))
    return float((largest < 0.01 * largest.max()).mean()) if largest.max() > 0 else 1.0


def variance_entropy(weight: Array) -> float:
    """Base-10 entropy of the normalised squared singular values of the centred (N, kH kW) matrix of kernels.

    0: one pattern only; log10(9) = .954: every pattern alike, for 3 x 3.
    """
    rows = weight.reshape(-1, weight.shape[2] * weight.shape[3]).astype(float)
    rows = rows - rows.mean(axis=0)
    values = np.linalg.eigvalsh(rows.T @ rows)
    values = np.maximum(values, 0)
    if values.sum() == 0:
        return 0.0
    share = values[values > 0] / values.sum()
    return float(max(0.0, -(share * np.log10(share)).sum()))


def variance_entropy_threshold(kernels: int) -> float:
    """The entropy from which 3 x 3 kernels cannot be told from random ones, for their number.

    Gavrikov & Keuper (2022): 1.2618 / (1 + exp(-0.8877 (log2 n - 2.3044))) - 0.3105.

    Examples
    --------
    >>> round(variance_entropy_threshold(4096), 4)
    0.9511
    """
    return float(1.2618 / (1 + np.exp(-0.8877 * (np.log2(kernels) - 2.3044))) - 0.3105)


def orthogonality(weight: Array) -> float:
    """1 - sum |cos| / (N (N - 1)) over pairs of different filters; 1: all at right angles."""
    rows: Array = weight.reshape(len(weight), -1)
    # scaled first, so that huge weights do not overflow when squared
    rows = (rows / (np.abs(rows).max() or 1)).astype(np.float32)
    norm = np.linalg.norm(rows, axis=1)
    rows = rows / np.where(norm > 0, norm, 1)[:, None]
    total = 0.0
    for begin in range(0, len(rows), 2048):
        block = np.abs(rows[begin : begin + 2048] @ rows.T)
        own = np.arange(len(block))
        block[own, begin + own] = 0
        total += float(block.sum(dtype=float))
    n = len(rows)
    return 1 - total / (n * (n - 1))


# ---- pictures' numbers --------------------------------------------------------------------------


def _column(columns: dict[str, Array], name: str) -> Array:
    return columns.get(name, np.full(len(columns["family"]), np.nan)).astype(float)


def _orientations(columns: dict[str, Array]) -> Array:
    angle = _column(columns, "orientation")
    bins = (np.rint(angle[np.isfinite(angle)] / 15) % 12).astype(int)
    return np.bincount(bins, minlength=12)


def _coverage(columns: dict[str, Array]) -> Array:
    angle, peak = _column(columns, "orientation"), _column(columns, "peak_frequency")
    grid = np.zeros((5, 12))
    band = np.searchsorted([1 / 16, 1 / 8, 1 / 4, 3 / 8], peak, side="right")
    known, turned = np.isfinite(peak), np.isfinite(angle)
    striped = known & turned
    np.add.at(grid, (band[striped], np.rint(angle[striped] / 15).astype(int) % 12), 1)
    grid += np.bincount(band[known & ~turned], minlength=5)[:, None] / 12
    return grid


# ---- findings -----------------------------------------------------------------------------------


def _alive(columns: dict[str, Array]) -> Array:
    return np.asarray(columns["family"] != FAMILIES.index("dead"))


def _extremes(weight: Array, columns: dict[str, Array], stride: int) -> Finding:
    del weight, stride
    alive = _alive(columns)
    low, middle, high = (float(np.nan_to_num(_column(columns, c)[alive]).mean()) if alive.any() else 0.0
                         for c in ("low", "middle", "high"))  # fmt: skip
    found = middle < 0.2 and low > 0.3 and high > 0.3
    text = (
        f"{100 * middle:.0f} % of the power is between .125 and .25 cycles per pixel "
        f"({100 * low:.0f} % below, {100 * high:.0f} % above)"
    )
    return Finding("gap in the middle frequencies", found, middle, 0.2, text,
                   f"{_ZF}: 'extremely high and low frequency information, with little coverage "
                   "of the mid frequencies'; the 20 % is ours",
                   "Smaller kernels and a smaller stride in the first layer closed it there.")  # fmt: skip


def _aliasing(weight: Array, columns: dict[str, Array], stride: int) -> Finding:
    del weight
    alive = _alive(columns)
    share = float(np.nan_to_num(_column(columns, "aliased")[alive]).mean()) if alive.any() else 0.0
    text = (
        f"{100 * share:.0f} % of the power lies above {1 / (2 * stride):.3g} cycles per pixel "
        f"along a row or a column, which a stride of {stride} folds"
    )
    return Finding("aliasing", share > 0.25, share, 0.25, text,
                   f"{_ZF} (a stride of 4 aliases); Zhang (2019); the 25 % is ours",
                   "Use a smaller stride, or blur before sub-sampling.")  # fmt: skip


def _dead(weight: Array, columns: dict[str, Array], stride: int) -> Finding:
    del weight, stride
    dead = int((~_alive(columns)).sum())
    text = f"{dead} of {len(columns['family'])} filters are dead (largest weight below 1 % of the layer's)"
    return Finding("dead filters", dead > 0, dead, 0, text, f"{_ZF}; 1 %: {_DB}",
                   "Remove them, or train with a lower learning rate or less weight decay.")  # fmt: skip


def _duplicates(weight: Array, columns: dict[str, Array], stride: int) -> Finding:
    del weight, stride
    repeated = int((columns["duplicate_of"] >= 0).sum())
    total = len(columns["family"])
    share = repeated / total
    text = f"{repeated} of {total} filters repeat another one (|cosine| above .9, sign and shift aside)"
    return Finding("duplicate filters", share > 0.1, share, 0.1, text,
                   f"{_ZF} (repeated features); the 10 % is ours",
                   "The layer may be wider than it needs; one of each pair can be removed.")  # fmt: skip


def _dominant(weight: Array, columns: dict[str, Array], stride: int) -> Finding:
    del stride
    norm = columns["norm"][_alive(columns)]
    rms = float(np.sqrt((norm**2).mean())) if len(norm) else 0.0
    ratio = float(norm.max() / np.median(norm)) if len(norm) and np.median(norm) > 0 else 0.0
    text = f"the largest filter norm is {ratio:.1f} times the median ({rms:.2g} root mean square)"
    return Finding("dominating filters", len(weight) > 2 and ratio > 5, ratio, 5, text,
                   f"{_ZF}: a few filters dominate; they renormalise to a fixed radius; the factor 5 is ours",
                   "Renormalise filters whose norm is far above the rest, or add weight decay.")  # fmt: skip


def _random(weight: Array, columns: dict[str, Array], stride: int) -> Finding:
    """Filters that cannot be told from random, and for 3 x 3 the entropy."""
    del stride
    alive = _alive(columns)
    noise = float((columns["family"][alive] == FAMILIES.index("noise")).mean()) if alive.any() else 0.0
    text = f"{100 * noise:.0f} % of the filters cannot be told from random ones"
    kernels = weight.shape[0] * weight.shape[1]
    if weight.shape[2:] == (3, 3) and kernels > 1:
        entropy, limit = variance_entropy(weight), variance_entropy_threshold(kernels)
        text += f"; variance entropy {entropy:.3f}, random from {limit:.3f}"
    return Finding("like random initialisation", noise > 0.9, noise, 0.9, text,
                   f"nulls of convscope; entropy: {_DB}; the 90 % is ours",
                   "The layer may not have been trained (long enough), or may not be needed.")  # fmt: skip


def _sparse(weight: Array, columns: dict[str, Array], stride: int) -> Finding:
    del columns, stride
    share = sparsity(weight)
    text = f"{100 * share:.0f} % of the kernels are all but zero"
    return Finding("sparse kernels", share > 0.5, share, 0.5, text, f"{_DB}; the 50 % is ours",
                   "Prune them, or make the layer narrower.")  # fmt: skip


_FINDINGS: tuple[Callable[[Array, dict[str, Array], int], Finding], ...] = (
    _extremes, _aliasing, _dead, _duplicates, _dominant, _random, _sparse,
)  # fmt: skip
