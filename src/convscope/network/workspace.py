"""Arrays that are used again from step to step."""

from __future__ import annotations

import math
from functools import partial
from sys import getrefcount
from typing import Any

import numpy as np

from convscope.layers.base import Array, Lend, Shape

__all__ = ["Workspace"]

FREE = 2  # references to a block in which no array lives: the list's, and that of the call that counts


class Workspace:
    """Lends arrays; memory that nobody holds any more is lent again.

    A block is free when no array in it is alive, which Python's own counting of references says: what
    is lent can never be overwritten while somebody can still read it, and what was dropped
    serves the next one that asks. Each node and role gets the block it got the last time, so that
    after the first of several equal steps nothing is allocated any more; otherwise the
    smallest free block that is large enough.

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
        self._blocks: list[Array] = []
        self._last: dict[tuple[str, str], int] = {}  # which block a node and role had

    def lend(
        self, node: str, role: str, shape: Shape, dtype: np.dtype[Any], channels_last: bool = True
    ) -> Array:
        """Give an array for this node and role; what it holds is left over from before."""
        size = math.prod(shape) * dtype.itemsize
        flat = self._blocks[self._place((node, role), size)][:size].view(dtype)
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
        return sum(block.nbytes for block in self._blocks)

    def _place(self, key: tuple[str, str], size: int) -> int:
        """Find a free block, or make one."""
        blocks, place = self._blocks, self._last.get(key)
        if place is not None and blocks[place].size >= size and getrefcount(blocks[place]) == FREE:
            return place
        fitting = [
            (blocks[i].size, i)
            for i in range(len(blocks))
            if blocks[i].size >= size and getrefcount(blocks[i]) == FREE
        ]
        if fitting:
            _, place = min(fitting)
        else:
            place = len(blocks)
            blocks.append(np.empty(size, np.uint8))
        self._last[key] = place
        return place
