"""The well-known builders: exact parameter counts, sizes, receptive fields, and that they run."""

from __future__ import annotations

import numpy as np
import pytest

from convscope import models
from convscope.errors import ConvscopeError, InvalidValue

# builder, arguments, parameters; multiply-adds for one image, and the size and stride of the
# field of the last convolution or pooling, as published or as by the arithmetic of Araujo et al. (2019)
WHOLE = {
    "alexnet": (models.alexnet, (), 60_965_224, 724_406_816, "pool5", (195, 32), 8),
    "zfnet": (models.zfnet, (), 62_357_608, 1_168_032_896, "pool5", (171, 32), 8),
    "vgg16": (models.vgg16, (), 138_357_544, 15_470_264_320, "pool5", (212, 32), 16),
    "squeezenet 1.0": (models.squeezenet, ("1.0",), 1_248_424, 818_924_576, "fire9/concat", (155, 16), 26),
    "squeezenet 1.1": (models.squeezenet, ("1.1",), 1_235_496, 349_151_936, "fire9/concat", (207, 16), 26),
    "mobilenet_v2": (models.mobilenet_v2, (), 3_504_872, 300_774_272, "features.18.2", (491, 32), 53),
    "tiny_vgg": (models.tiny_vgg, (), 19_920, 5_608_780, "max_pool_2", (16, 4), 5),
    "small_resnet": (models.small_resnet, (), 1_209_834, 37_387_264, "block3.relu2", (48, 8), 11),
}

# builder, the smallest images it takes, and what comes out
TINY = {
    "alexnet": (models.alexnet, (), (3, 67, 67)),
    "zfnet": (models.zfnet, (), (3, 53, 53)),
    "vgg16": (models.vgg16, (), (3, 32, 32)),
    "squeezenet 1.0": (models.squeezenet, ("1.0",), (3, 32, 32)),
    "squeezenet 1.1": (models.squeezenet, ("1.1",), (3, 32, 32)),
    "mobilenet_v2": (models.mobilenet_v2, (), (3, 8, 8)),
    "tiny_vgg": (models.tiny_vgg, (), (3, 16, 16)),
    "small_resnet": (models.small_resnet, (), (1, 4, 4)),
}


LARGE = ("alexnet", "zfnet", "vgg16")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name in LARGE else ()) for name in WHOLE]
)
def test_parameters_multiply_adds_and_receptive_field(name: str) -> None:
    builder, arguments, parameters, multiply_adds, node, (size, stride), weights = WHOLE[name]
    net = builder(*arguments)
    summary = net.summary()
    assert summary.parameters == parameters
    assert summary.multiply_adds == multiply_adds
    field = summary[node].receptive_field
    assert (field.size, field.stride) == ((size, size), (stride, stride))
    assert sum(row.kind in ("Conv2d", "Linear") for row in summary.rows) == weights
    assert net.dtype == np.float32


@pytest.mark.slow
def test_alexnets_layers_have_the_parameters_of_the_article() -> None:
    rows = {row.name: row for row in models.alexnet().summary().rows}
    assert rows["conv1"].parameters == 34_944
    shapes = [(96, 55, 55), (256, 27, 27), (384, 13, 13), (384, 13, 13), (256, 13, 13)]
    assert [rows[f"conv{i}"].output_shape for i in range(1, 6)] == shapes
    assert rows["fc6"].parameters == 37_752_832


@pytest.mark.slow
def test_zfnets_maps_have_the_sizes_of_the_article() -> None:
    rows = {row.name: row for row in models.zfnet().summary().rows}
    names = ("conv1", "pool1", "conv2", "pool2", "conv5", "pool5")
    assert [rows[name].output_shape[1] for name in names] == [110, 55, 26, 13, 13, 6]


@pytest.mark.parametrize("name", TINY)
def test_a_tiny_image_gives_finite_scores(name: str) -> None:
    builder, arguments, shape = TINY[name]
    net = builder(*arguments, input_shape=shape, num_classes=3, seed=1)
    x = np.random.default_rng(0).random((2, *shape), np.float32)
    y = net.predict(x)
    assert y.shape == (2, 3)
    assert np.isfinite(y).all()
    assert not np.array_equal(y[0], y[1])


@pytest.mark.parametrize("name", ["squeezenet 1.1", "mobilenet_v2", "tiny_vgg", "small_resnet"])
def test_gradients_reach_every_parameter(name: str) -> None:
    builder, arguments, shape = TINY[name]
    net = builder(*arguments, input_shape=shape, num_classes=3)
    x = np.random.default_rng(0).random((4, *shape), np.float32)
    activations = net.run(x, training=True, rng=0)
    grads = net.backward(activations, {net.outputs[0]: np.eye(4, 3, dtype=np.float32)})
    assert grads.parameters.keys() == set(net.parameters)
    assert all(np.isfinite(grad).all() for grad in grads.parameters.values())
    assert all(grad.any() for grad in grads.parameters.values() if grad.ndim > 1)


def test_a_seed_fixes_the_weights_and_another_changes_them() -> None:
    one, same, other = (models.tiny_vgg(seed=seed) for seed in (0, 0, 1))
    assert all(np.array_equal(one.parameters[name], same.parameters[name]) for name in one.parameters)
    assert not np.array_equal(one.parameters["conv_1_1.weight"], other.parameters["conv_1_1.weight"])


@pytest.mark.parametrize(("rows", "columns"), [(1000, 3999), (1000, 4001)])
def test_large_weights_are_drawn_with_the_same_deviation(rows: int, columns: int) -> None:
    """Below four million values in float64, from there on in float32."""
    weight = models.linear(rows).make((1, columns), "fc", seed=0).parameters["weight"]
    assert weight.dtype == np.float32
    deviation = np.sqrt(2 / columns)
    # the standard error of a mean is s/sqrt(n), of a deviation s/sqrt(2n); five of them
    error = 5 * deviation / np.sqrt(weight.size)
    assert abs(weight.mean(dtype=np.float64)) < error
    assert abs(weight.std(dtype=np.float64) - deviation) < error


@pytest.mark.parametrize(("call", "message"), [
    (lambda: models.alexnet(input_shape=(3, 64, 64)), "alexnet: input_shape must be .* at least 67 rows"),
    (lambda: models.zfnet(input_shape=(3, 52, 53)), "zfnet: input_shape must be .* at least 53 rows"),
    (lambda: models.vgg16(input_shape=(32, 32)), r"vgg16: input_shape must be .*; got \(32, 32\)"),
    (lambda: models.vgg16(num_classes=0), "vgg16: num_classes must be a whole number of at least 1; got 0"),
    (lambda: models.squeezenet("1.2"), "squeezenet: variant must be '1.0' or '1.1'; got '1.2'"),
    (lambda: models.mobilenet_v2(num_classes=True), "mobilenet_v2: num_classes must be"),
    (lambda: models.tiny_vgg(input_shape=(3, 15, 16)), "tiny_vgg: input_shape must be"),
    (lambda: models.small_resnet(width=0), "small_resnet: width must be an even number"),
    (lambda: models.small_resnet(seed=-1), "seed must be a whole number"),
])  # fmt: skip
def test_wrong_arguments_are_one_clear_error(call, message: str) -> None:
    with pytest.raises(InvalidValue, match=message) as caught:
        call()
    assert isinstance(caught.value, ConvscopeError)
    assert "\n" not in str(caught.value)
