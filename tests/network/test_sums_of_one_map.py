"""A map that is the same for all images may be added to what there is for each."""

from __future__ import annotations

import numpy as np
import pytest

import convscope as cs
from convscope import layers
from convscope.network import Network, Node


def network(norm):
    random = np.random.default_rng(0)

    def draw(*shape):
        return random.normal(size=shape).astype(np.float32) / 3

    ones, zeros = np.ones(4, np.float32), np.zeros(4, np.float32)
    nodes = [
        Node("conv", layers.Conv2d(draw(4, 1, 3, 3)), "input"),
        Node("bn", layers.BatchNorm(ones, zeros, zeros.copy(), ones.copy()), "conv"),
        Node("map", layers.Constant(draw(1, 4, 4, 4)), ()),
        Node("sum", layers.Add(), ("bn" if norm else "conv", "map")),
        Node("relu", layers.ReLU(), "sum"),
        Node("flat", layers.Flatten(), "relu"),
        Node("fc", layers.Linear(draw(3, 64), draw(3)), "flat"),
    ]
    return Network(nodes if norm else [node for node in nodes if node.name != "bn"], (1, 6, 6))


IMAGES = np.random.default_rng(1).normal(size=(10, 1, 6, 6)).astype(np.float32)


@pytest.mark.parametrize("norm", [False, True])
def test_the_fused_network_computes_the_same(norm):
    net = network(norm)
    expected = net.run(IMAGES).output
    np.testing.assert_allclose(net.fused().run(IMAGES).output, expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(net.predict(IMAGES), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("norm", [False, True])
def test_it_is_trained(norm):
    net = network(norm)
    before = net.parameters["conv.weight"].copy()
    history = cs.fit(net, (IMAGES, np.arange(10) % 3), epochs=1, batch_size=5, seed=0)
    assert np.isfinite(history.epochs[0].loss)
    assert not np.array_equal(net.parameters["conv.weight"], before)
