"""Local and composite kernels and the forms of a convolution: each reproduces what the engine computes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import convscope as cs
import torch_twin
from convscope.errors import InvalidValue, UnknownName
from convscope.explain import composite_kernel, convolution_forms, local_kernel
from convscope.layers import (
    AvgPool2d,
    BatchNorm,
    Clip,
    Constant,
    Conv2d,
    Layer,
    Multiply,
    Pad2d,
    PadAxes,
    Reduce,
    ReLU,
    Subtract,
    TableConv2d,
)
from convscope.network import Network, Node
from single_layers import address, biased, draw_cells

SEED = 41
RNG = np.random.default_rng(SEED)


def normal(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape)


def chain(*layers: Layer, shape: tuple[int, ...]) -> Network:
    names = ["input", *(f"l{i}" for i in range(len(layers)))]
    return Network([Node(names[i + 1], layer, names[i]) for i, layer in enumerate(layers)], shape)


@pytest.mark.parametrize(
    "build",
    [cs.models.small_cnn, cs.models.lenet5, cs.models.small_resnet, cs.models.tiny_vgg, cs.models.squeezenet],
)
def test_a_local_kernel_reproduces_the_value(build: Callable[..., Network]) -> None:
    net = biased(build(seed=1))
    rng = np.random.default_rng(SEED)
    image = rng.standard_normal(net.input_shape).astype(np.float32)
    activations = net.run(image, algorithm="direct")
    names = list(net.nodes)
    for name in names[:: max(1, len(names) // 8)] + names[-2:]:
        place = draw_cells(activations[name].shape[1:], 1, rng)[0]
        found = local_kernel(net, image, address(name, place), judged=False, activations=activations)
        assert found.error < 1e-4, name
        assert set(found.bent) <= {
            n for n in names if net.nodes[n].layer.kind in ("Softmax", "LocalResponseNorm")
        }


def test_it_is_the_filter_of_the_pixels_nearby_too() -> None:
    """Piecewise linear: a small change of the image changes the cell by the kernel's products with it."""
    net = biased(cs.models.lenet5()).astype(np.float64)
    image = RNG.uniform(0, 1, net.input_shape)
    found = local_kernel(net, image, "fc3[2]", judged=False)
    change = 1e-7 * normal(*net.input_shape)
    moved = net.run(image + change, algorithm="direct").output[0, 2]
    assert moved - found.engine == pytest.approx((found.kernel * change).sum(), rel=1e-6)


def test_limits_and_frames_are_constants() -> None:
    net = chain(
        Pad2d(1, value=2.0),
        Conv2d(normal(3, 1, 3, 3), normal(3)),
        Clip(-1, 1),
        Conv2d(normal(1, 3, 2, 2)),
        shape=(1, 4, 4),
    )
    image = normal(1, 4, 4)
    for place in ((0, 0, 0), (0, 1, 2), (0, 2, 2)):
        assert local_kernel(net, image, address("l3", place), judged=False).error < 1e-12


def test_constants_of_a_graph() -> None:
    nodes = [
        Node("three", Constant(np.full((1, 2, 1, 1), 3.0)), ()),
        Node("pad", PadAxes(((0, 0), (0, 0), (1, 0), (0, 2)), value=5.0), "input"),
        Node("conv", Conv2d(normal(2, 2, 2, 2), normal(2)), "pad"),
        Node("product", Multiply(), ("conv", "three")),
        Node("sum", Subtract(), ("product", "three")),
        Node("mean", Reduce("mean", (2, 3)), "sum"),
    ]
    found = local_kernel(Network(nodes, (2, 4, 3)), normal(2, 4, 3), "mean[1,0,0]", judged=False)
    assert found.error < 1e-12
    assert found.bent == ("product",)  # linear in each factor, not in both


def test_bent_layers_are_named() -> None:
    net = cs.models.lenet5(variant="1998")
    found = local_kernel(net, np.zeros(net.input_shape, np.float32), "f6[0]", judged=False)
    assert "c1.squash" in found.bent
    assert found.error < 1e-4


def test_the_gradient_of_a_class_score_is_pytorchs() -> None:
    net = biased(cs.models.small_resnet(seed=3))
    image = RNG.standard_normal(net.input_shape).astype(np.float32)
    leaf, made = torch_twin.run(net, image)
    last = list(net.nodes)[-1]
    made[last][0, 1].backward()
    assert leaf.grad is not None
    theirs = leaf.grad[0].numpy()
    ours = local_kernel(net, image, f"{last}[1]", judged=False).kernel
    assert np.abs(ours - theirs).max() <= 1e-4 * np.abs(theirs).max()


def test_the_filter_is_judged() -> None:
    bars = np.array([[-1.0, 0, 1]] * 3)
    net = chain(Conv2d(bars[None, None]), ReLU(), shape=(1, 6, 6))
    found = local_kernel(net, np.tile(np.arange(6.0), (1, 6, 1)), "l1[0,1,1]")
    assert found.rectangle == ((1, 3), (1, 3))
    assert np.array_equal(found.cut[0], bars)
    assert found.verdict is not None
    assert found.verdict.family == "edge"
    shut = local_kernel(net, -np.tile(np.arange(6.0), (1, 6, 1)), "l1[0,1,1]")
    assert (shut.rectangle, shut.verdict, shut.value, shut.error) == (((0, -1), (0, -1)), None, 0.0, 0.0)


