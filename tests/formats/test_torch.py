"""PyTorch in and out: architectures written in plain torch.nn, their outputs and their gradients."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

import convscope as cs  # noqa: E402
from convscope.errors import InvalidValue  # noqa: E402
from convscope.formats import from_torch, to_torch  # noqa: E402

torch.set_num_threads(1)


class Functional(nn.Module):
    """One ReLU used three times, and functional ones."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.relu = nn.Conv2d(3, 6, 3), nn.Conv2d(6, 6, 3, padding=1), nn.ReLU(inplace=True)
        self.fc = nn.Linear(6 * 7 * 7, 5)

    def forward(self, x):
        x = self.relu(self.a(x))
        x = F.relu(self.relu(self.b(x)) + x)
        return self.fc(torch.flatten(self.relu(F.max_pool2d(x, 2)), 1))


class Residual(nn.Module):
    def __init__(self, stride=1):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(4, 8, 3, stride, 1, bias=False), nn.BatchNorm2d(8)
        self.conv2, self.bn2 = nn.Conv2d(8, 8, 3, 1, 1, bias=False), nn.BatchNorm2d(8)
        self.down = nn.Sequential(nn.Conv2d(4, 8, 1, stride, bias=False), nn.BatchNorm2d(8))

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        y += self.down(x)
        return F.relu(y)


class Inception(nn.Module):
    def __init__(self):
        super().__init__()
        self.one, self.three = nn.Conv2d(4, 2, 1), nn.Conv2d(4, 3, 3, padding="same")
        self.five = nn.Sequential(nn.Conv2d(4, 2, 1), nn.LeakyReLU(0.1), nn.Conv2d(2, 2, 5, padding=2))
        self.pool = nn.Sequential(nn.MaxPool2d(3, 1, 1), nn.Conv2d(4, 1, 1))

    def forward(self, x):
        return torch.cat([self.one(x), self.three(x), self.five(x), self.pool(x)], 1)


class Dense(nn.Module):
    def __init__(self):
        super().__init__()
        self.steps = nn.ModuleList(
            nn.Sequential(nn.BatchNorm2d(4 + 2 * i), nn.ReLU(), nn.Conv2d(4 + 2 * i, 2, 3, 1, 1))
            for i in range(3)
        )
        self.head = nn.AdaptiveAvgPool2d((2, 3))

    def forward(self, x):
        found = [x]
        for step in self.steps:
            found.append(step(torch.cat(found, dim=1)))
        return self.head(torch.cat(found, 1))


class Excited(nn.Module):
    """A mobile block with squeeze-and-excitation."""

    def __init__(self):
        super().__init__()
        self.expand, self.bn = nn.Conv2d(4, 8, 1), nn.BatchNorm2d(8)
        self.depthwise = nn.Conv2d(8, 8, 3, 1, 1, groups=8)
        self.squeeze, self.excite = nn.Conv2d(8, 2, 1), nn.Conv2d(2, 8, 1)
        self.project = nn.Conv2d(8, 4, 1)

    def forward(self, x):
        y = F.relu6(self.depthwise(F.hardswish(self.bn(self.expand(x)))))
        gate = F.silu(self.squeeze(F.adaptive_avg_pool2d(y, 1)))
        return x + self.project(y * torch.sigmoid(self.excite(gate)))


