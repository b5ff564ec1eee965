"""The dense layer against PyTorch and finite differences, on both cores."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given

from convscope import ops
from convscope.errors import DtypeError, InvalidValue
from differences import check_gradient
from draws import DenseCase, dense_cases, drawn, in_memory
from oracle import tensor
from tolerance import assert_within, sum_bound


def test_agrees_with_pytorch_on_500_drawn_configurations(core: str) -> None:
    seen = set()

    @drawn(560)
    @given(dense_cases())
    def check(case: DenseCase) -> None:
        seen.add(case)
        rng = np.random.default_rng(case.seed)
        shapes = ((case.n, case.c), (case.out, case.c), (case.n, case.out))
        x, weight, grad = (
            in_memory((rng.normal(size=s) + case.offset).astype(case.dtype), m)
            for s, m in zip(shapes, case.memory, strict=True)
        )
        bias = rng.normal(size=case.out).astype(case.dtype) if case.bias else None
        tx, tw, tb = (None if a is None else tensor(a, leaf=True) for a in (x, weight, bias))
        expected = torch.nn.functional.linear(tx, tw, tb)
        expected.backward(tensor(grad))
        ax, aw, ag = (np.abs(a).astype(np.float64) for a in (x, weight, grad))
        size = ax @ aw.T + (0 if bias is None else np.abs(bias))
        y = ops.linear(x, weight, bias)
        assert_within(y, expected.detach().numpy(), sum_bound(case.c + 1, size, case.dtype), "y")
        dx, dweight = ops.linear_grad_input(grad, weight), ops.linear_grad_weight(x, grad)
        assert_within(dx, tx.grad.numpy(), sum_bound(case.out, ag @ aw, case.dtype), "dx")
        assert_within(dweight, tw.grad.numpy(), sum_bound(case.n, ag.T @ ax, case.dtype), "dweight")
        bound = sum_bound(case.n, ag.sum(axis=0), case.dtype)
        assert_within(ops.linear_grad_bias(grad), grad.sum(axis=0), bound, "dbias")

    check()
    assert len(seen) >= 500


def test_gradients_are_those_of_finite_differences(core: str) -> None:
    rng = np.random.default_rng(0)
    x, w, b, grad = (rng.normal(size=s) for s in ((4, 5), (3, 5), (3,), (4, 3)))
    options = {"terms": 24, "linear": True}
    check_gradient(lambda a: ops.linear(a, w, b), x, grad, ops.linear_grad_input(grad, w), **options)
    check_gradient(lambda a: ops.linear(x, a, b), w, grad, ops.linear_grad_weight(x, grad), **options)
    check_gradient(lambda a: ops.linear(x, w, a), b, grad, ops.linear_grad_bias(grad), **options)


def test_an_empty_batch_gives_an_empty_result_and_zero_gradients(core: str) -> None:
    x, w = np.zeros((0, 5), np.float32), np.ones((3, 5), np.float32)
    y = ops.linear(x, w, np.ones(3, np.float32))
    assert y.shape == (0, 3)
    assert ops.linear_grad_input(y, w).shape == (0, 5)
    assert np.array_equal(ops.linear_grad_weight(x, y), np.zeros_like(w))
    assert np.array_equal(ops.linear_grad_bias(y), np.zeros(3, np.float32))


@pytest.mark.filterwarnings("error")
def test_nan_and_infinity_pass_through(core: str) -> None:
    x = np.array([[1, np.nan], [np.inf, 1], [1, 2]], np.float32)
    y = ops.linear(x, np.array([[1, 1], [0, 1]], np.float32))
    assert np.array_equal(y, [[np.nan, np.nan], [np.inf, np.nan], [3, 2]], equal_nan=True)


def test_wrong_shapes_and_types_are_one_clear_error() -> None:
    x, w = np.zeros((2, 5), np.float32), np.zeros((3, 4), np.float32)
    with pytest.raises(InvalidValue, match=r"linear: the features of x must be those of weight"):
        ops.linear(x, w)
    with pytest.raises(InvalidValue, match=r"linear: x must have the axes \(N, F\)"):
        ops.linear(x[0], w)
    with pytest.raises(InvalidValue, match="bias must have one value for each output, 3"):
        ops.linear(x, np.zeros((3, 5), np.float32), np.zeros(5, np.float32))
    with pytest.raises(DtypeError, match="one dtype"):
        ops.linear(x, w.astype(np.float64))
    with pytest.raises(InvalidValue, match="grad must have the shape of the output"):
        ops.linear_grad_input(np.zeros((2, 4), np.float32), w)
    with pytest.raises(InvalidValue, match="grad must have the shape of the output"):
        ops.linear_grad_weight(x, np.zeros((3, 4), np.float32))
    with pytest.raises(InvalidValue, match="only the batch may be of size 0"):
        ops.linear(np.zeros((2, 0)), np.zeros((3, 0)))
