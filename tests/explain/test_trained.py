"""Trained networks of others: SqueezeNet and GoogLeNet, down to the last multiply-add."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

import convscope as cs
import torch_twin
from convscope.explain import ledger, local_kernel, trace
from convscope.network import Activations, Network
from single_layers import address, draw_cells

SEED = 43

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=["squeezenet_v1.1", "bvlc_googlenet"])
def trained(request: pytest.FixtureRequest, shared_data: Path) -> tuple[Network, np.ndarray, Activations]:
    """A network, an image of smooth noise in the range it was trained on, and what it computed."""
    net = cs.load(shared_data / "models" / f"{request.param}.onnx")
    noise = gaussian_filter(np.random.default_rng(SEED).standard_normal(net.input_shape), (0, 4, 4))
    image = (60 * noise / noise.std()).astype(np.float32)
    return net, image, net.run(image, algorithm="direct")


def test_a_thousand_cells_over_every_node(trained: tuple[Network, np.ndarray, Activations]) -> None:
    net, image, activations = trained
    rng = np.random.default_rng(SEED)
    count, slowest = 0, 0.0
    for name in net.nodes:
        for place in draw_cells(activations[name].shape[1:], 1 + 1000 // len(net.nodes), rng):
            start = time.thread_time()
            found = trace(net, image, address(name, place), activations=activations)
            slowest = max(slowest, time.thread_time() - start)
            count += 1
            assert found.agrees, (found.address, found.value, found.engine, found.bound)
    assert count >= 1000
    assert slowest < 0.1


def test_backward_traces_through_every_kind_of_node(
    trained: tuple[Network, np.ndarray, Activations],
) -> None:
    """One cell below a node of each kind, and one weight of each kind of layer, from a probability."""
    net, image, activations = trained
    rng = np.random.default_rng(SEED)
    kinds = {node.layer.kind: node for node in net.nodes.values()}
    output = net.outputs[0]
    best = int(activations[output][0].argmax())
    top = np.zeros_like(activations[output])
    top.reshape(1, -1)[0, best] = 1000  # probabilities change little
    for kind, node in kinds.items():
        source = node.inputs[0]
        place = draw_cells(activations[source].shape[1:], 1, rng)[0]
        found = trace(net, image, address(source, place), backward={output: top}, activations=activations)
        assert found.agrees, (kind, found.address, found.value, found.engine, found.bound)
        for parameter, values in node.layer.parameters.items():
            at = address(f"{node.name}.{parameter}", draw_cells(values.shape, 1, rng)[0])
            found = trace(net, image, at, backward={output: top}, activations=activations)
            assert found.agrees, (found.address, found.value, found.engine, found.bound)


def test_ledgers_add_up(trained: tuple[Network, np.ndarray, Activations]) -> None:
    net, image, activations = trained
    rng = np.random.default_rng(SEED)
    for name in list(net.nodes)[::3] + list(net.outputs):
        place = draw_cells(activations[name].shape[1:], 1, rng)[0]
        assert ledger(net, image, address(name, place), names=0, activations=activations).agrees


def test_local_kernels_reproduce_the_values(trained: tuple[Network, np.ndarray, Activations]) -> None:
    net, image, activations = trained
    rng = np.random.default_rng(SEED)
    for name in list(net.nodes)[::8] + list(net.outputs):
        place = draw_cells(activations[name].shape[1:], 1, rng)[0]
        found = local_kernel(net, image, address(name, place), judged=False, activations=activations)
        assert found.error < 1e-4


def test_the_gradient_of_a_class_score_is_pytorchs(trained: tuple[Network, np.ndarray, Activations]) -> None:
    """In float64: in float32 a sum next to zero may round to either side, and one gate more or less opens."""
    net, image = trained[0].astype(np.float64), trained[1].astype(np.float64)
    activations = net.run(image, algorithm="direct")
    leaf, made = torch_twin.run(net, image)
    score = net.nodes[net.outputs[0]].inputs[0]  # before softmax
    place = tuple(
        int(i) for i in np.unravel_index(activations[score][0].argmax(), activations[score].shape[1:])
    )
    made[score][(0, *place)].backward()
    assert leaf.grad is not None
    theirs = leaf.grad[0].numpy()
    ours = local_kernel(net, image, address(score, place), judged=False, activations=activations).kernel
    assert np.abs(ours - theirs).max() <= 1e-9 * np.abs(theirs).max()
