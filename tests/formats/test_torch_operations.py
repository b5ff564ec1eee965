"""Single modules and functions of PyTorch: outputs and gradients as PyTorch computes them."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

from convscope.errors import InvalidValue  # noqa: E402
from convscope.formats import from_torch, load, save, to_torch  # noqa: E402

torch.set_num_threads(1)
IMAGE, SOUND, VOLUME = (4, 8, 8), (4, 9), (2, 4, 4, 4)


class Of(nn.Module):
    """A module of a function; the scale gives it a parameter, so that it has a precision."""

    def __init__(self, function):
        super().__init__()
        self.function, self.scale = function, nn.Parameter(torch.tensor(1.5))

    def forward(self, *inputs):
        return self.function(inputs[0] * self.scale, *inputs[1:])


def written_through(write):
    """Write to a part of an array that is read afterwards."""

    def function(x):
        y = x * 2
        write(y)
        return y * 3

    return function


MODULES = {
    "lppool2d": (lambda: nn.LPPool2d(2, 2), IMAGE),
    "lppool1d": (lambda: nn.LPPool1d(3, 2), SOUND),
    "lrn": (lambda: nn.LocalResponseNorm(3), IMAGE),
    "lrneven": (lambda: nn.LocalResponseNorm(4), IMAGE),
    "softplus": (lambda: nn.Softplus(2, 3), IMAGE),
    "threshold": (lambda: nn.Threshold(0.1, 0.5), IMAGE),
    "logsigmoid": (lambda: nn.LogSigmoid(), IMAGE),
    "tanhshrink": (lambda: nn.Tanhshrink(), IMAGE),
    "hardshrink": (lambda: nn.Hardshrink(), IMAGE),
    "softshrink": (lambda: nn.Softshrink(), IMAGE),
    "glu": (lambda: nn.GLU(1), IMAGE),
    "softmin": (lambda: nn.Softmin(1), IMAGE),
    "softmax2d": (lambda: nn.Softmax2d(), IMAGE),
    "rrelu": (lambda: nn.RReLU(), IMAGE),
    "hardtanh": (lambda: nn.Hardtanh(), IMAGE),
    "softsign": (lambda: nn.Softsign(), IMAGE),
    "prelu1": (lambda: nn.PReLU(), IMAGE),
    "alphadropout": (lambda: nn.AlphaDropout(), IMAGE),
    "dropout2d": (lambda: nn.Dropout2d(), IMAGE),
    "zeropad2d": (lambda: nn.ZeroPad2d((1, 2, 0, 1)), IMAGE),
    "constantpad2d-neg": (lambda: nn.ConstantPad2d((-1, 2, 0, 1), 3.0), IMAGE),
    "reflectionpad2d": (lambda: nn.ReflectionPad2d(2), IMAGE),
    "replicationpad2d": (lambda: nn.ReplicationPad2d(2), IMAGE),
    "circularpad2d": (lambda: nn.CircularPad2d(2), IMAGE),
    "reflectionpad1d": (lambda: nn.ReflectionPad1d(2), SOUND),
    "adaptiveavg uneven": (lambda: nn.AdaptiveAvgPool2d((3, 5)), IMAGE),
    "adaptiveavg grow": (lambda: nn.AdaptiveAvgPool2d((7, 7)), (4, 3, 3)),
    "adaptiveavg none": (lambda: nn.AdaptiveAvgPool2d((None, 2)), IMAGE),
    "adaptivemax": (lambda: nn.AdaptiveMaxPool2d(2), IMAGE),
    "adaptivemax1d": (lambda: nn.AdaptiveMaxPool1d(2), (4, 8)),
    "adaptiveavg1d uneven": (lambda: nn.AdaptiveAvgPool1d(3), (4, 8)),
    "adaptiveavg3d uneven": (lambda: nn.AdaptiveAvgPool3d(3), (2, 4, 5, 6)),
    "avgpool divisor": (lambda: nn.AvgPool2d(2, divisor_override=3), IMAGE),
    "avgpool ceil": (lambda: nn.AvgPool2d(3, 2, 1, ceil_mode=True), IMAGE),
    "avgpool ceil nocount": (lambda: nn.AvgPool2d(3, 2, 1, ceil_mode=True, count_include_pad=False), IMAGE),
    "maxpool ceil": (lambda: nn.MaxPool2d(3, 2, 1, ceil_mode=True), IMAGE),
    "up nearest": (lambda: nn.Upsample(scale_factor=2), IMAGE),
    "up nearest-exact": (lambda: nn.Upsample(scale_factor=1.5, mode="nearest-exact"), IMAGE),
    "up bilinear ac": (lambda: nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True), IMAGE),
    "up bicubic": (lambda: nn.Upsample(size=(5, 11), mode="bicubic"), IMAGE),
    "up linear1d": (lambda: nn.Upsample(scale_factor=2, mode="linear"), SOUND),
    "up nearest1d": (lambda: nn.Upsample(scale_factor=2), SOUND),
    "up trilinear": (lambda: nn.Upsample(scale_factor=2, mode="trilinear"), VOLUME),
    "up nearest3d": (lambda: nn.Upsample(scale_factor=2), VOLUME),
    "antialias": (
        lambda: Of(lambda x: F.interpolate(x, size=(5, 5), mode="bilinear", antialias=True)),
        IMAGE,
    ),
    "area": (lambda: Of(lambda x: F.interpolate(x, size=(4, 4), mode="area")), IMAGE),
    "area uneven": (lambda: Of(lambda x: F.interpolate(x, size=(5, 3), mode="area")), IMAGE),
    "bilinear 1.3": (lambda: Of(lambda x: F.interpolate(x, scale_factor=1.3, mode="bilinear")), IMAGE),
    "nearest 1.3": (lambda: Of(lambda x: F.interpolate(x, scale_factor=1.3)), IMAGE),
    "channelshuffle": (lambda: nn.ChannelShuffle(2), IMAGE),
    "pixelunshuffle": (lambda: nn.PixelUnshuffle(2), IMAGE),
    "unflatten": (lambda: nn.Unflatten(1, (2, 2)), IMAGE),
    "identity": (lambda: nn.Sequential(nn.Identity(), nn.ReLU()), IMAGE),
    "bn noaffine": (lambda: nn.BatchNorm2d(4, affine=False), IMAGE),
    "bn3d": (lambda: nn.BatchNorm3d(2), VOLUME),
    "in track": (lambda: nn.InstanceNorm2d(4, track_running_stats=True), IMAGE),
    "rmsnorm": (lambda: nn.RMSNorm(8), IMAGE),
    "convt dil": (lambda: nn.ConvTranspose2d(4, 6, 3, 2, 1, 1, groups=2, dilation=2), IMAGE),
    "convt3d": (lambda: nn.ConvTranspose3d(2, 3, 2, 2), (2, 3, 3, 3)),
    "conv circ": (lambda: nn.Conv2d(4, 4, 3, padding=1, padding_mode="circular"), IMAGE),
    "conv same even": (lambda: nn.Conv2d(4, 4, 4, padding="same"), IMAGE),
    "weight_norm": (lambda: nn.utils.parametrizations.weight_norm(nn.Conv2d(4, 4, 3)), IMAGE),
    "spectral": (lambda: nn.utils.parametrizations.spectral_norm(nn.Conv2d(4, 4, 3)), IMAGE),
    "std": (
        lambda: Of(lambda x: (x - x.mean((2, 3), keepdim=True)) / (x.std((2, 3), keepdim=True) + 1e-05)),
        IMAGE,
    ),
    "var": (lambda: Of(lambda x: x.var((2, 3), unbiased=False)), IMAGE),
    "logsumexp": (lambda: Of(lambda x: x.logsumexp(1)), IMAGE),
    "norm": (lambda: Of(lambda x: F.normalize(x, dim=1)), IMAGE),
    "norm1": (lambda: Of(lambda x: x.norm(1, dim=1)), IMAGE),
    "square": (lambda: Of(lambda x: x.square() + x.pow(2)), IMAGE),
    "rsqrt": (lambda: Of(lambda x: (x * x + 1).rsqrt()), IMAGE),
    "expand": (lambda: Of(lambda x: x.mean((2, 3), keepdim=True).expand(-1, -1, 8, 8) * x), IMAGE),
    "expand_as": (lambda: Of(lambda x: x.mean((2, 3), keepdim=True).expand_as(x)), IMAGE),
    "repeat": (lambda: Of(lambda x: x.repeat(1, 2, 1, 3)), IMAGE),
    "tile": (lambda: Of(lambda x: x.tile(1, 2, 1, 1)), IMAGE),
    "repeat_interleave": (lambda: Of(lambda x: x.repeat_interleave(2, dim=1)), IMAGE),
    "flip": (lambda: Of(lambda x: x.flip(2, 3)), IMAGE),
    "roll": (lambda: Of(lambda x: x.roll(1, 2)), IMAGE),
    "index": (lambda: Of(lambda x: x[:, [2, 0, 1]]), IMAGE),
    "index_select": (lambda: Of(lambda x: x.index_select(1, torch.tensor([1, 3]))), IMAGE),
    "int index": (lambda: Of(lambda x: x[:, 1]), IMAGE),
    "narrow": (lambda: Of(lambda x: x.narrow(1, 1, 2)), IMAGE),
    "movedim": (lambda: Of(lambda x: x.movedim(1, 3)), IMAGE),
    "swapaxes": (lambda: Of(lambda x: x.swapaxes(1, 3)), IMAGE),
    "unbind": (lambda: Of(lambda x: x.unbind(1)[2]), IMAGE),
    "tensor_split": (lambda: Of(lambda x: x.tensor_split(3, 1)[1]), IMAGE),
    "where": (lambda: Of(lambda x: torch.where(x > 0, x, x * 0.1)), IMAGE),
    "ge": (lambda: Of(lambda x: x * (x >= 0.5)), IMAGE),
    "eq": (lambda: Of(lambda x: x * (x == 0)), IMAGE),
    "lt": (lambda: Of(lambda x: x * (x < 0)), IMAGE),
    "argmax": (lambda: Of(lambda x: x.argmax(1)), IMAGE),
    "max dim": (lambda: Of(lambda x: x.max(1)[0]), IMAGE),
    "max keep": (lambda: Of(lambda x: torch.max(x, 1, keepdim=True).values), IMAGE),
    "min": (lambda: Of(lambda x: x.amin((2, 3))), IMAGE),
    "min dim": (lambda: Of(lambda x: x.min(1).values), IMAGE),
    "softmax fn": (lambda: Of(lambda x: F.softmax(x, -1)), IMAGE),
    "sum": (lambda: Of(lambda x: x.sum((1, 2))), IMAGE),
    "mean flat": (lambda: Of(lambda x: x.flatten(2).mean(-1)), IMAGE),
    "bmm": (lambda: Of(lambda x: torch.bmm(x.flatten(2), x.flatten(2).transpose(1, 2))), IMAGE),
    "einsum": (lambda: Of(lambda x: torch.einsum("nchw,ncxw->nhx", x, x)), IMAGE),
    "matmul": (lambda: Of(lambda x: x.flatten(2) @ x.flatten(2).mT), IMAGE),
    "sdpa": (lambda: Of(lambda x: F.scaled_dot_product_attention(x, x, x)), IMAGE),
    "sign": (lambda: Of(lambda x: x.sign() * x), IMAGE),
    "log1p": (lambda: Of(lambda x: x.abs().log1p()), IMAGE),
    "expm1": (lambda: Of(lambda x: x.expm1()), IMAGE),
    "clip": (lambda: Of(lambda x: torch.clip(x, -1, 1)), IMAGE),
    "maximum": (lambda: Of(lambda x: torch.maximum(x, x * 0.3)), IMAGE),
    "addcmul": (lambda: Of(lambda x: torch.addcmul(x, x, x, value=0.5)), IMAGE),
    "lerp": (lambda: Of(lambda x: torch.lerp(x, x * 2, 0.3)), IMAGE),
    "full": (lambda: Of(lambda x: x + torch.ones(8)), IMAGE),
    "zeros cat": (lambda: Of(lambda x: torch.cat([x, torch.zeros_like(x)], 1)), IMAGE),
    "new_zeros": (lambda: Of(lambda x: torch.cat([x, x.new_zeros(x.size(0), 1, 8, 8)], 1)), IMAGE),
    "rdiv": (lambda: Of(lambda x: 1 / (1 + x.abs())), IMAGE),
    "rpow": (lambda: Of(lambda x: 2**x), IMAGE),
    "pixel 4d": (
        lambda: Of(lambda x: x.view(x.size(0), 2, 2, 8, 8).permute(0, 1, 3, 2, 4).reshape(x.size(0), -1)),
        IMAGE,
    ),
    "flatten end": (lambda: Of(lambda x: x.flatten(1, 2)), IMAGE),
    "squeeze all": (lambda: Of(lambda x: x.mean((2, 3), keepdim=True).squeeze(-1).squeeze(-1)), IMAGE),
    "stack": (lambda: Of(lambda x: torch.stack([x, x], 2)), IMAGE),
    "inplace view": (lambda: Of(written_through(lambda y: y.view(y.size(0), -1).add_(1))), IMAGE),
    "inplace slice": (lambda: Of(written_through(lambda y: y[:, 1:3].relu_())), IMAGE),
    "inplace pick": (lambda: Of(written_through(lambda y: y[:, 0].mul_(3))), IMAGE),
    "inplace assignment": (lambda: Of(written_through(lambda y: y[:, 2].copy_(y[:, 1]))), IMAGE),
    "floor division": (lambda: Of(lambda x: x + torch.div(x.detach(), 0.3, rounding_mode="floor")), IMAGE),
    "cut division": (lambda: Of(lambda x: x + torch.div(x.detach(), 0.3, rounding_mode="trunc")), IMAGE),
    "max of two": (lambda: Of(lambda x: torch.max(x, -x) + torch.min(x, x * 2)), IMAGE),
    "squeeze every": (lambda: Of(lambda x: x.mean((2, 3), keepdim=True).squeeze()), IMAGE),
    "truth": (lambda: Of(lambda x: x * ((x > 0) & ~(x > 1) | (x < -1)).to(x.dtype)), IMAGE),
    "same type": (lambda: Of(lambda x: x.to(torch.float64) * 2), IMAGE),
    "a token for each image": (
        lambda: Of(lambda x: torch.cat([torch.arange(8.0).double().expand(x.size(0), 1, 8, 8), x], 1)),
        IMAGE,
    ),
    "coordinates repeated": (
        lambda: Of(lambda x: torch.cat([torch.ones(1, 1, 8, 8).double().repeat(x.size(0), 1, 1, 1), x], 1)),
        IMAGE,
    ),
    "thirteen constants": (lambda: Of(lambda x: x.mean(1, keepdim=True) * torch.ones(13, 1, 1)), IMAGE),
    "a moved batch": (
        lambda: Of(lambda x: x.transpose(0, 1).reshape(4, x.size(0), 2, 32).permute(1, 0, 2, 3).relu()),
        IMAGE,
    ),
    "adaptive max uneven": (lambda: nn.AdaptiveMaxPool2d((3, 5)), IMAGE),
    "bilinear 1.3 corners": (
        lambda: nn.Upsample(scale_factor=1.3, mode="bilinear", align_corners=True),
        IMAGE,
    ),
    "linear 1.3 corners": (lambda: nn.Upsample(scale_factor=1.3, mode="linear", align_corners=True), SOUND),
    "nearest 2.1": (lambda: nn.Upsample(scale_factor=2.1), IMAGE),
    "inplace": (lambda: Of(lambda x: (x * 1).mul_(2).add_(1).div_(3).clamp_(0, 1)), IMAGE),
}


# expressed by other operations first, which takes PyTorch a second or two
DECOMPOSED = (
    *("logsumexp", "spectral", "einsum", "weight_norm", "addcmul", "lerp", "channelshuffle"),
    *("hardshrink", "threshold", "rmsnorm", "softshrink", "glu", "inplace slice", "inplace pick"),
)
NAMES = [pytest.param(name, marks=pytest.mark.slow if name in DECOMPOSED else ()) for name in MODULES]


def made(name):
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of padding an even kernel
        module = MODULES[name][0]()
    return Of(module).double().eval(), MODULES[name][1]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.filterwarnings("ignore:Using padding='same'")
def test_as_in_torch(name):
    """Three images, though the module was followed for another number of them."""
    module, shape = made(name)
    net = from_torch(module, shape)
    x = torch.randn(3, *shape, dtype=torch.float64, requires_grad=True)
    expected = module(x)
    record = net.run(x.detach().numpy())
    close(record.output, expected.detach().numpy())
    if expected.requires_grad:
        seed = torch.randn_like(expected)
        expected.backward(seed)
        grads = net.backward(record, {net.outputs[0]: seed.numpy()})
        close(grads.input, x.grad.numpy())


def close(actual, expected):
    assert actual.shape == expected.shape
    np.testing.assert_allclose(actual, expected, rtol=1e-9, atol=1e-9 * max(1, np.abs(expected).max()))


class Two(nn.Module):
    """A picture and a vector that weighs its channels."""

    def __init__(self):
        super().__init__()
        self.conv, self.fc = nn.Conv2d(3, 4, 3), nn.Linear(2, 4)

    def forward(self, image, vector):
        return self.conv(image) * torch.sigmoid(self.fc(vector))[:, :, None, None], vector


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_several_inputs_and_their_gradients(dtype):
    torch.manual_seed(0)
    module = Two().to(dtype).eval()
    net = from_torch(module, [(3, 6, 6), (2,)])
    inputs = [torch.randn(5, 3, 6, 6, dtype=dtype), torch.randn(5, 2, dtype=dtype)]
    tensors = [x.clone().requires_grad_() for x in inputs]
    expected = module(*tensors)
    record = net.run({"image": inputs[0].numpy(), "vector": inputs[1].numpy()})
    bound = 1000 * torch.finfo(dtype).eps
    for ours, theirs in zip(record.outputs.values(), expected, strict=True):
        np.testing.assert_allclose(ours, theirs.detach().numpy(), rtol=bound, atol=bound)
    seeds = [torch.randn_like(y) for y in expected]
    torch.autograd.backward(expected, seeds)
    grads = net.backward(record, dict(zip(net.outputs, (s.numpy() for s in seeds), strict=True)))
    for name, tensor in zip(("image", "vector"), tensors, strict=True):
        np.testing.assert_allclose(grads.inputs[name], tensor.grad.numpy(), rtol=bound, atol=10 * bound)
    again = to_torch(net)(*inputs)
    for ours, theirs in zip(again, expected, strict=True):
        torch.testing.assert_close(ours, theirs.detach(), rtol=bound, atol=bound)


@pytest.mark.slow
def test_weights_that_are_computed_are_the_values_they_have():
    torch.manual_seed(0)
    module = nn.utils.parametrizations.weight_norm(nn.Conv2d(2, 3, 3)).eval()
    net = from_torch(module, (2, 5, 5))
    weight = next(array for name, array in net.parameters.items() if name.endswith("weight"))
    np.testing.assert_array_equal(weight, module.weight.detach().numpy())


def test_a_module_that_does_nothing():
    net = from_torch(nn.Identity(), (2, 3))
    x = np.ones((4, 2, 3), np.float32)
    np.testing.assert_array_equal(net.run(x).output, x)


RESIZED = {
    "to a size": (lambda: nn.Upsample(size=(5, 13), mode="bicubic"), IMAGE),
    "by 1.3": (lambda: nn.Upsample(scale_factor=1.3, mode="bilinear"), IMAGE),
    "to a size with corners": (
        lambda: nn.Upsample(size=(11, 10), mode="bilinear", align_corners=True),
        IMAGE,
    ),
    "sound by 1.3": (lambda: nn.Upsample(scale_factor=1.3, mode="linear"), SOUND),
    "volumes": (lambda: nn.Upsample(scale_factor=(1.5, 0.7, 2), mode="trilinear"), VOLUME),
}


@pytest.mark.parametrize("name", RESIZED)
def test_resizing_survives_files_and_torch(name, tmp_path):
    """A file keeps scales in float32, so what is kept is that, or the sizes."""
    torch.manual_seed(0)
    make, shape = RESIZED[name]
    module = make()
    net = from_torch(module, shape)
    x = torch.randn(3, *shape)
    y = net.run(x.numpy()).output
    np.testing.assert_allclose(y, module(x).numpy(), rtol=1e-5, atol=1e-5)
    save(net, tmp_path / "net.onnx")
    np.testing.assert_array_equal(load(tmp_path / "net.onnx").run(x.numpy()).output, y)
    again = from_torch(to_torch(net), shape)
    np.testing.assert_allclose(again.run(x.numpy()).output, y, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("shape", [(), (0, 4), "abc", [(3, 4), ()], (3, -1, 4), None, 5])
def test_shapes_that_cannot_be(shape):
    with pytest.raises(InvalidValue, match="input_shape must be"):
        from_torch(nn.ReLU(), shape)


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda x: x.sin(), "aten.sin"),
        (lambda x: x.mean(), "batch axis must stay"),
        (lambda x: x.sum(0), "batch axis must stay"),
        (lambda x: x.repeat(2, 1, 1, 1), "only the axes of one image"),
        (lambda x: x[:, torch.tensor([1]), torch.tensor([2])], "only one axis"),
        (lambda x: F.scaled_dot_product_attention(x, x, x, is_causal=True), "no mask"),
    ],
)
def test_what_is_not_known_is_named(function, words):
    with pytest.raises(InvalidValue, match=words):
        from_torch(Of(function), IMAGE)
