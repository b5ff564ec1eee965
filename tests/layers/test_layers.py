"""What layers promise besides their gradients: shapes, counts, refusals, caches, borrowing."""

from __future__ import annotations

import numpy as np
import pytest

from convscope import ops
from convscope.errors import ConvscopeError, DtypeError, InvalidValue
from convscope.layers import (
    Add,
    AvgPool2d,
    BatchNorm,
    ChannelScale,
    Concatenate,
    Context,
    Conv2d,
    Dropout,
    Flatten,
    GlobalAvgPool2d,
    Linear,
    MaxPool2d,
    ReLU,
    Softmax,
    TableConv2d,
    Tanh,
    Window,
)


def ones(*shape: int) -> np.ndarray:
    return np.ones(shape, np.float32)


def plain_norm(channels: int, **settings: float) -> BatchNorm:
    zeros = np.zeros(channels, np.float32)
    return BatchNorm(ones(channels), zeros, zeros.copy(), ones(channels), **settings)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Conv2d(ones(2, 2)), "weight must have shape (C_out, C_in/groups, kH, kW); got (2, 2)"),
        (
            lambda: Conv2d(ones(3, 1, 1, 1), groups=2),
            "groups must divide the number of filters; got groups=2",
        ),
        (lambda: Conv2d(ones(3, 1, 1, 1), ones(2)), "bias must have shape (3,); got (2,)"),
        (lambda: Conv2d(ones(3, 1, 1, 1), stride=0), "stride must be an int of at least 1"),
        (lambda: Conv2d(ones(3, 1, 1, 1), stride=(1, 2, 3)), "stride must be an int of at least 1 or a pair"),
        (lambda: Conv2d(ones(3, 1, 1, 1), padding="full"), "padding must be 'same', 'same_lower', 'valid'"),
        (lambda: Conv2d(ones(3, 1, 1, 1), padding=-1), "padding must be an int of at least 0"),
        (lambda: Conv2d(ones(3, 1, 1, 1), padding=(1, 2, 3)), "padding must be an int, (height, width)"),
        (
            lambda: TableConv2d(ones(3, 2, 1, 1), connections=np.ones((3, 3))),
            "connections must have shape (C_out, C_in)",
        ),
        (lambda: MaxPool2d(0), "kernel_size must be an int of at least 1"),
        (lambda: Linear(ones(3)), "weight must have shape (out_features, in_features); got (3,)"),
        (lambda: BatchNorm(ones(2), ones(3), ones(2), ones(2)), "bias must have shape (2,); got (3,)"),
        (lambda: plain_norm(2, eps=-1), "eps must be at least 0"),
        (lambda: plain_norm(2, momentum=1.5), "momentum in [0, 1]"),
        (lambda: ChannelScale(ones(2, 2), ones(2)), "weight must have shape (4,); got (2, 2)"),
        (lambda: Tanh(slope=0), "slope must be finite and not 0"),
        (lambda: Dropout(1), "p must be at least 0 and below 1; got 1"),
    ],
)
def test_wrong_settings_are_refused(make, message: str) -> None:
    with pytest.raises(InvalidValue) as refusal:
        make()
    assert message in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Conv2d(np.ones((1, 1, 3, 3), int)),
        lambda: Linear(np.ones((2, 2), np.float16)),
        lambda: Linear(ones(2, 2), np.ones(2)),
    ],
)
def test_wrong_dtypes_are_refused(make) -> None:
    with pytest.raises(DtypeError, match="must be float32"):
        make()


