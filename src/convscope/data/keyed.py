"""Random numbers that are a function of what they are for: seed, epoch, sample, key, position.

The same counter hash as `convscope.ops.Randomness`, to the bit (a test compares them): this room may
not import that one. So the order of a `Loader` is the order of `fit`, and the augmentation of an image
is the same in whatever batch, in whichever thread and after however many interruptions it is made.

References
----------
Steele, Lea and Flood (2014), Fast splittable pseudorandom number generators, section 4.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Keyed"]

_MASK = (1 << 64) - 1
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)  # 2**64 divided by the golden ratio, made odd


@dataclass(frozen=True, eq=False)
class Keyed:
    """Where the random numbers of some samples come from.

    Examples
    --------
    A sample gets the same numbers in whatever company it is:

    >>> both = Keyed(1, 0, np.array([7, 3])).uniform("flip", 2)
    >>> alone = Keyed(1, 0, np.array([3])).uniform("flip", 2)
    >>> np.array_equal(both[1], alone[0])
    True
    """

    seed: int
    epoch: int
    samples: NDArray[np.int64]

    def uniform(self, key: str, *shape: int) -> NDArray[np.float64]:
        """Give numbers from [0, 1) of shape (number of samples, *shape), other numbers for another key."""
        start = _mixed(np.array([self.seed & _MASK], np.uint64))
        for word in (self.epoch & _MASK, _word(key)):
            start = _mixed(start ^ np.uint64(word))
        rows = _mixed(start ^ self.samples.view(np.uint64))
        positions = np.arange(1, math.prod(shape) + 1, dtype=np.uint64)
        words = _mixed(rows[:, None] + positions * _GOLDEN)
        return ((words >> np.uint64(11)).astype(np.float64) * 2.0**-53).reshape(len(rows), *shape)

    def whole(self, key: str, least: int, most: int, *shape: int) -> NDArray[np.int64]:
        """Give whole numbers from `least` to `most`, both included."""
        return least + np.floor(self.uniform(key, *shape) * (most - least + 1)).astype(np.int64)

    def between(self, key: str, least: float, most: float, *shape: int) -> NDArray[np.float64]:
        """Give numbers from [least, most)."""
        return least + self.uniform(key, *shape) * (most - least)


def _mixed(words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Spread every bit of each word over all bits of the result (one to one)."""
    words = words + _GOLDEN  # so that 0 does not stay 0
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))


def _word(key: str) -> int:
    """Hash a text to 64 bits, the same in every process (FNV-1a)."""
    word = 0xCBF29CE484222325
    for byte in key.encode():
        word = ((word ^ byte) * 0x100000001B3) & _MASK
    return word
