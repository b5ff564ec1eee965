"""`convscope convert`, and `convscope info` on what comes out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import convscope as cs
from convscope.cli import main


def test_a_network_to_weights_and_their_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cs.save(cs.models.lenet5(), tmp_path / "net.onnx")
    target = tmp_path / "weights.safetensors"
    assert main(["convert", str(tmp_path / "net.onnx"), str(target)]) == 0
    assert "bytes" in capsys.readouterr().out
    assert main(["info", str(target)]) == 0
    text = capsys.readouterr().out
    assert "conv1.weight" in text
    assert "44,426 numbers" in text
    assert main(["info", str(target), "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["conv1.weight"]["shape"] == [6, 1, 5, 5]


def test_errors_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "w.pt").write_bytes(b"junk")
    for arguments in (
        ["convert", str(tmp_path / "w.pt"), str(tmp_path / "w.npz")],
        ["convert", str(tmp_path / "absent.onnx"), str(tmp_path / "w.onnx")],
        ["info", str(tmp_path / "w.pt")],
    ):
        assert main(arguments) == 2
        captured = capsys.readouterr()
        assert captured.err.count("\n") == 1
        assert captured.out == ""


def test_info_says_how_images_are_prepared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cs.save(cs.models.lenet5(), tmp_path / "net.onnx")
    (tmp_path / "net.toml").write_text('[input]\nsize = [28, 28]\nchannels = "L"\n')
    assert main(["info", str(tmp_path / "net.onnx")]) == 0
    assert "28x28 (width x height)" in capsys.readouterr().out
