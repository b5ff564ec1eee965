"""Layers whose value jumps: what they give, and that no gradient passes."""

from __future__ import annotations

import numpy as np
import pytest

from convscope.layers import ArgMax, Cast, Ceil, Constant, Equal, Floor

X = np.array([[-1.5, 0.0, 2.5], [2.5, -0.5, 2.5]])
CASES = {
    "floor": (Floor(), (X,), [[-2, 0, 2], [2, -1, 2]]),
    "ceil": (Ceil(), (X,), [[-1, 0, 3], [3, 0, 3]]),
    "cast to int": (Cast("int"), (X,), [[-1, 0, 2], [2, 0, 2]]),
    "cast to bool": (Cast("bool"), (X,), [[1, 0, 1], [1, 1, 1]]),
    "equal": (Equal(), (X, np.array([2.5])), [[0, 0, 1], [1, 0, 1]]),
    "first place": (ArgMax(1), (X,), [[2], [0]]),
    "last place": (ArgMax(1, last=True, keepdims=False), (X,), [2, 2]),
}


@pytest.mark.parametrize("name", CASES)
def test_steps(name: str) -> None:
    layer, inputs, expected = CASES[name]
    y, cache = layer.forward(*inputs)
    np.testing.assert_array_equal(y, expected)
    assert y.shape == layer.output_shape(*(x.shape for x in inputs))
    grads, own = layer.backward(np.ones_like(y), cache)
    assert own == {}
    for x, grad in zip(inputs, grads if isinstance(grads, tuple) else (grads,), strict=True):
        np.testing.assert_array_equal(grad, np.zeros_like(x))


def test_a_cast_between_floats_lets_the_gradient_pass() -> None:
    y, cache = Cast("float").forward(X)
    np.testing.assert_array_equal(y, X)
    np.testing.assert_array_equal(Cast("float").backward(X, cache)[0], X)


def test_a_constant_has_no_inputs() -> None:
    layer = Constant(X)
    y, cache = layer.forward()
    np.testing.assert_array_equal(y, X)
    assert y is not layer.statistics["value"]
    assert layer.backward(y, cache) == ((), {})
    assert layer.output_shape() == X.shape
