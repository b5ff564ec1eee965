"""What data draws: fractions and whole numbers, each a function of seed, epoch, sample and key.

So the augmentation of an image is the same in whatever batch, in whichever thread and after however many
interruptions it is made.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from convscope.randomness import Randomness

__all__ = ["Keyed"]


class Keyed(Randomness):
    """Random numbers of some samples, one or several for each.

    Examples
    --------
    A sample gets the same numbers in whatever company it is:

    >>> both = Keyed(1, 0, np.array([7, 3])).fraction("flip", 2)
    >>> alone = Keyed(1, 0, np.array([3])).fraction("flip", 2)
    >>> np.array_equal(both[1], alone[0])
    True
    """

    def fraction(self, key: str, *shape: int) -> NDArray[np.float64]:
        """Give numbers from [0, 1) of shape (number of samples, *shape), other numbers for another key."""
        return self.uniform(key, (len(self.samples), *shape))

    def whole(self, key: str, least: int, most: int, *shape: int) -> NDArray[np.int64]:
        """Give whole numbers from `least` to `most`, both included."""
        return least + np.floor(self.fraction(key, *shape) * (most - least + 1)).astype(np.int64)

    def between(self, key: str, least: float, most: float, *shape: int) -> NDArray[np.float64]:
        """Give numbers from [least, most)."""
        return least + self.fraction(key, *shape) * (most - least)
