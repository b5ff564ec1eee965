"""`convscope geometry` says what the arithmetic and the engine say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from convscope.cli import main


def output(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["geometry", *arguments]) == 0
    return capsys.readouterr().out


def test_alexnet_s_first_layer(capsys: pytest.CaptureFixture[str]) -> None:
    text = output(capsys, "--input", "227", "--kernel", "11", "--stride", "4", "--padding", "0")
    assert "(227 - 11 + 2*0)/4 + 1 = 55" in text
    assert "nothing is dropped" in text
    assert "window 54" in text


def test_a_floor_drops_pixels_and_what_would_fit_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    text = output(capsys, "--input", "227", "--kernel", "11", "--stride", "5")
    assert "floored to 44" in text
    assert "The floor drops 1 position at the end: pixel 226 of the image." in text
    assert "stride 4 gives 55" in text


def test_two_dimensions_dilation_and_one_sided_padding(capsys: pytest.CaptureFixture[str]) -> None:
    text = output(
        capsys,
        "--input",
        "10x12",
        "--kernel",
        "3",
        "--stride",
        "2x3",
        "--dilation",
        "1x2",
        "--padding",
        "1:0",
    )
    assert "(10 - 3 + 1 + 0)/2 + 1 = 5" in text
    assert "(12 - (2*(3 - 1) + 1) + 1 + 0)/3 + 1 = 3.66667" in text


@pytest.mark.parametrize("word", ["same", "valid"])
def test_padding_in_words(capsys: pytest.CaptureFixture[str], word: str) -> None:
    text = output(capsys, "--input", "9", "--kernel", "3", "--padding", word)
    assert f"= {9 if word == 'same' else 7}\n" in text


def test_transposed(capsys: pytest.CaptureFixture[str]) -> None:
    settings = ("--kernel", "3", "--stride", "2", "--padding", "1", "--output-padding", "1", "--transposed")
    assert "(5 - 1)*2 - 2*1 + 3 + 1 = 10" in output(capsys, "--input", "5", *settings)


def test_json_by_axis(capsys: pytest.CaptureFixture[str]) -> None:
    data = json.loads(output(capsys, "--input", "10x9", "--kernel", "3", "--stride", "2", "--json"))
    assert data["height"]["output"] == data["width"]["output"] == 4
    assert data["height"]["unread"] == [9]
    assert data["width"]["exact"] is True
    assert data["height"]["fits"][0]["change"] == "stride 1"


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_the_picture(capsys: pytest.CaptureFixture[str], tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"windows.{suffix}"
    assert f"Written to {path}" in output(capsys, "--input", "10x7", "--kernel", "3", "-o", str(path))
    assert path.stat().st_size > 5000


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--input", "ten", "--kernel", "3"), "--input must be a whole number"),
        (("--input", "1x2x3", "--kernel", "3"), "--input must be a whole number"),
        (("--input", "10", "--kernel", "3", "--padding", "some"), "--padding must be a number"),
        (("--input", "10", "--kernel", "3", "--padding", "1x1x1"), "at most two axes"),
        (("--input", "10", "--kernel", "3", "--stride", "0"), "stride"),
        (("--input", "10", "--kernel", "12"), "must not be larger than the padded input"),
        (("--input", "10", "--kernel", "3", "--stride", "2", "--exact"), "stride 1"),
        (("--input", "10", "--kernel", "3", "-o", "windows.xyz"), "the suffix must be one of "),
        (("--input", "10", "--kernel", "3", "-o", "/no/such/folder/windows.png"), "cannot write"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(
    arguments: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["geometry", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert words in captured.err
