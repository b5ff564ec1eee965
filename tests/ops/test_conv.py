"""conv2d and its gradients against PyTorch, SciPy and finite differences, on both cores."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from scipy.signal import correlate2d

from convscope import ops
from convscope.errors import DtypeError, InvalidValue
from differences import check_gradient
from draws import ConvCase, conv_cases, drawn, in_memory, large_conv_cases
from oracle import tensor
from tolerance import assert_within, sum_bound


def torch_conv(case: ConvCase, x, weight, bias, grad=None):
    """y, dx, dweight, dbias of PyTorch; asymmetric padding is applied apart, "same" is PyTorch's own."""
    x, weight, bias = (None if a is None else tensor(a, leaf=True) for a in (x, weight, bias))
    padded, padding = x, case.padding
    if not isinstance(padding, str):
        (top, bottom), (left, right) = padding
        padded, padding = torch.nn.functional.pad(x, (left, right, top, bottom)), 0
    y = torch.nn.functional.conv2d(
        padded, weight, bias, stride=case.stride, padding=padding, dilation=case.dilation, groups=case.groups
    )
    if grad is None:
        return (y.detach().numpy(),)
    y.backward(tensor(grad))
    return tuple(None if a is None else a.numpy() for a in (y.detach(), x.grad, weight.grad))


def magnitudes(case: ConvCase, x, weight, bias, grad):
    """The sums of |products| behind y, dx and dweight, in float64."""
    wide = (None if a is None else np.abs(a).astype(np.float64) for a in (x, weight, bias, grad))
    return torch_conv(case, *wide)[:3]


def compare_with_pytorch(case: ConvCase) -> None:
    """Check y, dx, dweight and dbias against PyTorch, each within the bound of a direct sum."""
    x, weight, bias, rng = case.arrays()
    options = case.settings | {"algorithm": "direct"}
    y = ops.conv2d(x, weight, bias, **options)
    grad = in_memory(rng.normal(size=y.shape).astype(case.dtype), case.memory[2])
    dx = ops.conv2d_grad_input(grad, weight, x.shape, **options)
    dweight = ops.conv2d_grad_weight(x, grad, case.kernel, **options)
    expected = torch_conv(case, x, weight, bias, grad)
    y_size, dx_size, dweight_size = magnitudes(case, x, weight, bias, grad)
    taps = case.kernel[0] * case.kernel[1]
    cells = case.n * y.shape[2] * y.shape[3]
    c_in, c_out = case.c_in // case.groups, case.c_out // case.groups
    assert_within(y, expected[0], sum_bound(c_in * taps + 1, y_size, case.dtype), "y")
    assert_within(dx, expected[1], sum_bound(c_out * taps, dx_size, case.dtype), "dx")
    assert_within(dweight, expected[2], sum_bound(cells, dweight_size, case.dtype), "dweight")
    dbias = ops.conv2d_grad_bias(grad)
    bound = sum_bound(cells, np.abs(grad).sum(axis=(0, 2, 3), dtype=np.float64), case.dtype)
    assert_within(dbias, grad.sum(axis=(0, 2, 3)), bound, "dbias")


@pytest.mark.filterwarnings("ignore:Using padding='same'")
def test_agrees_with_pytorch_on_500_drawn_configurations(core: str) -> None:
    seen = set()

    @drawn(560)
    @given(conv_cases())
    def check(case: ConvCase) -> None:
        seen.add(case)
        compare_with_pytorch(case)

    check()
    assert len(seen) >= 500


def test_agrees_with_pytorch_on_sizes_that_fill_tiles(core: str) -> None:
    drawn(60)(given(large_conv_cases())(compare_with_pytorch))()


def test_agrees_with_scipy(core: str) -> None:
    rng = np.random.default_rng(0)
    for mode, padding in (("valid", 0), ("same", 1), ("full", 2)):
        x, weight = rng.normal(size=(1, 3, 9, 7)), rng.normal(size=(2, 3, 3, 3))
        y = ops.conv2d(x, weight, padding=padding)
        for o in range(2):
            expected = sum(correlate2d(x[0, c], weight[o, c], mode=mode) for c in range(3))
            size = sum(correlate2d(abs(x[0, c]), abs(weight[o, c]), mode=mode) for c in range(3))
            assert_within(y[0, o], expected, sum_bound(27, size, np.float64), mode)