class Shuffled(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 2, 3, padding=2, dilation=2, groups=2)

    def forward(self, x):
        left, right = x.chunk(2, dim=1)
        x = torch.cat((left, self.conv(right)), 1)
        n, c, h, w = x.size()
        return x.view(n, 2, c // 2, h, w).transpose(1, 2).contiguous().view(n, c, h, w)


class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.down, self.mid = nn.Conv2d(4, 4, 3, padding=1), nn.Conv2d(4, 8, 3, padding=1)
        self.up = nn.ConvTranspose2d(8, 4, 3, stride=2, padding=1, output_padding=1, groups=2)
        self.out, self.grow = nn.Conv2d(8, 3, 1), nn.Upsample(scale_factor=2, mode="bilinear")

    def forward(self, x):
        a = torch.tanh(self.down(x))
        b = F.elu(self.mid(F.avg_pool2d(a, 2)))
        return self.grow(self.out(torch.cat([a, self.up(b)], 1)))


class ConvNext(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(4, 4, 7, padding=3, groups=4), nn.LayerNorm(4, eps=1e-6)
        self.wide, self.back = nn.Linear(4, 16), nn.Linear(16, 4)
        self.gamma = nn.Parameter(torch.full((4,), 0.3))

    def forward(self, x):
        y = self.norm(self.conv(x).permute(0, 2, 3, 1))
        y = self.gamma * self.back(F.gelu(self.wide(y)))
        return x + y.permute(0, 3, 1, 2)


class Finer(nn.Module):
    """Super-resolution: reflected borders, group norm, PReLU, pixel shuffle."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(4, 8, 3, padding=1, padding_mode="reflect")
        self.norm, self.act, self.shuffle = nn.GroupNorm(2, 8), nn.PReLU(8), nn.PixelShuffle(2)

    def forward(self, x):
        return self.shuffle(self.act(self.norm(self.conv(x)))).clamp(min=-0.5) / 2 - 1


class Split(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(0.7))

    def forward(self, x):
        a, b = torch.split(x * self.scale, [1, 3], dim=1)
        return (b[:, :2] * a).mean(dim=(2, 3)), torch.amax(b, dim=1, keepdim=True)


SIZE = (4, 8, 8)
ARCHITECTURES = {
    "lenet": (
        lambda: nn.Sequential(
            nn.Conv2d(1, 6, 5, padding=2), nn.Tanh(), nn.AvgPool2d(2), nn.Conv2d(6, 16, 5), nn.Tanh(),
            nn.AvgPool2d(2), nn.Flatten(), nn.Linear(400, 20), nn.Tanh(), nn.Linear(20, 10),
        ),
        (1, 28, 28),
    ),
    "alexnet": (
        lambda: nn.Sequential(
            nn.Conv2d(3, 8, 11, 4, 2), nn.ReLU(True), nn.MaxPool2d(3, 2, ceil_mode=True),
            nn.AdaptiveAvgPool2d((6, 6)), nn.Flatten(), nn.Dropout(), nn.Linear(288, 5), nn.LogSoftmax(1),
        ),
        (3, 63, 63),
    ),
    "vgg": (
        lambda: nn.Sequential(
            nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(4, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
            nn.Linear(32, 7), nn.Softmax(dim=1),
        ),
        (3, 8, 8),
    ),
    "functional and reused": (Functional, (3, 16, 16)),
    "residual": (Residual, SIZE),
    "residual, stride": (lambda: Residual(2), SIZE),
    "inception": (Inception, SIZE),
    "dense": (Dense, SIZE),
    "squeeze and excitation": (Excited, SIZE),
    "shuffled": (Shuffled, SIZE),
    "u-net": (UNet, SIZE),
    "convnext": (ConvNext, SIZE),
    "super-resolution": (Finer, SIZE),
    "several outputs": (Split, SIZE),
    "sound": (
        lambda: nn.Sequential(
            nn.Conv1d(2, 4, 5, stride=2, dilation=2), nn.BatchNorm1d(4), nn.ReLU(), nn.MaxPool1d(2),
            nn.ConvTranspose1d(4, 3, 4, 2), nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(3, 2),
        ),
        (2, 40),
    ),
    "volumes": (
        lambda: nn.Sequential(
            nn.Conv3d(2, 3, 3, padding=1), nn.InstanceNorm3d(3, affine=True), nn.AvgPool3d(2)
        ),
        (2, 6, 4, 4),
    ),
}  # fmt: skip


def made(name):
    """Give a module with running statistics that are not 0 and 1, in float64."""
    torch.manual_seed(7)
    make, shape = ARCHITECTURES[name]
    module = make().double()
    for part in module.modules():
        if isinstance(part, nn.modules.batchnorm._BatchNorm):
            part.running_mean.normal_()
            part.running_var.uniform_(0.5, 2)
    return module.eval(), shape


def results(module, x):
    outputs = module(x)
    return outputs if isinstance(outputs, tuple) else (outputs,)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_outputs_and_gradients_are_equal(name):
    """In float64: what differs is the order of sums, which 1e-10 of the largest value leaves far behind."""
    module, shape = made(name)
    net = from_torch(module, shape)
    x = torch.randn(3, *shape, dtype=torch.float64, requires_grad=True)
    expected = results(module, x)
    seeds = [torch.randn_like(y) for y in expected]
    torch.autograd.backward(expected, seeds)
    record = net.run(x.detach().numpy())
    for y, ours in zip(expected, record.outputs.values(), strict=True):
        close(ours, y.detach().numpy())
    grads = net.backward(record, {n: s.numpy() for n, s in zip(net.outputs, seeds, strict=True)})
    close(grads.input, x.grad.numpy())
    theirs = {n: p.grad.numpy() for n, p in module.named_parameters()}
    for key in set(theirs) & set(grads.parameters):
        close(grads.parameters[key], theirs[key])
    weights = {n: p.detach().numpy() for n, p in module.named_parameters() if p.ndim == 4}
    for key, weight in weights.items():
        np.testing.assert_array_equal(net.parameters[key], weight)  # exact, under the same name


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_there_and_back(name, tmp_path):
    module, shape = made(name)
    net = from_torch(module, shape)
    again = to_torch(net)
    x = torch.randn(2, *shape, dtype=torch.float64)
    with torch.no_grad():
        for a, b in zip(results(module, x), results(again, x), strict=True):
            close(b.numpy(), a.numpy())
    state = again.state_dict()
    for key, array in net.parameters.items():
        np.testing.assert_array_equal(state[key].numpy(), array)
    cs.save(net, tmp_path / "net.onnx")
    loaded = cs.load(tmp_path / "net.onnx")
    for a, b in zip(net.run(x.numpy()).outputs.values(), loaded.run(x.numpy()).outputs.values(), strict=True):
        close(b, a)


def close(actual, expected):
    assert actual.shape == expected.shape
    np.testing.assert_allclose(actual, expected, rtol=1e-9, atol=1e-10 * max(1, np.abs(expected).max()))


def test_a_module_is_left_as_it_was():
    module = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Dropout())
    module.train()
    net = from_torch(module, (1, 5, 5), name="mine", classes=("a", "b"))
    assert module.training
    assert (net.name, net.classes, net.dtype) == ("mine", ("a", "b"), np.float32)
    net.parameters["0.weight"][:] = 0
    assert module[0].weight.abs().max() > 0


def test_training_goes_on_in_torch():
    net = cs.models.small_cnn()
    module = to_torch(net).train()
    module(torch.randn(4, *net.input_shape)).sum().backward()
    assert all(p.grad is not None for p in module.parameters())


class Sorted(nn.Module):
    def forward(self, x):
        return torch.sort(x, dim=1).values


class Undecided(nn.Module):
    def forward(self, x):
        return x if x.sum() > 0 else -x


def test_what_cannot_be_followed_is_refused():
    with pytest.raises(InvalidValue, match=r"aten\.sort"):
        from_torch(Sorted(), (4,))
    with pytest.raises(InvalidValue, match="PyTorch cannot follow the module"):
        from_torch(Undecided(), (4,))
