from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convscope.data import edges, lines
from convscope.errors import DtypeError, InvalidValue


@pytest.mark.parametrize("make", [lines, edges])
def test_images_are_balanced_float32_from_0_to_1(make):
    data = make(101, size=20)
    assert (data.x.shape, data.x.dtype) == ((101, 1, 20, 20), np.float32)
    assert 0 <= data.x.min() < data.x.max() <= 1
    assert data.classes == ("horizontal", "vertical")
    assert np.bincount(data.y).tolist() == [51, 50]


@settings(max_examples=25, deadline=None)
@given(
    make=st.sampled_from([lines, edges]),
    n=st.integers(1, 40),
    more=st.integers(1, 40),
    start=st.integers(0, 2**50),
    size=st.integers(8, 20),
    seed=st.integers(0, 2**65),
)
def test_a_sample_does_not_depend_on_how_many_there_are(make, n, more, start, size, seed):
    few, many = make(n, size, seed, start=start), make(n + more, size, seed, start=start)
    np.testing.assert_array_equal(few.x, many.x[:n])
    np.testing.assert_array_equal(few.y, many.y[:n])
    last = make(1, size, seed, start=start + n)
    np.testing.assert_array_equal(last.x[0], many.x[n])


@pytest.mark.parametrize("make", [lines, edges])
def test_more_than_one_chunk_and_another_seed(make):
    many = make(1030, size=8)
    np.testing.assert_array_equal(many.x[1020:], make(10, size=8, start=1020).x)
    assert not np.array_equal(many.x, make(1030, size=8, seed=1).x)


@pytest.mark.parametrize(("make", "least"), [(lines, 1.0), (edges, 0.95)])
def test_differences_between_neighbours_tell_the_class(make, least):
    data = make(1000)
    down, across = (np.abs(np.diff(data.x, axis=axis)).sum(axis=(1, 2, 3)) for axis in (2, 3))
    assert np.mean((across > down) == data.y) >= least


@pytest.mark.parametrize("make", [lines, edges])
def test_brightness_does_not_tell_the_class(make):
    data = make(2000)
    means = data.x.mean(axis=(1, 2, 3))
    one, other = means[data.y == 0], means[data.y == 1]
    error = np.sqrt(one.var() / len(one) + other.var() / len(other))
    assert abs(one.mean() - other.mean()) < 4 * error


def test_a_line_without_noise_is_one_rectangle():
    for image, label in zip(*(lambda d: (d.x[:, 0], d.y))(lines(200, noise=0)), strict=True):
        rows, columns = np.nonzero(image > 0.25)
        height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
        assert len(rows) == height * width
        thick, long = (width, height) if label else (height, width)
        assert thick in (1, 2)
        assert 8 <= long <= 16


def test_the_texture_has_its_deviation():
    x = edges(300, texture=0.02).x
    # pixels that are far from edges: the median of the deviations of many small corners
    assert np.median(x[:, 0, :3, :3].std(axis=(1, 2))) < 0.03
    assert edges(1, texture=0).x.std() > 0


@pytest.mark.parametrize(
    ("make", "options", "error", "message"),
    [
        (lines, {"n": 0}, InvalidValue, "lines: n must be at least 1"),
        (lines, {"n": 1.5}, DtypeError, "whole number"),
        (lines, {"size": 3}, InvalidValue, "size must be from 4"),
        (edges, {"size": 7}, InvalidValue, "size must be from 8"),
        (lines, {"seed": -1}, InvalidValue, "seed"),
        (lines, {"start": -1}, InvalidValue, "start"),
        (lines, {"noise": 2}, InvalidValue, "noise must be from 0 to 1"),
        (edges, {"texture": float("nan")}, InvalidValue, "texture must be from 0 to 1"),
    ],
)
def test_wrong_arguments(make, options, error, message):
    with pytest.raises(error, match=message):
        make(**options)