@pytest.mark.parametrize("case", [
    {"x": (2, 3, 5, 4), "w": (4, 3, 3, 2)},
    {"x": (1, 2, 6, 5), "w": (3, 2, 2, 3), "stride": (2, 3), "padding": ((0, 1), (2, 1))},
    {"x": (2, 4, 5, 5), "w": (6, 2, 3, 3), "groups": 2, "padding": 1},
    {"x": (1, 3, 5, 6), "w": (3, 1, 3, 3), "groups": 3, "stride": 2, "padding": "same"},
    {"x": (1, 2, 7, 6), "w": (2, 2, 3, 2), "dilation": (2, 3)},
    {"x": (1, 1, 1, 1), "w": (1, 1, 3, 3), "padding": 1},
])  # fmt: skip
def test_gradients_are_those_of_finite_differences(core: str, case: dict) -> None:
    rng = np.random.default_rng(1)
    x, w = rng.normal(size=case["x"]), rng.normal(size=case["w"])
    options = {k: v for k, v in case.items() if k not in ("x", "w")}
    grad = rng.normal(size=ops.conv2d(x, w, **options).shape)
    terms = w[0].size * 4
    dx = ops.conv2d_grad_input(grad, w, x.shape, **options)
    check_gradient(lambda a: ops.conv2d(a, w, **options), x, grad, dx, terms=terms, linear=True, what="dx")
    dw = ops.conv2d_grad_weight(x, grad, w.shape[2:], **options)
    check_gradient(
        lambda a: ops.conv2d(x, a, **options), w, grad, dw, terms=terms, linear=True, what="dweight"
    )
    bias, db = rng.normal(size=w.shape[0]), ops.conv2d_grad_bias(grad)
    check_gradient(lambda a: ops.conv2d(x, w, a, **options), bias, grad, db, terms=terms, linear=True)


def test_an_empty_batch_gives_an_empty_result_and_zero_gradients(core: str) -> None:
    x, w = np.zeros((0, 2, 5, 5), np.float32), np.ones((3, 2, 3, 3), np.float32)
    y = ops.conv2d(x, w, np.ones(3, np.float32))
    assert y.shape == (0, 3, 3, 3)
    assert ops.conv2d_grad_input(y, w, x.shape).shape == x.shape
    assert np.array_equal(ops.conv2d_grad_weight(x, y, 3), np.zeros_like(w))
    assert np.array_equal(ops.conv2d_grad_bias(y), np.zeros(3, np.float32))


def test_a_one_pixel_image_and_a_huge_kernel(core: str) -> None:
    x = np.full((1, 1, 1, 1), 2.0)
    assert ops.conv2d(x, np.full((1, 1, 1, 1), 3.0)).item() == 6
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(1, 2, 40, 40)), rng.normal(size=(1, 2, 101, 101))
    y = ops.conv2d(x, w, padding=31)
    assert y.shape == (1, 1, 2, 2)
    expected = np.sum(x * w[:, :, 31:71, 31:71])  # the first window: 31 rows and columns of padding
    assert_within(
        y[0, 0, 0, 0], expected, sum_bound(x.size, np.sum(np.abs(x * w[:, :, 31:71, 31:71])), w.dtype)
    )


def test_broadcast_arrays_are_taken(core: str) -> None:
    """Arrays whose strides are 0, as a gradient that is the same everywhere is often made."""
    x = np.broadcast_to(np.arange(5.0, dtype=np.float32), (2, 3, 4, 5))
    w = np.broadcast_to(np.float32(0.5), (4, 3, 3, 3))
    y = ops.conv2d(x, w)
    assert np.array_equal(y, ops.conv2d(x.copy(), w.copy()))
    grad = np.broadcast_to(np.float32(1), y.shape)
    assert np.array_equal(
        ops.conv2d_grad_input(grad, w, x.shape), ops.conv2d_grad_input(grad.copy(), w, x.shape)
    )
    assert np.array_equal(ops.conv2d_grad_weight(x, grad, 3), ops.conv2d_grad_weight(x, grad.copy(), 3))
    assert np.array_equal(ops.conv2d_grad_bias(grad), np.full(4, 12, np.float32))


