"""Filters of a layer that do the same: equal up to sign, scale and a shift."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from convscope.kernels.grid import Array

__all__ = ["Duplicates", "find_duplicates"]

ALIKE = 0.9
_BLOCK = 1024
_CACHED = 1 << 17  # floats
_AT_ONCE = 256  # what repeats one of the first filters is not compared with the later ones


@dataclass
class Duplicates:
    """For each of N filters the first earlier one that it repeats.

    Attributes
    ----------
    of : ndarray of shape (N,), int
        Index of that filter, or -1.
    cosine : ndarray of shape (N,)
        Signed cosine with it (0 where there is none).
    shift : ndarray of shape (N, 2), int
        By how many rows and columns that filter moves to lie on this one.
    """

    of: Array
    cosine: Array
    shift: Array


def find_duplicates(weight: Array, alive: Array) -> Duplicates:
    """Find filters whose |cosine| with an earlier filter is above .9.

    A filter is compared with the earlier ones that repeat none themselves, as
    they are and moved by up to a third of the kernel (what leaves is lost).

    Parameters
    ----------
    weight : ndarray of shape (N, C, kH, kW)
    alive : ndarray of shape (N,), bool
        Filters that are not dead; the others are no duplicates.
    """
    n, _, height, width = weight.shape
    found = Duplicates(np.full(n, -1), np.zeros(n), np.zeros((n, 2), int))
    flat = weight.reshape(n, -1).astype(np.float32)
    norm = np.linalg.norm(flat, axis=1)
    unit = flat / np.where(norm > 0, norm, 1)[:, None]
    first = np.flatnonzero(alive)
    _match(found, unit, unit, first, first, (0, 0))
    shaped = unit.reshape(weight.shape)
    for down, right in _shifts(height, width):
        moved = _moved(shaped, down, right)
        stays = _moved(_moved(shaped, -down, -right), down, right)
        # a cosine above .9 needs that little is lost on either side
        kept_by_it = (moved**2).sum((1, 2, 3)) > ALIKE**2
        kept_here = (stays**2).sum((1, 2, 3)) > ALIKE**2
        fresh = np.flatnonzero(alive & (found.of < 0) & kept_here)
        models = np.flatnonzero(alive & (found.of < 0) & kept_by_it)
        _match(found, unit, moved.reshape(n, -1), fresh, models, (down, right))
    return found


def _shifts(height: int, width: int) -> list[tuple[int, int]]:
    far_y, far_x = height // 3, width // 3
    steps = [(y, x) for y in range(-far_y, far_y + 1) for x in range(-far_x, far_x + 1) if (y, x) != (0, 0)]
    return sorted(steps, key=lambda step: step[0] ** 2 + step[1] ** 2)


def _moved(shaped: Array, down: int, right: int) -> Array:
    """Move every kernel; what leaves is lost and zeros come in."""
    height, width = shaped.shape[2:]
    moved = np.zeros_like(shaped)
    to_y, from_y = slice(max(down, 0), height + min(down, 0)), slice(max(-down, 0), height + min(-down, 0))
    to_x, from_x = slice(max(right, 0), width + min(right, 0)), slice(max(-right, 0), width + min(-right, 0))
    moved[:, :, to_y, to_x] = shaped[:, :, from_y, from_x]
    return moved


def _match(
    found: Duplicates, unit: Array, moved: Array, fresh: Array, models: Array, shift: tuple[int, int]
) -> None:
    """Match the filters `fresh`, in order, with earlier `models` as moved."""
    originals = np.zeros(0, dtype=int)
    waiting = models
    for begin in range(0, len(fresh), _BLOCK):
        rows = fresh[begin : begin + _BLOCK]
        originals = originals[found.of[originals] < 0]
        rest = _match_originals(found, unit, moved, rows, originals, shift)
        near = waiting[waiting <= rows[-1]]
        waiting = waiting[waiting > rows[-1]]
        near = near[found.of[near] < 0]
        _match_in_turn(found, unit, moved, rest, near, shift)
        originals = np.concatenate([originals, near])


def _match_originals(
    found: Duplicates, unit: Array, moved: Array, rows: Array, originals: Array, shift: tuple[int, int]
) -> Array:
    """Match rows with filters of earlier blocks, the first of them first; give the rows that match none."""
    for begin in range(0, len(originals), _AT_ONCE):
        some = originals[begin : begin + _AT_ONCE]
        _match_some(found, unit, np.ascontiguousarray(moved[some].T), rows, some, shift)
        rows = rows[found.of[rows] < 0]
    return rows


def _match_some(
    found: Duplicates, unit: Array, models: Array, rows: Array, originals: Array, shift: tuple[int, int]
) -> None:
    """Match rows with the filters whose columns, as moved, are `models`."""
    step = max(8, _CACHED // len(originals))
    cosine = np.empty((step, len(originals)), np.float32)
    for begin in range(0, len(rows), step):
        part = rows[begin : begin + step]
        tile = cosine[: len(part)]
        np.matmul(unit[part], models, out=tile)
        alike = np.abs(tile) > ALIKE
        first = alike.argmax(axis=1)
        every = np.arange(len(part))
        hit = alike[every, first]
        found.of[part[hit]] = originals[first[hit]]
        found.cosine[part[hit]] = tile[every, first][hit]
        found.shift[part[hit]] = shift


def _match_in_turn(
    found: Duplicates, unit: Array, moved: Array, rows: Array, near: Array, shift: tuple[int, int]
) -> None:
    """Match rows with filters of their own block: one that turns out a duplicate serves no later one."""
    if len(near) == 0 or len(rows) == 0:
        return
    cosine = unit[rows] @ moved[near].T
    alike = (np.abs(cosine) > ALIKE) & (near[None] < rows[:, None])
    for i in np.flatnonzero(alike.any(axis=1)):
        candidates = np.flatnonzero(alike[i])
        candidates = candidates[found.of[near[candidates]] < 0]
        if len(candidates):
            found.of[rows[i]] = near[candidates[0]]
            found.cosine[rows[i]] = cosine[i, candidates[0]]
            found.shift[rows[i]] = shift
