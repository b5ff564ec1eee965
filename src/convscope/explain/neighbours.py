"""How far an image is from the nearest ones of a reference, in the space of a network's features."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Space"]

_CHUNK = 512  # images whose distances are held at a time


class Space:
    """The responses of reference images, each feature in units of its spread, each node with the same say.

    A feature that never varied over the reference is measured in the mean spread of its node.

    Parameters
    ----------
    known : mapping of str to ndarray of shape (N, C)
        Each node's responses on the reference images.
    neighbours : int
        Whose distance counts: of the nearest, the second nearest ...
    most : int
        How many of the images are neighbours at most; drawn at random if there are more.
    seed : int
        Of the draw.

    Examples
    --------
    >>> space = Space({"fc": np.array([[0.0], [1.0], [2.0]])}, neighbours=2, most=10, seed=0)
    >>> distances, parts = space.distances({"fc": np.array([[0.5], [12.0]])})
    >>> (distances * np.std([0, 1, 2])).round(2)
    array([ 0.5, 11. ])
    """

    def __init__(self, known: Mapping[str, NDArray[Any]], neighbours: int, most: int, seed: int) -> None:
        self._units = {name: _unit(rows) for name, rows in known.items()}
        count = len(next(iter(known.values())))
        kept = np.arange(count)
        if count > most:
            kept = np.sort(np.random.default_rng(seed).permutation(count)[:most])
        self._points = self._placed(known, kept)
        self._squares = np.einsum("ij,ij->i", self._points, self._points)
        self._neighbours = neighbours

    def distances(self, rows: Mapping[str, NDArray[Any]]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Measure images.

        Parameters
        ----------
        rows : mapping of str to ndarray of shape (M, C)

        Returns
        -------
        distances : ndarray of shape (M,)
            To the neighbour that counts.
        parts : ndarray of shape (F,)
            Each feature's part of the squared distance, the mean over the images.
        """
        count = len(next(iter(rows.values())))
        found, parts = np.empty(count), np.zeros(self._points.shape[1])
        for start in range(0, count, _CHUNK):
            chunk = np.arange(start, min(start + _CHUNK, count))
            points = self._placed(rows, chunk)
            # |p - q|^2 without |p|^2, which does not change who is near
            near = self._squares - 2 * (points @ self._points.T)
            who = np.argpartition(near, self._neighbours - 1, axis=1)[:, self._neighbours - 1]
            apart = (points - self._points[who]) ** 2
            found[chunk] = np.sqrt(apart.sum(axis=1, dtype=np.float64))
            parts += apart.sum(axis=0, dtype=np.float64)
        return found, parts / count

    def _placed(self, rows: Mapping[str, NDArray[Any]], chosen: NDArray[np.int64]) -> NDArray[Any]:
        return np.concatenate([rows[name][chosen] / unit for name, unit in self._units.items()], axis=1)


def _unit(rows: NDArray[Any]) -> NDArray[Any]:
    """Give each feature's spread, times the root of their number so that every node counts alike."""
    spread = rows.std(axis=0, dtype=np.float64)
    varies = spread > 0
    usual = spread[varies].mean() if varies.any() else 1.0
    return np.asarray(np.where(varies, spread, usual) * np.sqrt(rows.shape[1]), rows.dtype)
