"""Pooling, normalisation, linear layers and ReLU of the compiled core against the reference."""

from __future__ import annotations

import numpy as np
import pytest

from convscope.errors import InvalidValue
from convscope.ops import reference
from tolerance import assert_within, batch_norm_bounds, sum_bound

CHANNELS = (1, 3, 6, 16, 37, 64, 130)  # below, at and above vectors of every width


def image(n: int, c: int, h: int, w: int, dtype: str = "float32", seed: int = 0) -> np.ndarray:
    """Channels-last normal numbers."""
    return np.random.default_rng(seed).normal(size=(n, h, w, c)).astype(dtype).transpose(0, 3, 1, 2)


POOLINGS = [
    ((2, 2), {"stride": (2, 2)}),
    ((3, 2), {"stride": (2, 1), "padding": ((1, 0), (0, 1))}),
    ((2, 3), {"stride": (3, 2), "padding": ((1, 1), (1, 1)), "ceil_mode": True}),
]


@pytest.mark.parametrize("c", CHANNELS)
@pytest.mark.parametrize(("kernel", "settings"), POOLINGS)
def test_max_pool(native, isa, c: int, kernel: tuple[int, int], settings: dict) -> None:
    for dtype in ("float32", "float64"):
        x = np.round(image(2, c, 7, 9, dtype), 1)  # with ties
        for more in ({}, {"dilation": (2, 3)}):
            expected = reference.max_pool2d(x, kernel, return_indices=True, **settings, **more)
            actual = native.max_pool2d(x, kernel, return_indices=True, **settings, **more)
            np.testing.assert_array_equal(actual[0], expected[0])
            np.testing.assert_array_equal(actual[1], expected[1])
            alone = native.max_pool2d(x, kernel, **settings, **more)
            np.testing.assert_array_equal(alone, expected[0])
            dx = native.max_pool2d_grad(expected[0], expected[1], x.shape)
            np.testing.assert_allclose(
                dx, reference.max_pool2d_grad(expected[0], expected[1], x.shape), rtol=1e-6, atol=1e-6
            )


def test_max_pool_of_no_number_is_no_number(native, isa) -> None:
    x = image(1, 20, 4, 6)
    x[0, 3, 1, 1] = np.nan
    x[0, 4, 0, 0] = np.inf
    x[0, 5, :2, :2] = -np.inf
    expected = reference.max_pool2d(x, (2, 2), stride=(2, 2), return_indices=True)
    for actual, wanted in zip(
        native.max_pool2d(x, (2, 2), stride=(2, 2), return_indices=True), expected, strict=True
    ):
        np.testing.assert_array_equal(actual, wanted)
    assert np.isnan(expected[0]).sum() == 1


def test_max_pool_grad_refuses_indices_outside(native) -> None:
    grad, indices = np.ones((1, 2, 1, 1), "float32"), np.array([[[[0]], [[16]]]], np.int32)
    with pytest.raises(InvalidValue, match="= 15; got 0 to 16"):
        native.max_pool2d_grad(grad, indices, (1, 2, 4, 4))


@pytest.mark.parametrize("c", CHANNELS)
@pytest.mark.parametrize("include", [True, False])
@pytest.mark.parametrize(("kernel", "settings"), POOLINGS)
def test_avg_pool(native, isa, c: int, include: bool, kernel: tuple[int, int], settings: dict) -> None:
    settings = {**settings, "count_include_pad": include}
    x = image(2, c, 7, 9)
    y = reference.avg_pool2d(x, kernel, **settings)
    bound = sum_bound(8, reference.avg_pool2d(abs(x), kernel, **settings), "float32")
    assert_within(native.avg_pool2d(x, kernel, **settings), y, bound, "y")
    expected = reference.avg_pool2d_grad(y, x.shape, kernel, **settings)
    bound = sum_bound(8, reference.avg_pool2d_grad(abs(y), x.shape, kernel, **settings), "float32")
    assert_within(native.avg_pool2d_grad(y, x.shape, kernel, **settings), expected, bound, "dx")


