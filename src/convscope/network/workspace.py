"""Arrays that are used again from step to step."""

from __future__ import annotations

import math
from functools import partial
from sys import getrefcount
from typing import Any, NamedTuple

import numpy as np

from convscope.layers.base import Array, Lend, Shape

__all__ = ["Workspace"]

ARENA = 128 << 20  # bytes that are asked for at once; what is never written to takes no memory
ALIGNMENT = 64
FREE = 2  # references to memory in which no array lives: its own place's, and that of the call that counts


class _Place(NamedTuple):
    """Bytes [start, end) of an arena, and the array that all that is lent there has as its base."""

    arena: int
    start: int
    end: int
    memory: Array


class Workspace:
    """Lends arrays; memory that nobody holds any more is lent again.

    Memory is free when no array in it is alive, which Python's own counting of references says: what
    is lent can never be overwritten while somebody can still read it, and what was dropped
    serves the next one that asks. Each array gets the first gap that is large enough: what a
    forward pass stacks up and the backward pass takes down leaves gaps side by side, which
    are one gap. Equal steps find the same places: after the first of them nothing is allocated
    any more.

    A workspace belongs to one training loop, and one thread.

    Examples
    --------
    >>> workspace = Workspace()
    >>> a = workspace.lend("conv1", "output", (8, 2, 4, 4), np.dtype("f4"))
    >>> b = workspace.lend("conv2", "output", (8, 2, 4, 4), np.dtype("f4"))
    >>> np.shares_memory(a, b), workspace.nbytes
    (False, 2048)
    >>> del a
    >>> c = workspace.lend("conv3", "output", (5, 2, 4, 4), np.dtype("f4"))
    >>> workspace.nbytes
    2048
    """

    def __init__(self) -> None:
        self._arenas: list[Array] = []
        self._used: list[int] = []  # of each arena, how far it was ever lent
        self._places: list[_Place] = []  # in order of their addresses

    def lend(
        self, node: str, role: str, shape: Shape, dtype: np.dtype[Any], channels_last: bool = True
    ) -> Array:
        """Give an array for this node and role; what it holds is left over from before."""
        size = math.prod(shape) * dtype.itemsize
        flat = self._memory(size)[:size].view(dtype)
        if len(shape) != 4 or not channels_last:
            return flat.reshape(shape)
        n, c, h, w = shape
        return flat.reshape(n, h, w, c).transpose(0, 3, 1, 2)

    def lender(self, node: str) -> Lend:
        """Give the `lend` of one node, as a layer's context wants it."""
        return partial(self.lend, node)

    @property
    def nbytes(self) -> int:
        """How much memory is held, in bytes."""
        return sum(self._used)

    def _memory(self, size: int) -> Array:
        """Take the first gap of `size` bytes."""
        size = max(1, -(-size // ALIGNMENT)) * ALIGNMENT
        self._places = [place for place in self._places if getrefcount(place.memory) > FREE]
        arena, start, index = self._gap(size)
        memory = np.frombuffer(self._arenas[arena].data[start : start + size], np.uint8)
        self._places.insert(index, _Place(arena, start, start + size, memory))
        self._used[arena] = max(self._used[arena], start + size)
        return memory

    def _gap(self, size: int) -> tuple[int, int, int]:
        """Find the first gap: its arena, where it begins, and how many places lie before it."""
        arena = start = 0
        for index, place in enumerate(self._places):
            while arena < place.arena:  # no more places in this one
                if len(self._arenas[arena]) - start >= size:
                    return arena, start, index
                arena, start = arena + 1, 0
            if place.start - start >= size:
                return arena, start, index
            start = place.end
        while arena < len(self._arenas) and len(self._arenas[arena]) - start < size:
            arena, start = arena + 1, 0
        if arena == len(self._arenas):
            self._arenas.append(np.empty(max(size, ARENA), np.uint8))
            self._used.append(0)
        return arena, start, len(self._places)
