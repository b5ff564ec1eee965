"""The demo's page in a real browser: it asks for nothing, complains of nothing and fits every width."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from browser import Browser
from convscope.cli import main

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    assert main(["demo", "-o", str(folder), "--epochs", "1"]) == 0
    return folder / "report.html"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    browser = Browser()
    yield browser
    browser.close()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [360, 768, 1200])
def test_no_complaint_no_request_nothing_clipped(
    browser: Browser, report: Path, width: int, dark: bool
) -> None:
    browser.requests.clear()
    browser.open(report, width=width, dark=dark)
    assert not browser.complaints
    outside = [url for url in browser.requests if not url.startswith(("data:", report.as_uri()))]
    assert not outside
    assert browser.evaluate("document.documentElement.scrollWidth") <= width


def test_every_picture_is_drawn_and_has_a_text(browser: Browser, report: Path) -> None:
    browser.open(report, width=1200)
    assert browser.evaluate("document.images.length") > 100
    assert browser.evaluate("[...document.images].every(i => i.complete && i.naturalWidth > 0)")
    silent = "[...document.images].filter(i => !i.alt && !i.closest('[role=img]')).length"
    assert browser.evaluate(silent) == 0
    assert browser.evaluate("[...document.querySelectorAll('svg')].every(s => s.getAttribute('aria-label'))")


def test_headings_descend_one_step_at_a_time(browser: Browser, report: Path) -> None:
    browser.open(report, width=1200)
    levels = browser.evaluate("[...document.querySelectorAll('h1,h2,h3,h4')].map(h => +h.tagName[1])")
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_ids_are_unique_and_every_clip_path_is_there(browser: Browser, report: Path) -> None:
    browser.open(report, width=1200)
    ids = browser.evaluate("[...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(ids) == len(set(ids))
    clips = browser.evaluate(
        "[...document.querySelectorAll('[clip-path]')].map(e => e.getAttribute('clip-path'))"
    )
    assert {clip[len("url(#") : -1] for clip in clips} <= set(ids)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_text_stands_out_from_its_ground(browser: Browser, report: Path, dark: bool) -> None:
    """WCAG 2 AA: a contrast of 4.5, here for every element with text of its own."""
    browser.open(report, width=1200, dark=dark)
    poor = browser.evaluate((Path(__file__).parent / "contrast.js").read_text())
    assert not poor, poor


def test_paper_is_white_even_for_those_who_like_it_dark(browser: Browser, report: Path) -> None:
    browser.open(report, width=800, dark=True, paper=True)
    assert browser.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert browser.evaluate("getComputedStyle(document.body).color") == "rgb(29, 31, 36)"
