"""Running a test on a core of choice, in this process."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from convscope.ops import chooser

CORES = ("reference", "native")


@contextmanager
def forced_core(name: str) -> Iterator[None]:
    """Let all ops of this process go through the core `name`; afterwards as before.

    Skips the test where the compiled core is not built; in CI that is a failure.
    """
    module = None
    if name == "native":
        try:
            module = importlib.import_module("convscope.ops.native")
        except ImportError as error:
            if os.environ.get("CI"):
                pytest.fail(f"the compiled core cannot be loaded: {error}")
            pytest.skip(f"the compiled core is not built: {error}")
    state, functions = dict(vars(chooser._state)), dict(chooser._functions)
    chooser._functions.clear()
    chooser._state.native, chooser._state.resolved = module, True
    try:
        yield
    finally:
        vars(chooser._state).update(state)
        chooser._functions.clear()
        chooser._functions.update(functions)
