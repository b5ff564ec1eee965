"""A ledger: exact parts that add up, by channel and by place."""

from __future__ import annotations

import numpy as np
import pytest

import convscope as cs
from convscope.errors import InvalidValue, UnknownName
from convscope.explain import ledger
from convscope.explain.naming import brief, maker_of
from convscope.layers import (
    Add,
    BatchNorm,
    Concatenate,
    Conv2d,
    Flatten,
    GlobalAvgPool2d,
    Linear,
    MaxPool2d,
    ReLU,
)
from convscope.network import Network, Node
from single_layers import address, biased, draw_cells

SEED = 37


@pytest.mark.parametrize(
    "build", [cs.models.small_cnn, cs.models.lenet5, cs.models.small_resnet, cs.models.tiny_vgg]
)
def test_the_parts_add_up_at_every_node(build: object) -> None:
    net = biased(build(seed=1))  # type: ignore[operator]
    rng = np.random.default_rng(SEED)
    image = rng.standard_normal(net.input_shape).astype(np.float32)
    activations = net.run(image, algorithm="direct")
    for name in net.nodes:
        for place in draw_cells(activations[name].shape[1:], 3, rng):
            found = ledger(net, image, address(name, place), names=0, activations=activations)
            assert found.agrees, (found.address, found.value, found.engine, found.bound)
            parts = [entry.part for entry in found.entries]
            assert sum(parts) + found.constant == pytest.approx(found.value, abs=1e-9)
            assert [abs(p) for p in parts] == sorted((abs(p) for p in parts), reverse=True)
            if found.map:
                assert found.places.sum() + found.constant == pytest.approx(found.value, abs=1e-9)


def hand_made() -> Network:
    """Two maps, of which the second layer takes 2 and -3; the norm doubles and adds 1."""
    one = np.ones(1)
    nodes = [
        Node("maps", Conv2d(np.array([1.0, 10.0]).reshape(2, 1, 1, 1)), "input"),
        Node("relu", ReLU(), "maps"),
        Node("mix", Conv2d(np.array([2.0, -3.0]).reshape(1, 2, 1, 1), np.array([0.5])), "relu"),
        Node("bn", BatchNorm(2 * one, one, 0 * one, one, eps=0.0), "mix"),
        Node("pool", MaxPool2d(2), "bn"),
    ]
    return Network(nodes, (1, 2, 2))


def test_through_norm_and_pooling_by_hand() -> None:
    image = np.array([[[1.0, 2], [3, 4]]])
    found = ledger(hand_made(), image, "pool[0,0,0]", names=0)
    # mix = 2x - 30x + 0.5: the largest is at x = 1, and the norm makes 2*(2 - 30 + 0.5) + 1
    assert found.of == "bn[0,0,0]"
    assert [(e.node, e.channel, e.part, e.maker) for e in found.entries] == [
        ("relu", 1, -60.0, "maps[1]"),
        ("relu", 0, 4.0, "maps[0]"),
    ]
    assert found.constant == 2.0
    assert found.value == found.engine == -54
    assert found.steps == ("pool[0,0,0] is bn[0,0,0], the largest of its window",)


def test_a_class_score_is_followed_to_the_places_of_the_map() -> None:
    nodes = [
        Node("conv", Conv2d(np.ones((1, 1, 1, 1))), "input"),
        Node("flat", Flatten(), "conv"),
        Node("fc", Linear(np.array([[1.0, 0, 0, -2]])), "flat"),
    ]
    found = ledger(Network(nodes, (1, 2, 2)), np.array([[[5.0, 6], [7, 8]]]), "fc[0]", names=0)
    assert found.map == "conv"
    assert found.places.tolist() == [[5, 0], [0, -16]]
    assert [(e.node, e.channel, e.part) for e in found.entries] == [("conv", 0, -11)]


