"""The compiled core is tested with every instruction set this machine has."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator

import pytest

X86 = platform.machine().lower() in ("x86_64", "amd64")
INSTRUCTION_SETS = ("v2", "v3", "v4") if X86 else ("baseline",)


@pytest.fixture(scope="session")
def native():
    """The module of native ops; without it the test is skipped, in CI it fails."""
    try:
        from convscope.ops import native
    except ImportError as error:
        if os.environ.get("CI"):
            pytest.fail(f"the compiled core cannot be loaded: {error}")
        pytest.skip(f"the compiled core is not built: {error}")
    return native


@pytest.fixture(params=INSTRUCTION_SETS)
def isa(request: pytest.FixtureRequest, native) -> Iterator[str]:
    """Compute with one instruction set during the test."""
    from convscope import _core

    before = _core.isa()
    try:
        _core.choose_isa(request.param)
    except ValueError as error:
        pytest.skip(f"{request.param} is not to be had here; {error} are")
    yield request.param
    _core.choose_isa(before)


@pytest.fixture
def threads(native) -> Iterator:
    """A function that sets the number of threads; put back afterwards."""
    before = native.get_threads()
    yield native.set_threads
    native.set_threads(before)