def test_results_are_channels_last_in_memory(core: str) -> None:
    x, w = np.ones((2, 3, 5, 6), np.float32), np.ones((4, 3, 3, 3), np.float32)
    y = ops.conv2d(x, w)
    assert y.transpose(0, 2, 3, 1).flags.c_contiguous
    assert ops.conv2d_grad_input(y, w, x.shape).transpose(0, 2, 3, 1).flags.c_contiguous
    assert ops.conv2d_grad_weight(x, y, 3).flags.c_contiguous


@pytest.mark.parametrize("memory", ["C", "channels last", "slice"])
def test_out_is_written_and_returned(core: str, memory: str) -> None:
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(2, 3, 5, 6)), rng.normal(size=(4, 3, 3, 3))
    y = ops.conv2d(x, w)
    out = in_memory(np.full(y.shape, np.nan), memory)
    assert ops.conv2d(x, w, out=out) is out
    assert np.array_equal(out, y)
    dx, dw = in_memory(np.full(x.shape, np.nan), memory), in_memory(np.full(w.shape, np.nan), memory)
    assert ops.conv2d_grad_input(y, w, x.shape, out=dx) is dx
    assert np.array_equal(dx, ops.conv2d_grad_input(y, w, x.shape))
    assert ops.conv2d_grad_weight(x, y, 3, out=dw) is dw
    assert np.array_equal(dw, ops.conv2d_grad_weight(x, y, 3))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_nan_and_infinity_pass_through(core: str, value: float) -> None:
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(1, 2, 6, 6)).astype(np.float32), rng.normal(size=(3, 2, 3, 3)).astype(np.float32)
    x[0, 1, 2, 4] = value
    w[2, 1] = 0  # 0 times infinity is NaN
    y = ops.conv2d(x, w, algorithm="direct")
    for o, i, j in np.ndindex(3, 4, 4):
        with np.errstate(invalid="ignore"):
            expected = np.sum(x[0, :, i : i + 3, j : j + 3] * w[o])
        assert np.isfinite(y[0, o, i, j]) == np.isfinite(expected)
        if not np.isfinite(expected):
            assert np.array_equal(y[0, o, i, j], expected, equal_nan=True)


F32 = np.float32


@pytest.mark.parametrize(("x", "w", "options", "message"), [
    ((1, 6, 9, 9), (8, 1, 3, 3), {"groups": 4},
     r"^conv2d: in_channels must be groups \* weight.shape\[1\]; got in_channels=6, groups=4, weight.shape="),
    ((1, 4, 9, 9), (3, 2, 3, 3), {"groups": 2}, "groups must divide in_channels and out_channels"),
    ((1, 2, 9, 9), (3, 2, 3, 3), {"groups": 0}, "groups must be at least 1"),
    ((4, 9, 9), (3, 4, 3, 3), {}, r"x must have the axes \(N, C, H, W\); got x.shape=\(4, 9, 9\)"),
    ((1, 4, 9, 9), (3, 4, 3), {}, "weight must have the axes"),
    ((1, 2, 0, 9), (3, 2, 3, 3), {}, "only the batch may be of size 0"),
    ((1, 0, 9, 9), (3, 0, 3, 3), {}, "only the batch may be of size 0"),
    ((1, 2, 4, 9), (3, 2, 7, 3), {"padding": 1},
     "along the height, kernel 7 must not be larger than the padded input, 6 pixels .* kernel 6, padding 2"),
    ((1, 2, 9, 4), (3, 2, 3, 3), {"dilation": 2}, "along the width, kernel 3 with dilation 2 spans 5"),
    ((1, 2, 9, 9), (3, 2, 3, 3), {"stride": 0}, "stride must be at least 1"),
    ((1, 2, 9, 9), (3, 2, 3, 3), {"stride": (1, 2, 3)}, "stride must be one number or"),
    ((1, 2, 9, 9), (3, 2, 3, 3), {"padding": -1}, "padding must be at least 0"),
    ((1, 2, 9, 9), (3, 2, 3, 3), {"padding": "full"}, "'same', 'same_lower' or 'valid'; got 'full'"),
    ((1, 2, 9, 9), (3, 2, 3, 3), {"padding": (1, 2, 3)}, "padding must be a number"),
    ((1, 2, 9, 9), (3, 2, 3, 3), {"algorithm": "fft"}, "algorithm must be one of auto, direct, winograd"),
])  # fmt: skip
def test_wrong_shapes_and_settings_are_one_clear_error(x, w, options, message) -> None:
    with pytest.raises(InvalidValue, match=message) as caught:
        ops.conv2d(np.zeros(x, F32), np.zeros(w, F32), **options)
    assert "\n" not in str(caught.value)


