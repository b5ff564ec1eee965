"""A cell of every kind of layer: its terms make the engine's value within the derived bound."""

from __future__ import annotations

import copy
import re

import numpy as np
import pytest

import convscope as cs
from convscope import layers
from convscope.errors import InvalidValue
from convscope.explain import trace
from convscope.explain.cells import WAYS
from convscope.explain.functions import FUNCTIONS
from convscope.explain.terms import Reading
from convscope.layers import Conv2d, Layer, ReLU
from convscope.network import Network, Node
from general_layer_cases import GENERAL_CASES, POSITIVE
from single_layers import CASES, address, draw_cells, network_of

SEED = 23


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", CASES)
def test_the_terms_make_the_engines_value_within_the_bound(name: str, dtype: type) -> None:
    rng = np.random.default_rng(SEED)
    net = network_of(*CASES[name], dtype)
    image = rng.standard_normal(net.input_shape).astype(dtype)
    activations = net.run(image, algorithm="direct")
    for place in draw_cells(activations["layer"].shape[1:], 25, rng):
        found = trace(net, image, address("layer", place), activations=activations)
        assert found.engine == activations["layer"][(0, *place)]
        assert found.agrees, (found.address, found.value, found.engine, found.bound)
        assert found.total == pytest.approx(found.terms["product"].sum() + found.bias, rel=1e-14, abs=1e-300)
        if found.formula == "sum":
            assert found.value == found.total
        magnitude = np.abs(found.terms["product"]).sum() + abs(found.bias) + abs(found.value) + 1
        assert found.bound <= 1e3 * np.finfo(dtype).eps * magnitude  # the bound says something


@pytest.mark.parametrize("name", CASES)
def test_each_product_is_what_the_summand_says(name: str) -> None:
    rng = np.random.default_rng(SEED)
    net = network_of(*CASES[name], np.float64)
    image = rng.standard_normal(net.input_shape)
    activations = net.run(image, algorithm="direct")
    place = draw_cells(activations["layer"].shape[1:], 1, rng)[0]
    found = trace(net, image, address("layer", place), activations=activations)
    formula = re.sub(r"\|input\|", "abs(input)", found.summand)
    for term in found.terms:
        names = {"input": float(term["input"]), "weight": float(term["weight"]), "exp": np.exp}
        assert float(term["product"]) == pytest.approx(eval(formula, names), rel=1e-4)


def general_readings(name: str, dtype: type) -> tuple[np.ndarray, list[Reading]]:
    """Run a layer for other inputs than images alone, for one sample, and read some of its cells."""
    layer, shapes, *_ = GENERAL_CASES[name]
    rng = np.random.default_rng(SEED)
    rank, positive = len(shapes[0]), isinstance(layer, POSITIVE)
    full = [(1, *shape[1:]) if len(shape) == rank else shape for shape in shapes]
    inputs = [(rng.uniform(0.5, 2, s) if positive else rng.standard_normal(s)).astype(dtype) for s in full]
    layer = copy.copy(layer)
    layer.parameters = {key: value.astype(dtype) for key, value in layer.parameters.items()}
    layer.statistics = {key: value.astype(dtype) for key, value in layer.statistics.items()}
    y, _ = layer.forward(*inputs)
    ones = tuple(x[0] if x.ndim >= y.ndim else x for x in inputs)
    places = draw_cells(y.shape[1:], 12, rng)
    return y, [Reading(layer, ones, place, tuple(x.shape for x in ones), tuple(inputs)) for place in places]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", [n for n in GENERAL_CASES if "matmul of a vector" not in n])
def test_layers_for_other_inputs_than_images(name: str, dtype: type) -> None:
    if name == "smallest of all":  # of the whole batch: there is no single image any more
        return
    y, readings = general_readings(name, dtype)
    for reading in readings:
        cell = WAYS[reading.layer.kind](reading)
        engine = float(y[(0, *reading.place)])
        assert abs(cell.value - engine) <= cell.bound or cell.value == engine, reading.place
        assert cell.bound <= 1e3 * np.finfo(dtype).eps * (
            np.abs(cell.terms["product"]).sum() + abs(engine) + 1
        )


