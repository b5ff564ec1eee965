"""What all tests share: where the real data is, and an interrupt key that works."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import convscope as cs

# A shell starts background jobs with Ctrl-C ignored, which every child would inherit.
if threading.current_thread() is threading.main_thread():
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data sets and trained networks; absent outside CI."""
    folder = os.environ.get("CONVSCOPE_SHARED_DATA")
    if folder and Path(folder).is_dir():
        return Path(folder).resolve()
    message = "needs the shared data folder (set CONVSCOPE_SHARED_DATA)"
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture
def set_threads() -> Iterator[Callable[[int], None]]:
    """Sets the number of threads; it is put back afterwards."""
    before = cs.get_threads()
    yield cs.set_threads
    cs.set_threads(before)
