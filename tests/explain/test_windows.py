"""What the engine touches is what the arithmetic says: two ways that share no code."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from convscope.errors import InvalidValue
from convscope.explain import draw_windows

small = st.integers(1, 4)


@given(
    st.integers(1, 20),
    small,
    small,
    st.tuples(st.integers(0, 3), st.integers(0, 3)),
    st.integers(1, 3),
    st.booleans(),
)
@settings(max_examples=200, deadline=None)
def test_taps_are_where_the_geometry_says(
    size: int, kernel: int, stride: int, padding: tuple[int, int], dilation: int, ceil_mode: bool
) -> None:
    assume(size + sum(padding) >= dilation * (kernel - 1) + 1)
    assume(max(padding) < dilation * (kernel - 1) + 1)
    drawn = draw_windows(
        (size, size),
        (kernel, kernel),
        stride=(stride, stride),
        padding=(padding, padding),
        dilation=(dilation, dilation),
        ceil_mode=ceil_mode,
    ).rows
    geometry = drawn.geometry
    assert drawn.taps.shape == (geometry.output, size + sum(padding) + geometry.overhang)
    for index, taps in enumerate(drawn.taps):
        assert (np.flatnonzero(taps) - padding[0]).tolist() == list(geometry.taps(index))
        assert taps[taps > 0].tolist() == list(range(1, kernel + 1))
    inside = (drawn.taps > 0)[:, drawn.before : drawn.before + drawn.length]
    assert tuple(inside.sum(axis=0).tolist()) == geometry.reads()


@given(st.integers(1, 12), small, small, st.integers(0, 2), st.integers(1, 3), st.integers(0, 3))
@settings(max_examples=100, deadline=None)
def test_a_transposed_convolution_writes_where_the_geometry_says(
    size: int, kernel: int, stride: int, padding: int, dilation: int, extra: int
) -> None:
    span = dilation * (kernel - 1) + 1
    assume(extra < max(stride, dilation))
    assume((size - 1) * stride + span + extra - 2 * padding >= 1)
    drawn = draw_windows(
        (size, size),
        (kernel, kernel),
        stride=(stride, stride),
        padding=(padding, padding),
        dilation=(dilation, dilation),
        transposed=True,
        output_padding=(extra, extra),
    ).rows
    assert drawn.taps.shape == (size, drawn.geometry.output + 2 * padding)
    for index, taps in enumerate(drawn.taps):
        assert (np.flatnonzero(taps) - padding).tolist() == list(drawn.geometry.taps(index))


def test_counts_in_two_dimensions_multiply() -> None:
    drawn = draw_windows((5, 4), (3, 2), padding=(1, 0))
    assert not drawn.square
    assert drawn.counts().tolist() == np.outer([2, 3, 3, 3, 2], [1, 2, 2, 1]).tolist()


def test_a_picture_too_large_is_refused() -> None:
    with pytest.raises(InvalidValue, match="at most 40,000,000 cells"):
        draw_windows((10_000, 10_000), (3, 3))
    with pytest.raises(InvalidValue, match="at most 40,000,000 cells; got 10,000,000,000 windows"):
        draw_windows((10**10, 1), (1, 1))
    with pytest.raises(InvalidValue, match="got 10,000,000,000 windows"):
        draw_windows((1, 10**10), (1, 3), transposed=True)
