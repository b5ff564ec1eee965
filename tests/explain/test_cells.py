"""A cell of every kind of layer: its terms make the engine's value within the derived bound."""

from __future__ import annotations

import re

import numpy as np
import pytest

import convscope as cs
from convscope import layers
from convscope.errors import InvalidValue
from convscope.explain import trace
from convscope.explain.cells import WAYS
from convscope.explain.functions import FUNCTIONS
from convscope.layers import Conv2d, Layer, ReLU
from convscope.network import Network, Node
from single_layers import CASES, address, draw_cells, network_of

SEED = 23

# not traced: no address names their cells, or they choose and count instead of computing a number
NOT_TRACED = {
    "Abs", "ArgMax", "Average", "AvgPoolNd", "Cast", "Ceil", "Constant", "ConvNd", "ConvTransposeNd",
    "DepthToSpace", "Equal", "Erf", "Exp", "Expand", "Floor", "Gather", "GroupNorm", "InstanceNorm",
    "LayerNorm", "Log", "LpPoolNd", "MatMul", "MaxPoolNd", "Maximum", "Minimum", "Negate", "PadAxes",
    "Power", "Reciprocal", "Reduce", "Reshape", "ResizeAxes", "Slice", "Slope", "SpaceToDepth", "Sqrt",
    "Squeeze", "Tile", "Transpose", "Unsqueeze", "Where",
}  # fmt: skip


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


def test_every_layer_is_traced_or_named_here() -> None:
    kinds = {
        cls.kind
        for name in layers.__all__
        if isinstance(cls := getattr(layers, name), type) and issubclass(cls, Layer) and cls is not Layer
    }
    assert kinds - set(WAYS) == NOT_TRACED
    net = Network([Node("l", layers.GroupNorm(np.ones(2), np.ones(2), groups=1), "input")], (2, 3, 3))
    with pytest.raises(InvalidValue, match=r"must be one of .*got GroupNorm"):
        trace(net, np.ones((2, 3, 3)), "l[0,0,0]")


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
