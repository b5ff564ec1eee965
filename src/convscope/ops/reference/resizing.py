"""Padding and resizing in plain NumPy.

Both are linear and work on one axis after the other, so that one idea serves both: each
output cell is a weighted sum of a few input cells along the axis (its taps), and the gradient
adds what came out back to where it was taken from.
"""

from __future__ import annotations

import numpy as np

from convscope.ops.memory import Array, give, own, silent
from convscope.ops.taps import NUMPY_MODES, Taps, pad_taps

__all__ = ["pad2d", "pad2d_grad", "resize2d", "resize2d_grad"]

Pads = tuple[tuple[int, int], tuple[int, int]]


@silent
def pad2d(x: Array, padding: Pads, *, mode: str, value: float) -> Array:
    """Put pixels around each image."""
    widths = ((0, 0), (0, 0), *padding)
    if mode == "constant":
        return give(np.pad(x, widths, constant_values=value), None)
    return give(np.pad(x, widths, mode=NUMPY_MODES[mode]), None)  # type: ignore[call-overload]  # any of the modes


@silent
def pad2d_grad(grad: Array, padding: Pads, *, mode: str) -> Array:
    """Add the gradient of every copy of a pixel to that of the pixel."""
    (top, bottom), (left, right) = padding
    if mode == "constant":
        h, w = grad.shape[2:]
        return give(grad[:, :, top : h - bottom, left : w - right], None)
    for axis in (0, 1):
        size = grad.shape[2 + axis] - sum(padding[axis])
        grad = _scatter(grad, pad_taps(size, padding[axis], mode), size, 2 + axis)
    return give(grad, None)


@silent
def resize2d(x: Array, rows: Taps, columns: Taps) -> Array:
    """Take a weighted sum of a few rows for each new row, and of a few columns for each new column."""
    x = x.transpose(0, 2, 3, 1)  # what lies next to each other in memory shares its weights
    return own(_gather(_gather(x, rows, 1), columns, 2).transpose(0, 3, 1, 2))


@silent
def resize2d_grad(grad: Array, input_size: tuple[int, int], rows: Taps, columns: Taps) -> Array:
    """Add each gradient back, by the same weights, to the pixels it came from."""
    return give(_scatter(_scatter(grad, columns, input_size[1], 3), rows, input_size[0], 2), None)


def _gather(x: Array, taps: Taps, axis: int) -> Array:
    cells, weights = taps
    if cells.shape[1] == 1:
        return x.take(cells[:, 0], axis=axis)
    weights = weights.astype(x.dtype)
    total: Array | None = None
    for tap in range(cells.shape[1]):
        part = x.take(cells[:, tap], axis=axis)
        part *= weights[:, tap].reshape(-1, *(1,) * (x.ndim - 1 - axis))
        # a weight of 0 reads nothing: not-a-number there must not spread
        np.moveaxis(part, axis, 0)[weights[:, tap] == 0] = 0
        total = part if total is None else np.add(total, part, out=total)
    assert total is not None
    return total


def _scatter(grad: Array, taps: Taps, size: int, axis: int) -> Array:
    """Undo `_gather` in the sense of gradients: cell by cell, since several read the same one."""
    cells, weights = taps
    grad = np.moveaxis(grad, axis, 0)
    dx = np.zeros((size, *grad.shape[1:]), grad.dtype)
    for part, row, row_weights in zip(grad, cells, weights.tolist(), strict=True):
        for cell, weight in zip(row, row_weights, strict=True):
            if weight:
                dx[cell] += part if weight == 1 else part * weight
    return np.moveaxis(dx, 0, axis)
