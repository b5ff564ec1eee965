"""The graph: order, names, cycles, outputs, shapes."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from convscope.errors import DtypeError, InvalidValue, UnknownName
from convscope.layers import Add, Conv2d, Flatten, ReLU
from convscope.network import ImageInput, Network, Node


def conv(filters: int = 2, channels: int = 2, dtype: type = np.float32) -> Conv2d:
    return Conv2d(np.ones((filters, channels, 3, 3), dtype), padding=1)


def test_nodes_are_put_into_order_and_keep_it_where_they_may() -> None:
    nodes = [
        Node("sum", Add(), ("b", "a")),
        Node("b", ReLU(), "input"),
        Node("z", ReLU(), ["sum"]),
        Node("a", ReLU(), "input"),
    ]
    net = Network(nodes, (2, 4, 4))
    assert list(net.nodes) == ["b", "a", "sum", "z"]
    assert net.outputs == ("z",)
    assert net.nodes["z"].inputs == ("sum",)


def test_a_chain_longer_than_the_recursion_limit() -> None:
    names = ["input", *(f"relu{i}" for i in range(3000))]
    nodes = [Node(name, ReLU(), source) for source, name in pairwise(names)]
    net = Network(reversed(nodes), (1, 1, 1))
    assert net.run(np.ones((1, 1, 1), np.float32), keep="output").output.item() == 1


@pytest.mark.parametrize(
    ("nodes", "error", "message"),
    [
        ([], InvalidValue, "there must be at least one node"),
        ([("a", "input"), ("a", "input")], InvalidValue, "names must be unique; 'a' is taken twice"),
        ([("input", "input")], InvalidValue, "'input' is the input's name"),
        ([("a", "b"), ("b", "c"), ("c", "a")], InvalidValue, "must have no cycle; got a <- b <- c <- a."),
        ([("a", "a")], InvalidValue, "must have no cycle; got a <- a."),
        (
            [("conv1", "input"), ("b", "conv_1")],
            UnknownName,
            "'conv_1', which does not exist; nearest: conv1",
        ),
    ],
)
def test_broken_graphs_are_refused(nodes, error, message: str) -> None:
    with pytest.raises(error) as refusal:
        Network([Node(name, ReLU(), source) for name, source in nodes], (2, 4, 4))
    assert message in str(refusal.value)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Node("", ReLU(), "input"), "the name must be text and not empty"),
        (lambda: Node("a", ReLU(), ("x", "y")), "node 'a': ReLU takes 1 input; got 2"),
        (lambda: Node("a", Add(), ()), "node 'a': Add takes one or more inputs; got 0"),
        (
            lambda: Network([Node("a", ReLU(), "input")], (2, 0)),
            "input_shape must be (C, H, W) or (features,)",
        ),
        (lambda: Network([Node("a", ReLU(), "input")], (2, 0, 4)), "each at least 1"),
        (lambda: Network([Node("a", ReLU(), "input")], (2, 4, 4), outputs=()), "at least one output"),
        (
            lambda: Network([Node("a", conv(2, 3), "input")], (2, 4, 4)),
            "node 'a': Conv2d: in_channels must be groups * weight.shape[1]; got in_channels=2",
        ),
    ],
)
def test_wrong_arguments_are_refused(make, message: str) -> None:
    with pytest.raises(InvalidValue) as refusal:
        make()
    assert message in str(refusal.value)


def test_outputs_may_be_chosen() -> None:
    nodes = [Node("a", ReLU(), "input"), Node("b", ReLU(), "a"), Node("c", ReLU(), "a")]
    assert Network(nodes, (1, 2, 2)).outputs == ("b", "c")
    net = Network(nodes, (1, 2, 2), outputs="a")
    assert net.outputs == ("a",)
    activations = Network(nodes, (1, 2, 2)).run(np.ones((1, 2, 2), np.float32))
    assert list(activations.outputs) == ["b", "c"]
    with pytest.raises(InvalidValue, match="there are several: b, c"):
        activations.output  # noqa: B018
    with pytest.raises(UnknownName, match="no node 'd' to be an output; nearest"):
        Network([Node("d1", ReLU(), "input")], (1, 2, 2), outputs=["d"])


def test_all_parameters_have_one_dtype() -> None:
    nodes = [Node("a", conv(), "input"), Node("b", conv(dtype=np.float64), "a")]
    with pytest.raises(DtypeError, match=r"one dtype; got a.weight is float32, b.weight is float64"):
        Network(nodes, (2, 4, 4))


def test_shapes_of_another_input() -> None:
    net = Network([Node("a", conv(), "input"), Node("f", Flatten(), "a")], (2, 4, 4))
    assert net.shapes() == {"input": (1, 2, 4, 4), "a": (1, 2, 4, 4), "f": (1, 32)}
    assert net.shapes((2, 5, 3), batch=7)["f"] == (7, 30)


def test_parameters_by_name() -> None:
    net = Network([Node("block/1.conv", conv(), "input")], (2, 4, 4))
    weight = net.parameters["block/1.conv.weight"]
    assert list(net.parameters) == ["block/1.conv.weight"]
    assert len(net.statistics) == 0
    net.parameters["block/1.conv.weight"] = weight * 2
    assert net.nodes["block/1.conv"].layer.parameters["weight"].max() == 2
    net.parameters["block/1.conv.weight"] -= 1
    assert net.parameters["block/1.conv.weight"].max() == 1
    with pytest.raises(InvalidValue, match=r"must have shape \(2, 2, 3, 3\); got \(2,\)"):
        net.parameters["block/1.conv.weight"] = weight[0, :, 0, 0]
    with pytest.raises(DtypeError, match="must be an array of float32; got float64"):
        net.parameters["block/1.conv.weight"] = weight.astype(float)
    with pytest.raises(DtypeError, match="got list"):
        net.parameters["block/1.conv.weight"] = [1.0]
    with pytest.raises(UnknownName, match=r"no 'block/1.conv.wait'; nearest: block/1.conv.weight"):
        net.parameters["block/1.conv.wait"]
    with pytest.raises(InvalidValue, match="cannot be deleted"):
        del net.parameters["block/1.conv.weight"]


def test_the_nodes_cannot_be_changed_from_outside() -> None:
    net = Network([Node("a", ReLU(), "input")], (2, 4, 4))
    with pytest.raises(TypeError):
        net.nodes["b"] = net.nodes["a"]


def test_the_input_rule_must_give_as_many_channels() -> None:
    net = Network([Node("a", ReLU(), "input")], (1, 4, 4), input=ImageInput(channels="L"), classes=["x", 7])
    assert net.classes == ("x", "7")
    with pytest.raises(InvalidValue, match="channels='RGB' gives 3, but the network takes 1"):
        net.input = ImageInput(channels="RGB")


def test_copy_and_astype_own_their_arrays() -> None:
    net = Network([Node("a", conv(), "input")], (2, 4, 4), name="n", classes=["x"])
    other, double = net.copy(), net.astype(np.float64)
    net.parameters["a.weight"][:] = 5
    assert other.parameters["a.weight"].max() == double.parameters["a.weight"].max() == 1
    assert (double.dtype, other.dtype) == (np.float64, np.float32)
    assert (double.name, double.classes) == ("n", ("x",))
    with pytest.raises(DtypeError, match="float32 or float64; got int64"):
        net.astype(np.int64)
