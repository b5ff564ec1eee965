"""The colour scale: symmetric, zero in the middle, lightness falling evenly to both sides."""

from __future__ import annotations

import numpy as np
import pytest

from convscope.report.colour import DIVERGING, colour_map, grey, hex_colour, ink_on, limit_of, paint


def lightness(colours: np.ndarray) -> np.ndarray:
    """CIE lightness of sRGB colours, 0 to 100."""
    c = colours / 255
    linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722]
    return np.where(linear > 0.008856, 116 * np.cbrt(linear) - 16, 903.3 * linear)


def test_lightness_falls_from_zero_to_both_ends_and_alike_on_both_sides() -> None:
    light = lightness(paint(np.linspace(-1, 1, 21), 1.0))
    assert (np.diff(light[:11]) > 0).all()
    assert (np.diff(light[10:]) < 0).all()
    assert np.abs(light - light[::-1]).max() < 1  # of 100


def test_red_blindness_and_green_blindness_leave_the_signs_apart() -> None:
    """Blue stays below and red above: the one pair of colours all common deficiencies keep."""
    colours = paint(np.array([-0.5, 0.5]), 1.0).astype(int)
    assert colours[0, 2] - colours[0, 0] > 100
    assert colours[1, 0] - colours[1, 2] > 100


def test_beyond_the_limit_is_clipped_and_nan_is_not_hidden() -> None:
    colours = paint(np.array([-5.0, 5.0, np.nan, np.inf]), 1.0)
    assert colours[:2].tolist() == [[5, 48, 97], [82, 35, 3]]
    assert colours[2].tolist() == colours[3].tolist()
    assert not (colours[2] == paint(np.array([0.0]), 1.0)[0]).all()


def test_one_limit_for_several_arrays() -> None:
    assert limit_of(np.zeros(3)) == 1.0
    assert limit_of(np.array([np.inf, -2.0]), np.array([1.5])) == 2.0
    assert limit_of(np.array([])) == 1.0


def test_a_constant_image_is_black_not_an_error() -> None:
    assert grey(np.full((2, 2), 3.0), 3.0, 3.0).max() == 0


@pytest.mark.parametrize("value", np.linspace(-1, 1, 41))
def test_text_on_every_colour_has_a_contrast_of_four_and_a_half(value: float) -> None:
    ground = hex_colour(value, 1.0)

    def luminance(colour: str) -> float:
        c = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
        linear = np.where(c <= 0.03928, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722])

    light, dark = sorted([luminance(ground), luminance(ink_on(ground))], reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 4.5


def test_the_matplotlib_map_is_the_same_scale() -> None:
    ends = [tuple(round(255 * c) for c in colour_map()(place)[:3]) for place in (0.0, 1.0)]
    assert ["#{:02x}{:02x}{:02x}".format(*end) for end in ends] == [DIVERGING[0], DIVERGING[-1]]
