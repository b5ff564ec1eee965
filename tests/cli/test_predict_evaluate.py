from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import convscope as cs
from convscope.cli import main
from convscope.network import ImageInput


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of dark and light images, and a network that tells them apart."""
    place = tmp_path_factory.mktemp("shades")
    random = np.random.default_rng(0)
    for kind, grey in (("dark", 40), ("light", 200)):
        (place / "data" / kind).mkdir(parents=True)
        for number in range(10):
            pixels = random.integers(grey - 30, grey + 30, (8, 8)).astype(np.uint8)
            Image.fromarray(pixels).save(place / "data" / kind / f"{number}.png")
    net = cs.models.from_description(
        {"layers": ["flatten", {"layer": "linear", "features": 2}]}, input_shape=(1, 8, 8)
    )
    net.parameters["fc1.weight"] = np.stack([-np.ones(64), np.ones(64)]).astype(np.float32)
    net.parameters["fc1.bias"] = np.array([32, -32], np.float32)
    net.input, net.classes = ImageInput(size=(8, 8), channels="L"), ("dark", "light")
    cs.save(net, place / "net.onnx")
    return place


def run(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    assert main([str(word) for word in words]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    return captured.out


def refused(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    assert main([str(word) for word in words]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    return captured.err


def test_predict_names_and_probabilities(folder, capsys):
    images = [folder / "data" / kind / "3.png" for kind in ("dark", "light")]
    lines = run(capsys, "predict", folder / "net.onnx", *images, "--top", 1).splitlines()
    assert lines[0] == str(images[0])
    assert lines[1].split()[1] == "dark"
    assert lines[3].split()[1] == "light"
    told = json.loads(run(capsys, "predict", folder / "net.onnx", *images, "--json"))
    assert [one["classes"][0] for one in told] == ["dark", "light"]
    assert sum(told[0]["probabilities"]) == pytest.approx(1)


def test_predict_prepares_an_image_as_training_did(tmp_path, capsys):
    """A digit from a file gets the probabilities of the digit in the data set."""
    train, _ = cs.data.digits().split(1 / 3)
    assert main(["train", "digits", "--epochs", "1", "-o", str(tmp_path / "run"), "--json"]) == 0
    capsys.readouterr()
    net = cs.load_run(tmp_path / "run").network
    pixels = np.round(train.x[0, 0] * 255).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "digit.png")
    told = json.loads(
        run(capsys, "predict", tmp_path / "run" / "network.onnx", tmp_path / "digit.png", "--json")
    )
    wanted = cs.training.classify(net, train.x[0])
    assert told[0]["classes"] == list(wanted.classes[:5])
    # the file rounds a pixel to 1/255
    assert told[0]["probabilities"] == pytest.approx(wanted.probabilities[:5], abs=0.05)


def test_predict_refuses(folder, tmp_path, capsys):
    (tmp_path / "text.png").write_text("no picture")
    assert "not an image" in refused(capsys, "predict", folder / "net.onnx", tmp_path / "text.png")
    assert "no such file" in refused(capsys, "predict", folder / "net.onnx", tmp_path / "none.png")
    assert "none.onnx" in refused(capsys, "predict", tmp_path / "none.onnx", tmp_path / "text.png")
    cs.save(cs.models.small_cnn(), tmp_path / "bare.onnx")
    image = folder / "data" / "dark" / "1.png"
    assert "how images are prepared" in refused(capsys, "predict", tmp_path / "bare.onnx", image)


def test_evaluate_a_folder(folder, tmp_path, capsys):
    text = run(capsys, "evaluate", folder / "net.onnx", folder / "data")
    assert text.startswith("100.00% right: 20 of 20 images (train)")
    told = json.loads(run(capsys, "evaluate", folder / "net.onnx", folder / "data", "--json"))
    assert told["confusion"] == [[10, 0], [0, 10]]
    assert told["mistakes"] == []


def test_evaluate_shows_the_worst_mistakes_by_file(folder, tmp_path, capsys):
    for kind in ("dark", "light"):
        (tmp_path / "data" / kind).mkdir(parents=True)
        for file in (folder / "data" / kind).iterdir():
            (tmp_path / "data" / kind / file.name).write_bytes(file.read_bytes())
    Image.new("L", (8, 8), 255).save(tmp_path / "data" / "dark" / "white.png")
    words = ("evaluate", folder / "net.onnx", tmp_path / "data", "-o", tmp_path / "confusion.png")
    text = run(capsys, *words)
    assert "white.png: a dark, taken for light at 100.0%" in text
    with Image.open(tmp_path / "confusion.png") as picture:
        assert picture.width > 100


def test_evaluate_resizes_and_scales_as_the_network_says(folder, tmp_path, capsys):
    """A network that wants other numbers gives the same answers where its weights are changed to fit."""
    net = cs.load(folder / "net.onnx")
    # (pixel - 100) * 2 for pixel / 255: weight / 510, and what the mean takes away comes to the bias
    weight = net.parameters["fc1.weight"]
    net.parameters["fc1.bias"] = net.parameters["fc1.bias"] + weight.sum(axis=1) * np.float32(100 / 255)
    net.parameters["fc1.weight"] = weight / 510
    net.input = ImageInput(size=(8, 8), channels="L", mean=100, scale=2.0)
    cs.save(net, tmp_path / "other.onnx")
    told = [
        json.loads(run(capsys, "evaluate", model, folder / "data", "--json"))
        for model in (folder / "net.onnx", tmp_path / "other.onnx")
    ]
    assert told[0]["accuracy"] == told[1]["accuracy"] == 1
    assert told[0]["loss"] == pytest.approx(told[1]["loss"], rel=1e-3)


def test_evaluate_a_folder_that_lacks_a_class(folder, tmp_path, capsys):
    (tmp_path / "light").mkdir()
    (tmp_path / "light" / "a.png").write_bytes((folder / "data" / "light" / "1.png").read_bytes())
    told = json.loads(run(capsys, "evaluate", folder / "net.onnx", tmp_path, "--json"))
    assert told["confusion"] == [[0, 0], [0, 1]]


def test_evaluate_refuses(folder, tmp_path, capsys):
    net = folder / "net.onnx"
    assert "nearest: digits" in refused(capsys, "evaluate", net, "digts")
    assert "no test part" in refused(capsys, "evaluate", net, folder / "data", "--part", "test")
    assert "--part" in refused(capsys, "evaluate", net, folder / "data", "--part", "all")
    assert ".png, .svg or .pdf" in refused(capsys, "evaluate", net, folder / "data", "-o", "x.txt")
    assert "must have the same classes" in refused(capsys, "evaluate", net, "lines")
    (tmp_path / "cat").mkdir()
    assert "'cat'" in refused(capsys, "evaluate", net, tmp_path)
