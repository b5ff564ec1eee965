"""Receptive fields against following every pixel through random stacks of layers."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from convscope.errors import InvalidValue
from convscope.geometry import ReceptiveField, Window, conv_geometry, receptive_field
from draws import drawn

windows = st.lists(
    st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(0, 2), st.integers(1, 2)),
    min_size=1,
    max_size=4,
)


@drawn(300)
@given(windows, st.integers(40, 60))
def test_field_spans_the_pixels_that_reach_a_cell(layers, size) -> None:
    seen: list[set[int]] = [{pixel} for pixel in range(size)]
    for kernel, stride, padding, dilation in layers:
        assume(len(seen) + 2 * padding >= dilation * (kernel - 1) + 1)
        g = conv_geometry(len(seen), kernel, stride=stride, padding=padding, dilation=dilation)
        taps = [[t for t in g.taps(i) if 0 <= t < len(seen)] for i in range(g.output)]
        seen = [set().union(*(seen[t] for t in row)) for row in taps]
    field = receptive_field(layers)
    for index, pixels in enumerate(seen):
        reach = field.pixels(index)
        assert pixels <= set(reach)
        assert pixels <= set(field.pixels(index, size))
        if reach.start >= 0 and reach.stop <= size:  # no padding involved: both ends are really seen
            assert {reach.start, reach.stop - 1} <= pixels


@pytest.mark.parametrize("layers", range(1, 6))
def test_n_layers_of_3_see_2n_plus_1_and_of_5_4n_plus_1(layers: int) -> None:
    assert receptive_field([Window(3)] * layers).size == 2 * layers + 1
    assert receptive_field([Window(5)] * layers).size == 4 * layers + 1


def test_nothing_is_one_pixel() -> None:
    assert receptive_field([]) == ReceptiveField(size=1, jump=1, start=0)
    assert list(ReceptiveField().pixels(7)) == [7]


def test_fields_beyond_the_image_are_empty_when_cut() -> None:
    field = ReceptiveField(size=3, jump=1, start=-10)
    assert list(field.pixels(0, size=5)) == []
    assert list(field.pixels(20, size=5)) == []
    assert list(field.pixels(9, size=5)) == [0, 1]


def test_branches_join_to_what_spans_both() -> None:
    small, large = receptive_field([(1, 2)]), receptive_field([(3, 2, 1), (3, 1, 1)])
    assert small.joined(large) == large.joined(small) == ReceptiveField(size=7, jump=2, start=-3)
    with pytest.raises(InvalidValue, match="the branches must have the same overall stride; got 2 and 1"):
        small.joined(ReceptiveField())
