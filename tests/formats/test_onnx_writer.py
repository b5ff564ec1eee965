"""What is written: free and fixed lengths, names of steps, sizes that stay."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

import convscope as cs
from convscope import layers
from convscope.network import Network, Node
from convscope.ops.interpolate import AxisRule

RANDOM = np.random.default_rng(0)
SHAPE = (4, 7, 6)


def draw(*shape):
    return RANDOM.normal(size=shape).astype(np.float32)


def again(net, folder):
    """Write and read; the same nodes, and the same outputs to the bit."""
    path = folder / "net.onnx"
    cs.save(net, path)
    onnx.checker.check_model(str(path), full_check=True)
    read = cs.load(path)
    assert list(read.nodes) == list(net.nodes)
    x = draw(net._batch_size, *net.input_shape)
    ours, theirs = net.run(x), read.run(x)
    for name in net.outputs:
        np.testing.assert_array_equal(theirs[name], ours[name])
    return read


def chain(*made):
    nodes = [Node(f"n{i}", layer, f"n{i - 1}" if i else "input") for i, layer in enumerate(made)]
    return Network(nodes, SHAPE)


def lengths(path, name="output"):
    value = getattr(onnx.load(path).graph, name)[0]
    return [axis.dim_param or axis.dim_value for axis in value.type.tensor_type.shape.dim]


def test_what_is_for_so_many_images_says_so(tmp_path):
    nodes = [Node("rows", layers.Reshape((8, 84)), "input"), Node("turned", layers.Transpose((1, 0)), "rows")]
    net = Network(nodes, SHAPE, batch=4)
    assert again(net, tmp_path)._batch_size == 4
    assert lengths(tmp_path / "net.onnx", "input") == [4, 4, 7, 6]
    assert lengths(tmp_path / "net.onnx") == [84, 8]


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (layers.Flatten(), ["N", 168]),
        (layers.Reshape((-1, 42)), ["4N", 42]),
        (layers.Reduce("mean", (0, 2, 3)), [1, 4, 1, 1]),
        (layers.Reduce("mean", keepdims=False), []),
    ],
)
def test_free_lengths_are_those_that_depend_on_the_batch(layer, expected, tmp_path):
    cs.save(chain(layer), tmp_path / "net.onnx")
    assert lengths(tmp_path / "net.onnx") == expected
    onnx.checker.check_model(str(tmp_path / "net.onnx"), full_check=True)


def test_steps_do_not_take_the_names_of_nodes(tmp_path):
    nodes = [
        Node("a/scale", layers.ReLU(), "input"),
        Node("a", layers.ChannelScale(draw(4), draw(4)), "a/scale"),
        Node("a/sigmoid", layers.Negate(), "a"),
    ]
    net = Network(nodes, SHAPE)
    cs.save(net, tmp_path / "net.onnx")
    onnx.checker.check_model(str(tmp_path / "net.onnx"), full_check=True)
    x = draw(2, *SHAPE)
    np.testing.assert_allclose(cs.load(tmp_path / "net.onnx").predict(x), net.predict(x), rtol=1e-6)


@pytest.mark.parametrize("mode", ["nearest", "bilinear", "cubic"])
@pytest.mark.parametrize("coordinates", ["half_pixel", "asymmetric", "align_corners"])
@pytest.mark.parametrize("size", [(3, 3), (1, 1), (20, 11)])
def test_a_size_stays_a_size(mode, coordinates, size, tmp_path):
    layer = layers.Resize2d(size, mode=mode, coordinates=coordinates, rounding="floor")
    again(chain(layer), tmp_path)
    assert lengths(tmp_path / "net.onnx") == ["N", 4, *size]


def test_a_scale_that_float32_does_not_have_gives_the_same_size(tmp_path):
    net = chain(layers.Resize2d(scale=(9 / 7, 13 / 6), mode="nearest"))
    cs.save(net, tmp_path / "net.onnx")
    assert cs.load(tmp_path / "net.onnx").shapes()["n0"] == (1, 4, 9, 13)


SMOOTHED = {"mode": "linear", "antialias": True}
CLIPPED = {"mode": "cubic", "exclude_outside": True}
RULES = {
    "by scales": [AxisRule(2, 10, 1.5, **SMOOTHED), AxisRule(3, 3, 0.5, **SMOOTHED)],
    "by sizes": [AxisRule(2, 5, 5 / 7, **CLIPPED), AxisRule(3, 8, 8 / 6, **CLIPPED)],
    "one scale that a size tells": [AxisRule(2, 10, 10 / 7), AxisRule(3, 9, 10 / 7)],
    "channels": [AxisRule(1, 8, 2.0), AxisRule(3, 4, 0.75)],
}


@pytest.mark.parametrize("name", RULES)
def test_axes_of_one_rule_are_one_operator(name, tmp_path):
    again(chain(layers.ResizeAxes(RULES[name])), tmp_path)


POOLS = {
    "maxima": layers.MaxPool2d(3, stride=3, padding=1, ceil_mode=True),
    "means": layers.AvgPool2d(3, stride=3, padding=1, ceil_mode=True, count_include_pad=False),
    "norms": layers.LpPool2d(3, stride=3, padding=1, ceil_mode=True),
}


@pytest.mark.parametrize("name", POOLS)
@pytest.mark.parametrize("shape", [(4, 9, 8), (4, 8, 9), (4, 5, 6), (4, 10, 7)])
def test_rounding_up_along_one_axis_only(name, shape, tmp_path):
    """The checker counts a window that lies in the padding; nothing that is written has one."""
    again(Network([Node("pool", POOLS[name], "input")], shape), tmp_path)


def test_what_onnx_types_is_one_node_here(tmp_path):
    """Truth values and places are cast back to numbers in the file, as a second operator."""
    nodes = [
        Node("relu", layers.ReLU(), "input"),
        Node("same", layers.Equal(), ("relu", "input")),
        Node("chosen", layers.Where(), ("same", "relu", "input")),
        Node("whole", layers.Cast("int"), "chosen"),
        Node("place", layers.ArgMax(1), "whole"),
    ]
    again(Network(nodes, SHAPE), tmp_path)
