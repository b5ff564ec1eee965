"""`convscope claims`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from convscope.claims import CLAIMS
from convscope.cli import main


def test_one_claim_is_told_in_full(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["claims", "dot"]) == 0
    text = capsys.readouterr().out
    assert "dot: holds" in text
    assert "Statement: multiply matching positions and add" in text
    assert "sum: 596" in text
    assert "Finding: holds. The products 0, 100, 6 and 490 add up to 596; by hand it is 596." in text


def test_several_claims_end_with_counts(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["claims", "dot", "slide-2x2", "gabor"]) == 0
    out = capsys.readouterr().out
    assert "needs models/bvlc_googlenet.onnx" in out
    assert "3 claims: 1 holds, 1 holds with this limit, 1 not tested" in out


def test_json_and_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["claims", "dot", "depth", "--json", "-o", str(tmp_path / "both.html")]) == 0
    data = json.loads(capsys.readouterr().out)
    assert [claim["id"] for claim in data["claims"]] == ["dot", "depth"]
    assert data["claims"][0]["numbers"]["sum"] == 596
    page = (tmp_path / "both.html").read_text()
    assert page.count("<section") == 3
    assert 'alt="dot: The products' in page
    assert main(["claims", "dot", "-o", str(tmp_path / "dot.png")]) == 0
    with Image.open(tmp_path / "dot.png") as picture:
        assert picture.width > 500
    assert main(["claims", "dot", "depth", "-o", str(tmp_path / "both.txt")]) == 0
    assert (tmp_path / "both.txt").read_text().endswith("2 claims: 1 holds, 1 holds with this limit\n")


def test_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["claims", "--list"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(CLAIMS)


def test_bad_input_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["claims", "nothing"], ["claims", "dot", "--data", str(tmp_path / "no")],
                      ["claims", "dot", "-o", str(tmp_path / "x.docx")],
                      ["claims", "gabor", "-o", str(tmp_path / "x.png")]):  # fmt: skip
        assert main(arguments) == 2
        error = capsys.readouterr().err
        assert error.startswith("convscope: ")
        assert error.count("\n") == 1
