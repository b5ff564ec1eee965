"""Arrays that are used again from step to step."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np

from convscope.layers.base import Array, Lend, Shape

__all__ = ["Workspace"]


class Workspace:
    """Lends arrays by node and role, the same memory every time.

    A run that borrows from a workspace overwrites what the run before borrowed from it, so a
    workspace belongs to one training loop (and one thread): after the first step nothing
    large is allocated any more. A smaller batch gets the beginning of the larger one's memory.

    Examples
    --------
    >>> workspace = Workspace()
    >>> a = workspace.lend("conv1", "output", (8, 2, 4, 4), np.dtype("f4"))
    >>> b = workspace.lend("conv1", "output", (5, 2, 4, 4), np.dtype("f4"))
    >>> np.shares_memory(a, b), workspace.nbytes
    (True, 1024)
    """

    def __init__(self) -> None:
        self._memory: dict[tuple[str, str], Array] = {}

    def lend(
        self, node: str, role: str, shape: Shape, dtype: np.dtype[Any], channels_last: bool = True
    ) -> Array:
        """Give an array for this node and role; what it holds is left over from before."""
        size = math.prod(shape) * dtype.itemsize
        memory = self._memory.get((node, role))
        if memory is None or memory.size < size:
            memory = self._memory[node, role] = np.empty(size, np.uint8)
        flat = memory[:size].view(dtype)
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
        return sum(memory.nbytes for memory in self._memory.values())
