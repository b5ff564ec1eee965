"""Whole vectors are loaded and stored at the ends of arrays as well, but never past them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.mark.skipif(sys.platform == "win32", reason="pages are guarded with mprotect")
def test_nothing_outside_the_arrays_is_touched(isa: str) -> None:
    paths = [str(HERE.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    result = subprocess.run(
        [sys.executable, str(HERE / "guarded.py"), isa],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, f"ended with {result.returncode}: {result.stderr[-2000:]}"
    assert "nothing outside was touched" in result.stdout
