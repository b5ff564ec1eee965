"""`convscope maps`, `maximize`, `evolve`, `familiarity` and `ablate`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import convscope as cs
from convscope.cli import main
from convscope.network import ImageInput
from convscope.training import Recipe, train

Output = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run, its network as net.onnx, an image, and inverted digits as strange.npz."""
    folder = tmp_path_factory.mktemp("learned")
    train(Recipe("digits", epochs=5, batch_size=32, seed=1), folder / "run")
    net = cs.load_run(folder / "run").network
    net.input = ImageInput(size=(8, 8), channels="L", scale=1 / 255)
    cs.save(net, folder / "net.onnx")
    digits = cs.data.digits()
    Image.fromarray((255 * digits.x[3, 0]).astype(np.uint8)).save(folder / "image.png")
    np.savez(folder / "strange.npz", x=1 - digits.x[:120], y=digits.y[:120])
    return folder


def said(capsys: Output, *arguments: object) -> str:
    assert main([str(argument) for argument in arguments]) == 0
    return capsys.readouterr().out


def refused(capsys: Output, *arguments: object) -> str:
    assert main([str(argument) for argument in arguments]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    return error


def is_picture(path: Path) -> bool:
    with Image.open(path) as picture:
        return min(picture.size) > 200


def test_maps(place: Path, capsys: Output, tmp_path: Path) -> None:
    net, image = place / "net.onnx", place / "image.png"
    text = said(capsys, "maps", net, image, "-o", tmp_path / "maps.png")
    assert "conv1" in text
    assert is_picture(tmp_path / "maps.png")
    one = json.loads(said(capsys, "maps", net, image, "--node", "relu1", "--one-scale", "map", "--json"))
    assert one["scale"] == "map"
    assert [node["node"] for node in one["nodes"]] == ["relu1"]
    assert "nearest: relu1" in refused(capsys, "maps", net, image, "-n", "relu_1")


def test_maximize(place: Path, capsys: Output, tmp_path: Path) -> None:
    net = place / "net.onnx"
    text = said(
        capsys, "maximize", net, "conv1[3]", "--steps", 5, "--images", "digits", "-o", tmp_path / "a.png"
    )
    assert "largest on 599 real images" in text
    assert is_picture(tmp_path / "a.png")
    text = said(
        capsys,
        "maximize",
        net,
        "conv1[3]",
        "conv1[4]",
        "--steps",
        2,
        "--pixels",
        "12x9",
        "-o",
        tmp_path / "b.png",
    )
    assert text.count("12x9") == 2
    assert is_picture(tmp_path / "b.png")
    found = json.loads(said(capsys, "maximize", net, 3, "--steps", 2, "--seed", 7, "--json"))
    assert found["label"] == "3"
    assert found["seed"] == 7
    assert "no class and no node" in refused(capsys, "maximize", net, "conv9[3]")
    assert "must be .png" in refused(
        capsys, "maximize", net, "1", "2", "--steps", 1, "-o", tmp_path / "c.json"
    )


def test_evolve(place: Path, capsys: Output, tmp_path: Path) -> None:
    text = said(capsys, "evolve", place / "run", "--images", 40, "-o", tmp_path / "run.gif")
    assert "Share of each layer's kernels that are not noise" in text
    with Image.open(tmp_path / "run.gif") as animation:
        assert animation.n_frames == 4  # type: ignore[attr-defined]
        assert animation.convert("RGB").getpixel((2, 2)) == (255, 255, 255)
    found = json.loads(said(capsys, "evolve", place / "run", "-n", "conv1", "--images", 0, "--json"))
    assert found["epochs"] == [0, 1, 2, 5]
    assert found["layers"][0]["patches"] == []
    assert "not the folder of a run" in refused(capsys, "evolve", place)


def test_familiarity(place: Path, capsys: Output, tmp_path: Path) -> None:
    text = said(
        capsys, "familiarity", place / "net.onnx", "digits", place / "strange.npz", "-o", tmp_path / "f.png"
    )
    assert "area under the ROC curve" in text
    assert "1 - largest softmax" in text
    assert is_picture(tmp_path / "f.png")
    found = json.loads(
        said(capsys, "familiarity", place / "net.onnx", "digits", place / "strange.npz", "--json")
    )
    assert found["counts"] == [1198, 599, 120]
    assert found["curve"]["area"] > 0.9
    assert max(map(len, text.splitlines())) <= 100


def test_ablate(place: Path, capsys: Output, tmp_path: Path) -> None:
    net = place / "net.onnx"
    text = said(capsys, "ablate", net, "digits", "--class", 4, "-k", 6, "-o", tmp_path / "a.png")
    assert "by the ledgers of 50 images" in text
    assert "random: 20 draws" in text
    assert is_picture(tmp_path / "a.png")
    found = json.loads(said(capsys, "ablate", net, "digits", "-n", "relu1", "--off", "3,5-7", "--json"))
    assert found["groups"] == [[3, 5, 6, 7]]
    each = said(capsys, "ablate", net, "digits", "-n", "relu1", "--images", 50, "-o", tmp_path / "b.png")
    assert "Each of 16 channels" in each
    assert is_picture(tmp_path / "b.png")
    assert "either --node or --class" in refused(capsys, "ablate", net, "digits")
    assert "such as 3,5,8-11" in refused(capsys, "ablate", net, "digits", "-n", "relu1", "--off", "all")