def test_wrong_types_are_one_clear_error() -> None:
    x, w = np.zeros((1, 2, 9, 9), F32), np.zeros((3, 2, 3, 3), F32)
    with pytest.raises(DtypeError, match=r"x and weight must have one dtype; got float32 and float64"):
        ops.conv2d(x, w.astype(np.float64))
    with pytest.raises(
        DtypeError, match=r"x must be float32 or float64.*\|u1; x.astype\(np.float32\) would do"
    ):
        ops.conv2d(x.astype(np.uint8), w)
    with pytest.raises(DtypeError, match="x must be a NumPy array; got list"):
        ops.conv2d(x.tolist(), w)
    with pytest.raises(DtypeError, match=r"stride must be a whole number; got 1\.5"):
        ops.conv2d(x, w, stride=1.5)
    with pytest.raises(DtypeError, match="native byte order"):
        ops.conv2d(x.astype(x.dtype.newbyteorder()), w)
    with pytest.raises(TypeError, match="whole number"):
        ops.conv2d(x, w, padding=(1.0, 1))


def test_wrong_companions_are_one_clear_error() -> None:
    x, w = np.zeros((1, 2, 9, 9), F32), np.zeros((3, 2, 3, 3), F32)
    with pytest.raises(
        InvalidValue, match=r"bias must have one value for each filter, 3; got bias.shape=\(2,\)"
    ):
        ops.conv2d(x, w, np.zeros(2, F32))
    with pytest.raises(InvalidValue, match=r"out must have the shape of the result, \(1, 3, 7, 7\)"):
        ops.conv2d(x, w, out=np.zeros((1, 3, 8, 7), F32))
    with pytest.raises(DtypeError, match="out must be a NumPy array of float32"):
        ops.conv2d(x, w, out=np.zeros((1, 3, 7, 7)))
    with pytest.raises(InvalidValue, match="out must be writable"):
        ops.conv2d(x, w, out=np.broadcast_to(np.float32(0), (1, 3, 7, 7)))
    same = np.zeros((1, 3, 9, 9), F32)
    with pytest.raises(InvalidValue, match="out must not share memory with an input"):
        ops.conv2d(same, np.zeros((3, 3, 3, 3), F32), padding=1, out=same)
    with pytest.raises(InvalidValue, match=r"grad must have the shape of the output, \(1, 3, 7, 7\)"):
        ops.conv2d_grad_input(np.zeros((1, 3, 6, 7), F32), w, x.shape)
    with pytest.raises(InvalidValue, match="grad must have the shape of the output"):
        ops.conv2d_grad_weight(x, np.zeros((1, 3, 6, 7), F32), 3)
    with pytest.raises(InvalidValue, match=r"input_shape must be \(N, C, H, W\); got 5"):
        ops.conv2d_grad_input(np.zeros((1, 3, 6, 7), F32), w, 5)


def test_interleaved_slices_of_one_buffer_do_not_share_memory(core: str) -> None:
    both = np.zeros((1, 4, 5, 5), F32)
    x, out = both[:, ::2], both[:, 1::2]
    x[...] = 1
    ops.conv2d(x, np.ones((2, 2, 1, 1), F32), out=out)
    assert (both[:, 1::2] == 2).all()
    assert (both[:, ::2] == 1).all()
