"""`convscope trace`, `ledger` and `workbook`."""

from __future__ import annotations

import json
import subprocess
import sys
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


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX limits")
def test_a_full_disk_keeps_the_old_workbook(files: tuple[str, str], tmp_path: Path) -> None:
    """A limit on the size of files stands for the full disk."""
    import resource

    out = tmp_path / "book.xlsx"
    out.write_text("old")
    found = subprocess.run(
        [sys.executable, "-m", "convscope", "workbook", *files, "-o", str(out)],
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, 5_000)),
        check=False,
    )
    assert found.returncode == 2
    assert found.stdout == ""
    assert found.stderr == f"convscope: cannot write {out}: file too large.\n"
    assert out.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["book.xlsx"]


@pytest.mark.parametrize("broken", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_becomes_text_in_json(
    broken: float, files: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    net = cs.models.small_cnn(seed=2)
    net.input = ImageInput(size=(8, 8), channels="L")
    net.parameters["conv1.weight"][0, 0, 1, 1] = broken
    cs.save(net, tmp_path / "broken.onnx")
    broken_files = (str(tmp_path / "broken.onnx"), files[1])

    def refuse(name: str) -> float:
        raise AssertionError(f"JSON has no {name}")

    for arguments in (
        ["trace", *broken_files, "--at", "conv1[0,3,3]"],
        ["trace", *broken_files, "--at", "conv1.weight[0,0,1,1]", "--backward", "fc[1]"],
    ):
        assert main([*arguments, "--json", "-o", str(tmp_path / "out.json")]) == 0
        for text in (capsys.readouterr().out, (tmp_path / "out.json").read_text()):
            assert json.loads(text, parse_constant=refuse)["terms"]
