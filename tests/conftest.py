"""What all tests share: where the real data is, and one thread for PyTorch."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


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
