"""Activations, arithmetic and the squared error against PyTorch and finite differences, on both cores."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from convscope import ops
from convscope.errors import DtypeError, InvalidValue
from differences import check_gradient
from draws import MEMORY, in_memory
from tolerance import assert_within, gamma

# name: (function, gradient from (grad, x), PyTorch's, roundings, magnitude of what is rounded at x)
# Where a small result is a difference of larger numbers (1 + erf), those are the magnitude.
CASES = {
    "leaky_relu": (
        lambda x: ops.leaky_relu(x, 0.2), lambda g, x: ops.leaky_relu_grad(g, x, 0.2),
        lambda x: F.leaky_relu(x, 0.2), 2, np.abs,
    ),
    "elu": (
        lambda x: ops.elu(x, 1.5), lambda g, x: ops.elu_grad(g, x, 1.5),
        lambda x: F.elu(x, 1.5), 5, lambda x: np.abs(x) + 1.5,
    ),
    "selu": (ops.selu, lambda g, x: ops.selu_grad(g, x), F.selu, 6, lambda x: 2 * np.abs(x) + 2),
    "celu": (
        lambda x: ops.celu(x, 0.5), lambda g, x: ops.celu_grad(g, x, 0.5),
        lambda x: F.celu(x, 0.5), 5, lambda x: np.abs(x) + 1,
    ),
    "clip": (lambda x: ops.clip(x, -1, 2), lambda g, x: ops.clip_grad(g, x, -1, 2),
             lambda x: F.hardtanh(x, -1, 2), 1, np.abs),
    "relu6": (ops.relu6, ops.relu6_grad, F.relu6, 1, np.abs),
    "sigmoid": (
        ops.sigmoid, lambda g, x: ops.sigmoid_grad(g, ops.sigmoid(x)), torch.sigmoid, 8, np.ones_like,
    ),
    "hardsigmoid": (
        ops.hardsigmoid, lambda g, x: ops.hardsigmoid_grad(g, ops.hardsigmoid(x)),
        # PyTorch's own rounds 1/6 to float32, whatever the dtype
        lambda x: torch.clamp(x / 6 + 0.5, 0, 1), 4, lambda x: np.abs(x) + 1,
    ),
    "silu": (ops.silu, ops.silu_grad, F.silu, 10, lambda x: np.abs(x) + 1),
    "hardswish": (ops.hardswish, ops.hardswish_grad, F.hardswish, 6, lambda x: np.abs(x) + 1),
    "gelu": (ops.gelu, ops.gelu_grad, F.gelu, 12, lambda x: 1 + np.abs(x) ** 3),
    "gelu tanh": (
        lambda x: ops.gelu(x, "tanh"), lambda g, x: ops.gelu_grad(g, x, "tanh"),
        lambda x: F.gelu(x, approximate="tanh"), 20, lambda x: 1 + np.abs(x) ** 3,
    ),
    "softplus": (
        ops.softplus, ops.softplus_grad, lambda x: F.softplus(x, threshold=1000), 8, lambda x: np.abs(x) + 1,
    ),
    "mish": (ops.mish, ops.mish_grad, F.mish, 16, lambda x: np.abs(x) + 1),
    "softsign": (ops.softsign, ops.softsign_grad, F.softsign, 5, lambda x: np.abs(x) + 1),
    "log_softmax": (
        ops.log_softmax, lambda g, x: ops.log_softmax_grad(g, ops.log_softmax(x)),
        lambda x: F.log_softmax(x, 1), 16, lambda x: np.abs(x).max() * np.ones_like(x),
    ),
}  # fmt: skip

IMAGES = [(2, 4, 3, 5)] * (len(MEMORY) - 2)
BENDS = (-3.0, -1.0, 0.0, 2.0, 3.0, 6.0)  # where a derivative jumps, or nearly so


def values(shape: tuple[int, ...], dtype: str, seed: int = 0) -> np.ndarray:
    """Normal values of deviation 3 and some far out, none next to a bend."""
    x = 3 * np.random.default_rng(seed).normal(size=shape)
    x.reshape(-1)[:4] = (-30.0, 25.0, -11.0, 9.0)
    for bend in BENDS:
        x[np.abs(x - bend) < 0.01] = bend + 0.015
    return x.astype(dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", CASES)
def test_agrees_with_pytorch_in_float64(core: str, name: str, dtype: str) -> None:
    function, gradient, theirs, roundings, magnitude = CASES[name]
    for shape, memory in zip(((3, 5), (2, 6), *IMAGES), MEMORY, strict=True):
        x = in_memory(values(shape, dtype), memory)
        grad = in_memory(np.random.default_rng(1).normal(size=shape).astype(dtype), memory)
        wide = torch.tensor(np.ascontiguousarray(x, np.float64), requires_grad=True)
        expected = theirs(wide)
        expected.backward(torch.tensor(np.ascontiguousarray(grad, np.float64)))
        size = magnitude(x.astype(np.float64))
        tiny = float(np.finfo(dtype).tiny)
        y = function(x)
        right = expected.detach().numpy().astype(dtype)
        assert_within(y, right, 2 * gamma(roundings, dtype) * size + tiny, name)
        total = np.abs(grad).sum(axis=1, keepdims=True) if name == "log_softmax" else np.abs(grad)
        bound = 2 * gamma(2 * roundings + shape[1], dtype) * (size + 1) * total + tiny
        assert_within(gradient(grad, x), wide.grad.numpy().astype(dtype), bound, f"{name}, gradient")
        if len(shape) == 4:
            assert y.transpose(0, 2, 3, 1).flags.c_contiguous


@pytest.mark.parametrize("name", CASES)
def test_gradients_are_those_of_finite_differences(name: str) -> None:
    function, gradient, *_ = CASES[name]
    x = values((2, 3, 2, 2), "float64")
    grad = np.random.default_rng(1).normal(size=x.shape)
    check_gradient(function, x, grad, gradient(grad, x), terms=40, what=name)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", CASES)
def test_numbers_too_large_or_small_are_silent(core: str, name: str, dtype: str) -> None:
    """Also where NumPy was told to raise at each."""
    function, gradient, *_ = CASES[name]
    tiny, huge = np.finfo(dtype).smallest_subnormal, np.finfo(dtype).max
    x = np.array([[np.nan, np.inf, -np.inf, tiny, -tiny, huge, -huge, 745.0, -745.0, 100.0, -100.0]], dtype)
    with np.errstate(all="raise"):
        function(x)
        gradient(np.ones_like(x), x)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", CASES)
def test_nan_passes_and_infinity_has_its_limit(name: str) -> None:
    function, gradient, theirs, *_ = CASES[name]
    x = np.array([[np.nan, 1.0], [np.inf, 1.0], [-np.inf, 1.0]])
    y, expected = function(x), theirs(torch.tensor(x)).numpy()
    assert np.isnan(y[0, 0])
    if name in ("silu", "hardswish", "mish", "gelu tanh", "gelu"):  # -inf * 0 is NaN here; PyTorch may say 0
        assert y[1, 0] == np.inf
        assert np.isnan(y[2, 0]) or y[2, 0] == 0
    elif name not in ("log_softmax", "softsign"):
        assert np.array_equal(y[1:], expected[1:]) or np.allclose(y[1:], expected[1:], rtol=1e-14, atol=0)
    gradient(np.ones_like(x), x)


@pytest.mark.parametrize("slopes", [1, 4])
def test_prelu_agrees_with_pytorch(core: str, slopes: int) -> None:
    rng = np.random.default_rng(0)
    for shape in ((3, 4), (2, 4, 3, 5)):
        x, weight, grad = rng.normal(size=shape), rng.normal(size=slopes), rng.normal(size=shape)
        wide, slope = torch.tensor(x, requires_grad=True), torch.tensor(weight, requires_grad=True)
        expected = F.prelu(wide, slope)
        expected.backward(torch.tensor(grad))
        assert np.array_equal(ops.prelu(x, weight), expected.detach().numpy())
        dx, dweight = ops.prelu_grad(grad, x, weight)
        assert np.array_equal(dx, wide.grad.numpy())
        bound = 2 * gamma(x.size, "float64") * np.abs(grad * x).sum()
        assert_within(dweight, slope.grad.numpy(), bound, "dweight")
        check_gradient(lambda w, x=x: ops.prelu(x, w), weight, grad, dweight, terms=8, linear=True)


IMAGE = (2, 3, 4, 5)
SHAPES = [(IMAGE, IMAGE), (IMAGE, (1, 3, 1, 1)), ((3, 1, 1), IMAGE), ((2, 1), (1, 3)), ((4,), (1,))]


@pytest.mark.parametrize(("a_shape", "b_shape"), SHAPES)
@pytest.mark.parametrize("name", ["multiply", "subtract", "divide"])
def test_arithmetic_agrees_with_pytorch(core: str, name: str, a_shape, b_shape) -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=a_shape), rng.uniform(0.5, 2, size=b_shape)
    wide_a, wide_b = torch.tensor(a, requires_grad=True), torch.tensor(b, requires_grad=True)
    theirs = {"multiply": torch.mul, "subtract": torch.sub, "divide": torch.div}[name](wide_a, wide_b)
    y = getattr(ops, name)(a, b)
    assert np.array_equal(y, theirs.detach().numpy())
    grad = rng.normal(size=y.shape)
    theirs.backward(torch.tensor(grad))
    da, db = getattr(ops, f"{name}_grad")(grad, a, b)
    # each term has up to four roundings, and no factor is larger than 1/0.5**2 times |a| or |b|
    bound = 2 * gamma(y.size + 4, "float64") * np.abs(grad).sum() * 4 * max(np.abs(a).max(), np.abs(b).max())
    assert_within(da, wide_a.grad.numpy(), bound, "da")
    assert_within(db, wide_b.grad.numpy(), bound, "db")
    assert not np.shares_memory(da, grad)


def test_squared_error_agrees_with_pytorch(core: str) -> None:
    rng = np.random.default_rng(0)
    y, target = rng.normal(size=(4, 3)), rng.normal(size=(4, 3))
    wide = torch.tensor(y, requires_grad=True)
    expected = F.mse_loss(wide, torch.tensor(target))
    expected.backward()
    loss, grad = ops.mean_squared_error(y, target)
    assert loss == pytest.approx(float(expected.detach()), rel=2 * gamma(y.size + 3, "float64"))
    assert_within(grad, wide.grad.numpy(), 2 * gamma(4, "float64") * np.abs(grad), "grad")


ONE = np.ones((1, 3, 2, 2))


@pytest.mark.parametrize(("call", "error", "message"), [
    (lambda: ops.leaky_relu(ONE, np.nan), InvalidValue, "leaky_relu: slope must be finite; got slope=nan"),
    (lambda: ops.leaky_relu(ONE, "a"), DtypeError, "leaky_relu: slope must be a number; got 'a'"),
    (lambda: ops.leaky_relu(ONE.astype(int)), DtypeError, "x must be float32 or float64"),
    (lambda: ops.celu(ONE, 0), InvalidValue, "celu: alpha must be greater than 0; got alpha=0"),
    (lambda: ops.clip(ONE, 2, 1), InvalidValue, "low must not be larger than high; got low=2, high=1"),
    (lambda: ops.clip(ONE, np.nan), InvalidValue, "low must be finite"),
    (lambda: ops.prelu(ONE, np.ones(2)), InvalidValue, "one slope, or one for each of 3 channels"),
    (lambda: ops.gelu(ONE, "erf"), InvalidValue, "approximate must be one of none, tanh; got 'erf'"),
    (lambda: ops.sigmoid_grad(ONE, ONE[:, :1]), InvalidValue, "grad must have the shape of y"),
    (lambda: ops.silu_grad(ONE, ONE.astype(np.float32)), DtypeError, "one dtype"),
    (lambda: ops.log_softmax(ONE, 4), InvalidValue, "axis must be one of the 4 axes"),
    (lambda: ops.multiply(ONE, np.ones(3)), InvalidValue, "shapes must stretch to each other"),
    (lambda: ops.multiply_grad(ONE, ONE, np.ones((2, 1, 1, 1))), InvalidValue, "the shape of the result"),
    (lambda: ops.divide(ONE, ONE.astype(np.float32)), DtypeError, "one dtype"),
    (lambda: ops.mean_squared_error(ONE, ONE[:, :1]), InvalidValue, "target must have the shape of y"),
    (lambda: ops.mean_squared_error(ONE[:0], ONE[:0]), InvalidValue, "an empty batch has no mean error"),
])  # fmt: skip
def test_wrong_arguments_are_one_clear_error(call, error, message: str) -> None:
    with pytest.raises(error, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)
