"""Pooling and its gradients against PyTorch and finite differences, on both cores."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from torch.nn import functional

from convscope import ops
from convscope.errors import DtypeError, InvalidValue
from differences import check_gradient
from draws import PoolCase, drawn, in_memory, pool_cases
from oracle import tensor
from tolerance import assert_within, sum_bound


def padded(case: PoolCase, x: torch.Tensor, value: float) -> torch.Tensor:
    (top, bottom), (left, right) = case.padding
    return functional.pad(x, (left, right, top, bottom), value=value)


def settings(case: PoolCase, dilation: bool) -> dict:
    options = {"stride": case.stride, "padding": case.padding, "ceil_mode": case.ceil_mode}
    return options | ({"dilation": case.dilation} if dilation else {})


def torch_max_pool(case: PoolCase, x: torch.Tensor) -> tuple[torch.Tensor, np.ndarray]:
    """y and indices; padding that PyTorch refuses is applied apart, which may add windows at the end."""
    options = {"stride": case.stride, "dilation": case.dilation, "ceil_mode": case.ceil_mode}
    if case.symmetric:
        padding = tuple(before for before, _ in case.padding)
        y, index = functional.max_pool2d(x, case.kernel, padding=padding, return_indices=True, **options)
        return y, index.numpy()
    wide = padded(case, x, -torch.inf)
    y, index = functional.max_pool2d(wide, case.kernel, return_indices=True, **options)
    (top, _), (left, _) = case.padding
    row, column = np.divmod(index.numpy(), wide.shape[3])
    return y, (row - top) * case.w + column - left


def test_max_pool_equals_pytorch_on_500_drawn_configurations(core: str) -> None:
    seen = set()

    @drawn(560)
    @given(pool_cases(dilated=True))
    def check(case: PoolCase) -> None:
        seen.add(case)
        x, rng = case.array()
        y, indices = ops.max_pool2d(x, case.kernel, return_indices=True, **settings(case, True))
        leaf = tensor(x, leaf=True)
        expected, places = torch_max_pool(case, leaf)
        cells = (..., slice(y.shape[2]), slice(y.shape[3]))
        if case.symmetric:
            assert y.shape == expected.shape
        assert y.dtype == x.dtype
        assert indices.dtype == np.int32
        assert np.array_equal(y, expected.detach().numpy()[cells])
        assert np.array_equal(indices, places[cells])
        grad = in_memory(rng.normal(size=y.shape).astype(case.dtype), case.memory[1])
        expected[cells].backward(tensor(grad))
        dx = ops.max_pool2d_grad(grad, indices, x.shape)
        # a pixel may win all of its windows
        terms = case.kernel[0] * case.kernel[1]
        size = ops.max_pool2d_grad(np.abs(grad).astype(np.float64), indices, x.shape)
        assert_within(dx, leaf.grad.numpy(), sum_bound(terms, size, case.dtype), "dx")
        windows = {"kernel_size": case.kernel, **settings(case, True)}
        assert np.array_equal(ops.max_pool2d_grad(grad, indices, x.shape, **windows), dx), "windows are known"
        masked = ops.max_pool2d_grad(np.where(y > 0, grad, 0).astype(y.dtype), indices, x.shape)
        rectified = ops.max_pool2d_grad(grad, indices, x.shape, **windows, rectified=y)
        assert np.array_equal(rectified, masked), "of a ReLU"

    check()
    assert len(seen) >= 500


@pytest.mark.parametrize("channels", [1, 6, 16, 35])
@pytest.mark.parametrize(
    ("kernel", "stride", "size"), [(2, 2, (9, 12)), ((2, 1), (3, 2), (7, 5)), (1, 1, (3, 4))]
)
def test_windows_apart_write_every_pixel_and_no_more(
    core: str, channels: int, kernel: object, stride: object, size: tuple[int, int]
) -> None:
    x = np.random.default_rng(0).normal(size=(3, channels, *size)).astype(np.float32)
    y, indices = ops.max_pool2d(x, kernel, stride=stride, return_indices=True)
    memory = np.full((x.size + 64,), np.nan, np.float32)
    out = memory[:-64].reshape(3, *size, channels).transpose(0, 3, 1, 2)
    ops.max_pool2d_grad(y, indices, x.shape, kernel_size=kernel, stride=stride, out=out)
    assert np.array_equal(out, ops.max_pool2d_grad(y, indices, x.shape))
    assert np.isnan(memory[-64:]).all()
    indices[2, channels - 1, -1, -1] = size[0] * size[1]
    with pytest.raises(InvalidValue, match="indices must be from 0 to"):
        ops.max_pool2d_grad(y, indices, x.shape, kernel_size=kernel, stride=stride)


def torch_avg_pool(case: PoolCase, x: torch.Tensor) -> torch.Tensor:
    options = {"stride": case.stride, "ceil_mode": case.ceil_mode}
    if case.symmetric:
        padding = tuple(before for before, _ in case.padding)
        return functional.avg_pool2d(
            x, case.kernel, padding=padding, count_include_pad=case.count_include_pad, **options
        )
    wide = padded(case, x, 0)
    if case.count_include_pad:
        return functional.avg_pool2d(wide, case.kernel, **options)
    ones = padded(case, torch.ones_like(x), 0)
    sums = functional.avg_pool2d(wide, case.kernel, divisor_override=1, **options)
    return sums / functional.avg_pool2d(ones, case.kernel, divisor_override=1, **options).clamp(min=1)


def test_avg_pool_agrees_with_pytorch_on_500_drawn_configurations(core: str) -> None:
    seen = set()

    @drawn(560)
    @given(pool_cases(dilated=False))
    def check(case: PoolCase) -> None:
        seen.add(case)
        x, rng = case.array()
        options = settings(case, False) | {"count_include_pad": case.count_include_pad}
        y = ops.avg_pool2d(x, case.kernel, **options)
        leaf, wide = tensor(x, leaf=True), tensor(np.abs(x).astype(np.float64), leaf=True)
        expected, size = torch_avg_pool(case, leaf), torch_avg_pool(case, wide)
        cells = (..., slice(y.shape[2]), slice(y.shape[3]))
        if case.symmetric:
            assert y.shape == expected.shape
        terms = case.kernel[0] * case.kernel[1] + 2  # the sum, the division and the count's
        bound = sum_bound(terms, size.detach().numpy()[cells], case.dtype)
        assert_within(y, expected.detach().numpy()[cells], bound, "y")
        grad = in_memory(rng.normal(size=y.shape).astype(case.dtype), case.memory[1])
        expected[cells].backward(tensor(grad))
        size[cells].backward(tensor(np.abs(grad).astype(np.float64)))
        dx = ops.avg_pool2d_grad(grad, x.shape, case.kernel, **options)
        assert_within(dx, leaf.grad.numpy(), sum_bound(terms, wide.grad.numpy(), case.dtype), "dx")

    check()
    assert len(seen) >= 500


@pytest.mark.parametrize("options", [
    {"kernel_size": 2},
    {"kernel_size": (3, 2), "stride": (1, 2), "padding": ((1, 0), (0, 1)), "ceil_mode": True},
    {"kernel_size": 3, "stride": 2, "padding": "same"},
])  # fmt: skip
def test_gradients_are_those_of_finite_differences(core: str, options: dict) -> None:
    rng = np.random.default_rng(2)
    x = rng.permutation(2 * 2 * 6 * 5).reshape(2, 2, 6, 5).astype(np.float64)  # no two equal
    y, indices = ops.max_pool2d(x, return_indices=True, **options)
    grad = rng.normal(size=y.shape)
    dx = ops.max_pool2d_grad(grad, indices, x.shape)
    check_gradient(lambda a: ops.max_pool2d(a, **options), x, grad, dx, terms=9, linear=True, what="max")
    for count in (True, False):
        more = options | {"count_include_pad": count}
        dx = ops.avg_pool2d_grad(grad, x.shape, **more)
        check_gradient(
            lambda a, m=more: ops.avg_pool2d(a, **m), x, grad, dx, terms=12, linear=True, what="avg"
        )
    grad = rng.normal(size=(2, 2, 1, 1))
    dx = ops.global_avg_pool2d_grad(grad, x.shape)
    check_gradient(ops.global_avg_pool2d, x, grad, dx, terms=40, linear=True, what="global")


@pytest.mark.parametrize("memory", ["C", "channels last", "slice", "negative", "transposed"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_global_average_is_the_mean(core: str, memory: str, dtype: str) -> None:
    x = in_memory(np.random.default_rng(0).normal(size=(3, 5, 7, 4)).astype(dtype), memory)
    bound = sum_bound(30, np.abs(x).mean(axis=(2, 3), keepdims=True, dtype=np.float64), dtype)
    assert_within(ops.global_avg_pool2d(x), x.mean(axis=(2, 3), keepdims=True), bound)
    grad = in_memory(np.random.default_rng(1).normal(size=(3, 5, 1, 1)).astype(dtype), memory)
    dx = ops.global_avg_pool2d_grad(grad, x.shape)
    assert_within(dx, np.broadcast_to(grad / grad.dtype.type(28), x.shape), sum_bound(2, np.abs(grad), dtype))


def test_the_first_of_equal_values_wins(core: str) -> None:
    y, indices = ops.max_pool2d(np.zeros((1, 1, 4, 4), np.float32), 2, return_indices=True)
    assert (y == 0).all()
    assert indices[0, 0].tolist() == [[0, 2], [8, 10]]


def test_padding_never_wins(core: str) -> None:
    x = np.full((1, 1, 3, 3), -np.inf)
    y, indices = ops.max_pool2d(x, 3, stride=1, padding=1, return_indices=True)
    assert (y == -np.inf).all()
    assert indices.min() >= 0
    assert (ops.max_pool2d(np.full((1, 1, 3, 3), -5.0), 3, stride=1, padding=1) == -5).all()


@pytest.mark.filterwarnings("error")
def test_nan_and_infinity_pass_through(core: str) -> None:
    x = np.zeros((1, 1, 4, 8), np.float32)
    x[0, 0, 0, 0], x[0, 0, 0, 2], x[0, 0, 0, 4], x[0, 0, 1, 5] = np.nan, np.inf, -np.inf, np.inf
    assert np.array_equal(ops.max_pool2d(x, 2)[0, 0, 0], [np.nan, np.inf, np.inf, 0], equal_nan=True)
    assert np.array_equal(ops.avg_pool2d(x, 2)[0, 0, 0], [np.nan, np.inf, np.nan, 0], equal_nan=True)
    assert np.isnan(ops.global_avg_pool2d(x)).all()
    _, indices = ops.max_pool2d(x, 2, return_indices=True)
    assert indices[0, 0, 0, 0] == 0


def test_an_empty_batch_and_a_pixel(core: str) -> None:
    x = np.zeros((0, 2, 4, 4), np.float32)
    y, indices = ops.max_pool2d(x, 2, return_indices=True)
    assert y.shape == indices.shape == (0, 2, 2, 2)
    assert ops.max_pool2d_grad(y, indices, x.shape).shape == x.shape
    assert ops.avg_pool2d(x, 2).shape == (0, 2, 2, 2)
    assert ops.avg_pool2d_grad(y, x.shape, 2).shape == x.shape
    assert ops.global_avg_pool2d(x).shape == (0, 2, 1, 1)
    pixel = np.full((1, 1, 1, 1), 3.0)
    assert ops.max_pool2d(pixel, 1).item() == ops.avg_pool2d(pixel, 1).item() == 3
    assert ops.avg_pool2d(pixel, 3, padding=1).item() == 3 / 9


def test_out_is_written_and_returned(core: str) -> None:
    x = np.random.default_rng(0).normal(size=(2, 3, 5, 6))
    y, indices = ops.max_pool2d(x, 2, return_indices=True)
    out, back = np.full(y.shape, np.nan), np.full(x.shape, np.nan)
    assert ops.max_pool2d(x, 2, out=out) is out
    assert np.array_equal(out, y)
    again, _ = ops.max_pool2d(x, 2, out=out, return_indices=True)
    assert again is out
    assert ops.max_pool2d_grad(y, indices, x.shape, out=back) is back
    assert np.array_equal(back, ops.max_pool2d_grad(y, indices, x.shape))
    assert ops.avg_pool2d(x, 2, out=out) is out
    assert np.array_equal(out, ops.avg_pool2d(x, 2))
    assert ops.avg_pool2d_grad(y, x.shape, 2, out=back) is back
    assert np.array_equal(back, ops.avg_pool2d_grad(y, x.shape, 2))


def test_results_are_channels_last_in_memory(core: str) -> None:
    x = np.zeros((2, 3, 5, 6), np.float32)
    y, indices = ops.max_pool2d(x, 2, return_indices=True)
    dx = ops.max_pool2d_grad(y, indices, x.shape)
    for result in (y, dx, ops.avg_pool2d(x, 2), ops.avg_pool2d_grad(y, x.shape, 2)):
        assert result.transpose(0, 2, 3, 1).flags.c_contiguous


@pytest.mark.parametrize(("shape", "options", "message"), [
    ((1, 1, 3, 9), {"kernel_size": 5}, "max_pool2d: along the height, kernel 5 must not be larger"),
    ((1, 1, 9, 9), {"kernel_size": 2, "padding": 3, "stride": 1},
     "every window must see at least one pixel; along the height, 9, window 0 sees padding only"),
    ((1, 1, 1, 9), {"kernel_size": (2, 1), "dilation": 2, "padding": (1, 0)}, "window 0 sees padding only"),
    ((1, 1, 9, 9), {"kernel_size": 2, "padding": ((0, 4), (0, 0))}, "window 5 sees padding only"),
    ((1, 1, 9, 9), {"kernel_size": 0}, "kernel_size must be at least 1"),
    ((1, 9, 9), {"kernel_size": 2}, "x must have the axes"),
])  # fmt: skip
def test_wrong_settings_are_one_clear_error(shape, options, message) -> None:
    with pytest.raises(InvalidValue, match=message):
        ops.max_pool2d(np.zeros(shape), **options)


def test_wrong_companions_are_one_clear_error() -> None:
    grad, indices = np.zeros((1, 1, 2, 2)), np.zeros((1, 1, 2, 2), np.int32)
    with pytest.raises(DtypeError, match="indices must be int32"):
        ops.max_pool2d_grad(grad, indices.astype(np.int64), (1, 1, 4, 4))
    with pytest.raises(InvalidValue, match="indices must have the shape of grad"):
        ops.max_pool2d_grad(grad, indices[:, :, :1], (1, 1, 4, 4))
    with pytest.raises(InvalidValue, match=r"indices must be from 0 to H\*W - 1 = 15; got 0 to 16"):
        ops.max_pool2d_grad(grad, indices + np.arange(0, 17, 16, dtype=np.int32), (1, 1, 4, 4))
    with pytest.raises(InvalidValue, match="grad must have the shape of the output"):
        ops.max_pool2d_grad(grad, indices, (1, 2, 4, 4))
    with pytest.raises(InvalidValue, match="grad must have the shape of the output"):
        ops.avg_pool2d_grad(grad, (1, 1, 6, 4), 2)
    with pytest.raises(InvalidValue, match="grad must have the shape of the output"):
        ops.global_avg_pool2d_grad(grad, (1, 1, 6, 4))
