"""Batch normalisation against PyTorch and finite differences, on both cores."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given

from convscope import ops
from convscope.errors import DtypeError, InvalidValue
from differences import check_gradient
from draws import MEMORY, DenseCase, dense_cases, drawn, in_memory
from oracle import tensor
from tolerance import assert_within, batch_norm_bounds


def draw_arrays(case: DenseCase):
    """x, grad, weight, bias and statistics that do not come from x."""
    rng = np.random.default_rng(case.seed)
    shape = (case.n, case.c, *case.image)
    x = in_memory((rng.normal(size=shape) + case.offset).astype(case.dtype), case.memory[0])
    grad = in_memory(rng.normal(size=shape).astype(case.dtype), case.memory[1])
    weight, bias, mean = (rng.normal(size=case.c).astype(case.dtype) for _ in range(3))
    var = rng.uniform(0.1, 2, size=case.c).astype(case.dtype)
    return x, grad, weight, bias, mean, var


def torch_batch_norm(x, grad, weight, bias, mean, var, eps, training):
    tx, tw, tb = (tensor(a, leaf=True) for a in (x, weight, bias))
    y = torch.nn.functional.batch_norm(tx, tensor(mean), tensor(var), tw, tb, training=training, eps=eps)
    y.backward(tensor(grad))
    return y.detach().numpy(), tx.grad.numpy(), tw.grad.numpy(), tb.grad.numpy()


@pytest.mark.parametrize("training", [True, False])
def test_agrees_with_pytorch_on_500_drawn_configurations(core: str, training: bool) -> None:
    seen = set()
    eps = 1e-3

    @drawn(560)
    @given(dense_cases(images=True))
    def check(case: DenseCase) -> None:
        seen.add(case)
        x, grad, weight, bias, mean, var = draw_arrays(case)
        if training:
            y, mean, var = ops.batch_norm_train(x, weight, bias, eps=eps)
        else:
            y = ops.batch_norm(x, weight, bias, mean, var, eps=eps)
        bounds = batch_norm_bounds(x, weight, bias, grad, mean, var, eps, training)
        if training:
            axes = (0, *range(2, x.ndim))
            wide = x.astype(np.float64)
            assert_within(mean, wide.mean(axis=axes).astype(x.dtype), bounds.mean, "mean")
            assert_within(var, wide.var(axis=axes).astype(x.dtype), bounds.var, "var")
        expected = torch_batch_norm(x, grad, weight, bias, mean, var, eps, training)
        assert_within(y, expected[0], bounds.y, "y")
        dx, dweight, dbias = ops.batch_norm_grad(grad, x, weight, mean, var, eps=eps, training=training)
        assert_within(dx, expected[1], bounds.dx, "dx")
        assert_within(dweight, expected[2], bounds.dweight, "dweight")
        assert_within(dbias, expected[3], bounds.dbias, "dbias")

    check()
    assert len(seen) >= 500


@pytest.mark.parametrize("shape", [(5, 3), (2, 3, 3, 2)])
def test_gradients_are_those_of_finite_differences(core: str, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    x, grad, weight, bias = (
        rng.normal(size=shape),
        rng.normal(size=shape),
        rng.normal(size=3),
        rng.normal(size=3),
    )
    y, mean, var = ops.batch_norm_train(x, weight, bias)
    dx, dweight, dbias = ops.batch_norm_grad(grad, x, weight, mean, var)
    terms = 2 * x.size
    check_gradient(lambda a: ops.batch_norm_train(a, weight, bias)[0], x, grad, dx, terms=terms, what="dx")
    for function, at, gradient in (
        (lambda a: ops.batch_norm_train(x, a, bias)[0], weight, dweight),
        (lambda a: ops.batch_norm_train(x, weight, a)[0], bias, dbias),
    ):
        check_gradient(function, at, grad, gradient, terms=terms, linear=True)
    assert np.allclose(y, ops.batch_norm(x, weight, bias, mean, var), rtol=1e-12)
    dx, _, _ = ops.batch_norm_grad(grad, x, weight, mean, var, training=False)
    check_gradient(
        lambda a: ops.batch_norm(a, weight, bias, mean, var),
        x,
        grad,
        dx,
        terms=terms,
        linear=True,
        what="fixed",
    )


@pytest.mark.parametrize("memory", [kind for kind in MEMORY if kind != "read-only"])
def test_out_may_be_x_itself(core: str, memory: str) -> None:
    rng = np.random.default_rng(0)
    x = in_memory(rng.normal(size=(3, 4, 5, 2)).astype(np.float32), memory)
    weight, bias, mean, var = (rng.uniform(0.5, 1, size=4).astype(np.float32) for _ in range(4))
    expected = ops.batch_norm(x, weight, bias, mean, var)
    assert expected.transpose(0, 2, 3, 1).flags.c_contiguous
    copy = in_memory(x, memory)
    assert ops.batch_norm(copy, weight, bias, mean, var, out=copy) is copy
    assert np.array_equal(copy, expected)
    expected = ops.batch_norm_train(x, weight, bias)[0]
    copy = in_memory(x, memory)
    assert ops.batch_norm_train(copy, weight, bias, out=copy)[0] is copy
    assert np.array_equal(copy, expected)


def test_a_constant_channel_and_a_single_value_give_the_bias(core: str) -> None:
    one = np.ones(1)
    y, mean, var = ops.batch_norm_train(np.full((4, 1), 7.0), one, 3 * one)
    assert (y == 3).all()
    assert (mean.item(), var.item()) == (7, 0)
    assert ops.batch_norm_train(np.full((1, 1), 7.0), one, 3 * one)[0].item() == 3


@pytest.mark.filterwarnings("error")
def test_nan_stays_in_its_channel(core: str) -> None:
    x = np.random.default_rng(0).normal(size=(2, 3, 4, 4))
    x[1, 2, 0, 0] = np.nan
    x[1, 1, 0, 0] = np.inf
    one, zero = np.ones(3), np.zeros(3)
    y, mean, var = ops.batch_norm_train(x, one, zero)
    assert np.isnan(y[:, 2]).all()
    assert np.isfinite(y[:, 0]).all()
    assert mean[1] == np.inf
    assert np.isnan(var[1:]).all()
    assert np.isnan(ops.batch_norm(x, one, zero, zero, one)).sum() == 1


def test_an_empty_batch_is_fine_only_without_statistics(core: str) -> None:
    x, one = np.zeros((0, 2, 3, 3)), np.ones(2)
    assert ops.batch_norm(x, one, one, one, one).shape == x.shape
    with pytest.raises(InvalidValue, match="batch_norm_train: an empty batch has no mean"):
        ops.batch_norm_train(x, one, one)


def test_wrong_shapes_and_types_are_one_clear_error() -> None:
    x, one = np.zeros((2, 3, 4, 4)), np.ones(3)
    with pytest.raises(InvalidValue, match="batch_norm: mean must have one value for each channel, 3"):
        ops.batch_norm(x, one, one, np.ones(2), one)
    with pytest.raises(InvalidValue, match="x must have the axes"):
        ops.batch_norm(np.zeros((2, 3, 4)), one, one, one, one)
    with pytest.raises(InvalidValue, match="eps must not be negative"):
        ops.batch_norm(x, one, one, one, one, eps=-1)
    with pytest.raises(DtypeError, match="x and var must have one dtype"):
        ops.batch_norm(x, one, one, one, one.astype(np.float32))
    with pytest.raises(InvalidValue, match="grad must have the shape of x"):
        ops.batch_norm_grad(x[:1], x, one, one, one)
