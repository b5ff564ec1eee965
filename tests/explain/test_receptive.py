"""Receptive fields: published tables, any graph, and never a gradient beyond the rectangle."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import convscope as cs
import slim_networks as slim
from convscope.errors import InvalidValue, UnknownName
from convscope.explain import NodeField, receptive_field
from convscope.layers import (
    Add,
    AvgPool2d,
    AvgPoolNd,
    Conv2d,
    ConvNd,
    ConvTranspose2d,
    ConvTransposeNd,
    GlobalAvgPool2d,
    MaxPool2d,
    Multiply,
    PadAxes,
    Resize2d,
    ResizeAxes,
    Slice,
    Transpose,
)
from convscope.network import ImageInput, Network, Node
from convscope.ops.interpolate import AxisRule
from general_layer_cases import GENERAL_CASES, SOUND, VOLUME
from single_layers import CASES, network_of

SEED = 31


def ones(kernel: int, **settings: object) -> Conv2d:
    return Conv2d(np.ones((1, 1, kernel, kernel), np.float32), **settings)  # type: ignore[arg-type]


def chain(*layers: object, size: int = 24) -> Network:
    names = ["input", *(f"l{i}" for i in range(len(layers)))]
    nodes = [Node(names[i + 1], layer, names[i]) for i, layer in enumerate(layers)]  # type: ignore[arg-type]
    return Network(nodes, (1, size, size))


@pytest.mark.parametrize(
    ("build", "size", "stride", "padding"),
    [
        (slim.alexnet_v2, 195, 32, 64),
        (slim.vgg_16, 212, 32, 90),
        (slim.mobilenet_v1, 315, 32, 126),
        (slim.resnet_v1_50, 483, 32, 239),
        (slim.resnet50, 427, 32, None),
    ],
)
def test_the_table_of_araujo_norris_and_sim(
    build: Callable[[], Network], size: int, stride: int, padding: int | None
) -> None:
    net = build()
    field = receptive_field(net, net.outputs[0])
    assert field.size == (size, size)
    assert field.stride == (stride, stride)
    if padding is not None:
        assert field.padding == (padding, padding)


def brute_force(net: Network, node: str, row: int, column: int) -> np.ndarray:
    """The pixels with a gradient; weights and activations are positive, so nothing cancels."""
    image = np.random.default_rng(SEED).uniform(1, 2, net.input_shape).astype(np.float32)
    activations = net.run(image, algorithm="direct")
    seed = np.zeros_like(activations[node])
    seed[0, 0, row, column] = 1
    return (net.backward(activations, {node: seed}).input[0] != 0).any(axis=0)


LINEAR_NETS: dict[str, Callable[[], Network]] = {
    "two convolutions": lambda: chain(ones(3), ones(5, stride=2, padding=1)),
    "same padding": lambda: chain(ones(3, stride=2, padding="same"), ones(4, padding="same_lower")),
    "dilation": lambda: chain(ones(3, dilation=3, padding=2), ones(2)),
    "strided one by one": lambda: chain(ones(1, stride=3), ones(2)),
    "transposed": lambda: chain(
        ones(3, stride=2), ConvTranspose2d(np.ones((1, 1, 3, 3), np.float32), stride=2, padding=1)
    ),
    "transposed with holes": lambda: chain(
        ones(3), ConvTranspose2d(np.ones((1, 1, 2, 2), np.float32), stride=3, output_padding=1)
    ),
    "resized": lambda: chain(ones(3), Resize2d((30, 17)), AvgPool2d(2)),
}


@pytest.mark.parametrize("name", LINEAR_NETS)
def test_the_pixels_seen_are_those_with_a_gradient(name: str) -> None:
    net = LINEAR_NETS[name]()
    node = net.outputs[0]
    _, _, height, width = net.shapes()[node]
    for row, column in ((0, 0), (height // 2, width // 3), (height - 1, width - 1)):
        field = receptive_field(net, f"{node}[0,{row},{column}]")
        support = brute_force(net, node, row, column)
        assert np.array_equal(field.seen, support)
        if support.any():
            rows, columns = np.flatnonzero(support.any(axis=1)), np.flatnonzero(support.any(axis=0))
            assert field.rows[0] <= rows[0]
            assert field.rows[1] >= rows[-1]
            assert field.columns[0] <= columns[0]
            assert field.columns[1] >= columns[-1]


def line(*layers: object, shape: tuple[int, ...] = (1, 24)) -> Network:
    names = ["input", *(f"l{i}" for i in range(len(layers)))]
    nodes = [Node(names[i + 1], layer, names[i]) for i, layer in enumerate(layers)]  # type: ignore[arg-type]
    return Network(nodes, shape)


def ones_nd(*kernel: int, **settings: object) -> ConvNd:
    return ConvNd(np.ones((1, 1, *kernel), np.float32), **settings)  # type: ignore[arg-type]


OTHER_NETS: dict[str, Callable[[], Network]] = {
    "sound": lambda: line(ones_nd(3, stride=(2,), padding=((1, 0),)), ones_nd(4), AvgPoolNd((2,))),
    "sound, dilated": lambda: line(ones_nd(3, dilation=(4,), padding="same"), ones_nd(2)),
    "sound, transposed": lambda: line(
        ones_nd(3, stride=(2,)), ConvTransposeNd(np.ones((1, 1, 3), np.float32), stride=(2,))
    ),
    "sound, cut and padded": lambda: line(
        PadAxes(((0, 0), (0, 0), (3, -2))), ones_nd(3), Slice({2: (2, None, 2)}), ones_nd(2)
    ),
    "sound, resized": lambda: line(ones_nd(3), ResizeAxes([AxisRule(2, 40, 40 / 22, "linear")]), ones_nd(2)),
    "volume": lambda: line(
        ones_nd(2, 3, 1, stride=(1, 2, 1)), AvgPoolNd((2, 2, 2)), ones_nd(1, 1, 3), shape=(1, 7, 11, 8)
    ),
    "volume, transposed": lambda: line(
        ones_nd(2, 2, 2, stride=(2, 1, 2)),
        ConvTransposeNd(np.ones((1, 1, 2, 1, 3), np.float32), stride=(2, 1, 3)),
        shape=(1, 6, 4, 8),
    ),
}


@pytest.mark.parametrize("name", OTHER_NETS)
def test_the_places_of_sounds_and_volumes_that_are_seen_are_those_with_a_gradient(name: str) -> None:
    net = OTHER_NETS[name]()
    node = net.outputs[0]
    sizes = net.shapes()[node][2:]
    image = np.random.default_rng(SEED).uniform(1, 2, (1, *net.input_shape)).astype(np.float32)
    activations = net.run(image)
    for part in (0.0, 0.4, 1.0):
        cell = tuple(round(part * (size - 1)) for size in sizes)
        field = receptive_field(net, f"{node}[0,{','.join(map(str, cell))}]")
        seed = np.zeros_like(activations[node])
        seed[(0, 0, *cell)] = 1
        support = net.backward(activations, {node: seed}).input[0, 0] != 0
        assert np.array_equal(field.seen, support)
        for axis, (first, last) in enumerate(field.spans):
            touched = np.flatnonzero(support.any(axis=tuple(a for a in range(support.ndim) if a != axis)))
            assert first <= touched[0]
            assert touched[-1] <= last


def test_the_numbers_of_a_sound() -> None:
    """Kernels 3 (stride 2, one before), 4 and a mean of 2: 3 + 3*2 + 1*2 = 11 samples, every second one."""
    net = OTHER_NETS["sound"]()
    field = receptive_field(net, "l2", np.zeros((1, 1, 24), np.float32))
    assert (field.size, field.stride, field.start, field.padding) == ((11,), (2,), (-1,), (1,))
    assert field.address == "l2[0,4]"
    assert field.spans == ((7, 17),)
    assert (field.rows, field.columns) == ((0, 0), (7, 17))
    assert field.status == "exact"
    assert field.effective is not None
    assert (field.effective.inside, field.effective.outside) == (11, 0)
    assert field.effective.fit is not None
    assert len(field.effective.fit.centre) == 1
    assert "samples 7 to 17" in str(field)


def test_the_numbers_of_a_volume() -> None:
    """By axis: 2 + 1 = 3; 3 + 1*2 = 5 with stride 2; 1 + 1 + 2 = 4."""
    field = receptive_field(OTHER_NETS["volume"](), "l2")
    assert (field.size, field.stride) == ((3, 5, 4), (1, 2, 1))
    assert "3 x 5 x 4" in str(field)
    assert "depth 2 to 4, rows 4 to 8, columns 2 to 5" in str(field)


@pytest.mark.parametrize("name", [n for n, case in GENERAL_CASES.items() if case[1] in ([SOUND], [VOLUME])])
def test_no_gradient_of_sounds_and_volumes_lies_beyond(name: str) -> None:
    layer, (shape,), *_ = GENERAL_CASES[name]
    net = network_of(layer, [shape[1:]])
    images = np.random.default_rng(SEED).standard_normal((2, *net.input_shape)).astype(np.float32)
    field = receptive_field(net, "layer", images)
    assert field.effective is not None
    assert field.effective.outside == 0
    assert not (field.effective.energy > 0)[~field.seen].any()


def test_a_layer_that_mixes_axes_is_an_upper_bound() -> None:
    net = line(Transpose((0, 1, 3, 2)), shape=(1, 3, 4))
    field = receptive_field(net, "l0[0,1,1]")
    assert field.status == "upper bound"
    assert field.seen.all()


def residual() -> Network:
    nodes = [
        Node("a", ones(3, padding=1), "input"),
        Node("b", ones(3, padding=1), "a"),
        Node("c", ones(1, stride=1), "input"),
        Node("sum", Add(), ("b", "c")),
        Node("gap", GlobalAvgPool2d(), "sum"),
        Node("gated", Multiply(), ("a", "gap")),
    ]
    return Network(nodes, (1, 9, 9))


def test_branches_are_joined_and_a_gate_sees_everything() -> None:
    net = residual()
    field = receptive_field(net, "sum[0,4,4]")
    assert (field.size, field.stride, field.start, field.status) == ((5, 5), (1, 1), (-2, -2), "exact")
    assert np.array_equal(field.seen, brute_force(net, "sum", 4, 4))
    gated = receptive_field(net, "gated")
    assert gated.seen.all()
    assert gated.rows == (-2, 10)  # what the mean sees, padding included


def test_the_status() -> None:
    assert receptive_field(chain(ones(3), ones(3)), "l1").status == "exact"
    assert receptive_field(chain(ones(3, dilation=2)), "l0").status == "upper bound"
    assert receptive_field(chain(ones(3), MaxPool2d(2)), "l1").status == "depends on data"


@pytest.mark.parametrize("name", CASES)
def test_no_gradient_of_any_layer_lies_beyond_its_rectangle(name: str) -> None:
    layer, shapes = CASES[name]
    if len(shapes[0]) != 3:
        return  # vectors have no place
    net = network_of(layer, shapes)
    images = np.random.default_rng(SEED).standard_normal((3, *net.input_shape)).astype(np.float32)
    field = receptive_field(net, "layer", images)
    assert field.effective is not None
    assert field.effective.outside == 0
    assert not (field.effective.energy > 0)[~field.seen].any()


def test_the_effective_field_of_many_boxes_is_a_gaussian() -> None:
    """Ten boxes of 3 have the variance 10 * 2/3 (Luo et al. 2016: it grows with the root of the depth)."""
    net = chain(*(ones(3, padding=1) for _ in range(10)), size=41)
    field = receptive_field(net, "l9[0,20,20]", np.zeros((1, 1, 41, 41), np.float32))
    assert field.effective is not None
    fit = field.effective.fit
    assert fit is not None
    assert fit.explained > 0.999
    # the energy is the square of the gradient: its sigma is smaller by the root of two
    assert fit.sigma == pytest.approx((np.sqrt(10 / 3),) * 2, rel=0.03)
    assert fit.centre == pytest.approx((20, 20), abs=1e-3)
    assert field.size == (21, 21)


def test_summary_and_field_say_the_same() -> None:
    for net in (cs.models.lenet5(), cs.models.resnet18(variant="cifar"), cs.models.tiny_vgg()):
        for row in net.summary().rows:
            said = row.receptive_field
            if said is None or len(row.output_shape) != 3 or 1 in row.output_shape[1:]:
                continue
            field = receptive_field(net, row.name)
            assert field.size == said.size
            assert field.stride == said.stride


def test_what_is_no_field_is_said() -> None:
    net = cs.models.lenet5()
    with pytest.raises(UnknownName, match="nearest: conv"):
        receptive_field(net, "conv_1")
    with pytest.raises(InvalidValue, match="row must be from 0 to"):
        receptive_field(net, "conv1[0,99,0]")
    vector = network_of(*CASES["linear of a vector"])
    with pytest.raises(InvalidValue, match=r"must take images .*, sounds"):
        receptive_field(vector, "layer")
    assert isinstance(receptive_field(net, "fc1"), NodeField)


def test_the_field_is_measured_over_one_image_several_or_a_data_set(tmp_path: Path) -> None:
    net = cs.models.small_cnn(seed=SEED)
    digits = cs.data.digits()
    one = receptive_field(net, "conv2[3,1,1]", digits.x[0]).effective
    assert one is not None
    assert one.images == 1
    for images in (digits.x[:1], [digits.x[0]], (digits.x[:1], digits.y[:1])):
        again = receptive_field(net, "conv2[3,1,1]", images).effective
        assert again is not None
        np.testing.assert_array_equal(again.energy, one.energy)
    net.input = ImageInput(size=(8, 8), channels="L")
    picture = Image.fromarray(np.uint8(255 * digits.x[0, 0]))
    picture.save(tmp_path / "digit.png")
    for images in (picture, np.asarray(picture), tmp_path / "digit.png", str(tmp_path), [picture]):
        found = receptive_field(net, "conv2[3,1,1]", images).effective
        assert found is not None
        assert found.images == 1
    both = receptive_field(net, "conv2", cs.data.Dataset(digits.x[:2], digits.y[:2])).effective
    assert both is not None
    assert both.images == 2


@pytest.mark.parametrize("images", [[], np.zeros((0, 1, 8, 8), np.float32), object()])
def test_images_that_are_none_are_refused(images: object) -> None:
    with pytest.raises(InvalidValue, match=r"at least one image; got none|net.input"):
        receptive_field(cs.models.small_cnn(), "conv2", images)
