"""The coarse grids of parameters from which fits start: each an array (P, M), a column for each start."""

from __future__ import annotations

import numpy as np

from convscope.kernels.grid import Array, Grid

__all__ = ["angles", "elongated_start", "product", "saddle_start", "scales", "with_centres"]


def product(*axes: Array) -> Array:
    """Give every combination of values of the axes, a column for each."""
    mesh = np.meshgrid(*axes, indexing="ij")
    return np.stack([m.ravel() for m in mesh]).astype(np.float32)


def angles(count: int, full: float = np.pi) -> Array:
    """Give `count` angles in radians from 0 up to, not including, `full`."""
    return np.arange(count) * full / count


def scales(low: float, high: float, factor: float) -> Array:
    """Logarithms of scales from low to high, neighbours no further apart than `factor`."""
    high = max(high, low * 1.05)
    count = max(2, int(np.ceil(np.log(high / low) / np.log(factor))) + 1)
    return np.linspace(np.log(low), np.log(high), count)


def _offsets(grid: Grid, scale: float, fine: bool) -> Array:
    """Centres along one axis, at steps of about the scale of the pattern.

    A third or fourth derivative has lobes narrower than its sigma: `fine`.
    """
    if grid.extent <= 3:  # either side of the middle: from there few steps lead anywhere near it
        return np.array([-0.2, 0.2])
    if fine:
        step = max(0.4, 0.55 * scale, grid.extent / 24)
        count = min(2, int(grid.drift / step))
    else:
        step = max(0.8, 0.9 * scale, grid.extent / 9)
        count = int(grid.drift / step)
    return np.arange(-count, count + 1) * step


def with_centres(grid: Grid, rows: Array, scale: Array, fine: bool = False) -> Array:
    """Append cx, cy to each column of parameters, as finely as its scale asks for."""
    parts = []
    for column, width in zip(rows.T, scale, strict=True):
        offsets = _offsets(grid, float(width), fine)
        centres = product(offsets, offsets)
        parts.append(np.concatenate([np.repeat(column[:, None], centres.shape[1], 1), centres]))
    return np.concatenate(parts, axis=1).astype(np.float32)


def saddle_start(grid: Grid, rows: Array) -> Array:
    """Append cx, cy, which at 3x3 have to be near: a wide saddle off the middle is mostly a slope there."""
    if grid.extent > 3:
        return with_centres(grid, rows, np.exp(rows[0]))
    offsets = np.array([-0.3, -0.1, 0.1, 0.3])
    return product(rows[0], offsets, offsets)


def elongated_start(grid: Grid, low: float, high: float, flat: float, directions: int, fine: bool) -> Array:
    """Combine widths across and along stripes, directions and centres; none much wider across than along."""
    across = scales(low, high, 1.3 if fine else 1.45)
    along = scales(max(low, 0.6), flat, 1.9)
    rows = product(across, along, angles(directions))
    rows = rows[:, rows[1] >= rows[0] - 0.45]
    return with_centres(grid, rows, np.exp(rows[0]), fine)
