"""PackedConv2d: the convolution, addition and activation that the ops would do one after the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given

from convscope import ops
from convscope.errors import DtypeError, InvalidValue
from convscope.ops import PackedConv2d
from draws import ConvCase, conv_cases, drawn, large_conv_cases
from tolerance import assert_within, sum_bound

ACTIVATIONS = (None, "relu", ("clip", -0.5, 0.75), ("leaky_relu", 0.25))


def activated(y: np.ndarray, activation: object) -> np.ndarray:
    match activation:
        case "relu":
            return np.maximum(y, 0)
        case ("clip", low, high):
            return np.clip(y, low, high)
        case ("leaky_relu", slope):
            return np.where(y < 0, slope * y, y)
    return y


def compare(case: ConvCase) -> None:
    """Check against the ops in float64, one after the other; an activation is never steeper than 1."""
    x, weight, bias, rng = case.arrays()
    wide = [None if a is None else a.astype(np.float64) for a in (x, weight, bias)]
    plain = ops.conv2d(*wide, **case.settings, algorithm="direct")
    size = ops.conv2d(*(None if a is None else np.abs(a) for a in wide), **case.settings, algorithm="direct")
    add = rng.normal(size=plain.shape).astype(case.dtype)
    for activation in ACTIVATIONS:
        layer = PackedConv2d(weight, bias, **case.settings, activation=activation, algorithm="direct")
        for more in (None, add):
            expected = activated(plain if more is None else plain + more, activation).astype(case.dtype)
            bound = sum_bound(
                weight[0].size + 3, size + (0 if more is None else np.abs(more)), np.dtype(case.dtype)
            )
            assert_within(layer(x, add=more), expected, bound, f"{activation}")


@pytest.mark.filterwarnings("ignore:Using padding='same'")
def test_equals_the_steps_one_after_the_other(core: str) -> None:
    drawn(60)(given(conv_cases())(compare))()


def test_equals_the_steps_on_sizes_that_fill_tiles(core: str) -> None:
    drawn(20)(given(large_conv_cases())(compare))()


@pytest.mark.parametrize(("c", "k", "groups", "kernel"), [(16, 40, 1, 3), (40, 40, 40, 3), (1, 6, 1, 5)])
def test_serves_images_of_any_size_and_any_out(core: str, c: int, k: int, groups: int, kernel: int) -> None:
    rng = np.random.default_rng(0)
    weight = rng.normal(size=(k, c // groups, kernel, kernel)).astype(np.float32)
    layer = PackedConv2d(weight, padding=1, groups=groups, activation="relu", algorithm="direct")
    for shape in ((2, c, 9, 7), (1, c, 23, 30), (2, c, 9, 7)):
        x = rng.normal(size=shape).astype(np.float32)
        y = layer(x)
        expected = ops.relu(ops.conv2d(x, weight, padding=1, groups=groups, algorithm="direct"))
        assert np.array_equal(y, expected)
        for out in (np.empty_like(y), np.empty(y.shape, np.float32)):  # channels last, and not
            assert layer(np.ascontiguousarray(x), out=out) is out
            assert np.array_equal(out, y)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("c", "k", "groups", "kernel"),
    [
        (1, 3, 1, 5),
        (16, 24, 1, 3),
        (20, 33, 1, 1),
        (6, 6, 6, 3),
        (24, 24, 24, 3),
        (4, 6, 2, 3),
        (3, 40, 1, 3),
    ],
)
def test_bound_to_some_channels_of_a_wider_image(
    core: str, c: int, k: int, groups: int, kernel: int, dtype: str
) -> None:
    rng = np.random.default_rng(0)
    layer = PackedConv2d(
        rng.normal(size=(k, c // groups, kernel, kernel)).astype(dtype),
        rng.normal(size=k).astype(dtype),
        groups=groups,
        padding=kernel // 2,
        activation="relu",
    )
    x = ops.empty_channels_last((2, c, 9, 11), dtype)
    x[...] = rng.normal(size=x.shape)
    wide = ops.empty_channels_last((2, k + 5, 9, 11), dtype)
    wide[...] = np.nan
    layer.bind(x, wide[:, 2 : 2 + k])()
    np.testing.assert_array_equal(wide[:, 2 : 2 + k], layer(x))
    assert np.isnan(wide[:, :2]).all()
    assert np.isnan(wide[:, 2 + k :]).all()


def test_bound_with_a_residual_and_in_any_memory(core: str) -> None:
    rng = np.random.default_rng(0)
    layer = PackedConv2d(rng.normal(size=(8, 3, 3, 3)))
    x, add = rng.normal(size=(1, 3, 6, 5)), rng.normal(size=(1, 8, 4, 3))
    wanted = layer(x, add=add)
    for out in (
        ops.empty_channels_last((1, 8, 4, 3), "float64"),
        np.empty((1, 8, 4, 3)),
        np.empty((1, 9, 4, 3))[:, 1:],
    ):
        layer.bind(x, out, add=add)()
        np.testing.assert_array_equal(out, wanted)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_not_a_number_stays(core: str, activation: object) -> None:
    x = np.ones((1, 1, 4, 4), np.float32)
    x[0, 0, 1, 2] = np.nan
    y = PackedConv2d(np.ones((20, 1, 1, 1), np.float32), activation=activation)(x)
    assert np.array_equal(np.isnan(y), np.broadcast_to(np.isnan(x), y.shape))


def test_an_empty_batch(core: str) -> None:
    layer = PackedConv2d(np.ones((3, 2, 3, 3), np.float32), activation="relu")
    assert layer(np.zeros((0, 2, 5, 5), np.float32)).shape == (0, 3, 3, 3)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"activation": "tanh"}, "activation must be"),
        ({"activation": ("clip", 1, 0)}, "low <= high"),
        ({"activation": ("leaky_relu", float("nan"))}, "activation must be"),
        ({"algorithm": "fft"}, "algorithm must be"),
        ({"groups": 3}, "groups must divide"),
        ({"bias": np.zeros(4, np.float32)}, "bias must have one value"),
    ],
)
def test_refuses_bad_settings(core: str, settings: dict, message: str) -> None:
    with pytest.raises(InvalidValue, match=message):
        PackedConv2d(np.zeros((5, 2, 3, 3), np.float32), **settings)


def test_refuses_bad_arrays(core: str) -> None:
    layer = PackedConv2d(np.zeros((5, 2, 3, 3), np.float32))
    x = np.zeros((1, 2, 6, 6), np.float32)
    y = layer(x)
    with pytest.raises(DtypeError, match="one dtype"):
        layer(x.astype(np.float64))
    with pytest.raises(DtypeError, match="NumPy array"):
        layer([[1.0]])
    with pytest.raises(InvalidValue, match="in_channels"):
        layer(x[:, :1])
    with pytest.raises(InvalidValue, match="add must have the shape of the result"):
        layer(x, add=y[:, :, 1:])
    with pytest.raises(DtypeError, match="one dtype"):
        layer(x, add=y.astype(np.float64))
    with pytest.raises(InvalidValue, match="share memory"):
        layer(x, add=y, out=y)


def compare_pooled(case: ConvCase, pool: tuple[int, int]) -> None:
    """Pooled where it is computed, or afterwards: the same maxima at the same places, to the bit."""
    x, weight, bias, _ = case.arrays()
    y = PackedConv2d(weight, bias, **case.settings, activation="relu")(x)
    if y.shape[2] < pool[0] or y.shape[3] < pool[1]:
        return
    expected, places = ops.max_pool2d(y, pool, return_indices=True)
    layer = PackedConv2d(weight, bias, **case.settings, activation="relu", pool=pool)
    indices = np.empty(expected.shape, np.int32)
    np.testing.assert_array_equal(layer(x, out_indices=indices), expected)
    np.testing.assert_array_equal(indices, places)
    np.testing.assert_array_equal(layer(x), expected)
    overlapping = {"kernel_size": pool, "stride": 1, "ceil_mode": True}
    over = PackedConv2d(weight, bias, **case.settings, activation="relu", pool=overlapping)
    np.testing.assert_array_equal(over(x), ops.max_pool2d(y, **overlapping))
    grad = np.random.default_rng(5).normal(size=expected.shape).astype(case.dtype)
    spread = ops.max_pool2d_grad(grad, places, y.shape, kernel_size=pool, rectified=expected)
    kernel = weight.shape[2:]
    out = np.empty(weight.shape, case.dtype)
    settings = {**case.settings, "pool": pool, "out": out}
    assert ops.conv2d_pooled_grad_weight(x, grad, expected, indices, kernel, **settings) is out
    np.testing.assert_array_equal(out, ops.conv2d_grad_weight(x, spread, kernel, **case.settings))


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@pytest.mark.parametrize("pool", [(2, 2), (1, 3), (3, 2)])
def test_pooling_gives_the_bits_of_pooling_afterwards(core: str, pool: tuple[int, int]) -> None:
    drawn(40)(given(conv_cases())(lambda case: compare_pooled(case, pool)))()
    drawn(15)(given(large_conv_cases())(lambda case: compare_pooled(case, pool)))()


@pytest.mark.parametrize(
    ("shape", "k", "kernel", "settings"),
    [
        ((3, 32, 60, 64), 48, 3, {"padding": 1}),  # Winograd's tiles, in bands
        ((2, 3, 131, 90), 40, 7, {"padding": 3, "stride": 2}),  # strips
        ((1, 24, 66, 70), 32, 3, {"padding": 2, "dilation": 2}),
        ((2, 40, 70, 50), 40, 3, {"groups": 40}),
        ((2, 1, 150, 130), 6, 5, {}),  # planes
        ((1, 160, 28, 28), 256, 3, {"padding": 1}),  # weights too large for bands
        ((0, 3, 9, 9), 4, 3, {}),
        ((0, 4, 9, 9), 4, 3, {"groups": 4}),
    ],
)
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize(
    "pool",
    [
        {"kernel_size": 2, "stride": 2},
        {"kernel_size": 3, "stride": 2, "padding": 1},
        {"kernel_size": 3, "stride": 2, "ceil_mode": True},
        {"kernel_size": (4, 3), "stride": 1, "dilation": 2},
        {"kernel_size": 2, "stride": (3, 4)},
    ],
)
def test_bands_meet(
    core: str,
    shape: tuple[int, int, int, int],
    k: int,
    kernel: int,
    settings: dict[str, int],
    pool: dict[str, Any],
    threads: int,
    set_threads: Callable[[int], None],
) -> None:
    set_threads(threads)
    rng = np.random.default_rng(3)
    x = rng.normal(size=shape).astype(np.float32)
    weight = rng.normal(size=(k, shape[1] // settings.get("groups", 1), kernel, kernel)).astype(np.float32)
    y = PackedConv2d(weight, **settings)(x)
    expected, places = ops.max_pool2d(y, **pool, return_indices=True)
    out, indices = np.full(expected.shape, 7, np.float32), np.full(expected.shape, -7, np.int32)
    assert PackedConv2d(weight, **settings, pool=pool)(x, out=out, out_indices=indices) is out
    np.testing.assert_array_equal(out, expected)
    np.testing.assert_array_equal(indices, places)
    np.testing.assert_array_equal(PackedConv2d(weight, **settings, pool=pool)(x), expected)


def test_what_pooling_cannot_do(core: str) -> None:
    x, weight = np.ones((1, 1, 4, 4)), np.ones((1, 1, 3, 3))
    with pytest.raises(InvalidValue, match=r"PackedConv2d, pool: along the height.* 3 .* 2"):
        PackedConv2d(weight, pool=3)(x)
    with pytest.raises(InvalidValue, match="every window must see at least one pixel"):
        PackedConv2d(weight, pool={"kernel_size": 1, "padding": 1})(x)
    with pytest.raises(InvalidValue, match=r"pool must have a kernel_size, .* got size"):
        PackedConv2d(weight, pool={"size": 2})
    with pytest.raises(InvalidValue, match="pool must be at least 1"):
        PackedConv2d(weight, pool=0)
    with pytest.raises(InvalidValue, match="add cannot be had together with pool"):
        PackedConv2d(weight, pool=2)(x, add=np.ones((1, 1, 1, 1)))
    with pytest.raises(InvalidValue, match="out_indices are places of maxima"):
        PackedConv2d(weight)(x, out_indices=np.ones((1, 1, 2, 2), np.int32))
    y = np.ones((1, 1, 1, 1))
    for bad, message in (
        (np.ones((1, 1, 1, 1)), "indices must be int32"),
        (np.ones((1, 1, 2, 1), np.int32), "indices"),
    ):
        with pytest.raises((DtypeError, InvalidValue), match=message):
            ops.conv2d_pooled_grad_weight(x, y, y, bad, 3, pool=2)
