"""Randomness without a running state: every number is a function of what it is for.

A generator that is drawn from gives numbers that depend on all draws before, so that
another batch size, a resumed run or a second thread changes everything after. Here a
number depends only on (seed, epoch, sample, key, position): the hash of a counter.

The hash is splitmix64: the state `start + position*GOLDEN` is mixed by two rounds of
shift, xor and multiplication. The start of a row mixes seed, epoch, sample and key one
after the other.

References
----------
Steele, Lea and Flood (2014), Fast splittable pseudorandom number generators, section 4.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from convscope.errors import DtypeError, InvalidValue

__all__ = ["Randomness"]

Words = npt.NDArray[np.uint64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)  # 2**64 divided by the golden ratio, made odd
_MASK = (1 << 64) - 1


@dataclass(frozen=True, eq=False)
class Randomness:
    """Where the random numbers of a batch come from.

    Attributes
    ----------
    seed, epoch : int
        Whole numbers of any size; they are taken modulo 2**64.
    samples : int64 ndarray of shape (N,)
        Which sample of the data each row is.

    Examples
    --------
    A sample gets the same numbers in whatever batch it is:

    >>> both = Randomness(seed=1, epoch=0, samples=np.array([7, 3])).uniform("dropout", (2, 4))
    >>> alone = Randomness(seed=1, epoch=0, samples=np.array([3])).uniform("dropout", (1, 4))
    >>> np.array_equal(both[1], alone[0])
    True
    """

    seed: int
    epoch: int
    samples: npt.NDArray[np.int64]

    def __post_init__(self) -> None:
        for name in ("seed", "epoch"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | np.integer):
                raise DtypeError(f"Randomness: {name} must be a whole number; got {value!r}.")
        samples = np.asarray(self.samples)
        if samples.dtype.kind not in "iu":
            raise DtypeError(f"Randomness: samples must be whole numbers; got {samples.dtype}.")
        if samples.ndim != 1:
            raise InvalidValue(f"Randomness: samples must be a vector; got shape {samples.shape}.")
        samples = samples.astype(np.int64)
        samples.flags.writeable = False
        object.__setattr__(self, "samples", samples)

    def uniform(self, key: str, shape: tuple[int, ...]) -> npt.NDArray[np.float64]:
        """Give numbers from [0, 1), multiples of 2**-53.

        Parameters
        ----------
        key : str
            What they are for: a node's name, say. Different keys give unrelated numbers.
        shape : (N, ...)
            One row for each sample.

        Raises
        ------
        InvalidValue
            If the first axis is not the number of samples.
        """
        if not shape or shape[0] != len(self.samples):
            raise InvalidValue(
                f"Randomness.uniform: the first axis must be {len(self.samples)} samples; got {tuple(shape)}."
            )
        start = _mixed(np.array([self.seed & _MASK], np.uint64))
        for word in (self.epoch & _MASK, _word(key)):
            start = _mixed(start ^ np.uint64(word))
        rows = _mixed(start ^ self.samples.view(np.uint64))
        positions = np.arange(1, math.prod(shape[1:]) + 1, dtype=np.uint64)
        words = _mixed(rows[:, None] + positions * _GOLDEN)
        return ((words >> np.uint64(11)).astype(np.float64) * 2.0**-53).reshape(shape)


def _mixed(words: Words) -> Words:
    """Spread every bit of each word over all bits of the result (one to one)."""
    words = words + _GOLDEN  # so that 0 does not stay 0
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))


def _word(key: str) -> int:
    """Hash a text to 64 bits, the same in every process (FNV-1a; Python's own hash is salted)."""
    word = 0xCBF29CE484222325
    for byte in key.encode():
        word = ((word ^ byte) * 0x100000001B3) & _MASK
    return word