@pytest.mark.parametrize("c", CHANNELS)
def test_global_avg_pool(native, isa, c: int) -> None:
    x = image(3, c, 9, 5)
    bound = sum_bound(46, abs(x).mean(axis=(2, 3), keepdims=True), "float32")
    y = native.global_avg_pool2d(x)
    assert_within(y, reference.global_avg_pool2d(x), bound)
    np.testing.assert_array_equal(
        native.global_avg_pool2d_grad(y, x.shape), reference.global_avg_pool2d_grad(y, x.shape)
    )


@pytest.mark.parametrize("c", CHANNELS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_batch_norm(native, isa, c: int, dtype: str) -> None:
    x, grad = 3 + image(5, c, 7, 6, dtype), image(5, c, 7, 6, dtype, seed=1)
    weight, bias = image(2, c, 1, 1, dtype, seed=2)[:, :, 0, 0]
    y, mean, var = reference.batch_norm_train(x, weight, bias, eps=1e-5)
    bounds = batch_norm_bounds(x, weight, bias, grad, mean, var, 1e-5, training=True)
    actual = native.batch_norm_train(x, weight, bias, eps=1e-5)
    assert_within(actual[0], y, bounds.y, "y")
    assert_within(actual[1], mean, bounds.mean, "mean")
    assert_within(actual[2], var, bounds.var, "var")
    for training in (True, False):
        expected = reference.batch_norm_grad(grad, x, weight, mean, var, eps=1e-5, training=training)
        actual = native.batch_norm_grad(grad, x, weight, mean, var, eps=1e-5, training=training)
        for name, bound in (("dx", bounds.dx), ("dweight", bounds.dweight), ("dbias", bounds.dbias)):
            i = ("dx", "dweight", "dbias").index(name)
            assert_within(actual[i], expected[i], bound, name)


def test_variance_of_large_numbers_close_together(native, isa) -> None:
    """Parts are merged about their own means: no cancellation of large squares."""
    x = 10_000 + image(8, 5, 40, 40)
    ones = np.ones(5, "float32")
    _, mean, var = native.batch_norm_train(x, ones, ones, eps=0.0)
    exact = x.astype("float64")
    np.testing.assert_allclose(mean, exact.mean(axis=(0, 2, 3)), rtol=2**-23)
    np.testing.assert_allclose(var, exact.var(axis=(0, 2, 3)), rtol=1e-5)


def test_batch_norm_of_rows(native, isa) -> None:
    x = image(50, 7, 1, 1)[:, :, 0, 0]
    ones = np.ones(7, "float32")
    y, mean, _ = native.batch_norm_train(x, ones, 0 * ones, eps=1e-5)
    assert y.shape == x.shape
    np.testing.assert_allclose(mean, x.mean(axis=0), atol=1e-6)


@pytest.mark.parametrize(
    ("n", "f", "o"), [(1, 1, 1), (1, 300, 17), (3, 65, 40), (4, 20, 10), (33, 600, 37), (64, 84, 10)]
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_linear(native, isa, n: int, f: int, o: int, dtype: str) -> None:
    rng = np.random.default_rng(0)
    x, weight, bias, grad = (rng.normal(size=s).astype(dtype) for s in ((n, f), (o, f), o, (n, o)))
    size = reference.linear(abs(x), abs(weight), abs(bias))
    assert_within(
        native.linear(x, weight, bias), reference.linear(x, weight, bias), sum_bound(f + 1, size, dtype)
    )
    assert_within(native.linear(x, weight), reference.linear(x, weight), sum_bound(f + 1, size, dtype))
    for name, arrays, terms in (
        ("linear_grad_input", (grad, weight), o),
        ("linear_grad_weight", (x, grad), n),
        ("linear_grad_bias", (grad,), n),
    ):
        plain, compiled = getattr(reference, name), getattr(native, name)
        bound = sum_bound(terms, plain(*(abs(a) for a in arrays)), dtype)
        assert_within(compiled(*arrays), plain(*arrays), bound, name)


@pytest.mark.parametrize("shape", [(3,), (5, 7), (2, 5, 3, 3), (1, 3, 120, 120)])
def test_relu(native, isa, shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(0).normal(size=shape).astype("float32")
    x.flat[0], x.flat[1], x.flat[2] = np.nan, np.inf, -np.inf
    np.testing.assert_array_equal(native.relu(x), reference.relu(x))
    np.testing.assert_array_equal(native.relu_grad(x, x), reference.relu_grad(x, x))
    assert np.isnan(native.relu(x).flat[0])
