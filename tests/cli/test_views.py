"""The commands of the views, as a user types them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import convscope as cs
from convscope.cli import main
from convscope.explain import feature_nodes
from convscope.network import ImageInput


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    net = cs.models.small_cnn(seed=0)
    net.input = ImageInput(size=(8, 8), channels="L")
    cs.save(net, tmp_path / "net.onnx")
    (tmp_path / "photos").mkdir()
    for index in range(3):
        pixels = np.random.default_rng(index).integers(0, 256, (20, 20), np.uint8)
        Image.fromarray(pixels).save(tmp_path / "photos" / f"{index}.png")
    return str(tmp_path / "net.onnx"), str(tmp_path / "photos" / "0.png")


@pytest.mark.parametrize(
    "method",
    ["gradient", "gradient-x-input", "integrated", "smooth", "guided", "deconvnet", "grad-cam", "grad-cam++"],
)
def test_saliency(method: str, files: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        main(["saliency", *files, "-m", method, "-t", "3", "--json", "--steps", "5", "--samples", "3"]) == 0
    )
    told = json.loads(capsys.readouterr().out)
    assert len(told["sanity"]["stages"]) == 5
    assert np.shape(told.get("array", told.get("map")))[-2:] == (8, 8)


def test_occlusion(files: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = tmp_path / "o.png"
    assert main(["occlusion", *files, "--square", "3", "--stride", "2x1", "-o", str(picture)]) == 0
    assert "The score is lowest" in capsys.readouterr().out
    with Image.open(picture) as drawn:
        assert drawn.width > 500


def test_patches(files: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture, folder = tmp_path / "p.png", str(tmp_path / "photos")
    assert main(["patches", files[0], folder, "-n", "relu2", "-k", "2", "-o", str(picture)]) == 0
    assert "32 channels over 3 images" in capsys.readouterr().out
    with Image.open(picture) as drawn:
        assert drawn.width > 500
    assert main(["patches", files[0], "digits", "--json", "-k", "1"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [one["node"] for one in told["nodes"]] == list(feature_nodes(cs.load(files[0])))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["saliency", "-t", "99"], "from 0 to 9; got 99"),
        (["saliency", "--node", "conv2"], "--node is of grad-cam"),
        (["occlusion", "--square", "9"], "at most the image's 8x8"),
    ],
)
def test_bad_input_is_one_line_and_two(
    arguments: list[str], words: str, files: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([arguments[0], *files, *arguments[1:]]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.strip().count("\n") == 0


def test_a_picture_of_all_nodes(files: tuple[str, str], tmp_path: Path) -> None:
    picture = tmp_path / "all.png"
    assert main(["patches", files[0], str(tmp_path / "photos"), "-o", str(picture)]) == 0
    with Image.open(picture) as drawn:
        assert drawn.width > 1000
