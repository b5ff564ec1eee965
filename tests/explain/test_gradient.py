"""The backward pass cell by cell: products of output gradients add up to the engine's gradients."""

from __future__ import annotations

import numpy as np
import pytest

import convscope as cs
from convscope.errors import InvalidValue, UnknownName
from convscope.explain import GradientTrace, trace
from convscope.explain.functions import FUNCTIONS
from convscope.layers import Conv2d, Multiply
from convscope.network import Network, Node
from single_layers import CASES, address, draw_cells, network_of

SEED = 29
SUMS = [name for name, (layer, _) in CASES.items() if layer.kind not in FUNCTIONS]


@pytest.mark.parametrize("name", SUMS)
def test_an_inputs_gradient(name: str) -> None:
    rng = np.random.default_rng(SEED)
    net = network_of(*CASES[name])
    image = rng.standard_normal(net.input_shape).astype(np.float32)
    activations = net.run(image, algorithm="direct")
    seed = {"layer": rng.standard_normal(activations["layer"].shape).astype(np.float32)}
    gradients = net.backward(activations, seed)
    for source in net.nodes["layer"].inputs:
        for place in draw_cells(activations[source].shape[1:], 6, rng):
            found = trace(net, image, address(source, place), backward=seed, activations=activations)
            engine = gradients.inputs if source == net.input_name else gradients.nodes
            assert found.engine == engine[source][(0, *place)]
            assert found.agrees, (found.address, found.value, found.engine, found.bound)


@pytest.mark.parametrize("name", ["conv", "conv, groups, dilation", "depthwise", "table", "linear"])
def test_a_weights_and_a_biass_gradient(name: str) -> None:
    rng = np.random.default_rng(SEED)
    net = network_of(*CASES[name])
    image = rng.standard_normal(net.input_shape).astype(np.float32)
    activations = net.run(image, algorithm="direct")
    seed = {"layer": rng.standard_normal(activations["layer"].shape).astype(np.float32)}
    gradients = net.backward(activations, seed)
    for parameter, values in net.parameters.items():
        for place in draw_cells(values.shape, 12, rng):
            found = trace(net, image, address(parameter, place), backward=seed, activations=activations)
            assert found.engine == gradients.parameters[parameter][place]
            assert found.agrees, (found.address, found.value, found.engine, found.bound)


def test_one_weight_meets_the_input_at_its_tap() -> None:
    """dw[0, 1] of a 1x2 kernel over (1, 2, 3) with gradients (10, 100): 10*2 + 100*3."""
    net = Network([Node("conv", Conv2d(np.ones((1, 1, 1, 2))), "input")], (1, 1, 3))
    seed = {"conv": np.array([10.0, 100.0]).reshape(1, 1, 1, 2)}
    found = trace(net, np.array([[[1.0, 2, 3]]]), "conv.weight[0,0,0,1]", backward=seed)
    assert isinstance(found, GradientTrace)
    assert found.terms["gradient"].tolist() == [10, 100]
    assert found.terms["factor"].tolist() == [2, 3]
    assert found.terms["input_column"].tolist() == [1, 2]
    assert found.value == found.engine == 320
    assert found.to_dict()["terms"][0]["product"] == 20


def test_a_whole_network_from_a_class_score() -> None:
    net, image = cs.models.small_cnn(seed=2), cs.data.digits().x[3]
    for at in (
        "conv1.weight[3,0,2,2]",
        "conv2.weight[5,3,0,1]",
        "fc.weight[3,7]",
        "fc.bias[3]",
        "relu1[4,3,3]",
        "input[0,3,3]",
    ):
        found = trace(net, image, at, backward="fc[3]")
        assert found.agrees, at
        assert found.of == "fc[3]"
    other = trace(net, image, "fc.weight[4,7]", backward="fc[3]")
    assert other.value == other.engine == 0


def test_a_cell_that_is_read_twice_gets_both_gradients() -> None:
    square = Network([Node("square", Multiply(), ("input", "input"))], (1, 1, 2))
    found = trace(square, np.array([[[3.0, 5]]], np.float32), "input[0,0,1]", backward="square[0,0,1]")
    assert found.value == found.engine == 10


def test_where_the_gradient_starts_it_is_given() -> None:
    net, image = cs.models.small_cnn(), cs.data.digits().x[0]
    assert trace(net, image, "fc[3]", backward="fc[3]").given == 1


@pytest.mark.parametrize(
    ("at", "backward", "error", "words"),
    [
        ("conv9.weight[0,0,0,0]", "fc[0]", UnknownName, "nearest: conv"),
        ("conv1.weight[0,0]", "fc[0]", InvalidValue, "has shape"),
        ("conv1.weight[99,0,0,0]", "fc[0]", InvalidValue, "has shape"),
        ("conv1", "fc[0]", InvalidValue, "a cell must be given"),
        ("conv1[0,0,0]", "conv2", InvalidValue, "must be one cell"),
        ("conv1[0,0,0]", 3, InvalidValue, "a cell's address or gradients by node"),
        ("bn1.weight[0]", "fc[0]", InvalidValue, "convolutions and dense layers"),
        ("conv1[0,0,0]", "fcc[0]", UnknownName, "nearest: fc"),
    ],
)
def test_what_cannot_be_asked_is_said(at: str, backward: object, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        trace(cs.models.small_cnn(), cs.data.digits().x[0], at, backward=backward)  # type: ignore[call-overload]


def test_a_bent_reader_is_said() -> None:
    net = network_of(*CASES["tanh"])
    with pytest.raises(InvalidValue, match="a Tanh, whose derivative is more than a weight"):
        trace(net, np.ones(net.input_shape, np.float32), "input[0,0,0]", backward="layer[0,0,0]")
