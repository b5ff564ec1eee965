"""SGD against torch.optim.SGD, its definition."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from convscope.errors import DtypeError, InvalidValue
from convscope.training import SGD, AdamW, Cosine, CrossEntropy, Step

STEPS = 12


@pytest.mark.parametrize(
    ("momentum", "nesterov", "weight_decay"),
    [c for c in itertools.product([0.0, 0.9], [False, True], [0.0, 0.03]) if c[0] or not c[1]],
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_steps_are_those_of_pytorch(momentum, nesterov, weight_decay, dtype):
    torch = pytest.importorskip("torch")
    random = np.random.default_rng(5)
    shapes = {"conv.weight": (4, 3, 3, 3), "conv.bias": (4,)}
    ours = {name: random.normal(size=shape).astype(dtype) for name, shape in shapes.items()}
    theirs = {name: torch.tensor(array.copy(), requires_grad=True) for name, array in ours.items()}
    sgd = SGD(0.1, momentum=momentum, nesterov=nesterov, weight_decay=weight_decay)
    judge = torch.optim.SGD(
        theirs.values(), lr=0.1, momentum=momentum, nesterov=nesterov, weight_decay=weight_decay
    )
    memory = sgd.start(ours)
    for step in range(STEPS):
        rate = 0.1 / (1 + step)
        gradients = {name: random.normal(size=shape).astype(dtype) for name, shape in shapes.items()}
        for name, tensor in theirs.items():
            tensor.grad = torch.tensor(gradients[name].copy())
        judge.param_groups[0]["lr"] = rate
        judge.step()
        sgd.step(ours, gradients, memory, rate)
    for name, tensor in theirs.items():
        # A step has at most 8 roundings of numbers below 64 (|w| < 8, |v| < 10 * |g|, |g| < 6).
        tolerance = STEPS * 8 * np.finfo(dtype).eps * 64
        np.testing.assert_allclose(ours[name], tensor.detach().numpy(), rtol=0, atol=tolerance)


def test_a_parameter_without_gradient_stays():
    weights = {"a": np.ones(2), "b": np.ones(2)}
    sgd = SGD(0.5, weight_decay=0.5)
    sgd.step(weights, {"a": np.ones(2)}, sgd.start(weights), 0.5)
    assert weights["b"].tolist() == [1, 1]
    assert weights["a"].tolist() == [0.25, 0.25]


def test_a_step_works_in_place_and_keeps_the_memory():
    weights = {"w": np.ones((3, 3), np.float32)}
    same = weights["w"]
    sgd = SGD(0.1, momentum=0.9, nesterov=True, weight_decay=0.1)
    memory = sgd.start(weights)
    velocity = memory.kept["velocity/w"]
    sgd.step(weights, {"w": np.ones((3, 3), np.float32)}, memory, 0.1)
    assert weights["w"] is same
    assert memory.kept["velocity/w"] is velocity
    assert velocity.dtype == np.float32
    assert np.all(velocity != 0)


@pytest.mark.parametrize(
    "settings",
    [
        {"learning_rate": 0},
        {"learning_rate": -1},
        {"learning_rate": float("nan")},
        {"learning_rate": float("inf")},
        {"momentum": 1.0},
        {"momentum": -0.1},
        {"weight_decay": -0.1},
        {"momentum": 0.0, "nesterov": True},
    ],
)
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(InvalidValue, match="SGD"):
        SGD(**settings)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SGD("fast"), "SGD: learning_rate must be a number; got 'fast'"),
        (lambda: SGD(momentum=None), "SGD: momentum must be a number; got None"),
        (lambda: AdamW(beta1=[0.9, 0.999]), "AdamW: beta1 must be a number"),
        (lambda: Cosine(True), "Cosine: warmup must be a number; got True"),
        (lambda: Step(2.5), "Step: every must be a whole number; got 2.5"),
        (lambda: CrossEntropy("0.1"), "CrossEntropy: label_smoothing must be a number"),
    ],
)
def test_settings_that_are_no_numbers_are_refused(make, message):
    with pytest.raises(DtypeError, match=message):
        make()
    assert SGD(np.float32(0.5)).learning_rate == 0.5
