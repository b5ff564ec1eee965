"""Where results live."""

from __future__ import annotations

import numpy as np
import pytest

from convscope import ops
from convscope.ops.memory import empty_result, give


@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (0, 3, 4, 5), (1, 1, 1, 1)])
def test_channels_last_is_nhwc_in_memory(shape: tuple[int, ...]) -> None:
    y = ops.empty_channels_last(shape, np.float32)
    assert y.shape == shape
    assert y.dtype == np.float32
    assert y.transpose(0, 2, 3, 1).flags.c_contiguous


def test_other_results_are_c_contiguous() -> None:
    assert empty_result((3, 4), np.float64).flags.c_contiguous


def test_give_never_gives_a_view() -> None:
    x = np.zeros((2, 3, 4, 5))
    for y in (give(x, None), give(x, None, channels_last=False), give(x[0], None)):
        assert not np.shares_memory(x, y)
    out = np.ones_like(x)
    assert give(x, out) is out
    assert not out.any()
