"""Which core computes, and what asking for the impossible says."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

import convscope as cs
from convscope.errors import InvalidValue
from convscope.ops import chooser, reference
from cores import forced_core


def tell(code: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run code in a fresh process under environment settings."""
    environment = {**os.environ, **settings}
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )


SHOW = "import convscope as cs; print(cs.core())"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"CONVSCOPE_CORE": "gpu"}, "CONVSCOPE_CORE must be native or reference; got 'gpu'."),
        (
            {"CONVSCOPE_THREADS": "none"},
            "CONVSCOPE_THREADS must be a whole number from 1 to 256; got 'none'.",
        ),
        ({"CONVSCOPE_THREADS": "0"}, "CONVSCOPE_THREADS must be a whole number from 1 to 256; got '0'."),
    ],
)
def test_wrong_settings_are_errors(settings: dict[str, str], words: str) -> None:
    result = tell(SHOW, **settings)
    assert result.returncode != 0
    assert words in result.stderr


def test_unknown_instruction_set_is_an_error() -> None:
    with forced_core("native"):
        pass  # skips without the compiled core
    result = tell(SHOW, CONVSCOPE_ISA="v9")
    assert result.returncode != 0
    assert "CONVSCOPE_ISA: this machine has" in result.stderr
    assert "got 'v9'" in result.stderr


def test_forced_lower_instruction_set() -> None:
    with forced_core("native"):
        pass
    lowest = "v2" if cs.core().isa.startswith("v") else cs.core().isa
    assert lowest in tell(SHOW, CONVSCOPE_ISA=lowest).stdout


def test_forced_reference() -> None:
    assert tell(SHOW, CONVSCOPE_CORE="reference").stdout.strip() == "reference core, numpy, 1 thread"


def test_a_forced_core_that_cannot_load_is_an_error() -> None:
    hide = "import sys; sys.modules['convscope._core'] = None; " + SHOW
    result = tell(hide, CONVSCOPE_CORE="native")
    assert result.returncode != 0
    assert "the compiled core cannot be loaded" in result.stderr
    result = tell(hide, CONVSCOPE_CORE="")
    assert result.returncode == 0, result.stderr
    assert "NumPy computes instead, slowly" in result.stdout


def test_threads_from_the_environment() -> None:
    with forced_core("native"):
        pass
    assert "3 threads" in tell(SHOW, CONVSCOPE_THREADS="3").stdout


def test_set_threads() -> None:
    with forced_core("native"):
        before = cs.get_threads()
        try:
            cs.set_threads(5)
            assert cs.get_threads() == cs.core().threads == 5
        finally:
            cs.set_threads(before)


@pytest.mark.parametrize("count", [0, -1, 257, 2.5, "2", True, None])
def test_set_threads_refuses(count: object) -> None:
    with pytest.raises(InvalidValue, match="set_threads: the count must be"):
        cs.set_threads(count)  # type: ignore[arg-type]


def test_every_op_has_a_reference_and_missing_ones_are_listed() -> None:
    assert all(callable(getattr(reference, name)) for name in chooser.OPS)
    with forced_core("native"):
        assert "conv2d" not in cs.core().reference_ops
        assert "softmax" in cs.core().reference_ops
        assert chooser.get("softmax") is reference.softmax
    with forced_core("reference"):
        assert cs.core().reference_ops == chooser.OPS


def test_threads_default_to_what_the_process_may_use() -> None:
    assert 1 <= chooser.default_threads() <= (os.cpu_count() or 1) or "CONVSCOPE_THREADS" in os.environ
