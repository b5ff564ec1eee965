"""Kernel tables of networks: which layers, which stride and colours, and what the image makes of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import convscope as cs
from convscope.errors import InvalidValue, UnknownName
from convscope.explain import KernelTables, seen_from_image
from convscope.layers import AvgPool2d, BatchNorm, Conv2d, Flatten, Linear, MaxPool2d, ReLU
from convscope.network import ImageInput, Node


@pytest.fixture(scope="module", autouse=True)
def small_nulls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CONVSCOPE_CACHE", str(tmp_path_factory.mktemp("nulls")))
        patch.setenv("CONVSCOPE_NULL_SAMPLES", "100")
        yield


def weight(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def colour_net(channels: str = "BGR") -> cs.Network:
    nodes = [
        Node("norm", BatchNorm(*(np.ones(3, np.float32) for _ in range(4))), "image"),
        Node("first", Conv2d(weight(3, 3, 3, 3), stride=2, padding=1), "norm"),
        Node("relu", ReLU(), "first"),
        Node("second", Conv2d(weight(2, 3, 3, 3, seed=1), stride=(1, 3)), "relu"),
        Node("flat", Flatten(), "second"),
        Node("fc", Linear(weight(2, 80)), "flat"),
    ]
    return cs.Network(nodes, (3, 24, 24), input_name="image", input=ImageInput((24, 24), channels))


def test_every_convolution_of_a_network() -> None:
    tables = cs.kernel_table(colour_net())
    assert isinstance(tables, KernelTables)
    assert list(tables) == ["first", "second"]
    assert [table.stride for table in tables.values()] == [2, 3]
    # the second convolution has three channels too, but they are no colours
    assert [table.channels for table in tables.values()] == ["BGR", None]
    assert tables["first"][0].colour is not None
    assert tables["second"][0].colour is None
    assert tables.to_dict()["tables"]["first"]["stride"] == 2


def test_one_layer_equals_its_part_of_all() -> None:
    net = colour_net("RGB")
    one, all_of_them = cs.kernel_table(net, "second"), cs.kernel_table(net)
    assert [v.sentence for v in one] == [v.sentence for v in all_of_them["second"]]
    assert one.node == "second"


def test_channels_that_are_named_win_over_the_networks() -> None:
    assert cs.kernel_table(colour_net("RGB"), "first", channels="BGR").channels == "BGR"


def test_an_array_a_filter_and_a_kernel() -> None:
    sobel = cs.bank["sobel-x"].array
    for array in (sobel, sobel[None], sobel[None, None]):
        table = cs.kernel_table(array)
        assert table.counts == {"edge": 1}
        assert table[0].orientation == pytest.approx(90, abs=1e-3)


def test_a_mapping_of_arrays_is_judged_where_they_are_weights() -> None:
    tables = cs.kernel_table({"a.weight": weight(2, 1, 3, 3), "a.bias": np.zeros(2), "b": weight(1, 2, 3, 3)})
    assert list(tables) == ["a.weight", "b"]


def test_a_layer_with_nan_is_left_out_and_said_and_the_others_are_judged() -> None:
    broken = weight(2, 1, 3, 3)
    broken[1, 0, 0, :2] = np.nan, np.inf
    arrays = {"good": weight(1, 1, 3, 3), "broken": broken}
    tables = cs.kernel_table(arrays)
    assert list(tables) == ["good"]
    assert tables.left_out == {"broken": "2 of its 18 weights are NaN or infinite"}
    with pytest.raises(InvalidValue, match=r"^broken: the kernel must be finite; 2 values are not"):
        cs.kernel_table(arrays, "broken")


def test_kernels_too_large_are_left_out_and_said() -> None:
    tables = cs.kernel_table({"small": weight(1, 1, 3, 3), "large": weight(1, 1, 33, 33)})
    assert list(tables) == ["small"]
    assert "31 x 31" in tables.left_out["large"]


@pytest.mark.parametrize(
    ("node", "error", "words"),
    [
        ("secnd", UnknownName, "nearest: second"),
        ("relu", InvalidValue, "must be a convolution; 'relu' is ReLU"),
    ],
)
def test_what_is_no_convolution(node: str, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        cs.kernel_table(colour_net(), node)


def test_no_convolution_at_all() -> None:
    net = cs.Network([Node("fc", Linear(weight(2, 4)), "x")], (4,), input_name="x")
    with pytest.raises(InvalidValue, match="must have a convolution"):
        cs.kernel_table(net)
    with pytest.raises(InvalidValue, match=r"must be \(C_out, C_in, kH, kW\); got bias \(3,\)"):
        cs.kernel_table({"bias": np.zeros(3)})


# ---- as seen from the image ---------------------------------------------------------------------


def linear_net(padding: int = 1) -> cs.Network:
    """Only linear layers: what is seen from the image is then exact."""
    nodes = [
        Node("first", Conv2d(weight(4, 3, 2, 2), weight(4), stride=2, padding=padding), "image"),
        Node("pool", AvgPool2d(2), "first"),
        Node("second", Conv2d(weight(5, 4, 2, 2, seed=1), weight(5), padding=padding), "pool"),
    ]
    return cs.Network(nodes, (3, 32, 40), input_name="image")


@pytest.mark.parametrize("padding", [0, 1])
def test_linear_layers_compose_exactly(padding: int) -> None:
    net = linear_net(padding).astype(np.float64)
    seen = seen_from_image(net, "second")
    assert seen.assumptions == ()
    # 2 with stride 2, then a mean of 2 (step 2), then 2 (step 4)
    assert seen.table.weight.shape == (5, 3, 2 + 2 + 4, 2 + 2 + 4)
    assert seen.table.stride == 4
    image = np.random.default_rng(2).normal(size=(3, 32, 40))
    zero = net.run(np.zeros((3, 32, 40)))["second"]
    made = net.run(image)["second"] - zero
    field = {row.name: row.receptive_field for row in net.summary().rows}["second"]
    assert field is not None
    top, left = (2 * step - before for step, before in zip(field.stride, field.padding, strict=True))
    patch = image[:, int(top) : int(top) + 8, int(left) : int(left) + 8]
    expected = np.tensordot(seen.table.weight, patch, axes=3)
    np.testing.assert_allclose(made[0, :, 2, 2], expected, atol=1e-9)


def test_activations_and_pooling_are_named_as_assumed() -> None:
    nodes = [
        Node("first", Conv2d(weight(2, 1, 3, 3)), "image"),
        Node("relu", ReLU(), "first"),
        Node("pool", MaxPool2d(3, stride=2, padding=1), "relu"),
        Node("second", Conv2d(weight(2, 2, 3, 3)), "pool"),
    ]
    seen = seen_from_image(cs.Network(nodes, (1, 30, 30), input_name="image"), "second")
    assert seen.assumptions == ("relu: ReLU as identity", "pool: max pooling as the mean of its window")
    assert seen.table.weight.shape == (2, 1, 9, 9)


def test_the_first_layer_is_seen_as_it_is() -> None:
    net = linear_net()
    np.testing.assert_allclose(
        seen_from_image(net, "first").table.weight, net.parameters["first.weight"], rtol=1e-6
    )


def test_what_cannot_be_seen_from_the_image() -> None:
    with pytest.raises(UnknownName, match="there is no convolution 'pool'"):
        seen_from_image(linear_net(), "pool")
    with pytest.raises(InvalidValue, match="at most 31 x 31 pixels"):
        seen_from_image(cs.models.resnet18(variant="cifar"), "layer4.1.conv2")


def test_first_layers_of_real_networks(shared_data: Path) -> None:
    net = cs.load(shared_data / "models" / "squeezenet_v1.1.onnx")
    table = cs.kernel_table(net, "conv1", channels="BGR")
    assert len(table) == 64
    assert table.stride == 2
    assert table[55].family == "edge"
    assert table.counts.get("noise", 0) <= 6
