from __future__ import annotations

import numpy as np
import pytest

from convscope.errors import InvalidValue
from convscope.layers import Flatten, Linear, Softmax
from convscope.network import Network, Node
from convscope.training import CrossEntropy, MeanSquaredError, clip_gradients, evaluate, fit
from convscope.training.losses import scores_of

torch = pytest.importorskip("torch")


@pytest.mark.parametrize("share", [0.0, 0.1, 0.7])
@pytest.mark.parametrize("shape", [(7, 5), (7, 5, 1, 1)])
def test_cross_entropy_is_that_of_pytorch(share, shape):
    random = np.random.default_rng(1)
    scores, labels = 30 * random.normal(size=shape), random.integers(0, 5, 7)
    loss, gradient = CrossEntropy(share)(scores.copy(), labels)
    x = torch.tensor(scores.reshape(7, 5), requires_grad=True)
    judge = torch.nn.functional.cross_entropy(x, torch.tensor(labels), label_smoothing=share)
    judge.backward()
    assert loss == pytest.approx(judge.item(), rel=1e-13)
    assert gradient.shape == shape
    np.testing.assert_allclose(gradient.reshape(7, 5), x.grad.numpy(), rtol=0, atol=1e-15)


def test_huge_scores_have_a_finite_loss():
    loss, gradient = CrossEntropy(0.1)(np.array([[1e30, -1e30]]), np.array([0]))
    assert np.isfinite(loss)
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize("share", [-0.1, 1.0, float("nan")])
def test_a_share_out_of_range_is_refused(share):
    with pytest.raises(InvalidValue, match="label_smoothing"):
        CrossEntropy(share)


def softmax_net() -> Network:
    weight = np.random.default_rng(0).normal(size=(3, 4))
    nodes = [
        Node("flat", Flatten(), "input"),
        Node("fc", Linear(weight, np.zeros(3)), "flat"),
        Node("prob", Softmax(), "fc"),
    ]
    return Network(nodes, (1, 2, 2))


def test_squares_are_measured_after_a_last_softmax():
    net = softmax_net()
    assert scores_of(net, "x") == ("fc", 3)
    assert scores_of(net, "x", before_softmax=False) == ("prob", 3)
    random = np.random.default_rng(2)
    x, y = random.normal(size=(9, 1, 2, 2)), random.integers(0, 3, 9)
    wanted = np.mean((net.predict(x) - np.eye(3)[y]) ** 2)
    found = evaluate(net, (x, y), loss=MeanSquaredError())
    assert found.loss == pytest.approx(wanted)
    np.testing.assert_allclose(found.probabilities, net.predict(x))
    losses = [record.loss for record in fit(net, (x, y), batch_size=9, loss=MeanSquaredError()).epochs]
    assert losses[0] == pytest.approx(wanted)
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("limit", [0.1, 1e3])
def test_clipping_is_that_of_pytorch(limit):
    random = np.random.default_rng(3)
    ours = {name: random.normal(size=(4, 3)) for name in "ab"}
    theirs = [torch.nn.Parameter(torch.zeros(4, 3, dtype=torch.float64)) for _ in "ab"]
    for tensor, gradient in zip(theirs, ours.values(), strict=True):
        tensor.grad = torch.tensor(gradient)
    wanted = torch.nn.utils.clip_grad_norm_(theirs, limit)
    assert clip_gradients(ours, limit) == pytest.approx(wanted.item())
    for tensor, gradient in zip(theirs, ours.values(), strict=True):
        np.testing.assert_allclose(gradient, tensor.grad.numpy(), rtol=1e-14)
