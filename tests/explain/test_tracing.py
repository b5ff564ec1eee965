"""A traced cell is the engine's: its terms add up to the engine's value within the derived bound."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import convscope as cs
from convscope.errors import InvalidValue, UnknownName
from convscope.explain import Trace, trace
from convscope.layers import (
    AvgPool2d,
    Conv2d,
    Flatten,
    GlobalAvgPool2d,
    Layer,
    Linear,
    MaxPool2d,
    ReLU,
    TableConv2d,
)
from convscope.network import Network, Node

SEED = 7


def one_layer(layer: Layer, shape: tuple[int, ...]) -> Network:
    return Network([Node("layer", layer, ("input",))], shape)


def check_every_cell(net: Network, node: str, image: np.ndarray, step: int = 1) -> None:
    activations = net.run(image, algorithm="direct")
    shape = activations[node].shape[1:]
    for place in list(np.ndindex(shape))[::step]:
        found = trace(net, image, f"{node}[{','.join(map(str, place))}]", activations=activations)
        assert found.engine == activations[node][(0, *place)]
        assert found.agrees, found
        assert found.value == float(found.terms["product"].sum() + found.bias)


@st.composite
def windows(draw: st.DrawFn) -> dict[str, Any]:
    kernel = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    side = st.integers(0, 1)
    return {
        "kernel": kernel,
        "stride": draw(st.tuples(st.integers(1, 3), st.integers(1, 3))),
        "padding": draw(st.tuples(st.tuples(side, side), st.tuples(side, side))),
        "dilation": draw(st.tuples(st.integers(1, 2), st.integers(1, 2))),
    }


@given(windows(), st.sampled_from([1, 2, 4]), st.sampled_from([np.float32, np.float64]))
@settings(max_examples=40, deadline=None)
def test_convolution(window: dict[str, Any], groups: int, dtype: type) -> None:
    rng = np.random.default_rng(SEED)
    kernel = window.pop("kernel")
    weight = rng.standard_normal((4, 4 // groups, *kernel)).astype(dtype)
    layer = Conv2d(weight, rng.standard_normal(4).astype(dtype), groups=groups, **window)
    check_every_cell(one_layer(layer, (4, 6, 7)), "layer", rng.standard_normal((4, 6, 7)).astype(dtype))


@given(windows(), st.booleans())
@settings(max_examples=30, deadline=None)
def test_pooling(window: dict[str, Any], ceil_mode: bool) -> None:
    rng = np.random.default_rng(SEED)
    kernel, dilation, padding = (window.pop(name) for name in ("kernel", "dilation", "padding"))
    # pooling takes no more padding than half its kernel, the same on both sides
    window["padding"] = tuple(min(k // 2, before) for k, (before, _) in zip(kernel, padding, strict=True))
    image = rng.standard_normal((2, 7, 6)).astype(np.float32)
    largest = MaxPool2d(kernel, dilation=dilation, ceil_mode=ceil_mode, **window)
    check_every_cell(one_layer(largest, (2, 7, 6)), "layer", image)
    for include in (False, True):
        mean = AvgPool2d(kernel, ceil_mode=ceil_mode, count_include_pad=include, **window)
        check_every_cell(one_layer(mean, (2, 7, 6)), "layer", image)


def test_global_pooling() -> None:
    image = np.random.default_rng(SEED).standard_normal((3, 5, 4)).astype(np.float32)
    check_every_cell(one_layer(GlobalAvgPool2d(), (3, 5, 4)), "layer", image)


def test_a_table_of_connections_leaves_out_what_is_not_connected() -> None:
    rng = np.random.default_rng(SEED)
    table = np.array([[True, False, True], [False, False, True]])
    layer = TableConv2d(rng.standard_normal((2, 3, 2, 2)), rng.standard_normal(2), connections=table)
    net, image = one_layer(layer, (3, 4, 4)), rng.standard_normal((3, 4, 4))
    check_every_cell(net, "layer", image)
    assert trace(net, image, "layer[0,1,1]").channels.tolist() == [0, 2]


@pytest.mark.parametrize("variant", ["relu", "1998"])
def test_lenet(variant: str) -> None:
    net = cs.models.lenet5(variant=variant, seed=SEED)
    image = np.random.default_rng(SEED).uniform(0, 1, net.input_shape).astype(np.float32)
    for name, node in net.nodes.items():
        if node.layer.kind in ("Conv2d", "TableConv2d", "Linear", "MaxPool2d", "AvgPool2d"):
            check_every_cell(net, name, image, step=97)


def test_the_sum_written_out_by_hand() -> None:
    """The worked example of sliding 3x3: the first cell is 154, not the 146 of a text that took 1 for 2."""
    kernel = np.arange(1.0, 10).reshape(1, 1, 3, 3)
    image = np.array([[9, 8, 7, 6], [5, 4, 3, 2], [1, 2, 3, 4], [5, 6, 7, 8.0]])[None]
    found = trace(one_layer(Conv2d(kernel), (1, 4, 4)), image, "layer[0,0,0]")
    assert found.terms["product"].tolist() == [9, 16, 21, 20, 20, 18, 7, 16, 27]
    assert found.value == found.engine == 154


def test_padding_is_marked_and_enters_as_zero() -> None:
    net = one_layer(Conv2d(np.ones((1, 1, 3, 3)), padding=1), (1, 3, 3))
    terms = trace(net, np.ones((1, 3, 3)), "layer[0,0,0]").terms
    assert terms["padding"].reshape(3, 3).tolist() == [[True] * 3, [True, False, False], [True, False, False]]
    assert (terms["row"][0], terms["column"][0]) == (-1, -1)
    assert terms["product"].sum() == 4


def test_a_dense_layer_knows_which_cell_of_the_map_each_input_was() -> None:
    net = cs.models.small_cnn(seed=SEED)
    image = cs.data.digits().x[0]
    found, maps = trace(net, image, "fc[3]"), net.run(image, algorithm="direct")["bn2"][0]
    terms = found.terms
    assert np.array_equal(terms["input"], maps[terms["channel"], terms["row"], terms["column"]])
    assert len(found.partial_sums()) == len(maps)
    assert found.partial_sums().sum() + found.bias == pytest.approx(found.value, abs=1e-12)


def test_what_follows_is_followed_while_one_layer_follows() -> None:
    nodes = [
        Node("conv", Conv2d(np.ones((1, 1, 1, 1)), np.array([-5.0])), ("input",)),
        Node("relu", ReLU(), ("conv",)),
        Node("flat", Flatten(), ("relu",)),
        Node("fc", Linear(np.ones((1, 4))), ("flat",)),
    ]
    after = trace(Network(nodes, (1, 2, 2)), np.ones((1, 2, 2)), "conv[0,0,0]").after
    assert [(a.node, a.kind, a.value) for a in after] == [("relu", "ReLU", 0.0)]


def test_infinity_and_nan_pass_through() -> None:
    net = one_layer(Conv2d(np.array([1.0, 0.0]).reshape(1, 1, 1, 2)), (1, 1, 4))
    image = np.array([[[1, np.inf, 2, np.nan]]])
    traces = [trace(net, image, f"layer[0,0,{column}]") for column in range(3)]
    assert np.isnan([t.value for t in traces]).tolist() == [True, False, True]
    assert all(t.agrees for t in traces)
    pool = one_layer(MaxPool2d((1, 2), stride=1), (1, 1, 4))
    assert trace(pool, image.astype(np.float32), "layer[0,0,0]").value == np.inf


def test_the_bound_is_small_and_grows_with_the_number_of_terms() -> None:
    net = one_layer(Conv2d(np.ones((1, 1, 1, 2), np.float32)), (1, 1, 2))
    found = trace(net, np.ones((1, 1, 2), np.float32), "layer[0,0,0]")
    assert found.bound == pytest.approx(3 * 2**-24 * 2, rel=1e-6)  # and as good as nothing for float64


@pytest.mark.parametrize(
    ("at", "error", "words"),
    [
        ("conv9[0,0,0]", UnknownName, "nearest: conv"),
        ("conv1[0,99,0]", InvalidValue, "must be from 0 to"),
        ("conv1[0]", InvalidValue, r"node\[channel,row,column\]"),
        ("conv1", InvalidValue, r"node\[channel,row,column\]"),
        ("input[0,0,0]", InvalidValue, "pixel of the input"),
    ],
)
def test_what_cannot_be_traced_is_said(at: str, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        trace(cs.models.small_cnn(), cs.data.digits().x[0], at)


def test_batches_and_odd_numbers_are_refused() -> None:
    net, images = cs.models.small_cnn(), cs.data.digits().x
    with pytest.raises(InvalidValue, match="depth must be a whole number"):
        trace(net, images[0], "conv1[0,0,0]", depth=0)
    with pytest.raises(InvalidValue, match="follow must be a whole number"):
        trace(net, images[0], "conv1[0,0,0]", follow=1.5)
    with pytest.raises(InvalidValue, match="at most 1000 cells"):
        trace(net, images[0], "fc[0]", depth=20, follow=30)
    with pytest.raises(InvalidValue, match="one image; got a batch of 2"):
        trace(net, images[:2], "conv1[0,0,0]")


def test_as_plain_data_each_term_bears_its_names() -> None:
    found: Trace = trace(cs.models.small_cnn(), cs.data.digits().x[0], "conv1[0,3,3]")
    data = json.loads(json.dumps(found.to_dict()))
    assert data["terms"][0].keys() == set(found.terms.dtype.names or ())
    assert sum(term["product"] for term in data["terms"]) + data["bias"] == pytest.approx(data["value"])
