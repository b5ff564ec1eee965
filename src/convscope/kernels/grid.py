"""The pixel grid of a kernel: x to the right and y up, in input pixels from its middle."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Array", "Grid"]

Array = NDArray[Any]


@dataclass(frozen=True)
class Grid:
    """The pixel grid of one kernel size."""

    height: int
    width: int

    @property
    def size(self) -> int:
        """Number of values D of one kernel."""
        return self.height * self.width

    @property
    def extent(self) -> float:
        """The longer side in pixels: it bounds the scales a kernel can hold."""
        return float(max(self.height, self.width))

    @property
    def half(self) -> float:
        """From the middle to the outermost pixel, along the longer side."""
        return (self.extent - 1) / 2

    @property
    def drift(self) -> float:
        """How far from the middle the centre of a pattern may lie, in pixels."""
        return 0.5 if self.extent <= 3 else self.extent / 4

    def coordinates(self) -> tuple[Array, Array]:
        """Give x and y of every pixel, each of shape (D, 1), row by row from the top."""
        x = np.arange(self.width, dtype=np.float32) - (self.width - 1) / 2
        y = (self.height - 1) / 2 - np.arange(self.height, dtype=np.float32)
        grid_y, grid_x = np.meshgrid(y, x, indexing="ij")
        return (
            grid_x.reshape(-1, 1).astype(np.float32),
            grid_y.reshape(-1, 1).astype(np.float32),
        )
