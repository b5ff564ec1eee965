"""Reports of real networks with real photographs, in a real browser."""

from __future__ import annotations

import time
from collections.abc import Iterator
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


@pytest.fixture(scope="module", params=list(MODELS))
def report(
    request: pytest.FixtureRequest, shared_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    page = tmp_path_factory.mktemp("report") / f"{request.param}.html"
    models = shared_data / "models"
    options = [str(models / o) if o.startswith(("imagenet", "tiny")) else o for o in MODELS[request.param]]
    started = time.process_time()
    command = ["inspect", str(models / f"{request.param}.onnx"), "--images", str(shared_data / "photos")]
    assert main([*command, *options, "-o", str(page)]) == 0
    assert time.process_time() - started < 40  # two cores for twenty seconds
    return page


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    browser = Browser()
    yield browser
    browser.close()


def test_it_is_small(report: Path) -> None:
    assert report.stat().st_size < 6e6


def test_three_widths_two_themes(browser: Browser, report: Path) -> None:
    for width in (360, 768, 1200):
        for dark in (False, True):
            browser.requests.clear()
            browser.open(report, width=width, dark=dark)
            assert not browser.complaints
            outside = [u for u in browser.requests if not u.startswith(("data:", "about:", report.as_uri()))]
            assert not outside
            assert browser.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_axe_finds_no_serious_fault(browser: Browser, report: Path, dark: bool) -> None:
    browser.open(report, width=1200, dark=dark)
    browser.evaluate("document.querySelectorAll('details').forEach((d, i) => { d.open = i < 4 })")
    faults = [fault for fault in browser.faults() if fault["impact"] in ("serious", "critical")]
    assert not faults


def test_the_first_screen_names_families_and_the_dominant_finding(browser: Browser, report: Path) -> None:
    browser.open(report, width=1200)
    header = "[...document.querySelectorAll('header *')]"
    above = f"{header}.filter(e => e.getBoundingClientRect().bottom < 900)"
    text = browser.evaluate(f"{above}.map(e => e.textContent).join(' ')")
    counts = {
        "bvlc_googlenet": "10 Gabor filters, 9 colour contrasts",
        "squeezenet_v1.1": "16 edge detectors",
        "tiny_vgg": "10 filters like noise",
        "lenet_mnist_caffe": "9 mixtures",
    }
    finding = {"bvlc_googlenet": "33 %", "squeezenet_v1.1": "57 %", "tiny_vgg": "100 %"}
    assert counts[report.stem] in text
    assert finding.get(report.stem, "%") in text


def test_kernels_are_chosen_and_sorted(browser: Browser, report: Path) -> None:
    browser.open(report, width=1200)
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
    browser.evaluate(f"({choose})('family', '{family}')")
    assert set(browser.evaluate(f"{shown}.map(e => e.dataset.family)")) == {family}
    browser.evaluate(f"({choose})('norm', 100)")
    assert len(browser.evaluate(f"{shown}.map(e => e.dataset.norm)")) <= 1
    said = browser.evaluate("document.querySelector('.controls [role=status]').textContent")
    assert said.split()[0].isdigit()


def test_a_link_opens_the_layer_it_points_to(browser: Browser, report: Path) -> None:
    browser.open(report, width=1200)
    browser.evaluate("location.hash = '#layer-1'")
    for _ in range(50):
        if browser.evaluate("document.getElementById('layer-1').open"):
            return
        time.sleep(0.02)
    pytest.fail("the layer stayed closed")
