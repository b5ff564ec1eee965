"""A headless spreadsheet as a judge: it computes every formula of a file anew."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

# a spreadsheet may trust the values that a file brings; this one must not
_ALWAYS = """<?xml version="1.0" encoding="UTF-8"?>
<oor:items xmlns:oor="http://openoffice.org/2001/registry" xmlns:xs="http://www.w3.org/2001/XMLSchema"
 xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
<item oor:path="/org.openoffice.Office.Calc/Formula/Load"><prop oor:name="OOXMLRecalcMode" oor:op="fuse">
<value>0</value></prop></item>
</oor:items>
"""


def office() -> str:
    """Give the path of LibreOffice; without it the test is skipped by name, and fails in CI."""
    found = shutil.which("soffice")
    if found:
        return found
    message = "needs LibreOffice (apt-get install libreoffice-calc)"
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)


def recalculated(path: Path, folder: Path) -> Any:
    """Open a file, compute it anew and give the workbook of the values."""
    import openpyxl

    profile, out = folder / "profile", folder / "out"
    settings = profile / "user" / "registrymodifications.xcu"
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.write_text(_ALWAYS)
    subprocess.run(
        [
            office(),
            "--headless",
            f"-env:UserInstallation={profile.as_uri()}",
            "--convert-to",
            "xlsx",
            "--outdir",
            out,
            path,
        ],
        check=True,
        capture_output=True,
        timeout=240,
    )
    return openpyxl.load_workbook(out / path.name, data_only=True)
