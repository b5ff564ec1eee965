"""`convscope inspect`: a page, a table and an exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import convscope as cs
from convscope.cli import main


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "net.onnx"
    net = cs.models.small_cnn(seed=0)
    net.parameters["conv1.weight"][5] = 0
    cs.save(net, path)
    return path


def test_a_page_and_the_words(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(model), "-o", str(tmp_path / "report.html")]) == 0
    said = capsys.readouterr().out
    assert "dead filters" in said
    assert str(tmp_path / "report.html") in said
    assert "\x1b" not in said
    assert (tmp_path / "report.html").read_text().startswith("<!doctype html>")


def test_fail_on_gives_1_and_a_table(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(model), "--fail-on", "dead,aliasing"]) == 1
    said = capsys.readouterr().out
    row = next(line for line in said.splitlines() if line.startswith("FAIL"))
    assert row.split()[1:5] == ["dead", "conv1", "1", "0"]
    assert "1 of 4 checks failed" in said
    assert main(["inspect", str(model), "--fail-on", "dead=1,aliasing"]) == 0
    assert "0 of 4 checks failed" in capsys.readouterr().out


def test_a_wrong_check_is_refused_before_any_work(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", "nowhere.onnx", "--fail-on", "ded"]) == 2
    assert capsys.readouterr().err == "convscope: --fail-on: there is no check 'ded'; nearest: dead.\n"


def test_json_is_whole(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(model), "--json", "--fail-on", "dead"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["findings"][0]["name"]
    assert len(told["layers"][0]["filters"]["family"]) == 16
    assert told["layers"][0]["filters"]["family"][5] == "dead"
    assert [gate["node"] for gate in told["gates"] if gate["failed"]] == ["conv1"]


def test_baseline(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cs.save(cs.models.small_cnn(seed=0), tmp_path / "before.onnx")
    assert main(["inspect", str(model), "--baseline", str(tmp_path / "before.onnx")]) == 0
    assert "1 of 48 filters changed their family" in capsys.readouterr().out
    page = tmp_path / "page.html"
    assert main(["inspect", str(model), "--baseline", str(tmp_path / "before.onnx"), "-o", str(page)]) == 0
    assert "In 1 of 2 layers no weight changed." in page.read_text()
    assert main(["inspect", str(model), "--class", "3"]) == 2  # a class is explained at images
    assert "must come with images" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["report.xyz", "no/folder/report.html"])
def test_a_report_that_cannot_be_written(
    model: Path, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["inspect", str(model), "-o", str(tmp_path / name)]) == 2
    assert capsys.readouterr().err.count("\n") == 1
