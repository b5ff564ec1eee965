"""The page on explaining, and the README's trace, run as they stand."""

from __future__ import annotations

import doctest
from pathlib import Path

import numpy as np

import convscope as cs

ROOT = Path(__file__).parent.parent


def test_the_page_on_explaining() -> None:
    failed, attempted = doctest.testfile(str(ROOT / "docs/explain.md"), module_relative=False)
    assert attempted > 20
    assert not failed


def test_the_trace_in_the_readme_is_what_is_printed() -> None:
    text = (ROOT / "README.md").read_text()
    start = text.index("## Down to the last multiply-add")
    section = text[start : text.index("\n## ", start + 5)]
    case = doctest.DocTestParser().get_doctest(section, {"np": np, "cs": cs}, "README", "README.md", 0)
    result = doctest.DocTestRunner().run(case)
    assert result.attempted == 6
    assert not result.failed
