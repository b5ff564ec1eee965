"""Activations against PyTorch and finite differences, on both cores."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from convscope import ops
from convscope.errors import DtypeError, InvalidValue
from differences import check_gradient
from draws import MEMORY, in_memory
from oracle import tensor
from tolerance import assert_within, gamma

SHAPES = [(7,), (3, 5), (2, 3, 4, 5)]


def normal(shape: tuple[int, ...], dtype: str = "float64", seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("memory", MEMORY)
@pytest.mark.parametrize("shape", SHAPES)
def test_relu_is_exact(core: str, shape: tuple[int, ...], memory: str, dtype: str) -> None:
    x = in_memory(normal(shape, dtype), memory)
    y = ops.relu(x)
    assert y.dtype == x.dtype
    assert np.array_equal(y, np.where(x > 0, x, 0))
    grad = in_memory(normal(shape, dtype, seed=1), memory)
    assert np.array_equal(ops.relu_grad(grad, y), np.where(x > 0, grad, 0))


@pytest.mark.parametrize("memory", ["C", "channels last", "negative"])
def test_relu_may_write_to_its_input(core: str, memory: str) -> None:
    x = in_memory(normal((2, 3, 4, 5)), memory)
    expected = ops.relu(x)
    assert ops.relu(x, out=x) is x
    assert np.array_equal(x, expected)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("axis", [1, -1, 0])
@pytest.mark.parametrize("shape", [(3, 5), (2, 3, 4, 5)])
def test_softmax_and_tanh_agree_with_pytorch(core: str, shape, axis: int, dtype: str) -> None:
    x, grad = in_memory(3 * normal(shape, dtype), "slice"), in_memory(normal(shape, dtype, 1), "negative")
    terms = shape[axis]
    for ours, ours_grad, theirs in (
        (
            lambda a: ops.softmax(a, axis),
            lambda g, y: ops.softmax_grad(g, y, axis),
            lambda a: a.softmax(axis),
        ),
        (ops.tanh, ops.tanh_grad, torch.tanh),
    ):
        leaf = tensor(x, leaf=True)
        expected = theirs(leaf)
        expected.backward(tensor(grad))
        y = ours(x)
        # the exponent's rounding counts as often as it is large, and exp and tanh are good to 4 units
        roundings = terms + 8 + 2 * float(np.abs(x).max())
        few = 2 * gamma(int(roundings) + 1, dtype)
        assert_within(y, expected.detach().numpy(), few * np.abs(y))
        dx, wide = ours_grad(grad, y), np.abs(grad).astype(np.float64)
        size = wide + np.abs(grad * y).sum(axis=axis, keepdims=True)
        assert_within(dx, leaf.grad.numpy(), 3 * few * size)


def test_gradients_are_those_of_finite_differences(core: str) -> None:
    x, grad = normal((3, 4)), normal((3, 4), seed=1)
    x[np.abs(x) < 0.3] = 0.5  # keeps relu's kink out of reach
    check_gradient(ops.relu, x, grad, ops.relu_grad(grad, ops.relu(x)), terms=1, linear=True)
    check_gradient(ops.tanh, x, grad, ops.tanh_grad(grad, ops.tanh(x)), terms=8)
    for axis in (0, 1):
        dx = ops.softmax_grad(grad, ops.softmax(x, axis), axis)
        check_gradient(lambda a, axis=axis: ops.softmax(a, axis), x, grad, dx, terms=16)


@pytest.mark.filterwarnings("error")
def test_nan_and_infinity_pass_through(core: str) -> None:
    x = np.array([np.nan, np.inf, -np.inf, -0.0, 1], np.float32)
    assert np.array_equal(ops.relu(x), [np.nan, np.inf, 0, 0, 1], equal_nan=True)
    assert np.array_equal(ops.tanh(x)[:4], [np.nan, 1, -1, 0], equal_nan=True)
    assert np.isnan(ops.softmax(x[None])).all()
    assert np.array_equal(ops.softmax(np.array([[-np.inf, 0.0]])), [[0, 1]])
    with np.errstate(invalid="ignore"):
        assert np.isnan(ops.relu_grad(x, np.ones(5, np.float32))[0])


def test_an_empty_batch_gives_an_empty_result(core: str) -> None:
    for shape in ((0, 4), (0, 2, 3, 3)):
        x = np.zeros(shape, np.float32)
        for y in (ops.relu(x), ops.relu_grad(x, x), ops.tanh(x), ops.softmax(x), ops.softmax_grad(x, x)):
            assert y.shape == shape
            assert y.dtype == np.float32


def test_softmax_does_not_overflow(core: str) -> None:
    y = ops.softmax(np.array([[1e4, -1e4, 1e4]], np.float32))
    assert np.array_equal(y, np.array([[0.5, 0, 0.5]], np.float32))


def test_four_dimensional_results_are_channels_last(core: str) -> None:
    x = normal((2, 3, 4, 5))
    for y in (ops.relu(x), ops.relu_grad(x, x), ops.tanh(x), ops.tanh_grad(x, x), ops.softmax(x)):
        assert y.transpose(0, 2, 3, 1).flags.c_contiguous


def test_wrong_arguments_are_one_clear_error() -> None:
    x = np.zeros((2, 3))
    with pytest.raises(
        InvalidValue, match=r"softmax: axis must be one of the 2 axes; got axis=2, shape=\(2, 3\)"
    ):
        ops.softmax(x, axis=2)
    with pytest.raises(InvalidValue, match="axis 1 must not be empty"):
        ops.softmax(x[:, :0])
    with pytest.raises(DtypeError, match="relu: x must be float32 or float64"):
        ops.relu(np.zeros(3, int))
    with pytest.raises(InvalidValue, match="relu_grad: grad must have the shape of y"):
        ops.relu_grad(x, x[:1])
    long = np.zeros(5)
    with pytest.raises(InvalidValue, match="out must not share memory"):
        ops.relu(long[:4], out=long[1:])