def test_a_chain_of_convolutions_is_one() -> None:
    net = chain(
        Conv2d(normal(4, 3, 3, 2), normal(4), stride=2, padding=1),
        BatchNorm(normal(4), normal(4), normal(4), np.abs(normal(4))),
        Conv2d(normal(6, 2, 3, 3), normal(6), groups=2, dilation=2),
        AvgPool2d(2),
        Conv2d(normal(3, 6, 2, 2), normal(3)),
        shape=(3, 40, 41),
    )
    image = normal(3, 40, 41)
    found = composite_kernel(net, "l4")
    assert found.through == ("l0", "l1", "l2", "l3", "l4")
    assert found.stride == (4, 4)
    ours = cs.conv2d(
        image[None],
        found.weight,
        found.bias,
        stride=found.stride,
        padding=tuple((p, 40) for p in found.padding),
    )
    engine = net.run(image).output
    rows, columns = engine.shape[2:]
    assert np.abs(ours[:, :, 1:rows, 1:columns] - engine[:, :, 1:, 1:]).max() < 1e-11
    whole = composite_kernel(net, "l4", "l1")
    assert whole.through == ("l2", "l3", "l4")
    assert whole.weight.shape[1] == 4


def test_two_boxes_are_a_triangle() -> None:
    box = np.full((1, 1, 1, 3), 1.0)
    found = composite_kernel(chain(Conv2d(box), Conv2d(box), shape=(1, 1, 9)), "l1")
    assert found.weight.ravel().tolist() == [1, 2, 3, 2, 1]
    point = composite_kernel(chain(Conv2d(np.full((1, 1, 1, 1), 2.0)), shape=(1, 1, 9)), "l0")
    assert point.verdict(0).family == "pointwise"
    with pytest.raises(InvalidValue, match="channel must be from 0 to 0"):
        found.verdict(1)


def test_where_no_composite_is_it_is_said() -> None:
    net = cs.models.small_cnn()
    with pytest.raises(UnknownName, match="nearest: conv2"):
        composite_kernel(net, "conv_2")
    with pytest.raises(InvalidValue, match="on the way up comes pool1, a MaxPool2d, first"):
        composite_kernel(net, "conv2", "conv1")
    with pytest.raises(InvalidValue, match=r"must be a convolution.* it is a ReLU"):
        composite_kernel(net, "relu1")


FORMS = {
    "plain": Conv2d(normal(5, 3, 3, 3), normal(5)),
    "strided, padded": Conv2d(normal(5, 3, 3, 2), normal(5), stride=(2, 3), padding=((1, 2), (0, 1))),
    "dilated groups": Conv2d(normal(6, 2, 2, 3), groups=2, dilation=(2, 3), padding="same"),
    "depthwise": Conv2d(normal(4, 1, 3, 3), normal(4), groups=4, padding=1),
    "table": TableConv2d(
        normal(4, 2, 3, 3), normal(4), connections=np.array([[1, 0], [0, 1], [1, 1], [0, 0]])
    ),
}


@pytest.mark.parametrize("name", FORMS)
def test_all_forms_give_what_the_engine_gives(name: str) -> None:
    layer = FORMS[name]
    channels = layer.parameters["weight"].shape[1] * layer.groups
    net = chain(layer, shape=(channels, 9, 8))
    found = convolution_forms(net, normal(channels, 9, 8), "l0")
    assert [form.name for form in found.forms] == [
        "matrix product",
        "dense layer",
        "shifted images",
        "frequency plane",
    ]
    for form in found.forms:
        assert form.difference <= 1e-12, form.name
    assert found.dense is not None
    assert found.dense.shape == found.dense_shape
    if name != "table":  # whose missing kernels are zeros
        assert np.count_nonzero(found.dense) == found.connections
        assert len(np.unique(found.dense[found.dense != 0])) == found.distinct
    assert found.forms[0].multiply_adds == layer.multiply_adds((1, channels, 9, 8)) or name == "table"


def test_a_large_dense_form_is_counted_and_not_built() -> None:
    net = chain(Conv2d(np.ones((8, 3, 3, 3), np.float32)), shape=(3, 64, 64))
    found = convolution_forms(net, np.ones((3, 64, 64), np.float32), "l0")
    assert found.dense is None
    assert np.isnan(found.forms[1].difference)
    assert found.connections == 8 * 62 * 62 * 27


def test_forms_are_of_convolutions() -> None:
    net, image = cs.models.small_cnn(), cs.data.digits().x[0]
    with pytest.raises(UnknownName, match="nearest: conv1"):
        convolution_forms(net, image, "conv_1")
    with pytest.raises(InvalidValue, match="fc is a Linear"):
        convolution_forms(net, image, "fc")


@pytest.mark.filterwarnings("error")
def test_an_image_with_infinity_gives_numbers_and_no_warning() -> None:
    net = cs.models.small_cnn(seed=0)
    image = np.full((1, 8, 8), np.inf, np.float32)
    assert np.isnan(cs.local_kernel(net, image, "conv1[0,1,1]", judged=False).products)
    assert not np.isfinite(cs.explain.convolution_forms(net, image, "conv1").bound)
