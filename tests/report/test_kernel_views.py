"""A kernel table as sheet, table, text and page."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import convscope as cs
from convscope.explain import KernelTables
from convscope.kernels import GENERATED, KernelTable, generate
from convscope.report.kernel_sheet import PER_PAGE, sheet_pages
from convscope.report.kernel_text import block_picture, kernel_lines
from convscope.report.kernel_words import short_facts, title


@pytest.fixture(scope="module", autouse=True)
def small_nulls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CONVSCOPE_CACHE", str(tmp_path_factory.mktemp("nulls")))
        patch.setenv("CONVSCOPE_NULL_SAMPLES", "100")
        yield


@pytest.fixture(scope="module")
def table() -> KernelTable:
    names = ("sobel-x", "sobel-y", "box", "laplacian-4", "identity")
    kernels = [cs.bank[name].array for name in names]
    noise = np.random.default_rng(0).normal(size=(3, 3))
    return cs.kernel_table(np.stack([*kernels, noise, np.zeros((3, 3))])[:, None], "conv<1>")


@pytest.fixture(scope="module")
def coloured() -> KernelTable:
    return cs.kernel_table(np.random.default_rng(1).normal(size=(4, 3, 5, 5)), "first", channels="BGR")


def test_the_sheet_is_bounded(tmp_path: Path) -> None:
    many = cs.kernel_table(np.random.default_rng(0).normal(size=(PER_PAGE + 30, 1, 3, 3)))
    pages = sheet_pages(many)
    assert len(pages) == 2
    assert pages[0].width <= 1600
    assert pages[0].height <= 4000
    many.save(tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as picture:
        assert picture.size == pages[0].size
    many.save(tmp_path / "sheet.pdf")
    assert (tmp_path / "sheet.pdf").read_bytes().startswith(b"%PDF")


def test_a_coloured_filter_is_shown_in_its_own_colours() -> None:
    weight = np.zeros((1, 3, 3, 3))
    weight[0, 2, 1, 1] = 1  # the last of BGR is red
    page = sheet_pages(cs.kernel_table(weight, channels="BGR"))[0]
    colours = {colour for _, colour in page.getcolors(1 << 20)}
    assert (255, 128, 128) in colours
    assert (128, 128, 128) in colours


def test_csv_has_a_line_for_each_filter(table: KernelTable, tmp_path: Path) -> None:
    table.save(tmp_path / "table.csv")
    KernelTables({"a": table, "b": table}, {}).save(tmp_path / "tables.csv")
    with (tmp_path / "table.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["family"] for row in rows[:2]] == ["edge", "edge"]
    assert float(rows[0]["orientation"]) == pytest.approx(90, abs=0.01)
    assert rows[0]["classic"] == "Sobel x"
    assert rows[-1]["family"] == "dead"
    assert (tmp_path / "tables.csv").read_text(encoding="utf-8").count("\n") == 1 + 2 * len(table)


def test_the_text_names_every_filter_and_the_findings(table: KernelTable) -> None:
    text = str(table)
    for i, v in enumerate(table):
        assert f"[{i}] {title(v)}" in text
    assert "\x1b" not in text
    assert "! dead filters: 1 of 7" in text
    assert "and 5 more" in "\n".join(kernel_lines(table, most=2))
    assert all(len(line) <= 60 for line in kernel_lines(table, columns=60)[3:20])


def test_block_pictures() -> None:
    sobel = cs.bank["sobel-x"].array
    assert block_picture(sobel)[0] == ["--  ▒▒", "##  ██", "--  ▒▒"]
    pixels = np.zeros((3, 3, 3), np.uint8)
    lines, width = block_picture(sobel, pixels)
    assert (len(lines), width) == (2, 3)
    assert all(line.endswith("\x1b[0m") and line.count("▀") == 3 for line in lines)
    assert len(block_picture(np.ones((31, 31)))[0]) <= 14


def test_the_page_escapes_names_and_says_every_verdict(table: KernelTable, coloured: KernelTable) -> None:
    page = table._repr_html_()
    assert page is not None
    assert "conv<1>" not in page
    assert "conv&lt;1&gt;[0]" in page
    assert page.count("<li data-") == len(table)
    assert "dead filters" in page
    both = KernelTables({"a": table, "b": coloured}, {})
    assert "4×3×5×5" in str(both._repr_html_())
    assert "4x3x5x5" in str(both)
    assert "dead filters" in str(both)


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_the_layer_view_is_a_picture(table: KernelTable, suffix: str, tmp_path: Path) -> None:
    table.layer.save(tmp_path / f"layer.{suffix}")
    assert (tmp_path / f"layer.{suffix}").stat().st_size > 1000


def test_bars_of_orientations_are_the_layers() -> None:
    from matplotlib.figure import Figure

    lines = np.stack([cs.bank["sobel-x"].array, cs.bank["prewitt-x"].array, cs.bank["sobel-y"].array])
    ax = cs.kernel_table(lines[:, None]).plot(ax=Figure().add_subplot())
    heights = {bar.get_x() + bar.get_width() / 2: bar.get_height() for bar in ax.patches}
    assert heights[90] == 2
    assert heights[0] == 1


@pytest.mark.parametrize("family", [f for f in GENERATED if f != "noise"])
def test_short_facts_fit_a_sheet(family: str) -> None:
    channels = 3 if family.startswith("colour") else 1
    drawn = generate(family, 7, 3, channels=channels, seed=0)
    for v in cs.kernel_table(drawn.weight, channels="RGB" if channels == 3 else None):
        facts = short_facts(v)
        assert 1 <= len(facts) <= 4
        assert all(len(line) <= 40 for line in facts)
