"""Filtering an image: the values are exact and the grey levels are explained."""

from __future__ import annotations

import numpy as np
import pytest

from convscope.errors import DtypeError, InvalidValue, UnknownName
from convscope.kernels import bank, filter_image


def _image(shape=(12, 15)) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, size=shape).astype(np.uint8)


@pytest.mark.parametrize("size", [2, 3, 4, 5])
def test_values_are_the_correlation(size: int) -> None:
    from scipy.signal import correlate2d

    kernel = np.random.default_rng(1).normal(size=(size, size))
    image = _image()
    before = (size - 1) // 2
    padded = np.pad(image.astype(float), (before, size - 1 - before), mode="symmetric")
    assert np.allclose(filter_image(image, kernel).values, correlate2d(padded, kernel, mode="valid"))


def test_identity_shows_the_image_itself() -> None:
    image = _image((8, 8, 3))
    result = filter_image(image, "identity")
    assert np.array_equal(result.shown, image)
    assert "value * 255 / 255" in result.mapping


def test_a_flat_image_is_middle_grey_under_a_derivative() -> None:
    result = filter_image(np.full((6, 6), 77, np.uint8), "sobel-x")
    assert np.all(result.values == 0)
    assert set(np.unique(result.shown)) <= {127, 128}
    assert "middle grey" in result.mapping


def test_clipping_is_said() -> None:
    assert "clipped" in filter_image(_image(), "sharpen").mapping


def test_a_colour_filter_makes_one_grey_image() -> None:
    image = _image((6, 7, 3))
    kernel = np.zeros((3, 3, 3))
    kernel[0, 1, 1] = 1
    assert np.array_equal(filter_image(image, kernel, channels="BGR").values, image[:, :, 2].astype(float))
    assert filter_image(image, kernel).values.shape == (6, 7)


def test_errors() -> None:
    with pytest.raises(UnknownName, match="sobel"):
        filter_image(_image(), "sobel")
    with pytest.raises(InvalidValue, match="alpha"):
        filter_image(_image((4, 4, 4)), "box")
    with pytest.raises(InvalidValue, match="deeper filter"):
        filter_image(_image(), np.ones((5, 3, 3)))
    with pytest.raises(InvalidValue, match="channels"):
        filter_image(_image(), np.ones((3, 3, 3)), channels="GBR")
    with pytest.raises(InvalidValue, match="all zeros"):
        filter_image(_image(), np.zeros((3, 3)))
    with pytest.raises(DtypeError):
        filter_image(np.array([["a"]]), "box")
    with pytest.raises(InvalidValue, match="NaN"):
        filter_image(np.full((3, 3), np.nan), bank["box"].array)
