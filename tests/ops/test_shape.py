"""Joining and reshaping, on both cores."""

from __future__ import annotations

import numpy as np
import pytest

from convscope import ops
from convscope.errors import DtypeError, InvalidValue
from differences import check_gradient
from draws import MEMORY, in_memory


def normal(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("memory", MEMORY)
@pytest.mark.parametrize("shape", [(4, 3), (2, 3, 4, 5), (0, 3, 4, 5)])
def test_add_is_numpy_from_the_first_to_the_last(core: str, shape, memory: str, dtype: str) -> None:
    a, b, c = (in_memory(normal(shape, i).astype(dtype), memory) for i in range(3))
    assert np.array_equal(ops.add(a, b, c), (a + b) + c)
    only = ops.add(a)
    assert np.array_equal(only, a)
    assert not np.shares_memory(only, a)


@pytest.mark.parametrize("memory", MEMORY)
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_concatenate_and_its_gradient_are_numpy(core: str, axis: int, memory: str) -> None:
    shape = [3, 4, 5, 2]
    parts = []
    for index, size in enumerate((2, 1, 4)):
        shape[axis] = size
        parts.append(in_memory(normal(tuple(shape), index), memory))
    whole = ops.concatenate(parts, axis=axis)
    assert np.array_equal(whole, np.concatenate(parts, axis=axis))
    cut = ops.concatenate_grad(in_memory(whole, memory), (2, 1, 4), axis=axis)
    for part, gradient in zip(parts, cut, strict=True):
        assert np.array_equal(part, gradient)
        assert not np.shares_memory(gradient, whole)


@pytest.mark.parametrize("memory", MEMORY)
def test_flatten_follows_the_axes_and_not_the_memory(core: str, memory: str) -> None:
    x = normal((2, 3, 4, 5))
    flat = ops.flatten(in_memory(x, memory))
    assert np.array_equal(flat, x.reshape(2, 60))
    assert flat.flags.c_contiguous
    assert not np.shares_memory(flat, x)
    back = ops.flatten_grad(in_memory(flat, memory if memory != "channels last" else "C"), x.shape)
    assert np.array_equal(back, x)
    assert back.transpose(0, 2, 3, 1).flags.c_contiguous
    assert ops.flatten(x[:0]).shape == (0, 60)
    assert ops.flatten_grad(np.zeros((0, 60)), (0, 3, 4, 5)).shape == (0, 3, 4, 5)


def test_gradients_are_those_of_finite_differences(core: str) -> None:
    x, other = normal((2, 2, 2, 3)), normal((2, 1, 2, 3), 1)
    grad = normal((2, 3, 2, 3), 2)
    dx, dother = ops.concatenate_grad(grad, (2, 1))
    check_gradient(lambda a: ops.concatenate([a, other]), x, grad, dx, terms=1, linear=True)
    check_gradient(lambda a: ops.concatenate([x, a]), other, grad, dother, terms=1, linear=True)
    grad = normal((2, 12), 3)
    check_gradient(ops.flatten, x, grad, ops.flatten_grad(grad, x.shape), terms=1, linear=True)
    grad = normal(x.shape, 4)  # the gradient of a sum is that of each summand
    check_gradient(lambda a: ops.add(x, a), x, grad, grad, terms=2, linear=True)


def test_wrong_arguments_are_one_clear_error() -> None:
    x = np.zeros((2, 3, 4, 4))
    with pytest.raises(InvalidValue, match="add: at least one array is needed"):
        ops.add()
    with pytest.raises(
        InvalidValue, match=r"add: input 1 must have the shape of input 0, \(2, 3, 4, 4\); got"
    ):
        ops.add(x, x[:, :1])
    with pytest.raises(DtypeError, match="add: input 0 and input 1 must have one dtype"):
        ops.add(x, x.astype(np.float32))
    with pytest.raises(
        InvalidValue, match="concatenate: input 1 must have the shape of input 0 except along axis 1"
    ):
        ops.concatenate([x, x[:, :, :2]])
    with pytest.raises(InvalidValue, match="concatenate: input 1 must have the shape of input 0"):
        ops.concatenate([x, np.zeros((2, 3))])
    with pytest.raises(InvalidValue, match="concatenate: at least one array"):
        ops.concatenate([])
    with pytest.raises(InvalidValue, match="concatenate: axis must be one of the 4 axes"):
        ops.concatenate([x], axis=4)
    with pytest.raises(InvalidValue, match=r"sizes must sum to the length of axis 1; got sizes=\(1, 1\)"):
        ops.concatenate_grad(x, (1, 1))
    with pytest.raises(InvalidValue, match="flatten: x must have the axes"):
        ops.flatten(np.zeros(3))
    with pytest.raises(
        InvalidValue, match=r"grad must have the shape of the flattened \(2, 3, 4, 4\), \(2, 48\)"
    ):
        ops.flatten_grad(np.zeros((2, 47)), (2, 3, 4, 4))