@pytest.mark.parametrize(
    ("layer", "shapes", "message"),
    [
        (Conv2d(ones(8, 1, 3, 3), groups=4), [(1, 6, 9, 9)], "in_channels must be groups * weight.shape[1]"),
        (Conv2d(ones(8, 1, 3, 3)), [(1, 1, 2, 9)], "kernel"),
        (Conv2d(ones(8, 1, 3, 3)), [(1, 9)], "the input must have shape (N, C, H, W); got (1, 9)"),
        (MaxPool2d(4), [(1, 1, 3, 9)], "kernel"),
        (GlobalAvgPool2d(), [(1, 9)], "the input must have shape (N, C, H, W)"),
        (Linear(ones(3, 7)), [(2, 6)], "the input must have shape (N, 7); got (2, 6)."),
        (Linear(ones(3, 8)), [(2, 2, 2, 2)], "put a Flatten before it"),
        (plain_norm(3), [(2, 4)], "the input must have shape (N, 3) or (N, 3, H, W); got (2, 4)"),
        (Softmax(axis=2), [(2, 4)], "axis must exist in the input"),
        (Add(), [(1, 2), (1, 3)], "the inputs must stretch to one shape; got (1, 2), (1, 3)"),
        (Concatenate(), [(1, 2, 3, 3), (1, 2, 4, 3)], "must agree but along axis 1"),
        (Concatenate(axis=0), [(1, 2), (1, 3)], "must agree but along axis 0"),
    ],
)
def test_wrong_shapes_are_refused(layer, shapes, message: str) -> None:
    with pytest.raises(InvalidValue) as refusal:
        layer.output_shape(*shapes)
    assert message in str(refusal.value)


def test_counts() -> None:
    conv = Conv2d(ones(96, 3, 11, 11), ones(96), stride=4)
    assert conv.parameter_count() == 34_944
    assert conv.output_shape((2, 3, 227, 227)) == (2, 96, 55, 55)
    assert conv.multiply_adds((2, 3, 227, 227)) == 2 * 55 * 55 * 96 * 363
    assert Linear(ones(10, 84), ones(10)).multiply_adds((3, 84)) == 3 * 840
    table = TableConv2d(ones(2, 2, 3, 3), connections=np.eye(2))
    assert table.parameter_count() == 18
    assert table.multiply_adds((1, 2, 5, 5)) == 9 * 18
    assert ReLU().multiply_adds((1, 2, 5, 5)) == 0
    assert Flatten().output_shape((2, 3, 4, 5)) == (2, 60)


def test_windows() -> None:
    conv = Conv2d(ones(1, 1, 3, 5), stride=(1, 2), padding=((1, 0), (2, 3)), dilation=(2, 1))
    assert conv.window() == (Window(3, 1, (1, 0), 2), Window(5, 2, (2, 3), 1))
    assert Conv2d(ones(1, 1, 3, 3), padding="same").window()[0].padding == "same"
    assert MaxPool2d(3, stride=2, ceil_mode=True).window()[1] == Window(3, 2, (0, 0), 1, ceil_mode=True)
    assert ReLU().window() == (Window(), Window())
    for layer in (Flatten(), GlobalAvgPool2d(), Linear(ones(1, 1))):
        assert layer.window() is None


def test_settings_rebuild_the_layer() -> None:
    for layer in (
        MaxPool2d(3, stride=2, padding=1),
        AvgPool2d(2, ceil_mode=True),
        Tanh(slope=2),
        Dropout(0.1),
    ):
        assert type(layer)(**layer.settings()).settings() == layer.settings()
    conv = Conv2d(ones(2, 1, 3, 3), stride=2, padding=1, groups=2)
    settings = conv.settings()
    assert settings.pop("kernel_size") == (3, 3)
    assert Conv2d(ones(2, 1, 3, 3), **settings).settings() == conv.settings()
    assert "stride=(2, 2)" in repr(conv)


def test_a_table_stays_zero_where_nothing_is_connected() -> None:
    layer = TableConv2d(ones(2, 2, 1, 1), connections=np.eye(2))
    assert layer.parameters["weight"][:, :, 0, 0].tolist() == [[1, 0], [0, 1]]
    y, cache = layer.forward(ones(1, 2, 3, 3))
    _, grads = layer.backward(np.ones_like(y), cache)
    assert grads["weight"][:, :, 0, 0].tolist() == [[9, 0], [0, 9]]


