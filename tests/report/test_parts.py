"""The parts of a page say their numbers, also to those who do not see pictures."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

import convscope as cs
from convscope.explain import draw_windows, feature_maps, trace
from convscope.report.confusion import confusion_matrix, mistake_pictures
from convscope.report.curve import epoch_table, learning_curve
from convscope.report.grid import kernel_grid, kernel_pairs
from convscope.report.layers_table import layers_table
from convscope.report.maps import feature_map_path
from convscope.report.page import page, section, table, tiles
from convscope.report.picture import chart
from convscope.report.trace_html import trace_figure
from convscope.training import EpochRecord, Evaluation, History, evaluate

VOID = {"img", "meta", "link", "br", "path", "use", "!doctype"}


class Balanced(HTMLParser):
    """Fails where a tag is closed that was not open."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag, (tag, self.open)

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        return


@pytest.fixture(scope="module")
def history() -> History:
    epochs = [EpochRecord(i, 1 / i, 1 - 0.5 / i, 1.1 / i, 1 - 0.6 / i, 0.05, 0.1) for i in (1, 2, 3)]
    return History(tuple(epochs), {}, 3)


@pytest.fixture(scope="module")
def evaluation() -> Evaluation:
    return evaluate(cs.models.small_cnn(), cs.data.digits())


def test_a_page_names_no_address_and_has_no_script() -> None:
    text = page("A & B", "<h1>A &amp; B</h1>", [section("one", "One <b>", "<p>text</p>")], "end")
    Balanced(text)
    assert "<title>A &amp; B</title>" in text
    assert "One &lt;b&gt;</h2>" in text
    assert not re.search(r"(src|href)=\"(?!data:|#)|<script|@import|url\(", text)


def test_a_table_heads_its_rows_and_columns_and_escapes_its_cells() -> None:
    text = table(["name", "count"], [["a<b", "1"], ["all", "1"]], caption="Counts", total=True)
    Balanced(text)
    assert '<th scope="row">a&lt;b</th><td class="number">1</td>' in text
    assert text.count('scope="col"') == 2
    assert '<tr class="total"><th scope="row">all</th>' in text
    Balanced(tiles([("98 %", "right & true")]))


def test_kernels_share_one_scale_and_bear_their_numbers() -> None:
    before, after = np.zeros((2, 1, 2, 2)), np.array([[[[1, -2], [0, 0.5]]], [[[4, 0], [0, 0]]]])
    text = kernel_pairs(before, after, "conv1", notes_before=["noise"] * 2, notes_after=["edge", "line"])
    Balanced(text)
    assert 'alt="kernel conv1[0] after: 1 −2; 0 0.5"' in text
    assert text.count('class="pixels"') == 4
    assert "white is zero, the darkest orange +4" in text
    assert "<b>after</b><br>line" in text
    grid = kernel_grid(np.ones((2, 3, 3, 3)), "conv2")
    Balanced(grid)
    assert "conv2[1] from 2" in grid


def test_curves_say_their_ends_in_words_and_follow_the_theme(history: History) -> None:
    text = learning_curve(history)
    Balanced(text)
    assert "Epoch 1: 1.000 on the training data, 1.100 held out. Epoch 3: 0.333" in text
    assert "Epoch 3: 83.3% on the training data, 80.0% held out" in text
    assert "var(--blue)" in text
    assert "var(--orange)" in text
    assert "<?xml" not in text
    Balanced(epoch_table(history))


def test_curves_without_held_out_data() -> None:
    text = learning_curve(History((EpochRecord(1, 0.5, 0.8, None, None, 0.1, 1.0),), {}))
    assert "Epoch 1: 0.500 on the training data." in text


def test_the_same_chart_is_the_same_text(history: History) -> None:
    assert learning_curve(history) == learning_curve(history)
    assert 'aria-label="a &lt; &quot;b&quot;"' in chart(lambda ax: ax.plot([0, 1]), 'a < "b"')


