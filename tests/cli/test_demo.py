"""`convscope demo`: three files together or none, whatever happens."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import convscope as cs
from convscope.cli import main
from convscope.report.kernel_words import family_counts

FILES = ["network.onnx", "report.html", "result.json"]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def command(folder: Path, *more: str) -> list[str]:
    return [sys.executable, "-m", "convscope", "demo", "-o", str(folder), *more]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo") / "deep" / "output"
    assert main(["demo", "-o", str(folder), "--epochs", "2", "--seed", "3"]) == 0
    return folder


def test_three_files_and_nothing_else(folder: Path) -> None:
    assert names(folder) == FILES


def test_the_numbers_are_those_of_the_network_beside_them(folder: Path) -> None:
    result = json.loads((folder / "result.json").read_text())
    net = cs.load(folder / "network.onnx")
    _, test = cs.data.digits().split(1 / 3, seed=3)
    right = (net.predict(test.x).argmax(axis=1) == test.y).mean()
    assert result["test_accuracy"] == pytest.approx(right, abs=1e-12)
    assert result["test_images"] == len(test) == 599
    assert result["seed"] == 3
    assert result["versions"]["convscope"] == cs.__version__
    assert result["instruction_set"]
    assert 0 < result["seconds"]["training"] < result["seconds"]["all"]
    assert len(result["history"]["epochs"]) == 2


def test_the_page_shows_all_it_should(folder: Path) -> None:
    page = (folder / "report.html").read_text()
    headings = re.findall(r"<h2[^>]*>(.*?)</h2>", page)
    assert headings == [
        "What its first layer looks for",
        "Findings, the most important first",
        "What changed since the untrained network",
        "The map of the network",
        "Layer by layer",
        "What it takes images for",
        "What it makes of an image",
        "What wakes its channels",
        "Why it answers so",
        "One number, written out",
        "Where it errs",
        "How it learned",
        "Its first kernels, before and after",
        "What is not here, and how to get it",
        "What the numbers mean",
    ]
    assert page.count("<b>before</b>") == page.count("<b>after</b>") == 16
    result = json.loads((folder / "result.json").read_text())
    assert f"{result['test_accuracy']:.2%}" in page
    assert result["model_sha256"] in page
    figures = re.findall(r"<figure.*?</figure>", page, re.DOTALL)
    assert all("<figcaption>" in figure for figure in figures)


def test_the_first_kernels_before_training_are_the_untrained_network_s(folder: Path) -> None:
    page = (folder / "report.html").read_text()
    kernel = cs.models.small_cnn(seed=3).parameters["conv1.weight"][0, 0]
    alt = re.search(r'alt="kernel conv1\[0\] before: ([^"]*)"', page)
    assert alt is not None
    shown = np.array([[float(v.replace("−", "-")) for v in row.split()] for row in alt[1].split(";")])
    assert np.abs(shown - kernel).max() < 0.01


def test_every_kernel_has_its_verdict_before_and_after(folder: Path) -> None:
    page = (folder / "report.html").read_text()
    families = json.loads((folder / "result.json").read_text())["families"]
    assert sum(families["before"].values()) == sum(families["after"].values()) == 16
    assert families["before"].get("noise", 0) >= 14  # untrained kernels are random
    for when, counts in families.items():
        assert f"<b>{family_counts(counts)}</b>" in page, when
        for family, count in counts.items():
            assert len(re.findall(rf"<b>{when}</b><br><b>{family}\b", page)) == count


def test_a_second_run_replaces_the_first(folder: Path) -> None:
    before = (folder / "result.json").read_text()
    assert main(["demo", "-o", str(folder), "--epochs", "1"]) == 0
    assert names(folder) == FILES
    assert (folder / "result.json").read_text() != before


def test_a_table_and_no_colour_codes_when_piped(tmp_path: Path) -> None:
    found = subprocess.run(command(tmp_path, "--epochs", "1"), capture_output=True, text=True, check=True)
    assert "\x1b" not in found.stdout + found.stderr
    lines = found.stdout.splitlines()
    assert lines[1].split()[:2] == ["epoch", "loss"]
    assert lines[2].split()[0] == "1"
    assert str(tmp_path / "report.html") in found.stdout


def test_a_folder_that_cannot_be_written_is_refused_before_any_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("in the way")
    started = time.perf_counter()
    for target in (tmp_path / "file", tmp_path / "file" / "folder", Path("/proc/no/folder")):
        assert main(["demo", "-o", str(target)]) == 2
        error = capsys.readouterr().err
        assert error.startswith("convscope: cannot make the folder")
        assert error.count("\n") == 1
    assert time.perf_counter() - started < 5
    assert (tmp_path / "file").read_text() == "in the way"


def test_a_file_name_taken_by_a_folder_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "network.onnx").mkdir()
    assert main(["demo", "-o", str(tmp_path)]) == 2
    assert "it is a folder" in capsys.readouterr().err
    assert names(tmp_path) == ["network.onnx"]


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX limits")
def test_a_full_disk_leaves_nothing_half_written(tmp_path: Path) -> None:
    """A limit on the size of files stands for the full disk: the page is larger than it."""
    import resource

    target = tmp_path / "output"
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))  # noqa: E731
    found = subprocess.run(
        command(target, "--epochs", "1"), capture_output=True, text=True, preexec_fn=limit, check=False
    )
    assert found.returncode == 2
    assert found.stderr.count("\n") == 1
    assert "cannot write" in found.stderr
    assert not target.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
def test_control_c_ends_with_130_and_keeps_the_old_files(tmp_path: Path) -> None:
    (tmp_path / "result.json").write_text("old")
    with subprocess.Popen(
        command(tmp_path, "--epochs", "10000"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    ) as process:
        assert process.stdout is not None
        while not process.stdout.readline().strip().startswith("1 "):
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert error == "convscope: interrupted.\n"
    assert names(tmp_path) == ["result.json"]
    assert (tmp_path / "result.json").read_text() == "old"


@pytest.mark.slow
def test_ninety_eight_percent_in_under_twenty_seconds(tmp_path: Path) -> None:
    """Processor time is counted, which other work on the machine does not lengthen."""
    before = sum(os.times()[2:4])  # of children, in user and system mode
    subprocess.run(command(tmp_path), check=True, capture_output=True)
    seconds = sum(os.times()[2:4]) - before
    result = json.loads((tmp_path / "result.json").read_text())
    assert result["test_accuracy"] >= 0.98
    if result["core"] == "native":
        assert seconds < 20
