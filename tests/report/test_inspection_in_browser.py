"""Reports of real networks with real photographs, in one real browser."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from browser import Browser
from convscope.cli import main

pytestmark = pytest.mark.slow

IMAGENET = ["--channels", "BGR", "--mean", "104,117,123", "--scale", "1"]
MODELS = {
    "bvlc_googlenet": [*IMAGENET, "--classes", "imagenet_synset_words.txt"],
    "squeezenet_v1.1": [*IMAGENET, "--classes", "imagenet_synset_words.txt"],
    "tiny_vgg": ["--classes", "tiny_vgg.classes.json"],
    "lenet_mnist_caffe": ["--scale", "1/256"],
}
# GoogLeNet is looked at without photographs, for time's sake; its kernels make the longest page
WITHOUT_PHOTOGRAPHS = {"bvlc_googlenet"}


@pytest.fixture(scope="module")
def report(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    folder = tmp_path_factory.mktemp("report")
    models, photographs = shared_data / "models", folder / "photographs"
    photographs.mkdir()
    for name in ("astronaut.png", "camera.png", "chelsea.png"):
        (photographs / name).symlink_to((shared_data / "photos" / name).resolve())

    def made(name: str) -> Path:
        page = folder / f"{name}.html"
        if not page.exists():
            options = [str(models / o) if o.startswith(("imagenet", "tiny")) else o for o in MODELS[name]]
            if name not in WITHOUT_PHOTOGRAPHS:
                options += ["--images", str(photographs)]
            assert main(["inspect", str(models / f"{name}.onnx"), *options, "-o", str(page)]) == 0
        return page

    return made


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    browser = Browser()
    yield browser
    browser.close()


@pytest.mark.parametrize("name", MODELS)
def test_three_widths_two_themes(browser: Browser, report: Callable[[str], Path], name: str) -> None:
    page = report(name)
    assert page.stat().st_size < 6e6
    browser.requests.clear()
    browser.complaints.clear()
    seen = []
    for dark in (False, True):
        browser.open(page, width=1200, dark=dark)
        seen.append(browser.evaluate("getComputedStyle(document.body).backgroundColor"))
        for width in (1200, 768, 360):  # the page is loaded once for each theme, the window made narrower
            browser.resize(width)
            assert browser.evaluate("document.documentElement.scrollWidth") <= width
    assert seen[0] != seen[1]
    assert not browser.complaints
    assert not [u for u in browser.requests if not u.startswith(("data:", "about:", page.as_uri()))]


@pytest.mark.parametrize(("name", "dark"), [("squeezenet_v1.1", False), ("lenet_mnist_caffe", True)])
def test_axe_finds_no_fault(browser: Browser, report: Callable[[str], Path], name: str, dark: bool) -> None:
    browser.open(report(name), width=1200, dark=dark)
    # of every layer the frame, of the open ones all; of many like kernels axe needs to see a few
    browser.evaluate("document.querySelectorAll('ul.kernels').forEach(l => [...l.children].slice(6)"
                     ".forEach(e => e.remove()))")  # fmt: skip
    browser.evaluate("document.querySelectorAll('details').forEach((d, i) => { d.open = i < 4 })")
    faults = [fault for fault in browser.faults() if fault["impact"] != "minor"]
    assert not faults


@pytest.mark.parametrize(
    ("name", "counts", "finding"),
    [  # without a number where a filter stands between two families: machines may differ in the last digits
        ("bvlc_googlenet", "10 Gabor filters, 9 colour contrasts", "33 %"),
        ("squeezenet_v1.1", "edge detectors, ", "57 %"),
        ("tiny_vgg", "10 filters like noise", "100 %"),
        ("lenet_mnist_caffe", "mixtures of several patterns", "%"),
    ],
)
def test_the_first_screen_names_families_and_the_dominant_finding(
    browser: Browser, report: Callable[[str], Path], name: str, counts: str, finding: str
) -> None:
    browser.open(report(name), width=1200)
    header = "[...document.querySelectorAll('header *')]"
    above = f"{header}.filter(e => e.getBoundingClientRect().bottom < 900)"
    text = browser.evaluate(f"{above}.map(e => e.textContent).join(' ')")
    assert counts in text
    assert finding in text


def test_kernels_are_chosen_and_sorted(browser: Browser, report: Callable[[str], Path]) -> None:
    browser.open(report("squeezenet_v1.1"), width=1200)
    list_ = "document.querySelector('details.layer ul.kernels')"
    choose = """(name, value) => {
        const chosen = document.querySelector(`.controls [name=${name}]`);
        chosen.value = value;
        chosen.dispatchEvent(new Event('input', {bubbles: true}));
    }"""
    shown = f"[...{list_}.children].filter(e => !e.hidden)"
    assert not browser.evaluate("document.querySelector('.controls').hidden")
    browser.evaluate(f"({choose})('order', 'norm')")
    norms = browser.evaluate(f"{shown}.map(e => +e.dataset.norm)")
    assert norms == sorted(norms, reverse=True)
    family = browser.evaluate(f"{list_}.children[0].dataset.family")
    browser.evaluate(f"({choose})('family', {json.dumps(family)})")
    assert set(browser.evaluate(f"{shown}.map(e => e.dataset.family)")) == {family}
    browser.evaluate(f"({choose})('norm', 100)")
    assert len(browser.evaluate(f"{shown}.map(e => e.dataset.norm)")) <= 1
    said = browser.evaluate("document.querySelector('.controls [role=status]').textContent")
    assert said.split()[0].isdigit()


def test_a_link_opens_the_layer_it_points_to(browser: Browser, report: Callable[[str], Path]) -> None:
    browser.open(report("lenet_mnist_caffe"), width=1200)
    browser.evaluate("location.hash = '#layer-1'")
    for _ in range(50):
        if browser.evaluate("document.getElementById('layer-1').open"):
            return
        time.sleep(0.02)
    pytest.fail("the layer stayed closed")
