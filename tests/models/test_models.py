"""The builders: parameter counts, shapes, seeds, agreement with PyTorch, and learning."""

from __future__ import annotations

import numpy as np
import pytest

from convscope.errors import ConvscopeError, DtypeError, InvalidValue
from convscope.layers import Flatten, MaxPool2d, ReLU
from convscope.models import (
    Builder,
    batch_norm,
    connection_table,
    conv2d,
    lenet5,
    linear,
    resnet18,
    sequential,
    small_cnn,
)


def test_lenet5() -> None:
    net = lenet5()
    summary = net.summary()
    assert [summary[name].parameters for name in ("conv1", "conv2", "fc1", "fc2", "fc3")] == [
        156,
        2_416,
        30_840,
        10_164,
        850,
    ]
    assert summary["pool2"].output_shape == (16, 4, 4)
    assert net.run(np.zeros((2, 1, 28, 28), np.float32)).output.shape == (2, 10)
    assert lenet5(num_classes=3).shapes()["fc3"] == (1, 3)


def test_lenet5_of_1998() -> None:
    """The counts of LeCun et al. (1998), section II.B."""
    summary = lenet5("1998").summary()
    counts = {name: summary[name].parameters for name in ("c1", "s2", "c3", "s4", "c5", "f6")}
    assert counts == {"c1": 156, "s2": 12, "c3": 1_516, "s4": 32, "c5": 48_120, "f6": 10_164}
    assert sum(counts.values()) == 60_000
    shapes = [summary[name].output_shape for name in ("c1", "s2", "c3", "s4", "c5")]
    assert shapes == [(6, 28, 28), (6, 14, 14), (16, 10, 10), (16, 5, 5), (120, 1, 1)]
    # connections, biases included, of the article: 122,304 for C1, 151,600 for C3
    assert summary["c1"].multiply_adds + 6 * 28 * 28 == 122_304
    assert summary["c3"].multiply_adds + 16 * 100 == 151_600
    squashed = lenet5("1998").nodes["c1.squash"].layer.forward(np.array([[1.0, -1.0]]))[0]
    np.testing.assert_allclose(squashed, [[1, -1]], atol=1e-4)


def test_the_connection_table_breaks_symmetry() -> None:
    table = connection_table()
    assert table.sum(axis=1).tolist() == [3] * 6 + [4] * 9 + [6]
    assert table.sum(axis=0).tolist() == [10] * 6  # every map is seen equally often
    assert len({tuple(row) for row in table}) == 16  # no two filters see the same maps


def test_resnet18() -> None:
    net = resnet18()
    summary = net.summary()
    assert summary.parameters == 11_689_512
    assert summary.multiply_adds == 1_814_073_344  # 1.8 * 10**9 (He et al. 2016, table 1)
    sizes = [summary[f"layer{i}.1.relu2"].output_shape for i in (1, 2, 3, 4)]
    assert sizes == [(64, 56, 56), (128, 28, 28), (256, 14, 14), (512, 7, 7)]
    field = summary["layer4.1.relu2"].receptive_field
    assert (field.size, field.stride, field.padding) == ((435, 435), (32, 32), (217, 217))
    assert summary["conv1"].dropped == summary["maxpool"].dropped != ""


def test_resnet18_for_cifar() -> None:
    net = resnet18("cifar")
    assert net.summary().parameters == 11_173_962
    assert net.shapes()["layer4.1.add"] == (1, 512, 4, 4)
    assert resnet18("cifar", num_classes=100).shapes()["fc"] == (1, 100)


def torch_resnet18():
    """torchvision's ResNet-18, written out, so that its parameters bear torchvision's names."""
    from torch import nn

    class Block(nn.Module):
        def __init__(self, channels: int, filters: int, stride: int) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(channels, filters, 3, stride, 1, bias=False)
            self.bn1 = nn.BatchNorm2d(filters)
            self.conv2 = nn.Conv2d(filters, filters, 3, 1, 1, bias=False)
            self.bn2 = nn.BatchNorm2d(filters)
            self.downsample = nn.Identity()
            if stride != 1 or channels != filters:
                self.downsample = nn.Sequential(
                    nn.Conv2d(channels, filters, 1, stride, bias=False), nn.BatchNorm2d(filters)
                )

        def forward(self, x):
            y = self.bn2(self.conv2(self.bn1(self.conv1(x)).relu()))
            return (y + self.downsample(x)).relu()

    class ResNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
            self.bn1 = nn.BatchNorm2d(64)
            self.maxpool = nn.MaxPool2d(3, 2, 1)
            channels = 64
            for stage, filters in enumerate((64, 128, 256, 512), start=1):
                stride = 1 if stage == 1 else 2
                blocks = nn.Sequential(Block(channels, filters, stride), Block(filters, filters, 1))
                setattr(self, f"layer{stage}", blocks)
                channels = filters
            self.fc = nn.Linear(512, 1000)

        def forward(self, x):
            x = self.maxpool(self.bn1(self.conv1(x)).relu())
            x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
            return self.fc(x.mean((2, 3)))

    return ResNet()


