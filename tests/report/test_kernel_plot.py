"""Verdicts, filtered images and families as pictures: what is drawn are the numbers of the result."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from matplotlib import pyplot
from PIL import Image

import convscope as cs
from convscope.layers import ReLU
from convscope.network import Node

SOBEL = np.array([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]])


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    pyplot.close("all")


def test_a_verdict_draws_the_pattern_about_zero(tmp_path: Path) -> None:
    verdict = cs.verdict(SOBEL)
    _, given = pyplot.subplots()
    ax = verdict.plot(given)
    assert ax is given
    drawn = np.asarray(ax.images[0].get_array())
    np.testing.assert_allclose(drawn / drawn.max(), SOBEL / 2, atol=1e-12)
    assert ax.images[0].norm.vmin == -ax.images[0].norm.vmax
    assert "edge" in ax.get_title(loc="left")
    verdict.save(tmp_path / "verdict.png")
    assert (tmp_path / "verdict.png").read_bytes().startswith(b"\x89PNG")
    for odd in (np.zeros((3, 3)), np.ones((1, 1)), np.ones((3, 5, 5))):
        cs.verdict(odd).plot()


@pytest.mark.parametrize("shape", [(9, 7), (9, 7, 3)])
def test_a_filtered_image_is_saved_pixel_for_pixel(tmp_path: Path, shape: tuple[int, ...]) -> None:
    found = cs.filter_image(np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8), "gaussian")
    found.save(tmp_path / "filtered.png")
    with Image.open(tmp_path / "filtered.png") as written:
        np.testing.assert_array_equal(np.asarray(written), found.shown)
    ax = found.plot()
    assert found.mapping in ax.get_title(loc="left")
    assert "7 by 9 pixels" in found._repr_html_()


def test_families_are_shares_of_the_layers_that_have_a_shape(tmp_path: Path) -> None:
    net = cs.models.small_cnn(seed=0)
    account, tables = cs.inspect(net), cs.kernel_table(net)
    for result in (account, tables):
        ax = result.plot()
        assert [text.get_text() for text in ax.get_yticklabels()] == ["conv1 (16)", "conv2 (32)"]
        widths = sum(np.array([bar.get_width() for bar in bars]) for bars in ax.containers)
        np.testing.assert_allclose(widths, 1)
    account.save(tmp_path / "families.png")
    assert (tmp_path / "families.png").stat().st_size > 1000
    none = cs.inspect(cs.Network([Node("relu", ReLU(), "input")], (1, 4, 4)))
    assert "no filter has a shape" in none.plot().get_title(loc="left")


def test_every_result_is_a_page(tmp_path: Path) -> None:
    """Those too that no renderer draws: by what they print, or by their fields."""
    net = cs.models.small_cnn(seed=0)
    data = cs.data.digits().take(np.arange(64))
    history = cs.fit(net, data, epochs=1, seed=0)
    for result in (history, cs.training.evaluate(net, data), cs.inspect(net).findings[0]):
        result.save(tmp_path / "result.html")
        assert (tmp_path / "result.html").read_text().startswith("<!doctype html>")
