"""An input that a part of a network likes best: exact gradients, honest values, one seed one image."""

from __future__ import annotations

import numpy as np
import pytest

import convscope as cs
from convscope.errors import DtypeError, InvalidValue, UnknownName
from convscope.explain import maximize
from convscope.explain.painting import Canvas, Move, Sampler
from convscope.layers import Conv2d, ReLU
from convscope.network import ImageInput, Network, Node

RANDOM = np.random.default_rng(8)


@pytest.mark.parametrize("shape", [(1, 5, 6), (3, 4, 7), (2, 1, 1), (3, 6, 6)])
@pytest.mark.parametrize("order", ["", "BGR"])
def test_the_gradient_of_a_spectrum_is_that_of_finite_differences(
    shape: tuple[int, int, int], order: str
) -> None:
    low = -RANDOM.random((shape[0], 1, 1))
    canvas = Canvas(shape, low, low + 3, order)
    spectrum = canvas.start(RANDOM, 0.5)
    wanted = RANDOM.normal(size=shape)
    grad = canvas.grad(spectrum, wanted)
    direction = RANDOM.normal(size=spectrum.shape)
    step = 1e-5
    up, down = ((wanted * canvas.image(spectrum + s * direction)).sum() for s in (step, -step))
    # the error of a central difference is step**2 times a third derivative of the order of the image's size
    assert (grad * direction).sum() == pytest.approx((up - down) / (2 * step), rel=1e-6, abs=1e-7)


def test_an_image_stays_within_its_range() -> None:
    canvas = Canvas((3, 8, 8), np.full((3, 1, 1), -2.0), np.full((3, 1, 1), 5.0), "RGB")
    image = canvas.image(canvas.start(RANDOM, 100.0))
    assert image.min() >= -2
    assert image.max() <= 5
    assert image.max() - image.min() > 6


def test_moves_are_a_shift_a_turn_and_an_enlargement() -> None:
    image = RANDOM.random((6, 6))

    def moved(**move: float) -> np.ndarray:
        whole = Move(**{"degrees": 0.0, "scale": 1.0, "down": 0.0, "right": 0.0, **move})
        return (Sampler.matrix(whole, 6, 6) @ image.ravel()).reshape(6, 6)

    assert np.allclose(moved(), image)
    assert np.allclose(moved(down=2.0, right=-1.0), np.roll(image, (2, -1), (0, 1)))
    assert np.allclose(moved(degrees=90.0), np.rot90(image), atol=1e-12)  # counter-clockwise as seen
    assert np.allclose(moved(down=0.5), (image + np.roll(image, 1, 0)) / 2)
    middle = moved(scale=3.0)[2:4, 2:4]  # a third of a pixel from the centre of the four in the middle
    corners = image[2:4, 2:4]
    assert np.allclose(middle.mean(), corners.mean())
    assert np.ptp(middle) < np.ptp(corners)


def test_draws_keep_within_their_limits() -> None:
    moves = [Sampler(3.0, 10.0, 0.2).draw(RANDOM) for _ in range(200)]
    for name, low, high in (("degrees", -10, 10), ("scale", 0.8, 1.2), ("down", -3, 3), ("right", -3, 3)):
        values = [getattr(move, name) for move in moves]
        assert low <= min(values) < low + 0.1 * (high - low)
        assert high - 0.1 * (high - low) < max(values) <= high


def edge_network(channels: int = 1) -> Network:
    """A vertical edge in the first channel, then a rectifier."""
    weight = np.zeros((2, channels, 1, 2), np.float32)
    weight[0, 0, 0] = -1, 1
    weight[1, 0, 0] = 1, -1
    nodes = [
        Node("edge", Conv2d(weight, np.array([-0.9, 0], np.float32)), "input"),
        Node("relu", ReLU(), "edge"),
    ]
    return Network(nodes, (channels, 6, 6))


@pytest.mark.parametrize("channels", [1, 3])
def test_the_largest_possible_value_is_nearly_reached(channels: int) -> None:
    found = maximize(edge_network(channels), "edge[1,3,2]", steps=200, jitter=0, turn=0, zoom=0)
    # a pixel of 1 beside one of 0
    assert 0.95 < found.value <= 1
    assert found.value == found.peak
    assert found.image.shape == (channels, 6, 6)
    assert found.picture.shape == (6, 6, 3)


def test_a_channel_that_is_shut_everywhere_is_climbed_before_its_rectifier() -> None:
    found = maximize(edge_network(), "relu[0]", steps=300, jitter=0, turn=0, zoom=0)
    assert found.climbed == "edge"
    assert found.start == 0
    assert found.peak > 0.05


