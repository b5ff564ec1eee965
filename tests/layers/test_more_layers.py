"""What the further layers promise beyond their gradients: rules, shapes, receptive fields, errors."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from convscope import models
from convscope.errors import DtypeError, InvalidValue
from convscope.geometry import ReceptiveField
from convscope.layers import (
    CELU,
    ELU,
    GELU,
    SELU,
    Clip,
    Context,
    ConvTranspose2d,
    GlobalMaxPool2d,
    Hardsigmoid,
    Hardswish,
    LeakyReLU,
    LocalResponseNorm,
    LogSoftmax,
    LpPool2d,
    Mish,
    Multiply,
    Pad2d,
    PReLU,
    ReLU,
    Resize2d,
    Sigmoid,
    SiLU,
    Softplus,
    Softsign,
)
from convscope.network import Network, Node
from layer_cases import MORE_CASES

RNG = np.random.default_rng(5)
RULES = ("gradient", "deconvnet", "guided")
X = np.array([[-1.0, 2.0, 3.0, -4.0, 7.0]])
GRAD = np.array([[4.0, 5.0, -6.0, -7.0, 8.0]])


@pytest.mark.parametrize("layer", [LeakyReLU(0), PReLU(np.zeros(1)), Clip(0)], ids=lambda layer: layer.kind)
@pytest.mark.parametrize("rule", RULES)
def test_what_is_a_relu_follows_the_rules_of_relu(layer, rule: str) -> None:
    _, cache = layer.forward(X)
    _, expected = ReLU().forward(X)
    assert np.array_equal(layer.backward(GRAD, cache, rule)[0], ReLU().backward(GRAD, expected, rule)[0])


def test_the_rules_of_leaky_rectifiers_and_clips() -> None:
    for layer in (LeakyReLU(0.5), PReLU(np.array([0.5]))):
        _, cache = layer.forward(X)
        assert layer.backward(GRAD, cache, "deconvnet")[0].tolist() == [[4, 5, -3, -3.5, 8]]
        assert layer.backward(GRAD, cache, "guided")[0].tolist() == [[2, 5, -3, -1.75, 8]]
    _, cache = Clip(0, 6).forward(X)
    assert Clip(0, 6).backward(GRAD, cache, "deconvnet")[0].tolist() == [[4, 5, 0, 0, 8]]
    assert Clip(0, 6).backward(GRAD, cache, "guided")[0].tolist() == [[0, 5, 0, 0, 0]]


@pytest.mark.parametrize(
    "layer",
    [ELU(), SELU(), CELU(), SiLU(), GELU(), Hardswish(), Softplus(), Mish(), Clip(-1, 1)],
    ids=lambda layer: layer.kind,
)
def test_smooth_rectifiers_refuse_the_rules_that_are_not_defined_for_them(layer) -> None:
    _, cache = layer.forward(X)
    for rule in ("deconvnet", "guided"):
        with pytest.raises(InvalidValue, match=f"{layer.kind}: the rule '{rule}' is defined for ReLU, "):
            layer.backward(GRAD, cache, rule)


@pytest.mark.parametrize("name", MORE_CASES)
def test_an_unknown_rule_is_refused(name: str) -> None:
    layer, shapes, _, _ = MORE_CASES[name]
    y, cache = layer.forward(*(RNG.normal(size=shape) for shape in shapes))
    with pytest.raises(InvalidValue, match="rule must be one of gradient, deconvnet, guided; got 'lrp'"):
        layer.backward(np.ones_like(y), cache, "lrp")


@pytest.mark.parametrize(
    "layer",
    [Sigmoid(), Hardsigmoid(), Softsign(), LogSoftmax(), LocalResponseNorm(3)],
    ids=lambda layer: layer.kind,
)
def test_what_rectifies_nothing_has_one_backward_pass(layer) -> None:
    _, cache = layer.forward(X)
    first, *others = (layer.backward(GRAD, cache, rule)[0] for rule in RULES)
    assert all(np.array_equal(first, other) for other in others)


@pytest.mark.parametrize("name", MORE_CASES)
def test_settings_make_the_same_layer_again(name: str) -> None:
    layer, shapes, _, _ = MORE_CASES[name]
    settings = layer.settings()
    if isinstance(layer, ConvTranspose2d):
        del settings["kernel_size"]
    again = type(layer)(**layer.parameters, **settings)
    inputs = [RNG.normal(size=shape) for shape in shapes]
    assert np.array_equal(again.forward(*inputs)[0], layer.forward(*inputs)[0])
    assert repr(again) == repr(layer)


def test_a_workspace_lends_the_arrays_of_a_transposed_convolution() -> None:
    layer = ConvTranspose2d(RNG.normal(size=(3, 2, 3, 3)), stride=2)
    lent = []

    def lend(role: str, shape, dtype, channels_last: bool) -> np.ndarray:
        lent.append((role, np.full(shape, np.nan, dtype)))
        return lent[-1][1]

    x = RNG.normal(size=(1, 3, 4, 4))
    y, cache = layer.forward(x, context=Context(lend=lend))
    dx, grads = layer.backward(np.ones_like(y), cache, context=Context(lend=lend))
    assert [role for role, _ in lent] == ["output", "weight gradient", "input gradient"]
    for (_, array), result in zip(lent, (y, grads["weight"], dx), strict=True):
        assert array is result
        assert np.isfinite(result).all()


def ones(rows: int, columns: int) -> np.ndarray:
    return np.ones((1, 1, rows, columns), np.float32)


UPWARD = {
    "transposed 2x2 by 2": ConvTranspose2d(ones(2, 2), stride=2),
    "transposed 3x3 by 2": ConvTranspose2d(ones(3, 3), stride=2, padding=1, output_padding=1),
    "transposed 4x5 by 3, 1": ConvTranspose2d(ones(4, 5), stride=(3, 1), padding=(1, 2)),
    "transposed, dilated": ConvTranspose2d(ones(3, 3), stride=2, dilation=2, padding=2),
    "nearest by 2": Resize2d(scale=2, mode="nearest"),
    "bilinear by 2": Resize2d(scale=2),
    "bilinear by 3/2": Resize2d(scale=1.5),
    "bilinear, corners": Resize2d((13, 9), coordinates="align_corners"),
    "bilinear, smaller": Resize2d((5, 4)),
    "cubic by 2": Resize2d(scale=2, mode="cubic"),
}


@pytest.mark.parametrize("name", UPWARD)
def test_receptive_fields_of_growing_maps_hold_every_pixel_that_is_read(name: str) -> None:
    """A gradient of 1 in one cell, carried back, is not zero within the cell's field only."""
    layer = UPWARD[name]
    layers = [models.conv2d(1, 3, stride=2, padding=1), layer, models.conv2d(1, 3, padding=1)]
    net = models.sequential(layers, (1, 16, 16))
    for key, value in net.parameters.items():
        net.parameters[key] = np.ones_like(value)
    node = list(net.nodes)[-1]
    activations = net.run(np.ones((1, 1, 16, 16), np.float32))
    said = net.summary()[node].receptive_field
    for axis in (0, 1):
        field = ReceptiveField().then(3, 2, 1).reading(layer.reach((1, 1, 8, 8))[axis]).then(3, 1, 1)
        assert said.size[axis] == math.floor(field.size)
        assert said.stride[axis] == float(field.jump)
        widest = 0
        for index in range(activations[node].shape[2 + axis]):
            grad = np.zeros_like(activations[node])
            place = [0, 0, grad.shape[2] // 2, grad.shape[3] // 2]
            place[2 + axis] = index
            grad[tuple(place)] = 1
            read = net.backward(activations, {node: grad}).input[0, 0]
            pixels = np.flatnonzero(read.any(axis=1 - axis))
            assert set(pixels.tolist()) <= set(field.pixels(index, 16))
            widest = max(widest, pixels[-1] - pixels[0] + 1)
        # all cells have a field of one size, which two inputs of stride 2 cannot fill everywhere
        assert field.size <= widest + 4


def test_a_decoder_has_fields_in_parts_of_a_pixel() -> None:
    net = models.sequential([("up", Resize2d(scale=2, mode="nearest"))], (1, 4, 4))
    assert net.summary()["up"].receptive_field.stride == (0.5, 0.5)
    assert " 0.5" in str(net.summary())


def test_a_network_of_the_further_layers_agrees_with_pytorch() -> None:
    """An hourglass with a gate: pooling by norm, transposed convolution, padding, resizing, product."""
    weights = [RNG.normal(size=shape) * 0.3 for shape in ((4, 3, 3, 3), (4, 4, 4, 4), (3, 4, 3, 3))]
    up = ConvTranspose2d(weights[1], stride=2, padding=1)
    conv = models.sequential([models.conv2d(4, 3)], (3, 18, 18)).nodes["conv1"].layer
    conv.parameters = {"weight": weights[0]}
    nodes = [
        Node("pad", Pad2d(1, mode="reflect"), "input"),
        Node("conv", conv, "pad"),
        Node("act", GELU(), "conv"),
        Node("pool", LpPool2d(2), "act"),
        Node("up", up, "pool"),
        Node("norm", LocalResponseNorm(3, alpha=0.2), "up"),
        Node("peak", GlobalMaxPool2d(), "act"),
        Node("gate", Sigmoid(), "peak"),
        Node("product", Multiply(), ("norm", "gate")),
        Node("large", Resize2d(scale=2), "product"),
        Node("scores", LogSoftmax(), "large"),
    ]
    net = Network(nodes, (3, 16, 16))
    x = RNG.normal(size=(2, 3, 16, 16))
    activations = net.run(x)
    grad = RNG.normal(size=activations.output.shape)
    gradients = net.backward(activations, {"scores": grad})

    f = torch.nn.functional
    image = torch.tensor(x, requires_grad=True)
    first, second = (torch.tensor(w, requires_grad=True) for w in weights[:2])
    act = f.gelu(f.conv2d(f.pad(image, (1, 1, 1, 1), "reflect"), first))
    grown = f.conv_transpose2d(f.lp_pool2d(act, 2, 2), second, stride=2, padding=1)
    norm = f.local_response_norm(grown, 3, 0.2)
    gated = norm * torch.sigmoid(torch.amax(act, (2, 3), keepdim=True))
    scores = f.log_softmax(f.interpolate(gated, scale_factor=2, mode="bilinear"), 1)
    scores.backward(torch.tensor(grad))
    for ours, theirs in (
        (activations.output, scores.detach()),
        (gradients.input, image.grad),
        (gradients.parameters["conv.weight"], first.grad),
        (gradients.parameters["up.weight"], second.grad),
    ):
        # a few hundred roundings at most in each path, and no step grows the error by more than its gain
        assert np.abs(ours - theirs.numpy()).max() <= 1e-12 * np.abs(theirs.numpy()).max()


W = np.ones((3, 2, 3, 3))


@pytest.mark.parametrize(("call", "error", "message"), [
    (lambda: ConvTranspose2d(np.ones((2, 2, 3))), InvalidValue, "weight must have shape"),
    (lambda: ConvTranspose2d(W, groups=2), InvalidValue, "groups must divide the input"),
    (lambda: ConvTranspose2d(W, np.ones(3)), InvalidValue, r"bias must have shape \(2,\)"),
    (lambda: ConvTranspose2d(W).output_shape((1, 2, 4, 4)), InvalidValue,
     r"in_channels must be weight.shape\[0\]; got in_channels=2"),
    (lambda: ConvTranspose2d(W, output_padding=1).output_shape((1, 3, 4, 4)), InvalidValue,
     "output_padding must be less than the stride or the dilation"),
    (lambda: PReLU(np.ones((2, 2))), InvalidValue, r"weight must have shape \(C,\) or \(1,\)"),
    (lambda: PReLU(np.ones(2)).output_shape((1, 3, 4, 4)), InvalidValue, "the input must have 2 channels"),
    (lambda: Clip(2, 1), InvalidValue, "low must not be larger than high"),
    (lambda: LeakyReLU("steep"), DtypeError, "slope must be a number"),
    (lambda: GELU("erf"), InvalidValue, "approximate must be"),
    (lambda: LocalResponseNorm(0), InvalidValue, "size must be at least 1"),
    (lambda: LpPool2d(2, p=-1), InvalidValue, "p must be greater than 0"),
    (lambda: Pad2d(1, mode="mirror"), InvalidValue, "Pad2d: mode must be one of"),
    (lambda: Pad2d(4, mode="reflect").output_shape((1, 1, 4, 9)), InvalidValue, "padding must be at most 3"),
    (lambda: Resize2d(), InvalidValue, "Resize2d: either size or scale must be given"),
    (lambda: Resize2d(scale=-1), InvalidValue, "scale must be greater than 0"),
    (lambda: Resize2d(scale=0.2).output_shape((1, 1, 4, 9)), InvalidValue, "scale must leave a pixel"),
    (lambda: Multiply().output_shape((1, 2, 3, 3), (1, 3, 1, 1)), InvalidValue, "shapes must stretch"),
    (lambda: LogSoftmax(4).output_shape((1, 2, 3, 3)), InvalidValue, "axis must exist in the input"),
    (lambda: GlobalMaxPool2d().output_shape((1, 2)), InvalidValue, "the input must have shape"),
])  # fmt: skip
def test_wrong_arguments_are_one_clear_error(call, error, message: str) -> None:
    with pytest.raises(error, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)
