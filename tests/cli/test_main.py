"""The frame of the command line: versions, wrong use, errors in one line, exit codes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import convscope
from convscope.cli import main
from convscope.cli.errors import run
from convscope.errors import ConvscopeError, InvalidValue


def failing(error: BaseException) -> Callable[..., object]:
    def app(*_: object, **__: object) -> object:
        raise error

    return app


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"convscope {convscope.__version__}\n"


def test_help_lists_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    assert all(command in text for command in ("demo", "info", "geometry"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nonsense"], "No such command 'nonsense'"),
        (["geometry", "--input", "5"], "Missing option '--kernel'"),
        (["demo", "--epochs", "many"], "Invalid value for '--epochs'"),
        (["demo", "--epochs", "0"], "Invalid value for '--epochs'"),
        (["info"], "Missing argument"),
        (["info", "--jsno"], "No such option"),
    ],
)
def test_wrong_use_is_one_line_and_two(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert captured.err.startswith("convscope: ")
    assert words in captured.err


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (ConvscopeError("conv2d: it must be\nso."), 2, "convscope: conv2d: it must be so.\n"),
        (InvalidValue("no."), 2, "convscope: no.\n"),
        (
            FileNotFoundError(2, "No such file or directory", "x.onnx"),
            2,
            "convscope: x.onnx: no such file or directory.\n",
        ),
        (MemoryError(), 2, "convscope: out of memory: the arrays do not fit.\n"),
        (KeyboardInterrupt(), 130, "convscope: interrupted.\n"),
    ],
)
def test_errors_become_one_line(
    error: BaseException, code: int, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(failing(error), []) == code
    assert capsys.readouterr().err == line


def test_our_own_mistakes_are_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        run(failing(ZeroDivisionError()), [])


def test_the_debug_variable_shows_every_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONVSCOPE_DEBUG", "1")
    with pytest.raises(InvalidValue):
        run(failing(InvalidValue("no.")), [])


def python_m(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONIOENCODING": str(options.pop("encoding", "utf-8"))}
    command = [sys.executable, "-m", "convscope", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False, timeout=120)


def test_python_m_convscope_is_the_command_line() -> None:
    assert python_m("--version").stdout == f"convscope {convscope.__version__}\n"
    wrong = python_m("geometry", "--input", "3", "--kernel", "5")
    assert wrong.returncode == 2
    assert wrong.stderr.startswith("convscope: geometry: kernel 5 must not be larger than the padded input")


def test_no_colour_codes_when_piped_and_no_characters_the_terminal_lacks() -> None:
    arguments = ("geometry", "--input", "8", "--kernel", "3", "--stride", "3")
    assert "\x1b" not in python_m(*arguments).stdout
    plain = python_m(*arguments, encoding="ascii")
    assert plain.returncode == 0
    assert "window 0 ###" in plain.stdout


def test_a_reader_that_leaves_early_is_no_error() -> None:
    command = f"{sys.executable} -m convscope geometry --input 400 --kernel 3 | head -1"
    found = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    assert found.stderr == ""
    assert found.stdout.count("\n") == 1


def test_warnings_of_libraries_are_not_shown() -> None:
    script = (
        "import warnings\n"
        "from convscope.cli.errors import run\n"
        "raise SystemExit(run(lambda *a, **k: warnings.warn('invalid value', RuntimeWarning), []))"
    )
    quiet = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (quiet.returncode, quiet.stderr) == (0, "")
    # who asks for them still gets them
    asked = subprocess.run(
        [sys.executable, "-W", "always", "-c", script], capture_output=True, text=True, check=False
    )
    assert "RuntimeWarning: invalid value" in asked.stderr


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("absent/x.html", "no such file or directory"),
        (".", "the suffix must be one of"),
        ("x.xyz", "the suffix must be one of .apng, .csv, "),
        ("x", "the suffix must be one of"),
        ("x.plot", "the suffix must be one of"),
        ("folder.html", "it is a folder"),
    ],
)
def test_an_output_that_cannot_be_is_refused_before_the_work(
    name: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "folder.html").mkdir()
    assert main(["claims", "dot", "-o", str(tmp_path / name)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""  # each claim would be printed as soon as it is tested
    assert words in captured.err
    assert captured.err.count("\n") == 1
    assert [entry.name for entry in tmp_path.iterdir()] == ["folder.html"]