@pytest.mark.parametrize("training", [False, True], ids=["inference", "training"])
def test_resnet18_agrees_with_pytorch(training: bool) -> None:
    """In float64, so that no ReLU falls on the other side: 1e-9 of the largest value is 10**6 roundings."""
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    judge = torch_resnet18().double().train(training)
    net = resnet18().astype(np.float64)
    state = {name: value for name, value in judge.state_dict().items() if "num_batches" not in name}
    assert state.keys() == {*net.parameters, *net.statistics}
    rng = np.random.default_rng(0)
    with torch.no_grad():
        for name, value in state.items():
            arrays = net.parameters if name in net.parameters else net.statistics
            if value.ndim == 1:
                arrays[name] = rng.uniform(0.5, 1.5, value.shape)
            value.copy_(torch.tensor(arrays[name]))

    x = rng.standard_normal((2, 3, 64, 64))
    activations = net.run(x, training=training)
    image = torch.tensor(x, requires_grad=True)
    expected = judge(image)
    close(activations.output, expected.detach(), "output")

    grad = rng.standard_normal(expected.shape)
    expected.backward(torch.tensor(grad))
    gradients = net.backward(activations, {"fc": grad})
    close(gradients.input, image.grad, "input gradient")
    for name, parameter in judge.named_parameters():
        close(gradients.parameters[name], parameter.grad, name)
    assert bool(activations.statistics) == training
    for name, value in activations.statistics.items():
        close(value, judge.state_dict()[name], name)


def close(found: np.ndarray, expected, what: str) -> None:
    expected = expected.numpy()
    assert found.shape == expected.shape, what
    assert np.abs(found - expected).max() <= 1e-9 * np.abs(expected).max(), what


def test_a_parameter_depends_on_the_seed_and_its_name_only() -> None:
    first = sequential([conv2d(4, 3), Flatten(), linear(3)], (1, 6, 6), seed=7)
    other = sequential([conv2d(4, 3), ReLU(), MaxPool2d(1), Flatten(), linear(3)], (1, 6, 6), seed=7)
    for name in first.parameters:
        np.testing.assert_array_equal(first.parameters[name], other.parameters[name])
    third = sequential([conv2d(4, 3), Flatten(), linear(3)], (1, 6, 6), seed=8)
    assert not np.array_equal(first.parameters["conv1.weight"], third.parameters["conv1.weight"])
    weights = [resnet18("cifar").parameters[f"layer1.{b}.conv{c}.weight"] for b in (0, 1) for c in (1, 2)]
    assert len({weight.tobytes() for weight in weights}) == 4


def test_the_spread_of_drawn_weights() -> None:
    net = sequential([conv2d(64, 5), Flatten(), linear(200)], (32, 8, 8))
    conv, dense = net.parameters["conv1.weight"], net.parameters["fc1.weight"]
    assert conv.dtype == np.float32
    assert abs(conv.std() / np.sqrt(2 / 800) - 1) < 0.02
    assert abs(dense.std() / np.sqrt(2 / 1024) - 1) < 0.02
    original = lenet5("1998")
    assert np.abs(original.parameters["c1.weight"]).max() <= 2.4 / 25
    table = original.parameters["c3.weight"]
    assert np.abs(table[0]).max() <= 2.4 / 75
    assert np.abs(table[15]).max() <= 2.4 / 150


def test_sequential_names() -> None:
    net = sequential([("first", conv2d(2, 3)), batch_norm(), ReLU(), conv2d(2, 3), ReLU()], (1, 6, 6))
    assert list(net.nodes) == ["first", "bn1", "relu1", "conv2", "relu2"]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: sequential([conv2d(2, 3), linear(3)], (1, 6, 6)),
            "node 'fc1': Linear needs an input (N, features)",
        ),
        (
            lambda: sequential([Flatten(), conv2d(2, 3)], (1, 6, 6)),
            "node 'conv1': Conv2d with groups=1 needs",
        ),
        (lambda: sequential([conv2d(2, 3, groups=2)], (3, 6, 6)), "groups=2"),
        (lambda: sequential([conv2d(2, 9)], (1, 6, 6)), "node 'conv1': geometry:"),
        (lambda: sequential([("a", ReLU()), ("a", ReLU())], (1, 6, 6)), "'a' is taken twice"),
        (lambda: sequential([conv2d(2, 3)], (1, 6, 6), seed=-1), "seed must be a whole number"),
        (lambda: lenet5("1989"), "variant must be 'relu' or '1998'; got '1989'"),
        (lambda: lenet5(num_classes=0), "num_classes must be a whole number of at least 1; got 0"),
        (lambda: resnet18("mnist"), "variant must be 'imagenet' or 'cifar'; got 'mnist'"),
        (lambda: Builder((1, 4, 4)).add("a", ReLU(), "b"), "'b'"),
    ],
)
def test_wrong_arguments_are_refused(make, message: str) -> None:
    with pytest.raises(ConvscopeError) as refusal:
        make()
    assert message in str(refusal.value)


def test_what_is_no_layer_is_refused() -> None:
    with pytest.raises(DtypeError, match="an item must be a layer"):
        sequential(["conv"], (1, 6, 6))
    with pytest.raises(InvalidValue):
        sequential([], (1, 6, 6))


def test_small_cnn_learns_the_digits() -> None:
    """Seed 1; the accuracy on digits held out."""
    from convscope import SGD, data, fit
    from convscope.training import Cosine, evaluate

    train, test = data.digits().split(1 / 3, seed=1)
    net = small_cnn(seed=1)
    optimizer = SGD(0.1, momentum=0.9, weight_decay=1e-2)
    fit(net, train, epochs=8, batch_size=16, optimizer=optimizer, schedule=Cosine(), seed=1)
    assert evaluate(net, test).accuracy >= 0.97