def test_every_layer_is_traced() -> None:
    kinds = {
        cls.kind
        for name in layers.__all__
        if isinstance(cls := getattr(layers, name), type) and issubclass(cls, Layer) and cls is not Layer
    }
    assert kinds - set(WAYS) == set()
    tried = {layer.kind for layer, *_ in (*CASES.values(), *GENERAL_CASES.values())}
    assert kinds - tried == {"ArgMax", "Cast", "Ceil", "Constant", "Equal", "Floor"}


def test_steps_and_constants() -> None:
    nodes = [
        Node("floor", layers.Floor(), "input"),
        Node("ceil", layers.Ceil(), "input"),
        Node("int", layers.Cast("int"), "input"),
        Node("bool", layers.Cast("bool"), "input"),
        Node("two", layers.Constant(np.full((1, 2, 1, 1), 2.0, np.float32)), ()),
        Node("equal", layers.Equal(), ("ceil", "two")),
        Node("best", layers.ArgMax(1), "input"),
        Node("product", layers.Multiply(), ("input", "two")),
    ]
    net = Network(nodes, (2, 1, 2))
    image = np.array([[[1.5, -1.5]], [[0.0, 3.25]]], np.float32)
    activations = net.run(image)
    for name in net.nodes:
        for place in np.ndindex(activations[name].shape[1:]):
            found = trace(net, image, address(name, place), activations=activations, depth=3)
            assert found.value == found.engine, found.address
    assert trace(net, image, "best[0,0,1]").formula.startswith("the place of the largest")


def test_a_kind_that_nobody_knows_is_said() -> None:
    class Strange(ReLU):
        kind = "Strange"

    net = Network([Node("l", Strange(), "input")], (2, 3, 3))
    with pytest.raises(InvalidValue, match=r"must be one of .*got Strange"):
        trace(net, np.ones((2, 3, 3), np.float32), "l[0,0,0]")


def test_a_wrong_engine_would_be_found() -> None:
    rng = np.random.default_rng(SEED)
    net = network_of(*CASES["conv"])
    image = rng.standard_normal(net.input_shape).astype(np.float32)
    activations = net.run(image, algorithm="direct")
    activations["layer"][0, 1, 1, 1] *= 1 + 1e-4
    assert not trace(net, image, "layer[1,1,1]", activations=activations).agrees


def test_depth_leads_to_the_pixels() -> None:
    net = cs.models.small_cnn(seed=1)
    found = trace(net, cs.data.digits().x[0], "fc[3]", depth=99, follow=2)
    seen, level, count = found, [found], 0
    while level:
        count += len(level)
        assert all(t.agrees for t in level)
        for t in level:
            assert len(t.below) <= 2
            assert {below.address.partition("[")[0] for below in t.below} <= set(t.sources)
        seen, level = level[0], [below for t in level for below in t.below]
    assert seen.sources == ("input",)
    assert 10 < count <= 1000
    assert found.not_followed > 0
    data = found.to_dict()
    assert data["below"][0]["address"] == found.below[0].address


def test_the_strongest_are_followed_and_the_others_counted() -> None:
    weight = np.array([1.0, -5.0, 3.0, 0.0]).reshape(1, 4, 1, 1)
    nodes = [Node("relu", ReLU(), "input"), Node("conv", Conv2d(weight), "relu")]
    found = trace(Network(nodes, (4, 1, 1)), np.ones((4, 1, 1)), "conv[0,0,0]", depth=2, follow=2)
    assert [t.address for t in found.below] == ["relu[1,0,0]", "relu[2,0,0]"]
    assert found.not_followed == 1


def test_functions_are_told_from_sums() -> None:
    for name, (layer, _) in CASES.items():
        net = network_of(*CASES[name], np.float64)
        image = np.random.default_rng(SEED).standard_normal(net.input_shape)
        place = tuple(0 for _ in net.shapes()["layer"][1:])
        found = trace(net, image, address("layer", place))
        if layer.kind not in FUNCTIONS:
            assert found.formula == "sum"
