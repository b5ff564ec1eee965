"""Padding, resizing, p-norm pooling and response normalisation against PyTorch and ONNX Runtime."""

from __future__ import annotations

import itertools

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper
from torch.nn import functional as F

from convscope import ops
from convscope.errors import DtypeError, InvalidValue
from convscope.ops.pad import PAD_MODES
from differences import check_gradient
from draws import MEMORY, drawn, in_memory
from tolerance import assert_within, gamma, sum_bound


def run_onnx(
    kind: str, x: np.ndarray, *constants: np.ndarray | None, opset: int = 19, **attributes
) -> np.ndarray:
    """Run one operator on ONNX Runtime; None is an optional input left out."""
    names = [f"c{i}" if c is not None else "" for i, c in enumerate(constants)]
    node = helper.make_node(kind, ["x", *names], ["y"], **attributes)
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, x.shape)]
    given = [onnx.numpy_helper.from_array(c, n) for c, n in zip(constants, names, strict=True) if n]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)]
    graph = helper.make_graph([node], "one", inputs, outputs, given)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 4
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])
    return session.run(None, {"x": x})[0]


def backward(function, x: np.ndarray, grad: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Output and input gradient of PyTorch."""
    wide = torch.tensor(np.ascontiguousarray(x), requires_grad=True)
    y = function(wide)
    y.backward(torch.tensor(np.ascontiguousarray(grad)))
    return y.detach().numpy(), wide.grad.numpy()


_sizes = st.tuples(st.integers(1, 2), st.integers(1, 3), st.integers(1, 6), st.integers(1, 6))


def test_padding_agrees_with_pytorch(core: str) -> None:
    @drawn(80)
    @given(st.data(), _sizes, st.sampled_from(PAD_MODES), st.sampled_from(["float32", "float64"]))
    def check(data, shape, mode: str, dtype: str) -> None:
        most = [{"reflect": n - 1, "circular": n}.get(mode, 4) for n in shape[2:]]
        (top, bottom), (left, right) = padding = [
            data.draw(st.tuples(st.integers(0, m), st.integers(0, m))) for m in most
        ]
        rng = np.random.default_rng(data.draw(st.integers(0, 99)))
        x = in_memory(rng.normal(size=shape).astype(dtype), data.draw(st.sampled_from(MEMORY)))
        value = {"value": 1.5} if mode == "constant" else {}
        y = ops.pad2d(x, padding, mode=mode, **value)
        grad = rng.normal(size=y.shape).astype(dtype)
        expected, dx = backward(lambda a: F.pad(a, (left, right, top, bottom), mode, **value), x, grad)
        assert np.array_equal(y, expected)
        # no pixel has more copies than the result has pixels
        bound = sum_bound(y[0, 0].size, np.abs(grad).sum(axis=(2, 3), keepdims=True, dtype=np.float64), dtype)
        assert_within(ops.pad2d_grad(grad, padding, mode=mode), dx, bound, mode)

    check()


def test_padding_takes_the_names_of_numpy_and_onnx() -> None:
    x = np.arange(12.0).reshape(1, 1, 3, 4)
    assert np.array_equal(ops.pad2d(x, 1, mode="edge"), ops.pad2d(x, 1, mode="replicate"))
    assert np.array_equal(
        ops.pad2d(x, 1, mode="wrap"), np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)), mode="wrap")
    )
    assert np.isinf(ops.pad2d(x, (1, 0), value=-np.inf)[0, 0, 0]).all()


RESIZES = {
    "nearest": ({"mode": "nearest", "coordinates": "asymmetric", "rounding": "floor"}, {"mode": "nearest"}),
    "nearest-exact": ({"mode": "nearest", "rounding": "round_prefer_ceil"}, {"mode": "nearest-exact"}),
    "bilinear": ({}, {"mode": "bilinear", "align_corners": False}),
    "corners": ({"coordinates": "align_corners"}, {"mode": "bilinear", "align_corners": True}),
    "cubic": ({"mode": "cubic"}, {"mode": "bicubic", "align_corners": False}),
    "cubic, corners": (
        {"mode": "cubic", "coordinates": "align_corners"}, {"mode": "bicubic", "align_corners": True},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", RESIZES)
def test_resizing_agrees_with_pytorch(core: str, name: str) -> None:
    ours, theirs = RESIZES[name]

    @drawn(40)
    @given(_sizes, st.tuples(st.integers(1, 11), st.integers(1, 11)), st.sampled_from(MEMORY))
    def check(shape, size, memory: str) -> None:
        rng = np.random.default_rng(0)
        x = in_memory(rng.normal(size=shape), memory)
        y = ops.resize2d(x, size, **ours)
        grad = rng.normal(size=y.shape)
        expected, dx = backward(lambda a: F.interpolate(a, size=size, **theirs), x, grad)
        if name.startswith("nearest"):
            assert np.array_equal(y, expected)
        # A place is off by at most three roundings of a number below 11, which shifts a weight by that
        # (cubic: by at most three times that); each output has four weights an axis, each below 1.2.
        weights = (1.2 * 4) ** 2
        bound = 2 * gamma(3 * 3 * 11 + 20, "float64") * weights * np.abs(x).max()
        assert_within(y, expected, bound, name)
        most = 2 * gamma(3 * 3 * 11 + 20 + y[0, 0].size, "float64") * weights * np.abs(grad).sum()
        assert_within(ops.resize2d_grad(grad, x.shape, **ours), dx, most, f"{name}, gradient")

    check()


ONNX_MODES = {"nearest": "nearest", "bilinear": "linear", "cubic": "cubic"}


@pytest.mark.parametrize("mode", ONNX_MODES)
@pytest.mark.parametrize("coordinates", ["half_pixel", "align_corners", "asymmetric", "pytorch_half_pixel"])
def test_resizing_agrees_with_onnx_runtime(mode: str, coordinates: str) -> None:
    rng = np.random.default_rng(0)
    roundings = (
        ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil") if mode == "nearest" else ("floor",)
    )
    for rounding, size in itertools.product(roundings, [(7, 9), (2, 3), (1, 1), (8, 5)]):
        x = rng.normal(size=(1, 2, 4, 5)).astype(np.float32)
        y = ops.resize2d(x, size, mode=mode, coordinates=coordinates, rounding=rounding)
        attributes = {"nearest_mode": rounding} if mode == "nearest" else {}
        expected = run_onnx(
            "Resize", x, None, None, np.array([1, 2, *size], np.int64),
            mode=ONNX_MODES[mode], coordinate_transformation_mode=coordinates, **attributes,
        )  # fmt: skip
        # as against PyTorch, in float32
        bound = 2 * gamma(3 * 3 * 9 + 20, "float32") * (1.2 * 4) ** 2 * np.abs(x).max()
        assert_within(y, expected, bound, f"{rounding} {size}")


def test_resizing_by_a_scale_agrees_with_onnx_runtime() -> None:
    x = np.random.default_rng(0).normal(size=(1, 2, 4, 5)).astype(np.float32)
    for scale in ((1.5, 2.0), (0.75, 0.4), (2.3, 3.0)):
        y = ops.resize2d(x, scale=scale)
        expected = run_onnx("Resize", x, None, np.array([1, 1, *scale], np.float32), mode="linear")
        # the scale itself is float32 there
        bound = 2 * gamma(4 * 15 + 20, "float32") * 4 * np.abs(x).max()
        assert_within(y, expected, bound, str(scale))


def test_lp_pooling_agrees_with_pytorch(core: str) -> None:
    rng = np.random.default_rng(0)
    for p, kernel, stride in itertools.product((1, 2, 3, 1.5), (2, 3, (2, 3)), (1, 2)):
        x = np.abs(rng.normal(size=(2, 3, 6, 7))) + 0.1  # PyTorch raises without the absolute value
        y = ops.lp_pool2d(x, kernel, p=p, stride=stride)
        grad = rng.normal(size=y.shape)
        expected, dx = backward(lambda a: F.lp_pool2d(a, p, kernel, stride), x, grad)  # noqa: B023
        # powers are good to a few roundings, times p; up to nine terms of up to nine windows
        bound = 2 * gamma(40, "float64") * y
        assert_within(y, expected, bound, f"p={p}")
        most = 2 * gamma(100, "float64") * np.abs(grad).max() * 9 * (x.max() / 0.1) ** abs(p - 1)
        assert_within(
            ops.lp_pool2d_grad(grad, x, y, kernel, p=p, stride=stride), dx, most, f"p={p}, gradient"
        )


@pytest.mark.parametrize("p", [1, 2, 3])
def test_lp_pooling_agrees_with_onnx_runtime(p: int) -> None:
    x = np.random.default_rng(0).normal(size=(1, 3, 7, 8)).astype(np.float32)
    y = ops.lp_pool2d(x, (3, 2), p=p, stride=(2, 1), padding=((1, 0), (0, 1)))
    expected = run_onnx("LpPool", x, opset=18, p=p, kernel_shape=[3, 2], strides=[2, 1], pads=[1, 0, 0, 1])
    assert_within(y, expected, 2 * gamma(40, "float32") * y, f"p={p}")


def test_a_window_of_zeros_has_no_gradient(core: str) -> None:
    x = np.zeros((1, 1, 2, 2))
    for p in (1, 2, 3):
        assert not ops.lp_pool2d_grad(np.ones((1, 1, 1, 1)), x, ops.lp_pool2d(x, 2, p=p), 2, p=p).any()


def test_global_max_pooling_agrees_with_pytorch(core: str) -> None:
    rng = np.random.default_rng(0)
    x, grad = rng.normal(size=(2, 3, 4, 5)), rng.normal(size=(2, 3, 1, 1))
    y, dx = backward(lambda a: torch.amax(a, (2, 3), keepdim=True), x, grad)
    assert np.array_equal(ops.global_max_pool2d(x), y)
    assert np.array_equal(ops.global_max_pool2d_grad(grad, x), dx)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_response_normalisation_agrees_with_pytorch(core: str, dtype: str) -> None:
    rng = np.random.default_rng(0)
    for size, shape in itertools.product((1, 3, 5, 9), ((2, 7, 3, 4), (2, 1, 2, 2), (3, 6, 1, 1))):
        settings = {"alpha": 0.3, "beta": 0.75, "k": 2.0}
        x = rng.normal(size=shape).astype(dtype)
        grad = rng.normal(size=shape).astype(dtype)
        y, dx = backward(lambda a: F.local_response_norm(a, size, **settings), x, grad)  # noqa: B023
        # size squares, a sum, a power of a base that is at least 2: below |x|
        bound = 2 * gamma(size + 10, dtype) * np.abs(x)
        assert_within(ops.local_response_norm(x, size, **settings), y, bound, "y")
        near = np.abs(grad).sum(axis=1, keepdims=True) * (1 + np.square(x).max())
        most = 2 * gamma(2 * size + 30, dtype) * near
        assert_within(ops.local_response_norm_grad(grad, x, size, **settings), dx, most, "dx")


@pytest.mark.parametrize("size", [1, 3, 5, 7])
def test_response_normalisation_agrees_with_onnx_runtime(size: int) -> None:
    x = np.random.default_rng(0).normal(size=(2, 6, 3, 4)).astype(np.float32)
    y = ops.local_response_norm(x, size, alpha=0.3, beta=0.6, k=1.5)
    expected = run_onnx("LRN", x, size=size, alpha=0.3, beta=0.6, bias=1.5)
    assert_within(y, expected, 2 * gamma(size + 10, "float32") * np.abs(x), "LRN")


def test_an_even_neighbourhood_is_that_of_onnx() -> None:
    """From c - floor((size - 1)/2) to c + ceil((size - 1)/2)."""
    x = np.random.default_rng(0).normal(size=(1, 5))
    y = ops.local_response_norm(x, 4, alpha=2.0, beta=1.0)
    for c in range(5):
        near = x[0, max(0, c - 1) : c + 3]
        assert y[0, c] == pytest.approx(x[0, c] / (1 + 2 / 4 * np.sum(near**2)), rel=1e-14)


def test_a_neighbourhood_larger_than_all_channels(core: str) -> None:
    """It holds every channel, and no core keeps room for more; what it divides by grows on."""
    x = np.random.default_rng(5).normal(size=(2, 3, 2, 2))
    for size in (6, 7, 100, 2**62):
        scale = 1.5 + 2.0 / size * (x**2).sum(axis=1, keepdims=True)
        y = ops.local_response_norm(x, size, alpha=2.0, beta=0.75, k=1.5)
        np.testing.assert_allclose(y, x / scale**0.75, rtol=1e-13)
        # dy[j]/dx[c] = (c is j) scale**-b - 2ab/size x[j] x[c] scale**(-b - 1)
        grad = np.ones_like(x)
        common = (x * scale**-1.75).sum(axis=1, keepdims=True)
        expected = scale**-0.75 - 2 * 2.0 * 0.75 / size * x * common
        dx = ops.local_response_norm_grad(grad, x, size, alpha=2.0, beta=0.75, k=1.5)
        np.testing.assert_allclose(dx, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_nan_and_infinity_stay_where_they_are_read(value: float) -> None:
    x = np.zeros((1, 3, 4, 4))
    x[0, 1, 1, 1] = value
    wrong = {
        "pad": (ops.pad2d(x, 1, mode="reflect"), 4),  # the pixel and its three mirror images
        "nearest": (ops.resize2d(x, 8, mode="nearest"), 4),
        "bilinear": (ops.resize2d(x, 8), 16),
        "corners": (ops.resize2d(x, 4, coordinates="align_corners"), 1),
        "cubic": (ops.resize2d(x, 4, mode="cubic"), 1),
        "lp": (ops.lp_pool2d(x, 2), 1),
        "global": (ops.global_max_pool2d(x), 0 if value < 0 else 1),
    }
    for name, (y, count) in wrong.items():
        assert (~np.isfinite(y)).sum() == count, name
    y = ops.local_response_norm(x, 3)
    assert not np.isfinite(y[0, 1, 1, 1])
    assert np.isfinite(y[:, :, 2:]).all()


def test_gradients_of_padding_and_resizing_are_those_of_finite_differences(core: str) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1, 2, 4, 3))
    for mode in PAD_MODES:
        grad = rng.normal(size=(1, 2, 7, 5))
        padding = ((1, 2), (2, 0))
        dx = ops.pad2d_grad(grad, padding, mode=mode)
        check_gradient(lambda a: ops.pad2d(a, padding, mode=mode), x, grad, dx, terms=9, linear=True)  # noqa: B023
    for settings in ({"scale": 1.7}, {"scale": (0.5, 2), "mode": "cubic"}, {"scale": 2, "mode": "nearest"}):
        grad = rng.normal(size=ops.resize2d(x, **settings).shape)
        dx = ops.resize2d_grad(grad, x.shape, **settings)
        check_gradient(lambda a: ops.resize2d(a, **settings), x, grad, dx, terms=64, linear=True)  # noqa: B023


X = np.zeros((1, 2, 4, 5))


@pytest.mark.parametrize(("call", "error", "message"), [
    (lambda: ops.pad2d(X, 1, mode="mirror"), InvalidValue, "mode must be one of constant, .*; got .mirror."),
    (lambda: ops.pad2d(X, 4, mode="reflect"), InvalidValue,
     r"pad2d: along the height, 4 pixels, reflect padding must be at most 3; got padding=\(4, 4\)"),
    (lambda: ops.pad2d(X, (0, 6), mode="circular"), InvalidValue, "along the width, 5 pixels, circular"),
    (lambda: ops.pad2d(X, -1), InvalidValue, "padding must be at least 0"),
    (lambda: ops.pad2d(X, (1, 2, 3)), InvalidValue, "padding must be a number, "),
    (lambda: ops.pad2d(X[0], 1), InvalidValue, "x must have the axes"),
    (lambda: ops.pad2d_grad(X, 2), InvalidValue, "grad must be larger than the padding"),
    (lambda: ops.resize2d(X), InvalidValue, "either size or scale must be given"),
    (lambda: ops.resize2d(X, 3, scale=2), InvalidValue, "either size or scale must be given"),
    (lambda: ops.resize2d(X, scale=0.1), InvalidValue, "scale must leave a pixel; got scale=0.1 of 4 pixels"),
    (lambda: ops.resize2d(X, scale=(1, 2, 3)), InvalidValue, "scale must be one number or"),
    (lambda: ops.resize2d(X, 0), InvalidValue, "size must be at least 1"),
    (lambda: ops.resize2d(X, 3, mode="area"), InvalidValue, "one of nearest, bilinear, cubic; got .area."),
    (lambda: ops.resize2d(X, 3, coordinates="corners"), InvalidValue, "coordinates must be one of"),
    (lambda: ops.resize2d(X, 3, rounding="up"), InvalidValue, "rounding must be one of"),
    (lambda: ops.resize2d_grad(X, (1, 3, 2, 2)), InvalidValue, "grad must have the shape of the output"),
    (lambda: ops.lp_pool2d(X, 5), InvalidValue, "along the height, kernel 5 must not be larger"),
    (lambda: ops.lp_pool2d(X, 2, p=0), InvalidValue, "p must be greater than 0; got p=0"),
    (lambda: ops.lp_pool2d_grad(X, X, X, 2), InvalidValue, "grad must have the shape of the output"),
    (lambda: ops.global_max_pool2d_grad(X, X), InvalidValue, "grad must have the shape of the output"),
    (lambda: ops.local_response_norm(X, 0), InvalidValue, "size must be at least 1"),
    (lambda: ops.local_response_norm(X, 2.5), DtypeError, "size must be a whole number"),
    (lambda: ops.local_response_norm(X, 3, alpha=-1), InvalidValue, "alpha must be at least 0; got alpha=-1"),
    (lambda: ops.local_response_norm(X, 3, k=0), InvalidValue, "k must be greater than 0"),
    (lambda: ops.local_response_norm(X[0], 3), InvalidValue, "x must have the axes"),
])  # fmt: skip
def test_wrong_arguments_are_one_clear_error(call, error, message: str) -> None:
    with pytest.raises(error, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)
