from __future__ import annotations

import inspect

import numpy as np
import pytest

import convscope as cs
from convscope.errors import ConvscopeError, DtypeError, FileError, InvalidValue, UnknownName
from convscope.models import LAYERS, NETWORKS, build, from_description, read_description

# what each layer needs at least
NEEDS = {
    "conv2d": {"filters": 2, "kernel_size": 3},
    "max_pool2d": {"kernel_size": 2},
    "avg_pool2d": {"kernel_size": 2},
    "lp_pool2d": {"kernel_size": 2},
    "pad2d": {"padding": 1},
    "resize2d": {"size": 4},
    "local_response_norm": {"size": 3},
}


@pytest.mark.parametrize("kind", sorted(set(LAYERS) - {"linear", "add", "multiply", "concatenate"}))
def test_every_layer_can_be_listed(kind):
    net = from_description({"layers": [{"layer": kind, **NEEDS.get(kind, {})}]}, input_shape=(2, 8, 8))
    assert len(net.nodes) == 1
    assert np.isfinite(net.predict(np.full((1, 2, 8, 8), 0.5, np.float32))).all()


@pytest.mark.parametrize("kind", ["add", "multiply", "concatenate"])
def test_layers_with_several_inputs(kind):
    first = {"layer": "conv2d", "filters": 2, "kernel_size": 1, "name": "a"}
    items = [first, {"layer": "relu", "from": "input", "name": "b"}, {"layer": kind, "from": ["a", "b"]}]
    net = from_description({"layers": items}, input_shape=(2, 3, 3))
    assert net.nodes[net.outputs[0]].inputs == ("a", "b")


@pytest.mark.parametrize("name", sorted(set(NETWORKS) - {"vgg16", "alexnet", "zfnet", "resnet18"}))
def test_every_small_builder_has_a_name(name):
    takes = inspect.signature(NETWORKS[name]).parameters
    net = build(name, num_classes=7, input_shape=(3, 64, 64) if "input_shape" in takes else None)
    assert net.shapes()[net.outputs[0]][1] == 7


def test_settings_of_a_builder():
    assert build("lenet5:variant=1998").name != build("lenet5").name
    counts = [sum(w.size for w in build(f"small_resnet:width={n}").parameters.values()) for n in (4, 8)]
    assert counts[0] < counts[1]


def test_the_same_seed_draws_the_same_weights():
    layers = {"layers": ["flatten", {"layer": "linear", "features": 3}]}
    nets = [from_description(layers, input_shape=(1, 4, 4), seed=seed) for seed in (0, 0, 1)]
    weights = [net.parameters["fc1.weight"] for net in nets]
    assert np.array_equal(weights[0], weights[1])
    assert not np.array_equal(weights[0], weights[2])


def test_a_file_says_name_and_input(tmp_path):
    file = tmp_path / "net.toml"
    file.write_text('name = "mine"\ninput = [1, 8, 8]\nlayers = ["relu"]\n')
    net = from_description(read_description(file))
    assert (net.name, net.input_shape) == ("mine", (1, 8, 8))


@pytest.mark.parametrize(
    ("description", "error", "message"),
    [
        ({}, InvalidValue, "layers must be a list"),
        ({"layers": []}, InvalidValue, "at least one"),
        ({"layer": ["relu"]}, UnknownName, "nearest: layers"),
        ({"layers": ["rleu"]}, UnknownName, "layer 1: there is no layer 'rleu'; nearest: relu"),
        ({"layers": [5]}, InvalidValue, "layer 1"),
        ({"layers": ["relu", {"kind": "relu"}]}, InvalidValue, "layer 2"),
        ({"layers": [{"layer": "conv2d", "filter": 2}]}, UnknownName, "nearest: filters"),
        ({"layers": [{"layer": "conv2d", "filters": 2}]}, InvalidValue, "kernel_size"),
        ({"layers": [{"layer": "conv2d", "filters": "x", "kernel_size": 3}]}, InvalidValue, "filters"),
        ({"layers": [{"layer": "conv2d", "filters": 2, "kernel_size": 99}]}, InvalidValue, "99"),
        ({"layers": [{"layer": "conv2d", "filters": 2, "kernel_size": "3"}]}, InvalidValue, "layer 1"),
        ({"layers": [{"layer": "dropout", "p": 2}]}, InvalidValue, "Dropout"),
        ({"layers": [{"layer": "relu", "from": "nope"}]}, UnknownName, "nope"),
        ({"layers": [{"layer": "relu", "from": 3}]}, InvalidValue, "from"),
        (
            {"layers": [{"layer": "relu", "name": "a"}, {"layer": "relu", "name": "a"}]},
            InvalidValue,
            "unique",
        ),
        ({"layers": ["flatten", {"layer": "linear", "features": "classes"}]}, InvalidValue, "not known"),
        ({"layers": [{"layer": "linear", "features": 3}]}, InvalidValue, "flatten"),
        ({"layers": ["relu"], "input": "8x8"}, InvalidValue, "input"),
    ],
)
def test_mistakes_are_said_in_one_line(description, error, message):
    shape = None if "input" in description else (1, 8, 8)
    with pytest.raises(error, match=message) as caught:
        from_description(description, input_shape=shape)
    assert isinstance(caught.value, ConvscopeError)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("small_cn", UnknownName, "nearest: small_cnn"),
        ("small_resnet:widht=3", UnknownName, "nearest: width"),
        ("vgg16:width=3", UnknownName, "no setting 'width'; there are none"),
        (None, DtypeError, "named by a text; got NoneType"),
        ("small_resnet:width", InvalidValue, "name=value"),
        ("small_resnet:width=x", InvalidValue, "width"),
        ("small_resnet:seed=3", UnknownName, "seed"),
    ],
)
def test_mistakes_in_a_name(text, error, message):
    with pytest.raises(error, match=message):
        build(text)


def test_a_file_that_is_no_toml(tmp_path):
    with pytest.raises(FileError, match="cannot read"):
        read_description(tmp_path / "none.toml")
    (tmp_path / "net.toml").write_text("layers = [")
    with pytest.raises(FileError, match=r"net\.toml: not a TOML file"):
        read_description(tmp_path / "net.toml")


def test_a_described_network_is_kept_as_onnx(tmp_path):
    layers = ["relu", "flatten", {"layer": "linear", "features": 3}]
    net = from_description({"layers": layers}, input_shape=(1, 4, 4))
    cs.save(net, tmp_path / "net.onnx")
    x = np.random.default_rng(0).random((2, 1, 4, 4), np.float32)
    assert np.array_equal(cs.load(tmp_path / "net.onnx").predict(x), net.predict(x))
