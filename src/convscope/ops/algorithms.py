"""Which algorithm computes a convolution: the one rule.

"direct" adds up products as the definition has them. "winograd" computes tiles of 2x2 or 4x4 outputs of a
3x3 kernel from transformed inputs, with 16 or 36 products instead of 36 or 144: up to four times faster, and
up to ten times less exact (about 3e-6 of the largest output in float32, see docs/engine.md).

"auto" takes Winograd's algorithm for float32 where all of this holds, and computes directly where not:

1. the kernel is 3x3 with stride 1, dilation 1 and groups 1: the algorithm knows nothing else;
2. there are at least 16 channels and 16 filters: fewer do not fill the vectors;
3. for gradients: there are at least 8 tiles in the batch, since fewer do not pay for the transform of the
   weights. (Forward the batch does not count: an image gives the same result alone and in any company.)

Tiles are of 4x4 outputs, or of 2x2 where these take no more products (maps of 1, 2, 5 or 6 pixels).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

__all__ = ["choose", "obstacle", "tile_size"]

LEAST_CHANNELS = 16
LEAST_TILES = 8  # of gradients


def obstacle(
    kernel: tuple[int, int], stride: tuple[int, int], dilation: tuple[int, int], groups: int
) -> str | None:
    """Say why Winograd's algorithm cannot compute a convolution; None if it can."""
    if kernel != (3, 3):
        return f"the kernel must be 3x3, not {kernel[0]}x{kernel[1]}"
    for name, value in (("stride", stride), ("dilation", dilation)):
        if value != (1, 1):
            return f"{name} must be 1, not {value[0] if value[0] == value[1] else value}"
    return None if groups == 1 else f"groups must be 1, not {groups}"


def tile_size(height: int, width: int) -> int:
    """Give the outputs along each side of a tile, 4 or 2: what takes fewer products for a map.

    Examples
    --------
    >>> [tile_size(n, n) for n in (2, 4, 6, 7, 56)]
    [2, 4, 2, 4, 4]
    """

    def products(size: int) -> int:
        return -(-height // size) * -(-width // size) * (size + 2) ** 2

    return 4 if products(4) < products(2) else 2


@lru_cache(maxsize=4096)  # a network asks the same few questions again at every step
def choose(
    algorithm: str,
    batch: int,
    size: tuple[int, int],
    channels: tuple[int, int],
    kernel: tuple[int, int],
    stride: tuple[int, int],
    dilation: tuple[int, int],
    groups: int,
    dtype: np.dtype[np.generic],
    gradient: bool = False,
) -> int:
    """Give the tile size of Winograd's algorithm, or 0 for the direct one.

    `size` is that of the map that is computed, `channels` those that go in and come out; `algorithm` is one
    that can be.
    """
    if algorithm == "direct":
        return 0
    tile = tile_size(*size)
    if algorithm == "winograd":
        return tile
    if obstacle(kernel, stride, dilation, groups) or dtype != np.float32 or min(channels) < LEAST_CHANNELS:
        return 0
    tiles = batch * -(-size[0] // tile) * -(-size[1] // tile)
    return 0 if gradient and tiles < LEAST_TILES else tile
