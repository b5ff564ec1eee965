"""The k largest cells of every channel, batch after batch."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope import ops

__all__ = ["PARTS", "Strongest"]

Array = NDArray[Any]
#: The arrays of a `Strongest`.
PARTS = ("values", "image", "row", "column")


class Strongest:
    """The k largest cells of every channel.

    Of equal values the earlier image, then the earlier cell counts as larger, so that the batches'
    size changes nothing. NaN never counts.

    Attributes
    ----------
    values : ndarray of shape (C, k)
        Descending; minus infinity where nothing was seen yet.
    image, row, column : ndarrays of shape (C, k), int64
        -1, 0, 0 there.
    per_image : int
        At most so many cells of one image.

    Examples
    --------
    >>> maps = np.array([[[[1.0, 5.0]]], [[[2.0, 0.0]]], [[[3.0, 4.0]]]])
    >>> found = Strongest(1, 2).joined(maps, first=10)
    >>> found.values.tolist(), found.image.tolist(), found.column.tolist()
    ([[5.0, 4.0]], [[10, 12]], [[1, 1]])
    """

    def __init__(self, channels: int, k: int, per_image: int = 1) -> None:
        self.per_image = per_image
        self.values = np.full((channels, k), -np.inf)
        self.image = np.full((channels, k), -1, np.int64)
        self.row = np.zeros((channels, k), np.int64)
        self.column = np.zeros((channels, k), np.int64)

    def joined(self, maps: Array, first: int) -> Strongest:
        """Give the largest of these and of maps (N, C, H, W), or vectors (N, C), of images `first` and on."""
        result = Strongest(*self.values.shape, self.per_image)
        for part in PARTS:
            getattr(result, part)[...] = getattr(self, part)
        maps = maps if maps.ndim == 4 else maps[:, :, None, None]
        largest = _largest(maps)
        # nearly no image has anything to say after the first few: only those are looked at
        for image, channel in np.argwhere(largest > self.values[:, -1]):
            result._take(maps[image, channel], int(channel), first + int(image))
        return result

    def _take(self, cells: Array, channel: int, image: int) -> None:
        """Merge the best cells of one map."""
        flat = cells.ravel()
        if self.per_image == 1:
            best = np.array([np.nanargmax(flat)])
        else:
            best = np.argsort(-np.where(np.isnan(flat), -np.inf, flat), kind="stable")[: self.per_image]
        best = best[flat[best] > self.values[channel, -1]]
        if not len(best):
            return
        values = np.concatenate([self.values[channel], flat[best]])
        order = np.argsort(-values, kind="stable")[: self.values.shape[1]]
        rows, columns = np.divmod(best, cells.shape[1])
        for held, new in (
            (self.image, np.full(len(best), image)),
            (self.row, rows),
            (self.column, columns),
        ):
            held[channel] = np.concatenate([held[channel], new])[order]
        self.values[channel] = values[order]


def _largest(maps: Array) -> Array:
    """Give the largest cell of every map (N, C), NaN apart."""
    if maps.shape[2:] == (1, 1):
        largest = maps[:, :, 0, 0]
    else:  # one pooling window over the whole map: the core's fastest way over channels-last memory
        largest = ops.max_pool2d(maps, maps.shape[2:])[:, :, 0, 0]
    if np.isnan(largest).any():
        with np.errstate(invalid="ignore"):
            return np.asarray(np.nanmax(np.where(np.isnan(maps), -np.inf, maps), axis=(2, 3)))
    return largest
