"""The backward pass cell by cell: products of output gradients add up to the engine's gradients."""

from __future__ import annotations

import copy

import numpy as np
import pytest

import convscope as cs
from convscope import layers
from convscope.errors import InvalidValue, UnknownName
from convscope.explain import GradientTrace, trace
from convscope.explain.columns import column_of
from convscope.explain.rounding import sum_bound
from convscope.explain.terms import Reading
from convscope.layers import Conv2d, Layer, Multiply
from convscope.network import Network, Node
from general_layer_cases import GENERAL_CASES, POSITIVE, STEPS
from single_layers import CASES, address, draw_cells, network_of

SEED = 29
WEIGHTED = [name for name, (layer, _) in CASES.items() if layer.parameters]
GENERAL = [
    name
    for name in GENERAL_CASES
    if "matmul of a vector" not in name and name != "smallest of all"  # of the whole batch: no single image
]
GENERAL_WEIGHTED = [name for name in GENERAL if GENERAL_CASES[name][0].parameters]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", CASES)
def test_an_inputs_gradient(name: str, dtype: type) -> None:
    rng = np.random.default_rng(SEED)
    net = network_of(*CASES[name], dtype)
    image = rng.standard_normal(net.input_shape).astype(dtype)
    activations = net.run(image, algorithm="direct")
    seed = {"layer": rng.standard_normal(activations["layer"].shape).astype(dtype)}
    gradients = net.backward(activations, seed)
    for source in dict.fromkeys(net.nodes["layer"].inputs):
        for place in draw_cells(activations[source].shape[1:], 6, rng):
            found = trace(net, image, address(source, place), backward=seed, activations=activations)
            engine = gradients.inputs if source == net.input_name else gradients.nodes
            assert found.engine == engine[source][(0, *place)]
            assert found.agrees, (found.address, found.value, found.engine, found.bound)
            assert len(found.terms) or found.engine == 0
            magnitude = np.abs(found.terms["gradient"]).sum() * (
                1 + np.abs(found.terms["factor"]).max(initial=0)
            )
            assert found.bound <= 1e3 * np.finfo(dtype).eps * (magnitude + 1)  # the bound says something


@pytest.mark.parametrize("name", WEIGHTED)
def test_a_parameters_gradient(name: str) -> None:
    check_parameters(network_of(*CASES[name]), name)


@pytest.mark.parametrize("name", GENERAL_WEIGHTED)
def test_a_parameters_gradient_of_sound_and_volumes(name: str) -> None:
    layer, (shape, *_), *_ = GENERAL_CASES[name]
    check_parameters(network_of(layer, [shape[1:]]), name)


def check_parameters(net: Network, name: str) -> None:
    rng = np.random.default_rng(SEED)
    image = rng.standard_normal(net.input_shape).astype(np.float32)
    activations = net.run(image, algorithm="direct")
    seed = {"layer": rng.standard_normal(activations["layer"].shape).astype(np.float32)}
    gradients = net.backward(activations, seed)
    for parameter, values in net.parameters.items():
        for place in draw_cells(values.shape, 12, rng):
            found = trace(net, image, address(parameter, place), backward=seed, activations=activations)
            assert found.engine == gradients.parameters[parameter][place]
            assert found.agrees, (found.address, found.value, found.engine, found.bound)
            assert len(found.terms) or found.engine == 0


