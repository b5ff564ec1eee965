"""conv_transpose2d and its gradients against PyTorch and finite differences, on both cores."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from convscope import ops
from convscope.errors import DtypeError, InvalidValue
from differences import check_gradient
from draws import MEMORY, drawn, in_memory
from tolerance import assert_within, sum_bound


@dataclass(frozen=True)
class Case:
    """A transposed convolution: the axes by name and the settings."""

    n: int
    c_in: int
    c_out: int
    size: tuple[int, int]
    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]
    output_padding: tuple[int, int]
    dilation: tuple[int, int]
    groups: int
    bias: bool
    dtype: str
    memory: str
    seed: int

    @property
    def settings(self) -> dict[str, object]:
        names = ("stride", "padding", "output_padding", "dilation", "groups")
        return {name: getattr(self, name) for name in names}

    def arrays(self):
        rng = np.random.default_rng(self.seed)
        x = rng.normal(size=(self.n, self.c_in, *self.size)).astype(self.dtype)
        weight = rng.normal(size=(self.c_in, self.c_out // self.groups, *self.kernel)).astype(self.dtype)
        bias = rng.normal(size=self.c_out).astype(self.dtype) if self.bias else None
        return in_memory(x, self.memory), in_memory(weight, self.memory), bias, rng


_pair = lambda low, high: st.tuples(st.integers(low, high), st.integers(low, high))  # noqa: E731


@st.composite
def cases(draw: st.DrawFn) -> Case:
    groups = draw(st.integers(1, 3))
    kernel, stride, dilation = draw(_pair(1, 4)), draw(_pair(1, 3)), draw(_pair(1, 3))
    extra = tuple(draw(st.integers(0, max(stride[a], dilation[a]) - 1)) for a in (0, 1))
    size, padding = list(draw(_pair(1, 5))), draw(_pair(0, 3))
    for a in (0, 1):  # as many pixels as leave something that a kernel reaches
        span = dilation[a] * (kernel[a] - 1) + 1
        while (size[a] - 1) * stride[a] + span - 2 * padding[a] < 1:
            size[a] += 1
    return Case(
        n=draw(st.integers(1, 2)),
        c_in=groups * draw(st.integers(1, 3)),
        c_out=groups * draw(st.integers(1, 3)),
        size=(size[0], size[1]),
        kernel=kernel,
        stride=stride,
        padding=padding,
        output_padding=(extra[0], extra[1]),
        dilation=dilation,
        groups=groups,
        bias=draw(st.booleans()),
        dtype=draw(st.sampled_from(["float32", "float64"])),
        memory=draw(st.sampled_from(MEMORY)),
        seed=draw(st.integers(0, 2**32 - 1)),
    )


def torch_transpose(case: Case, x, weight, bias, grad):
    """y, dx and dweight of PyTorch."""
    x, weight, bias = (
        None if a is None else torch.tensor(np.ascontiguousarray(a)) for a in (x, weight, bias)
    )
    x.requires_grad_(), weight.requires_grad_()
    y = torch.nn.functional.conv_transpose2d(x, weight, bias, **case.settings)
    y.backward(torch.tensor(np.ascontiguousarray(grad)))
    return y.detach().numpy(), x.grad.numpy(), weight.grad.numpy()


def test_agrees_with_pytorch_on_drawn_configurations(core: str) -> None:
    @drawn(200)
    @given(cases())
    def check(case: Case) -> None:
        x, weight, bias, rng = case.arrays()
        y = ops.conv_transpose2d(x, weight, bias, algorithm="direct", **case.settings)
        grad = in_memory(rng.normal(size=y.shape).astype(case.dtype), case.memory)
        dx = ops.conv_transpose2d_grad_input(grad, weight, x.shape, algorithm="direct", **case.settings)
        dweight = ops.conv_transpose2d_grad_weight(x, grad, case.kernel, algorithm="direct", **case.settings)
        expected = torch_transpose(case, x, weight, bias, grad)
        wide = (None if a is None else np.abs(a).astype(np.float64) for a in (x, weight, bias, grad))
        sizes = torch_transpose(case, *wide)
        taps = case.kernel[0] * case.kernel[1]
        cells = case.n * case.size[0] * case.size[1]
        c_in, c_out = case.c_in // case.groups, case.c_out // case.groups
        for what, actual, right, size, terms in zip(
            ("y", "dx", "dweight"),
            (y, dx, dweight),
            expected,
            sizes,
            (c_in * taps + 1, c_out * taps, cells),
            strict=True,
        ):
            assert_within(actual, right, sum_bound(terms, size, case.dtype), what)

    check()


@pytest.mark.parametrize(
    "case",
    [
        {"x": (2, 3, 3, 2), "w": (3, 2, 3, 2)},
        {
            "x": (1, 2, 3, 4),
            "w": (2, 3, 2, 3),
            "stride": (2, 3),
            "padding": ((0, 1), (2, 1)),
            "output_padding": (1, 2),
        },
        {"x": (2, 4, 2, 3), "w": (4, 2, 3, 3), "groups": 2, "padding": 1, "dilation": (2, 1)},
        {"x": (1, 2, 2, 2), "w": (2, 1, 2, 2), "dilation": 3, "output_padding": 2},
        {"x": (1, 2, 3, 3), "w": (2, 2, 3, 3), "stride": 2, "padding": "same"},
    ],
)
def test_gradients_are_those_of_finite_differences(core: str, case: dict) -> None:
    rng = np.random.default_rng(1)
    x, w = rng.normal(size=case["x"]), rng.normal(size=case["w"])
    options = {k: v for k, v in case.items() if k not in ("x", "w")}
    y = ops.conv_transpose2d(x, w, **options)
    grad = rng.normal(size=y.shape)
    terms = w[:, 0].size * 4
    dx = ops.conv_transpose2d_grad_input(grad, w, x.shape, **options)
    check_gradient(lambda a: ops.conv_transpose2d(a, w, **options), x, grad, dx, terms=terms, linear=True)
    dw = ops.conv_transpose2d_grad_weight(x, grad, w.shape[2:], **options)
    check_gradient(lambda a: ops.conv_transpose2d(x, a, **options), w, grad, dw, terms=terms, linear=True)
    bias = rng.normal(size=y.shape[1])
    db = ops.conv2d_grad_bias(grad)
    check_gradient(
        lambda a: ops.conv_transpose2d(x, w, a, **options), bias, grad, db, terms=terms, linear=True
    )


def test_same_gives_size_times_stride_and_out_is_written(core: str) -> None:
    x, w = np.ones((1, 2, 3, 4)), np.ones((2, 3, 3, 3))
    for padding in ("same", "same_lower"):
        assert ops.conv_transpose2d(x, w, stride=2, padding=padding).shape == (1, 3, 6, 8)
    out = np.full((1, 3, 7, 9), np.nan)
    assert ops.conv_transpose2d(x, w, np.ones(3), stride=2, out=out) is out
    assert np.array_equal(out, ops.conv_transpose2d(x, w, np.ones(3), stride=2))
    assert ops.conv_transpose2d(x, w).transpose(0, 2, 3, 1).flags.c_contiguous


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nan_and_infinity_stay_where_kernels_carry_them(core: str, value: float) -> None:
    x, w = np.ones((1, 1, 3, 3)), np.ones((1, 1, 2, 2))
    x[0, 0, 1, 1] = value
    y = ops.conv_transpose2d(x, w, stride=2, algorithm="direct")
    assert not np.isfinite(y[0, 0, 2:4, 2:4]).any()
    assert np.isfinite(y).sum() == 32


@pytest.mark.parametrize(
    ("x", "w", "options", "message"),
    [
        (
            (1, 3, 4, 4),
            (2, 3, 3, 3),
            {},
            r"in_channels must be weight.shape\[0\]; got in_channels=3, weight.shape=\(2, 3",
        ),
        (
            (1, 3, 4, 4),
            (3, 2, 3, 3),
            {"groups": 2},
            "groups must divide in_channels; got groups=2, in_channels=3",
        ),
        (
            (1, 2, 4, 4),
            (2, 2, 3, 3),
            {"stride": 2, "output_padding": 2},
            "along the height, output_padding must be less than the stride or the dilation",
        ),
        ((1, 2, 1, 1), (2, 2, 3, 3), {"padding": 2}, "must leave at least one pixel of 3"),
        (
            (1, 2, 1, 1),
            (2, 2, 1, 1),
            {"dilation": 4, "output_padding": 3, "padding": ((1, 0), (1, 0))},
            "padding must leave a pixel that the kernel reaches",
        ),
        ((1, 2, 4, 4), (2, 2, 3, 3), {"padding": (1, 1, 1)}, "padding must be a number"),
        ((2, 4, 4), (2, 2, 3, 3), {}, "x must have the axes"),
        ((1, 2, 4, 4), (2, 2, 3), {}, "weight must have the axes"),
    ],
)
def test_wrong_shapes_and_settings_are_one_clear_error(x, w, options, message) -> None:
    with pytest.raises(InvalidValue, match=message) as caught:
        ops.conv_transpose2d(np.zeros(x), np.zeros(w), **options)
    assert "\n" not in str(caught.value)


def test_wrong_companions_are_one_clear_error() -> None:
    x, w = np.zeros((1, 2, 4, 4)), np.zeros((2, 3, 3, 3))
    with pytest.raises(InvalidValue, match="bias must have one value for each output channel, 3"):
        ops.conv_transpose2d(x, w, np.zeros(2))
    with pytest.raises(InvalidValue, match=r"grad must have the shape of the output, \(1, 3, 6, 6\)"):
        ops.conv_transpose2d_grad_input(np.zeros((1, 3, 5, 6)), w, x.shape)
    with pytest.raises(InvalidValue, match="groups must divide in_channels and out_channels"):
        ops.conv_transpose2d_grad_weight(x, np.zeros((1, 3, 6, 6)), 3, groups=2)
    with pytest.raises(DtypeError, match="one dtype"):
        ops.conv_transpose2d(x, w.astype(np.float32))
