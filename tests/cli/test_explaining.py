"""`convscope trace`, `ledger` and `workbook`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import openpyxl
import pytest
from PIL import Image

import convscope as cs
from convscope.cli import main
from convscope.network import ImageInput


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """A small network and an image, as files."""
    folder = tmp_path_factory.mktemp("explained")
    net = cs.models.small_cnn(seed=2)
    net.input = ImageInput(size=(8, 8), channels="L")
    cs.save(net, folder / "net.onnx")
    pixels = np.random.default_rng(3).integers(0, 255, (8, 8)).astype(np.uint8)
    Image.fromarray(pixels).save(folder / "image.png")
    return str(folder / "net.onnx"), str(folder / "image.png")


def test_trace(files: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "cell.html"
    assert main(["trace", *files, "--at", "conv1[0,3,3]", "-o", str(out)]) == 0
    text = capsys.readouterr().out
    assert "one cell of a Conv2d" in text
    assert "within the bound" in text
    assert out.read_text().startswith("<!doctype html>")
    assert main(["trace", *files, "--at", "fc[1]", "--depth", "3", "--follow", "1", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["address"] == "fc[1]"
    assert len(data["below"][0]["below"]) == 1
    assert main(["trace", *files, "--at", "conv1.weight[0,0,1,1]", "--backward", "fc[1]"]) == 0
    assert "The gradient of fc[1]" in capsys.readouterr().out


def test_an_image_of_another_size_is_resized_and_it_is_said(
    files: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.new("L", (20, 30), 128).save(tmp_path / "large.png")
    for command in ("trace", "ledger"):
        assert main([command, files[0], str(tmp_path / "large.png"), "--at", "conv1[0,3,3]"]) == 0
        assert "The image was prepared: " in capsys.readouterr().out


def test_ledger(files: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ledger", *files, "--at", "fc[1]", "--names", "0"]) == 0
    assert "which channels made it" in capsys.readouterr().out
    assert main(["ledger", *files, "--at", "conv2[0,1,1]", "--names", "0", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["entries"]) == 16


def test_workbook(files: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "book.xlsx"
    assert main(["workbook", *files, "-o", str(out)]) == 0
    assert "computed cells" in capsys.readouterr().out
    assert "overview" in openpyxl.load_workbook(out, read_only=True).sheetnames


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["trace", "NET", "IMAGE", "--at", "conv9[0,0,0]"], "nearest: conv"),
        (["trace", "NET", "IMAGE", "--at", "conv1[0,99,0]"], "row must be from 0 to 7"),
        (["trace", "NET", "nowhere.png", "--at", "conv1[0,0,0]"], "nowhere.png"),
        (["trace", "NET", "IMAGE"], "--at"),
        (["ledger", "NET", "IMAGE", "--at", "input[0,0,0]"], "pixel of the input"),
        (["workbook", "NET", "IMAGE", "-o", "book.ods"], ".xlsx"),
    ],
)
def test_bad_input_is_one_line(
    arguments: list[str], words: str, files: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    given = [{"NET": files[0], "IMAGE": files[1]}.get(a, a) for a in arguments]
    assert main(given) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert words in error