def in_precision(layer: Layer, dtype: type) -> Layer:
    layer = copy.copy(layer)
    layer.parameters = {key: value.astype(dtype) for key, value in layer.parameters.items()}
    layer.statistics = {key: value.astype(dtype) for key, value in layer.statistics.items()}
    return layer


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", GENERAL)
def test_an_inputs_gradient_of_layers_for_other_inputs_than_images(name: str, dtype: type) -> None:
    layer, shapes, *_ = GENERAL_CASES[name]
    layer, rank = in_precision(layer, dtype), len(shapes[0])
    rng = np.random.default_rng(SEED)
    full = [(1, *shape[1:]) if len(shape) == rank else shape for shape in shapes]
    positive = isinstance(layer, POSITIVE)
    inputs = [(rng.uniform(0.5, 2, s) if positive else rng.standard_normal(s)).astype(dtype) for s in full]
    y, cache = layer.forward(*inputs)
    grad = rng.standard_normal(y.shape).astype(dtype)
    back, _ = layer.backward(grad, cache)
    engine = back if isinstance(back, tuple) else (back,)
    ones = tuple(x[0] if x.ndim >= y.ndim else x for x in inputs)
    reading = Reading(layer, ones, (0,) * (y.ndim - 1), tuple(x.shape for x in ones), tuple(inputs))
    for source, x in enumerate(ones):
        for place in draw_cells(x.shape, 8, rng):
            column = column_of(reading, source, place, y.shape[1:])
            g = grad[0][tuple(column.places.T)]
            value = float((g * column.values).sum())
            summed = sum_bound(len(g) + 8, float((np.abs(g) * column.magnitude).sum()), np.dtype(dtype))
            bound = summed + float((np.abs(g) * column.error).sum())
            got = engine[source][(0, *place) if inputs[source].ndim > x.ndim else place]
            assert abs(value - got) <= bound, (name, source, place, value, got, bound)


def test_every_layer_with_a_gradient_is_traced_backward() -> None:
    kinds = {
        cls.kind
        for name in layers.__all__
        if isinstance(cls := getattr(layers, name), type) and issubclass(cls, Layer) and cls is not Layer
    }
    tried = {layer.kind for layer, _ in CASES.values()} | {GENERAL_CASES[name][0].kind for name in GENERAL}
    assert kinds - tried == {cls.kind for cls in STEPS}  # whose gradient is 0, and what has no input


def test_a_step_lets_nothing_back() -> None:
    nodes = [Node("floor", layers.Floor(), "input"), Node("cast", layers.Cast("float"), "floor")]
    net = Network(nodes, (1, 1, 2))
    image = np.array([[[1.5, -0.5]]], np.float32)
    assert trace(net, image, "input[0,0,1]", backward="cast[0,0,1]").value == 0
    passed = trace(net, image, "floor[0,0,1]", backward="cast[0,0,1]")
    assert passed.value == passed.engine == 1


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
        ("bn1.running_mean[0]", "fc[0]", UnknownName, "running_mean"),
        ("conv1[0,0,0]", "fcc[0]", UnknownName, "nearest: fc"),
    ],
)
def test_what_cannot_be_asked_is_said(at: str, backward: object, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        trace(cs.models.small_cnn(), cs.data.digits().x[0], at, backward=backward)  # type: ignore[call-overload]


def test_a_bent_reader_says_its_derivative() -> None:
    net = Network([Node("act", layers.Tanh(), "input")], (1, 1, 1))
    found = trace(net, np.full((1, 1, 1), 0.5, np.float32), "input[0,0,0]", backward="act[0,0,0]")
    assert found.factors == "derivative"
    assert found.derivatives == ("1 - tanh(x) ** 2",)
    assert found.value == pytest.approx(1 - np.tanh(0.5) ** 2, rel=1e-15)


def test_softmax_by_hand() -> None:
    """Shares 1/4 and 3/4: the first by its own score changes by 3/16, the second by -3/16."""
    net = Network([Node("p", layers.Softmax(), "input")], (2, 1, 1))
    image = np.log(np.array([1, 3], np.float32)).reshape(2, 1, 1)
    given = {"p": np.array([1, 10], np.float32).reshape(1, 2, 1, 1)}
    found = trace(net, image, "input[0,0,0]", backward=given)
    assert found.terms["factor"] == pytest.approx([3 / 16, -3 / 16])
    assert found.value == pytest.approx(-27 / 16)


def test_a_wrong_backward_pass_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    net = network_of(*CASES["tanh"])
    image = np.ones(net.input_shape, np.float32)
    right = layers.Tanh.backward

    def wrong(self: layers.Tanh, grad: np.ndarray, *rest: object, **more: object) -> object:
        dx, own = right(self, grad, *rest, **more)  # type: ignore[arg-type]
        return dx * np.float32(1 + 1e-4), own

    assert trace(net, image, "input[0,0,0]", backward="layer[0,0,0]").agrees
    monkeypatch.setattr(layers.Tanh, "backward", wrong)
    assert not trace(net, image, "input[0,0,0]", backward="layer[0,0,0]").agrees