def test_the_confusion_matrix_has_every_count(evaluation: Evaluation) -> None:
    text = confusion_matrix(evaluation, evaluation.classes)
    Balanced(text)
    counts = [int(n) for n in re.findall(r"<td[^>]+>(\d+)</td>", text)]
    assert counts == evaluation.confusion.ravel().tolist()


def test_mistakes_say_what_they_were_and_were_taken_for() -> None:
    text = mistake_pictures(np.zeros((1, 1, 8, 8)), ["3"], ["8"], [0.75], caption="The worst.")
    Balanced(text)
    assert 'alt="a 3 that the network took for a 8"' in text
    assert "at 75%" in text
    colour = mistake_pictures(np.random.default_rng(0).random((1, 3, 8, 8)), ["cat"], ["dog"], [0.5])
    assert "data:image/png" in colour


def test_feature_maps_share_a_scale_between_images() -> None:
    net, images = cs.models.small_cnn(), cs.data.digits().x
    columns = [feature_maps(net, image, title=f"image {i}") for i, image in enumerate(images[:2])]
    text = feature_map_path(columns)
    Balanced(text)
    limit = max(maps["conv1"].limit for maps in columns)
    assert f"scale −{limit:.3g} to {limit:.3g}" in text
    assert "Flatten" not in text
    assert text.count("16 maps of conv1, each 8 by 8") == 2


def test_a_cell_is_written_out_as_products_sum_bias_activation() -> None:
    net, image = cs.models.small_cnn(), cs.data.digits().x[0]
    cell = trace(net, image, "conv1[0,3,3]")
    text = trace_figure(cell)
    Balanced(text)
    assert text.count('<table class="grid">') == 3
    for part in ("sum of the 25 products", "+ bias", "= conv1[0,3,3]", "relu1, ReLU"):
        assert part in text
    assert f"{abs(cell.value):.5f}" in text
    deep = trace_figure(trace(net, image, "conv2[0,1,1]"))
    Balanced(deep)
    assert "The sum of the 9 products of each input channel, a map of bn1" in deep


def test_a_cell_as_text_adds_up_in_aligned_columns() -> None:
    net, image = cs.models.small_cnn(), cs.data.digits().x[0]
    cell = trace(net, image, "conv1[0,0,0]")
    lines = str(cell).splitlines()
    rows = [line for line in lines if re.match(r" +\d+ +-?\d+ ", line)]
    assert len(rows) == 25
    assert len({len(line) for line in rows}) == 1
    assert sum(line.split()[3] == "padding" for line in rows) == 16
    assert float(rows[-1].split()[-1]) == pytest.approx(cell.value - cell.bias, abs=1e-6)
    assert f"within the bound {cell.bound:.1e}" in lines[-1]
    long = str(trace(net, image, "conv2[0,1,1]"))
    assert "The 20 strongest of 144 products" in long
    assert "Sum of the products by input channel" in long


def test_the_table_of_layers() -> None:
    text = layers_table(cs.models.lenet5().summary())
    Balanced(text)
    assert "MaxPool2d 2×2" in text
    assert "44,426" in text


@pytest.mark.parametrize("suffix", ["png", "svg"])
@pytest.mark.parametrize("transposed", [False, True])
def test_windows_as_a_picture(tmp_path: Path, suffix: str, transposed: bool) -> None:
    settings = {"stride": (2, 3), "padding": (1, 0), "dilation": (1, 2), "transposed": transposed}
    drawn = draw_windows((10, 60), (3, 5), **settings)
    drawn.save(tmp_path / f"windows.{suffix}")
    assert (tmp_path / f"windows.{suffix}").stat().st_size > 5000


def test_results_draw_on_given_axes(history: History, evaluation: Evaluation) -> None:
    from matplotlib.figure import Figure

    axes = Figure().subplots(1, 3)
    assert history.plot(axes[0]) is axes[0]
    assert evaluation.plot(axes[1]) is axes[1]
    assert draw_windows((8, 8), (3, 3)).plot(axes[2]) is axes[2]
