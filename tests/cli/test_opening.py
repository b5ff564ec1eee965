"""The options that say how a picture becomes the input, the same for all commands."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import convscope as cs
from convscope.cli import app, main
from convscope.cli.opening import opens_network
from convscope.layers import Conv2d, Flatten
from convscope.network import Network, Node


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A network that gives the three channels of a pixel as scores, and a red picture."""
    eye = np.eye(3, dtype=np.float32).reshape(3, 3, 1, 1)
    net = Network(
        [Node("conv", Conv2d(eye), "x"), Node("flat", Flatten(), "conv")], (3, 1, 1), input_name="x"
    )
    cs.save(net, tmp_path / "net.onnx")
    Image.new("RGB", (4, 6), (200, 100, 50)).save(tmp_path / "red.png")
    return tmp_path


def value(place: Path, capsys: pytest.CaptureFixture[str], channel: int, *words: object) -> float:
    """What the network sees of a channel."""
    arguments = [
        "trace",
        place / "net.onnx",
        place / "red.png",
        "--at",
        f"conv[{channel},0,0]",
        "--json",
        *words,
    ]
    assert main([str(word) for word in arguments]) == 0
    return float(json.loads(capsys.readouterr().out)["value"])


def refused(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    assert main([str(word) for word in words]) == 2
    return capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "channel", "expected"),
    [
        ("--scale 1", 0, 200),
        ("--scale 1/255", 1, 100 / 255),
        ("--scale 1 --channels BGR", 0, 50),
        ("--scale 1 --channels bgr --mean 1,2,3", 2, 197),
        ("--scale 1,2,3 --mean 10", 1, 180),
        ("--mean 0.5 --std 0.25", 0, (200 / 255 - 0.5) / 0.25),
        ("--mean 127.5 --std 63.75", 0, (200 - 127.5) / 63.75),
        ("--std 0.1,0.2,0.5", 2, 50 / 255 / 0.5),
    ],
)
def test_the_arithmetic(place, capsys, words, channel, expected):
    assert value(place, capsys, channel, *words.split()) == pytest.approx(expected, rel=1e-6)


def test_options_come_before_the_toml_file_and_that_before_the_network(place, capsys):
    net = cs.load(place / "net.onnx", input={"scale": 3})
    cs.save(net, place / "net.onnx")
    assert value(place, capsys, 0) == 600
    (place / "net.toml").write_text('[input]\nscale = 2\nchannels = "BGR"\n')
    assert value(place, capsys, 0) == 100
    assert value(place, capsys, 0, "--scale", 1) == 50
    (place / "other.toml").write_text("[input]\nmean = 50\nscale = 1\n")
    assert value(place, capsys, 1, "--description", place / "other.toml") == 50
    assert value(place, capsys, 1, "--description", place / "other.toml", "--channels", "RGB") == 50


def test_what_is_not_said_is_as_the_network(place, capsys):
    """One pixel, so the picture is resized; three channels, so it is in colour."""
    rule = cs.load(place / "net.onnx", input={"scale": 1}).input
    assert (rule.size, rule.channels) == ((1, 1), "RGB")
    assert cs.load(place / "net.onnx").input is None


def test_a_mean_does_not_take_over_a_scale_that_was_for_another(place, capsys):
    cs.save(cs.load(place / "net.onnx", input={"scale": 1 / 255}), place / "net.onnx")
    error = refused(capsys, "predict", place / "net.onnx", place / "red.png", "--mean", "104,117,123")
    assert "scale must be said" in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("--scale red", "number"),
        ("--scale 1/0", "number"),
        ("--mean 1,2 --scale 1", "3 numbers"),
        ("--mean 1 --std 0", "above 0"),
        ("--mean 1 --std 1 --scale 1", "not both"),
        ("--channels BRG", "RGB, BGR, L"),
        ("--channels L --scale 1", "the network takes 3"),
        ("--size 0 --scale 1", "height x width"),
        ("--size 99999x99999 --scale 1", "at most 200000000 pixels"),
        ("--crop left", "centre, none"),
        ("--resize lanczos", "bilinear"),
        ("--classes nowhere.txt", "nowhere.txt"),
        ("--description nowhere.toml", "nowhere.toml"),
        ("--scale nan", "finite"),
    ],
)
def test_what_cannot_be_is_one_line(place, capsys, words, why):
    error = refused(capsys, "predict", place / "net.onnx", place / "red.png", *words.split())
    assert why in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("words.txt", "red\ngreen\nblue\n"),
        ("spaced.txt", "red\ngreen\nblue\n\n\n"),
        ("list.json", '["red", "green", "blue"]'),
        ("numbers.json", '{"0": "red", "1": "green", "2": "blue"}'),
        ("imagenet.json", '{"0": ["n01", "red"], "1": ["n02", "green"], "2": ["n03", "blue"]}'),
        ("table.json", '{"classes": ["red", "green", "blue"]}'),
    ],
)
def test_class_names(place, capsys, name, content):
    (place / name).write_text(content)
    words = ["predict", place / "net.onnx", place / "red.png", "--scale", "1", "--classes", place / name]
    assert main([str(word) for word in [*words, "--top", 1]]) == 0
    assert "red" in capsys.readouterr().out


@pytest.mark.parametrize("content", ["", "red\ngreen\n", "red\ngreen\nblue\nyellow\n"])
def test_more_or_fewer_names_than_scores_are_refused(place, capsys, content):
    (place / "names.txt").write_text(content)
    words = [
        "predict",
        place / "net.onnx",
        place / "red.png",
        "--scale",
        "1",
        "--classes",
        place / "names.txt",
    ]
    error = refused(capsys, *words)
    assert "must be 3 names" in error or (not content and "holds no names" in error)


def test_convert_writes_it_into_the_file(place, capsys):
    (place / "words.txt").write_text("red\ngreen\nblue\n")
    words = ["--mean", "1", "--scale", "2", "--channels", "BGR", "--classes", place / "words.txt"]
    arguments = ["convert", place / "net.onnx", place / "said.onnx", *words]
    assert main([str(word) for word in arguments]) == 0
    net = cs.load(place / "said.onnx")
    assert net.input is not None
    assert (net.input.mean, net.input.scale, net.input.channels) == (1.0, 2.0, "BGR")
    assert net.classes == ("red", "green", "blue")


def test_a_size_fills_what_a_file_leaves_open(place, capsys):
    import onnx

    model = onnx.load(place / "net.onnx")
    for axis in model.graph.input[0].type.tensor_type.shape.dim[2:]:
        axis.dim_param = "free"
    onnx.save(model, place / "net.onnx")
    assert "size" in refused(capsys, "predict", place / "net.onnx", place / "red.png", "--scale", 1)
    assert value(place, capsys, 0, "--scale", 1, "--size", "2x3") == 200


def test_every_command_that_opens_a_network_for_pictures_takes_the_options():
    """A command with a model and an image or data has them; `opens_network` gives them."""
    import inspect

    for command in app.registered_commands:
        names = set(inspect.signature(command.callback).parameters)
        if "model" in names and names & {"image", "images", "data"} and "kernel" not in names:
            missing = {"mean", "scale", "std", "channels", "size", "crop", "resize", "classes"} - names
            assert not missing, f"{command.callback.__name__} lacks @opens_network: {sorted(missing)}"


def test_a_command_may_not_have_the_same_option_twice():
    with pytest.raises(TypeError, match="open_network"):

        @opens_network
        def command(size: int, open_network: object) -> None: ...