def test_the_map_of_an_edge_filter_is_painted_with_edges() -> None:
    found = maximize(edge_network(), "edge[1]", steps=200, jitter=0, turn=0, zoom=0)
    # climbing the mean would end at one edge a row, since the differences along a row add up to its ends
    assert found.value > np.sqrt(1 / 5)


def test_values_are_those_of_a_run_and_a_seed_gives_one_image() -> None:
    net = cs.models.small_cnn(seed=3)
    digits = cs.data.digits()
    found = maximize(net, "conv2[5]", steps=20, seed=4, images=digits)
    run = net.run(found.image, algorithm="direct")["conv2"][0, 5]
    assert found.value == pytest.approx(float(np.sqrt((np.maximum(run, 0).astype(float) ** 2).mean())))
    assert found.peak == run.max()
    assert found.value > found.start
    real = net.run(digits.x)["conv2"][:, 5].reshape(len(digits), -1).max(axis=1)
    assert found.largest_real == pytest.approx(float(real.max()), rel=1e-5)
    assert found.real_image == str(int(real.argmax()))
    assert found.range == "the range of the real images"
    again = maximize(net, "conv2[5]", steps=20, seed=4, images=digits)
    other = maximize(net, "conv2[5]", steps=20, seed=5, images=digits)
    assert np.array_equal(found.image, again.image)
    assert not np.array_equal(found.image, other.image)
    assert len(found.history) == 20


def test_a_class_by_number_or_name_is_its_score() -> None:
    net = cs.models.small_cnn(seed=3)
    net.classes = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
    by_name, by_number = (maximize(net, target, steps=10) for target in ("three", 3))
    assert np.array_equal(by_name.image, by_number.image)
    assert by_name.label == "three"
    assert by_name.value == pytest.approx(float(net.run(by_name.image, algorithm="direct")["fc"][0, 3]))


@pytest.mark.parametrize("size", [(16, 11), 9])
def test_any_size_that_the_layers_up_to_the_target_take(size: int | tuple[int, int]) -> None:
    net = cs.models.lenet5()
    net.input = ImageInput(channels="L", mean=20, scale=0.01)
    found = maximize(net, "conv1[2]", size=size, steps=3)
    assert found.image.shape[1:] == (size if isinstance(size, tuple) else (size, size))
    assert found.image.min() >= (0 - 20) * 0.01 - 1e-6
    assert found.image.max() <= (255 - 20) * 0.01 + 1e-6
    assert found.picture.shape == (*found.image.shape[1:], 3)


def test_channels_behind_a_concatenation() -> None:
    net = cs.models.squeezenet("1.1", num_classes=3, input_shape=(3, 48, 48))
    node = next(name for name, one in net.nodes.items() if one.layer.kind == "Concatenate")
    shapes = net.shapes()
    first = net.nodes[node].inputs[0]
    channel = shapes[first][1] + 3
    found = maximize(net, f"{node}[{channel}]", steps=2)
    branch = net.nodes[node].inputs[1]
    assert found.climbed == net.nodes[branch].inputs[0]
    assert found.node == node


def test_bad_input() -> None:
    net = cs.models.lenet5()
    with pytest.raises(UnknownName, match="no class and no node 'conv_1"):
        maximize(net, "conv_1[3]")
    with pytest.raises(InvalidValue, match="channel must be from 0 to 5; got 6"):
        maximize(net, "conv1[6]")
    with pytest.raises(InvalidValue, match="name a channel or a cell"):
        maximize(net, "conv1")
    with pytest.raises(InvalidValue, match="class must be from 0 to 9; got 10"):
        maximize(net, 10)
    with pytest.raises(DtypeError, match="at must be a channel"):
        maximize(net, None)  # type: ignore[arg-type]
    with pytest.raises(InvalidValue):
        maximize(net, 3, size=(20, 20))  # the dense layers want 28x28
    with pytest.raises(InvalidValue, match="steps must be at least 1"):
        maximize(net, 3, steps=0)
    with pytest.raises(InvalidValue, match=r"zoom must be at least 0 and at most 0\.9"):
        maximize(net, 3, zoom=1.0)
    with pytest.raises(InvalidValue, match="low must be below high"):
        maximize(net, 3, low=1.0, high=0.0)
    with pytest.raises(InvalidValue, match="both be given"):
        maximize(net, 3, low=1.0)