def test_running_statistics_are_pytorchs() -> None:
    torch = pytest.importorskip("torch")
    x = np.random.default_rng(0).standard_normal((4, 3, 5, 2))
    norm = BatchNorm(np.ones(3), np.zeros(3), np.zeros(3), np.ones(3), momentum=0.25)
    judge = torch.nn.BatchNorm2d(3, momentum=0.25, dtype=torch.float64)
    judge(torch.tensor(x))
    _, cache = norm.forward(x, context=Context(training=True))
    new = norm.new_statistics(cache)
    np.testing.assert_allclose(new["running_mean"], judge.running_mean.numpy(), rtol=0, atol=1e-14)
    np.testing.assert_allclose(new["running_var"], judge.running_var.numpy(), rtol=0, atol=1e-14)
    assert norm.statistics["running_mean"].tolist() == [0, 0, 0]  # nothing was written in place
    assert norm.new_statistics(norm.forward(x)[1]) == {}


def test_training_on_one_value_a_channel_is_refused() -> None:
    with pytest.raises(InvalidValue, match="more than one value a channel"):
        plain_norm(3).forward(ones(1, 3, 1, 1), context=Context(training=True))


def test_dropout_is_keyed_by_sample_and_name() -> None:
    x = np.ones((4, 50), np.float32)
    layer = Dropout(0.5)

    def dropped(samples: list[int], name: str = "drop", epoch: int = 0) -> np.ndarray:
        random = ops.Randomness(1, epoch, np.array(samples))
        return layer.forward(x[: len(samples)], context=Context(training=True, random=random, name=name))[0]

    np.testing.assert_array_equal(dropped([7, 8, 9, 3])[1:3], dropped([8, 9]))
    assert not np.array_equal(dropped([7]), dropped([7], name="other"))
    assert not np.array_equal(dropped([7]), dropped([7], epoch=1))
    assert set(np.unique(dropped([7, 8]))) == {0.0, 2.0}
    with pytest.raises(InvalidValue, match="give rng"):
        layer.forward(x, context=Context(training=True))


def test_unknown_rules_are_refused_by_every_kind_of_layer() -> None:
    x = ones(1, 2, 4, 4)
    for layer in (ReLU(), MaxPool2d(2), Conv2d(ones(1, 2, 1, 1)), Add(), plain_norm(2)):
        y, cache = layer.forward(x)
        with pytest.raises(InvalidValue, match="gradient, deconvnet, guided; got 'relprop'"):
            layer.backward(np.ones_like(y), cache, "relprop")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: MaxPool2d(1.5), r"MaxPool2d: kernel_size must be an int .* got 1\.5"),
        (lambda: MaxPool2d(None), r"MaxPool2d: kernel_size must be an int .* got None"),
        (lambda: MaxPool2d(True), r"MaxPool2d: kernel_size must be an int .* got True"),
        (lambda: MaxPool2d("22"), r"MaxPool2d: kernel_size must be an int .* got '22'"),
        (lambda: MaxPool2d(2, padding=None), r"MaxPool2d: padding must be an int .* got None"),
        (lambda: MaxPool2d(2, ceil_mode="no"), "MaxPool2d: ceil_mode must be True or False; got 'no'"),
        (lambda: AvgPool2d(2, count_include_pad=None), "AvgPool2d: count_include_pad must be True or False"),
        (
            lambda: Conv2d(np.ones((4, 2, 3, 3)), groups=[2]),
            r"Conv2d: groups must be a whole number; got \[2\]",
        ),
        (lambda: Conv2d(np.ones((4, 2, 3, 3)), groups=0), "Conv2d: groups must be at least 1; got groups=0"),
        (lambda: Conv2d(np.ones((4, 2, 3, 3)), stride=(1, True)), "Conv2d: stride must be an int"),
        (lambda: Dropout("0.5"), "Dropout: p must be a number; got '0.5'"),
        (lambda: Softmax("1"), "Softmax: axis must be a whole number; got '1'"),
        (lambda: Concatenate(1.0), r"Concatenate: axis must be a whole number; got 1\.0"),
    ],
)
def test_settings_of_the_wrong_kind_are_one_clear_error(make, message) -> None:
    with pytest.raises(ConvscopeError, match=message):
        make()
