"""Windows as `convscope.ops` spells them out: (rows, columns); padding ((top, bottom), (left, right))."""

from __future__ import annotations

from functools import lru_cache

from convscope.geometry import pool_output_size

Pair = tuple[int, int]
Pads = tuple[Pair, Pair]

ONE: Pair = (1, 1)
NONE: Pads = ((0, 0), (0, 0))

output_size = lru_cache(maxsize=4096)(pool_output_size)  # the same few layers again and again
