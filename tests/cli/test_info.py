"""`convscope info` shows the table of a network's layers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import convscope as cs
from convscope.cli import main


@pytest.fixture(scope="module")
def lenet(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("models") / "lenet.onnx"
    cs.save(cs.models.lenet5(), path)
    return str(path)


def test_the_table(lenet: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", lenet]) == 0
    text = capsys.readouterr().out
    for words in ("conv1", "MaxPool2d", "44,426", "281,640", "16x4x4"):
        assert words in text
    assert "\x1b" not in text


def test_json(lenet: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", lenet, "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["parameters"] == 44426
    assert [row["name"] for row in data["rows"]][:3] == ["conv1", "relu1", "pool1"]


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "onnx"), (b"not a network", "onnx"), (None, "no such file")],
    ids=["empty", "text", "missing"],
)
def test_what_is_no_network_is_said_in_one_line(
    content: bytes | None, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "broken.onnx"
    if content is not None:
        path.write_bytes(content)
    assert main(["info", str(path)]) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    assert words in captured.err.lower()


@pytest.mark.parametrize("size", ["1x28", "axbxc", "0x2x2"])
def test_a_wrong_input_shape_is_said(lenet: str, size: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", lenet, "--input", size]) == 2
    assert "channels x height x width" in capsys.readouterr().err
