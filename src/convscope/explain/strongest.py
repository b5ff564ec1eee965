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
        images, channels = np.nonzero(self._may_enter(largest))
        if len(images):
            result._merge(self._candidates(maps, largest, images, channels), maps, first)
        return result

    def _may_enter(self, largest: Array) -> Array:
        """Mark which of the images' largest cells (N, C) may be among the k of their channel."""
        k = self.values.shape[1]
        entering = largest > self.values[:, -1]
        if len(largest) > k and np.count_nonzero(entering) > k * len(self.values):
            # no more than k of a batch can stay; those that are equal to the k-th are left to the sorting
            entering &= largest >= np.partition(largest, -k, axis=0)[-k]
        return entering

    def _candidates(
        self, maps: Array, largest: Array, images: Array, channels: Array
    ) -> tuple[Array, Array, Array, Array]:
        """List channel, value, image and cell of what may enter; a cell of -1 is still to be looked for."""
        if self.per_image == 1:
            return channels, largest[images, channels], images, np.full(len(images), -1)
        cells = [
            np.argsort(-np.where(np.isnan(flat), -np.inf, flat), kind="stable")[: self.per_image]
            for flat in (maps[i, c].ravel() for i, c in zip(images, channels, strict=True))
        ]
        times = [len(one) for one in cells]
        images, channels, cell = np.repeat(images, times), np.repeat(channels, times), np.concatenate(cells)
        rows, columns = np.divmod(cell, maps.shape[3])
        values = maps[images, channels, rows, columns]
        known = ~np.isnan(values)
        return channels[known], values[known], images[known], cell[known]

    def _merge(self, found: tuple[Array, Array, Array, Array], maps: Array, first: int) -> None:
        """Sort what is held and the candidates together, and keep the k largest of each channel."""
        channels, values, images, cells = found
        touched, k, width = np.unique(channels), self.values.shape[1], maps.shape[3]
        held = self.row[touched] * width + self.column[touched]
        channel = np.concatenate([np.repeat(touched, k), channels])
        value = np.concatenate([self.values[touched].ravel(), values])
        image = np.concatenate([self.image[touched].ravel(), images + first])
        cell = np.concatenate([held.ravel(), cells])
        order = np.lexsort((-value, channel))  # stable: of equal values the earlier one stays ahead
        begins = np.searchsorted(channel[order], touched)
        best = order[begins[:, None] + np.arange(k)]
        chosen = cell[best]
        unknown = best[chosen < 0]
        chosen[chosen < 0] = _places(maps[image[unknown] - first, channel[unknown]])
        self.values[touched], self.image[touched] = value[best], image[best]
        self.row[touched], self.column[touched] = np.divmod(chosen, width)


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


def _places(maps: Array) -> Array:
    """Give where each map (n, H, W) is largest, NaN apart."""
    flat = maps.reshape(len(maps), maps.shape[1] * maps.shape[2])
    return np.asarray(np.where(np.isnan(flat), -np.inf, flat).argmax(axis=1))
