"""Pictures of an inspection's page: values that are no number are shown as such."""

from __future__ import annotations

import warnings

import numpy as np

from convscope.report.colour import MISSING
from convscope.report.inspection_views import _heat, _over, _signed


def test_what_is_no_number_is_purple_and_the_rest_keeps_its_scale():
    strength = np.array([[0.0, 1.0], [np.nan, 2.0]])
    whole = np.where(np.isfinite(strength), strength, 0.0)
    pixels = np.zeros((2, 2, 3), np.uint8)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for picture, clean in (
            (_heat(strength), _heat(whole)),
            (_over(pixels, strength), _over(pixels, whole)),
            (_signed(np.stack([strength] * 3), False), _signed(np.stack([whole] * 3), False)),
        ):
            assert tuple(picture[1, 0]) == MISSING
            finite = np.isfinite(strength)
            np.testing.assert_array_equal(picture[finite], clean[finite])


def test_one_strong_pixel_does_not_hide_a_projection():
    projection = np.full((3, 40, 40), 0.01)
    projection[:, 0, 0] = 1.0
    picture = _signed(projection, False)
    assert picture.min() == 255
    few = np.array([1.0, 0.5] + [0.1] * 25).reshape(3, 3, 3)
    assert (_signed(few, False)[0, 0, 0], _signed(few, False)[0, 1, 0]) == (255, 191)


def test_nothing_but_nan_is_a_picture_too():
    nothing = np.full((3, 2, 2), np.nan)
    for picture in (
        _heat(nothing[0]),
        _over(np.zeros((2, 2, 3), np.uint8), nothing[0]),
        _signed(nothing, True),
    ):
        assert (picture == MISSING).all()
