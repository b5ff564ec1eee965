"""Pictures and text of what a network has learned: nothing overlaps, every picture says its scale."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

import convscope as cs
from convscope.report.evolution import evolution_frames, evolution_sheet
from convscope.report.familiarity import familiarity_sheet
from convscope.report.maps import feature_map_sheet
from convscope.report.sheet import Sheet, Tile
from convscope.result import Result


def texts(sheet: Sheet) -> list[str]:
    """Give all texts, after checking that each lies within the sheet."""
    figure = sheet.figure()
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]
    width, height = figure.get_size_inches() * figure.dpi
    found = []
    for ax in figure.axes:
        own = [*ax.texts, ax.title, ax.xaxis.label, ax.yaxis.label]
        for text in (t for t in own if t.get_text().strip() and t.get_visible()):
            box = text.get_window_extent(canvas.get_renderer())  # type: ignore[no-untyped-call]
            assert box.x0 >= 0, text.get_text()
            assert box.x1 <= width, text.get_text()
            assert box.y0 >= 0, text.get_text()
            assert box.y1 <= height, text.get_text()
            found.append(text.get_text())
    return found


@pytest.fixture(scope="module")
def maps() -> tuple[Result, Result]:
    net = cs.models.lenet5(seed=1)
    image = cs.data.lines(n=1, size=28).x[0]
    return cs.feature_maps(net, image, names=3), cs.feature_maps(net, image, "conv2", scale="map")


def test_feature_maps_say_their_scale(maps: tuple[cs.explain.FeatureMaps, ...]) -> None:
    every, one = (texts(feature_map_sheet(found)) for found in maps)
    assert "one scale for all maps of conv1" in every
    assert any("All maps of a layer share one colour scale" in text for text in every)
    assert any("Each map has a colour scale of its own" in text for text in one)
    assert any(text.startswith("[15] ") for text in one)


def test_a_sheet_of_many_columns_keeps_within_its_width() -> None:
    sheet = Sheet(5.0)
    sheet.heading(
        "A heading that is far too long for the little width that this sheet has, and so is wrapped"
    )
    sheet.grid([Tile(np.zeros((3, 5, 3), np.uint8), (f"[{i}]", "a rather long name of a map"))
                for i in range(40)], size=0.5)  # fmt: skip
    sheet.bar(3.5, text="what it is for")
    assert any("…" not in text for text in texts(sheet))
    assert sheet.height < 20


def test_familiarity(tmp_path: Path) -> None:
    digits = cs.data.digits().x
    found = cs.familiarity(cs.models.small_cnn(), digits[:300], 1 - digits[:50], names=2)
    shown = texts(familiarity_sheet(found))
    assert any("A feature fires where it exceeds" in text for text in shown)
    assert "Features that tell the sets apart best" in shown
    assert "0.5 tells nothing" in str(found)
    assert "<img alt=" in found._repr_html_()


def test_evolution_in_a_strip_and_in_frames(tmp_path: Path) -> None:
    nets = {epoch: cs.models.small_cnn(seed=epoch) for epoch in (0, 1, 10)}
    digits = cs.data.digits().x[:30]
    found = cs.evolution(nets, "conv1", digits[0], images=digits)
    shown = texts(evolution_sheet(found))
    assert any("one colour scale over all epochs" in text for text in shown)
    assert any(text.startswith("epoch 10: ") for text in shown)
    frames = evolution_frames(found)
    assert len({frame.shape for frame in frames}) == 1
    assert not np.array_equal(frames[0], frames[-1])
    found.save(tmp_path / "run.apng")
    assert (tmp_path / "run.apng").read_bytes()[1:4] == b"PNG"
    assert "half of them by epoch" in str(found)


def test_ablation_and_maximum(tmp_path: Path) -> None:
    digits = cs.data.digits().take(range(60))
    net = cs.models.small_cnn()
    for group in (None, [1, 2]):
        found = cs.ablate(net, digits, "relu1", group, controls=2)
        found.save(tmp_path / "ablation.png")
        assert (tmp_path / "ablation.png").stat().st_size > 5000
        assert "right" in str(found)
    best = cs.maximize(net, "conv1[2]", steps=3, images=digits)
    best.save(tmp_path / "best.svg")
    assert "largest on 60 real images" in str(best)