def test_a_probability_is_that_of_its_score_and_a_shut_rectifier_is_said() -> None:
    net = biased(cs.models.small_cnn())
    image = cs.data.digits().x[0]
    shut = np.argwhere(net.run(image)["relu2"][0] == 0)[0]
    at = address("relu2", tuple(int(i) for i in shut))
    assert "0 from -" in ledger(net, image, at, names=0).steps[0]
    probabilities = Network([*net.nodes.values(), Node("prob", cs.layers.Softmax(), "fc")], net.input_shape)
    assert ledger(probabilities, image, "prob[3]", names=0).of == "fc[3]"


def test_branches_of_a_sum_and_of_a_concatenation() -> None:
    nodes = [
        Node("a", Conv2d(np.full((2, 1, 1, 1), 2.0)), "input"),
        Node("relu", ReLU(), "a"),
        Node("b", Conv2d(np.full((2, 2, 1, 1), 3.0)), "relu"),
        Node("sum", Add(), ("b", "relu")),
        Node("both", Concatenate(), ("sum", "relu")),
    ]
    net = Network(nodes, (1, 1, 1))
    found = ledger(net, np.ones((1, 1, 1)), "sum[1,0,0]", names=0)
    # b adds 3 * 2 of each channel; the shortcut adds channel 1 itself
    assert {(e.node, e.channel): e.part for e in found.entries} == {("relu", 0): 6, ("relu", 1): 8}
    assert ledger(net, np.ones((1, 1, 1)), "both[1,0,0]", names=0).value == 14
    activations = net.run(np.ones((1, 1, 1)))
    assert maker_of(net, activations, "both", 3) == ("a", 1)
    assert maker_of(net, activations, "both", 0) is None


def test_the_words_for_a_filter() -> None:
    bars = np.array([[-1.0, 0, 1]] * 3)
    assert brief(cs.verdict(bars)) == "edge, stripes vertical"
    assert brief(cs.verdict(bars.T)) == "edge, stripes horizontal"
    assert brief(cs.verdict(np.full((3, 3), 1 / 9))) == "smoothing"


def test_the_strongest_channels_are_named_by_their_filters() -> None:
    bars = np.array([[-1.0, 0, 1]] * 3)
    nodes = [
        Node("edges", Conv2d(np.stack([bars, 5 * bars.T])[:, None]), "input"),
        Node("relu", ReLU(), "edges"),
        Node("corner", Conv2d(np.ones((1, 2, 1, 1))), "relu"),
    ]
    image = np.add.outer(np.arange(5.0), np.arange(5.0))[None]
    found = ledger(Network(nodes, (1, 5, 5)), image, "corner[0,1,1]", names=1)
    assert [(e.maker, e.name) for e in found.entries] == [
        ("edges[1]", "edge, stripes horizontal"),
        ("edges[0]", ""),
    ]


def test_what_has_no_ledger_is_said() -> None:
    net, image = cs.models.small_cnn(), cs.data.digits().x[0]
    with pytest.raises(UnknownName, match="nearest: conv2"):
        ledger(net, image, "konv2[0,0,0]")
    with pytest.raises(InvalidValue, match="a pixel of the input"):
        ledger(net, image, "input[0,0,0]")
    with pytest.raises(InvalidValue, match=r"node\[channel,row,column\]"):
        ledger(net, image, "conv2[1]")


def test_a_score_of_maps_of_one_cell_is_named_by_its_channel() -> None:
    rng = np.random.default_rng(4)
    nodes = [
        Node("conv", Conv2d(rng.normal(size=(5, 2, 3, 3))), "image"),
        Node("pool", GlobalAvgPool2d(), "conv"),
    ]
    net = Network(nodes, (2, 6, 6), input_name="image")
    image = rng.normal(size=(2, 6, 6))
    assert cs.ledger(net, image, "pool[3]").address == "pool[3,0,0]"
    assert cs.trace(net, image, "pool[3]").engine == cs.local_kernel(net, image, "pool[3]").engine
    gradient = cs.trace(net, image, "conv.weight[3,0,1,1]", backward="pool[3]")
    assert gradient.agrees
    with pytest.raises(InvalidValue, match="must be given as"):
        cs.ledger(net, image, "conv[3]")
