"""Steps of optimisers, joint passes of training, fingerprints: in both cores."""

from __future__ import annotations

import numpy as np
import pytest

from convscope import ops
from convscope.errors import InvalidValue

EPS = float(np.finfo(np.float64).eps)


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("nesterov", [False, True])
def test_sgd_step(core: str, order: str, nesterov: bool) -> None:
    w, g, v = (np.asarray(normal(37, 1001, seed=seed), order=order) for seed in range(3))
    gradient = g + 0.01 * w
    velocity = 0.9 * v + gradient
    wanted = w - 0.1 * (gradient + 0.9 * velocity if nesterov else velocity)
    ops.sgd_step(w, g, v, rate=0.1, momentum=0.9, nesterov=nesterov, decay=0.01)
    np.testing.assert_allclose(v, velocity, rtol=0, atol=20 * EPS)
    np.testing.assert_allclose(w, wanted, rtol=0, atol=20 * EPS)


def test_sgd_step_without_momentum(core: str) -> None:
    w, g = normal(11), normal(11, seed=1)
    wanted = w - 0.5 * g
    ops.sgd_step(w, g, rate=0.5)
    np.testing.assert_allclose(w, wanted, rtol=0, atol=10 * EPS)


@pytest.mark.parametrize("order", ["C", "F"])
def test_adam_step(core: str, order: str) -> None:
    w, g, m = (np.asarray(normal(7, 333, seed=seed), order=order) for seed in range(3))
    s = m**2
    gradient = g + 0.1 * w
    first, second = 0.8 * m + 0.2 * gradient, 0.99 * s + 0.01 * gradient**2
    quotient = (first / (1 - 0.8**3)) / (np.sqrt(second / (1 - 0.99**3)) + 1e-3)
    wanted = w * (1 - 0.05) - 0.1 * quotient
    settings = {
        "rate": 0.1,
        "beta1": 0.8,
        "beta2": 0.99,
        "eps": 1e-3,
        "step": 3,
        "decay": 0.1,
        "shrink": 0.05,
    }
    ops.adam_step(w, g, m, s, **settings)
    for found, right in ((m, first), (s, second), (w, wanted)):
        np.testing.assert_allclose(found, right, rtol=1e-13, atol=100 * EPS)


def test_steps_refuse_what_does_not_fit() -> None:
    with pytest.raises(InvalidValue, match="grad must have the shape of weight"):
        ops.sgd_step(normal(3), normal(4), rate=0.1)
    with pytest.raises(InvalidValue, match="step must be at least 1; got step=0"):
        ops.adam_step(normal(3), normal(3), normal(3), normal(3), rate=0.1, step=0)
    fixed = np.ones(2)
    fixed.flags.writeable = False
    with pytest.raises(InvalidValue, match="sgd_step: weight must be writable; got a read-only array"):
        ops.sgd_step(fixed, np.ones(2), rate=0.1)
    with pytest.raises(InvalidValue, match="adam_step: second must be writable"):
        ops.adam_step(np.ones(2), np.ones(2), np.ones(2), fixed, rate=0.1)


@pytest.mark.parametrize("channels", [5, 16, 33])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_joint_passes_are_the_single_ones_to_the_bit(core: str, channels: int, dtype: str) -> None:
    x, r, grad = (normal(3, channels, 9, 7, seed=seed).astype(dtype) for seed in range(3))
    x[0, 0, 0, 0] = np.nan  # not-a-number passes a ReLU
    weight, bias = normal(channels).astype(dtype), normal(channels, seed=1).astype(dtype)
    plain, mean, var = ops.batch_norm_train(x, weight, bias)
    for residual in (None, r):
        y, same_mean, same_var = ops.batch_norm_train(x, weight, bias, residual=residual, rectify=True)
        np.testing.assert_array_equal(y, ops.relu(plain if residual is None else ops.add(plain, residual)))
        np.testing.assert_array_equal(same_mean, mean)
        np.testing.assert_array_equal(same_var, var)
    y, _, _ = ops.batch_norm_train(x, weight, bias, rectify=True)
    wanted = ops.batch_norm_grad(ops.relu_grad(grad, y), x, weight, mean, var)
    found = ops.batch_norm_grad(grad, x, weight, mean, var, rectified=y)
    for a, b in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(ops.add(x, r, grad, rectify=True), ops.relu(ops.add(x, r, grad)))


def test_a_fingerprint_sees_every_single_change(core: str) -> None:
    array = np.zeros(5000, np.float32)
    fingerprint = ops.Fingerprint([array, np.ones(3)])
    before = fingerprint()
    assert fingerprint() == before
    for place in (0, 1, 15, 16, 17, 4998, 4999, *range(7, 5000, 491)):
        array[place] = 1e-30
        assert fingerprint() != before, place
        array[place] = 0
    assert fingerprint() == before


def test_a_fingerprint_sees_what_sums_do_not(core: str) -> None:
    rng = np.random.default_rng(0)
    array = rng.standard_normal((200, 257)).astype(np.float32)
    fingerprint = ops.Fingerprint([array])
    found = {fingerprint()}
    for _ in range(200):
        a, b = rng.choice(200, 2, replace=False)
        array[[a, b]] = array[[b, a]]
        found.add(fingerprint())
    assert len(found) > 195  # a swap may bring an order back
    array *= -1
    assert fingerprint() not in found


def test_a_fingerprint_of_arrays_with_gaps_and_of_none(core: str) -> None:
    wide = np.zeros((6, 8))
    fingerprint = ops.Fingerprint([wide[:, ::2], wide[:0], np.asfortranarray(normal(4, 5))])
    before = fingerprint()
    wide[0, 1] = 1  # not of the view
    assert fingerprint() == before
    wide[5, 6] = 1
    assert fingerprint() != before
    assert ops.Fingerprint([])() == ops.Fingerprint([])()


def test_a_bound_convolution_computes_again_and_again(core: str) -> None:
    x, weight, more = normal(2, 3, 6, 6), normal(4, 3, 3, 3), normal(2, 4, 4, 4)
    conv = ops.PackedConv2d(weight, activation="relu")
    out = ops.empty_channels_last((2, 4, 4, 4), np.float64)
    call = conv.bind(x, out, add=more)
    for _ in range(2):
        x *= 1.5
        assert call() is out
        np.testing.assert_allclose(out, ops.relu(ops.conv2d(x, weight) + more), rtol=0, atol=200 * EPS * 10)
    with pytest.raises(InvalidValue, match="out must have the shape"):
        conv.bind(x, out[:1])
    with pytest.raises(InvalidValue, match="add must have the shape"):
        conv.bind(x, out, add=more[:1])
