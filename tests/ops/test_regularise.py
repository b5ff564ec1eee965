"""Dropout, on both cores."""

from __future__ import annotations

import numpy as np
import pytest

from convscope import ops
from convscope.errors import DtypeError, InvalidValue
from differences import check_gradient
from draws import MEMORY, in_memory


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("memory", MEMORY)
@pytest.mark.parametrize("p", [0.0, 0.25, 0.9])
def test_keeps_what_the_mask_keeps_and_scales_it(core: str, p: float, memory: str, dtype: str) -> None:
    rng = np.random.default_rng(0)
    x = in_memory(rng.normal(size=(3, 4, 5, 2)).astype(dtype), memory)
    mask = in_memory(rng.random(x.shape) >= p, "C")
    expected = np.where(mask, x * x.dtype.type(1 / (1 - p)), 0).astype(dtype)
    y = ops.dropout(x, p, mask)
    # one core may divide by 1 - p and the other multiply by its inverse: one rounding more
    assert np.allclose(y, expected, rtol=2 * np.finfo(dtype).eps, atol=0)
    assert np.array_equal(ops.dropout_grad(x, p, mask), y)


def test_gradient_is_that_of_finite_differences(core: str) -> None:
    rng = np.random.default_rng(0)
    x, grad, mask = rng.normal(size=(3, 4)), rng.normal(size=(3, 4)), rng.random((3, 4)) > 0.5
    dx = ops.dropout_grad(grad, 0.5, mask)
    check_gradient(lambda a: ops.dropout(a, 0.5, mask), x, grad, dx, terms=2, linear=True)


def test_what_is_dropped_is_zero_even_if_it_was_not_a_number(core: str) -> None:
    x = np.array([[np.nan, np.inf, np.nan]])
    y = ops.dropout(x, 0.5, np.array([[False, False, True]]))
    assert np.array_equal(y, [[0, 0, np.nan]], equal_nan=True)


def test_the_mask_drops_p_and_depends_on_the_sample_only() -> None:
    samples = np.arange(200)
    mask = ops.dropout_mask((200, 500), 0.3, ops.Randomness(seed=5, epoch=2, samples=samples), "drop1")
    # 100,000 draws: six standard deviations are 6*sqrt(0.3*0.7/100000)
    assert abs(mask.mean() - 0.7) < 6 * np.sqrt(0.21 / mask.size)
    some = ops.dropout_mask((2, 500), 0.3, ops.Randomness(5, 2, samples[[150, 3]]), "drop1")
    assert np.array_equal(some, mask[[150, 3]])
    assert ops.dropout_mask((1, 5), 0.0, ops.Randomness(5, 2, samples[:1]), "drop1").all()


def test_wrong_arguments_are_one_clear_error() -> None:
    x, mask = np.zeros((2, 3)), np.ones((2, 3), bool)
    for p in (1, -0.1):
        with pytest.raises(InvalidValue, match="dropout: p must be at least 0 and less than 1; got p="):
            ops.dropout(x, p, mask)
    with pytest.raises(InvalidValue, match="dropout: p must be finite; got p=nan"):
        ops.dropout(x, np.nan, mask)
    with pytest.raises(DtypeError, match="mask must be an array of bool; got float64"):
        ops.dropout(x, 0.5, x)
    with pytest.raises(InvalidValue, match="mask must have the shape of x"):
        ops.dropout(x, 0.5, mask[:1])
    with pytest.raises(DtypeError, match="dropout_grad: grad must be float32 or float64"):
        ops.dropout_grad(mask, 0.5, mask)
