"""The compiled convolution and its gradients against the reference, on awkward shapes."""

from __future__ import annotations

import numpy as np
import pytest

from convscope.ops import reference
from core.cases import CASES, Case
from tolerance import assert_within, sum_bound

DTYPES = ("float32", "float64")


def every_case(test):
    """Run a test for every awkward shape and both element types."""
    by_name = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
    return by_name(pytest.mark.parametrize("dtype", DTYPES)(test))


@every_case
def test_forward(native, isa, case: Case, dtype: str) -> None:
    x, weight, bias, _ = case.arrays(dtype)
    expected = reference.conv2d(x, weight, bias, **case.settings)
    size = reference.conv2d(abs(x), abs(weight), None if bias is None else abs(bias), **case.settings)
    terms = weight[0].size + 1
    actual = native.conv2d(x, weight, bias, **case.settings)
    assert_within(actual, expected, sum_bound(terms, size, dtype), "y")
    assert actual.transpose(0, 2, 3, 1).flags.c_contiguous


@every_case
def test_grad_input(native, isa, case: Case, dtype: str) -> None:
    x, weight, _, grad = case.arrays(dtype)
    expected = reference.conv2d_grad_input(grad, weight, x.shape, **case.settings)
    size = reference.conv2d_grad_input(abs(grad), abs(weight), x.shape, **case.settings)
    terms = weight.size // weight.shape[1]
    actual = native.conv2d_grad_input(grad, weight, x.shape, **case.settings)
    assert_within(actual, expected, sum_bound(terms, size, dtype), "dx")


@every_case
def test_grad_weight(native, isa, case: Case, dtype: str) -> None:
    x, weight, _, grad = case.arrays(dtype)
    expected = reference.conv2d_grad_weight(x, grad, case.kernel, **case.settings)
    size = reference.conv2d_grad_weight(abs(x), abs(grad), case.kernel, **case.settings)
    terms = grad.size // grad.shape[1]
    actual = native.conv2d_grad_weight(x, grad, case.kernel, **case.settings)
    assert_within(actual, expected, sum_bound(terms, size, dtype), "dw")
    assert actual.shape == weight.shape


def test_grad_bias(native, isa) -> None:
    grad = CASES[5].arrays("float32")[3]
    bound = sum_bound(grad.size // grad.shape[1], abs(grad).sum(axis=(0, 2, 3)), "float32")
    assert_within(native.conv2d_grad_bias(grad), grad.sum(axis=(0, 2, 3)), bound)


@pytest.mark.parametrize("case", CASES[:8], ids=lambda case: case.name)
def test_any_strides_and_a_given_output(native, case: Case) -> None:
    x, weight, bias, grad = case.arrays("float32")
    expected = native.conv2d(x, weight, bias, **case.settings)
    for out in (np.empty(expected.shape, "float32"), np.empty_like(expected)):
        given = native.conv2d(np.asfortranarray(x), weight[::-1][::-1], bias, out=out, **case.settings)
        assert given is out
        np.testing.assert_array_equal(out, expected)
    dw = np.empty(weight.shape, "float32")
    assert native.conv2d_grad_weight(x, grad, case.kernel, out=dw, **case.settings) is dw
    np.testing.assert_array_equal(dw, native.conv2d_grad_weight(x, grad, case.kernel, **case.settings))


def test_long_sums_lose_little(native, isa) -> None:
    """Sums are cut into stretches: the error grows with their length, not with that of the whole."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(1, 6, 6, 512)).astype("float32").transpose(0, 3, 1, 2)
    weight = rng.normal(size=(32, 512, 3, 3)).astype("float32")
    exact = reference.conv2d(x.astype("float64"), weight.astype("float64"))
    error = np.abs(native.conv2d(x, weight, algorithm="direct") - exact).max() / np.abs(exact).max()
    # A random walk of roundings, 2**-24 each: sqrt(256) within a stretch, sqrt(18) over the
    # stretches. The largest output lies as many deviations out as the largest error.
    assert error < 2**-24 * (np.sqrt(256) + np.sqrt(18))


class TestNotANumber:
    """Not-a-number and infinity pass through as in NumPy."""

    CASE = Case("padded", 1, 20, 18, (6, 7), (3, 3), padding=((1, 1), (1, 1)))

    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
    def test_only_windows_that_hold_it_are_touched(self, native, isa, value: float) -> None:
        x, weight, bias, _ = self.CASE.arrays("float32")
        x[0, 3, 0, 6] = value
        expected = reference.conv2d(x, weight, bias, **self.CASE.settings)
        actual = native.conv2d(x, weight, bias, **self.CASE.settings)
        np.testing.assert_array_equal(np.isnan(actual), np.isnan(expected))
        np.testing.assert_array_equal(np.isinf(actual), np.isinf(expected))
        assert np.isfinite(actual[:, :, 2:]).all()

    @pytest.mark.parametrize("value", [np.nan, np.inf])
    @pytest.mark.parametrize(("images", "groups"), [(1, 1), (20, 1), (2, 16)])
    def test_weights_over_padding(self, native, isa, value: float, images: int, groups: int) -> None:
        """0 * inf is not a number, also where the 0 is padding; whole tiles of padding are no exception."""
        rng = np.random.default_rng(0)
        x = rng.normal(size=(images, 16, 3, 3)).astype("float32")
        weight = rng.normal(size=(16, 16 // groups, 3, 3)).astype("float32")
        weight[5, 0, 0, 1] = value
        settings = {"padding": ((1, 1), (1, 1)), "algorithm": "direct", "groups": groups}
        expected = reference.conv2d(x, weight, **settings)
        np.testing.assert_array_equal(np.isnan(native.conv2d(x, weight, **settings)), np.isnan(expected))
        assert np.isnan(expected[:, 5, 0]).all()

    @pytest.mark.parametrize("value", [np.nan, np.inf])
    def test_only_weights_whose_pixel_holds_it_are_touched(self, native, isa, value: float) -> None:
        """Few filters: vectors run past the ends of rows, where the gradient counts as zero."""
        x, _, _, grad = Case("", 2, 1, 6, (9, 12), (5, 5)).arrays("float32")
        x[0, 0, 4, 11] = value  # the last column: under the last column of the kernel alone
        expected = reference.conv2d_grad_weight(x, grad, (5, 5))
        actual = native.conv2d_grad_weight(x, grad, (5, 5))
        np.testing.assert_array_equal(np.isfinite(actual), np.isfinite(expected))
        assert np.isfinite(actual[..., :4]).all()
        assert not np.isfinite(actual[..., 4]).any()

    def test_neighbouring_channels_stay_clean(self, native, isa) -> None:
        x, weight, _, _ = Case("", 1, 37, 37, (5, 5), (3, 3), groups=37).arrays("float32")
        x[0, 21] = np.nan
        y = native.conv2d(x, weight, groups=37)
        assert np.isnan(y[0, 21]).all()
        assert np.isfinite(np.delete(y, 21, axis=1)).all()


def test_empty_batch(native) -> None:
    x, weight = np.empty((0, 16, 5, 5), "float32"), np.ones((8, 16, 3, 3), "float32")
    assert native.conv2d(x, weight).shape == (0, 8, 3, 3)
    assert native.conv2d_grad_input(np.empty((0, 8, 3, 3), "float32"), weight, x.shape).shape == x.shape
    np.testing.assert_array_equal(
        native.conv2d_grad_weight(x, np.empty((0, 8, 3, 3), "float32"), (3, 3)), np.zeros_like(weight)
    )
