"""The picture of a claim says what it shows and how it was scaled."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from convscope.claims import Bars, Claim, Curves, Images, run_claim
from convscope.errors import InvalidValue
from convscope.report.claim_plot import claim_figure
from convscope.report.claim_text import told


def claim(*panels: object) -> Claim:
    return Claim("x", "s", "d", {"n": 1}, "holds", "f", 0.0, tuple(panels))  # type: ignore[arg-type]


def texts(figure: object) -> str:
    from matplotlib.text import Text

    return " ".join(t.get_text().replace("\n", " ") for t in figure.findobj(Text))  # type: ignore[attr-defined]


def test_every_panel_is_labelled() -> None:
    shown = claim(
        Bars("heights", ("a", "b"), {"one": [1.0, 2.0], "two": [3.0, 4.0]}, "metres"),
        Curves("growth", [0, 1], {"g": [0.0, 5.0]}, "days", "centimetres"),
        Images("maps", {"left": np.array([[-2.0, 1.0]])}),
    )
    said = texts(claim_figure(shown))
    for word in ("heights", "metres", "one", "growth", "days", "centimetres", "maps", "left"):
        assert word in said
    assert "white 0, orange to +2" in said


def test_scales_are_said() -> None:
    arrays = {"a": np.array([[0.0, 4.0]]), "b": np.array([[-8.0, 8.0]])}
    assert "black −8, white 8" in texts(claim_figure(claim(Images("g", arrays, "grey"))))
    own = texts(claim_figure(claim(Images("o", arrays, "own"))))
    assert "Each its own scale: white 0, orange above, blue below; or black 0, white its largest" in own


def test_zero_is_in_the_middle_of_signed_pictures() -> None:
    figure = claim_figure(claim(Images("m", {"a": np.array([[-1.0, 3.0]])})))
    drawn = [image for ax in figure.axes for child in ax.child_axes for image in child.images]
    assert [image.get_clim() for image in drawn] == [(-3.0, 3.0)]


def test_plot_gives_axes(tmp_path: Path) -> None:
    from matplotlib import pyplot

    found = run_claim("blur")
    ax = found.plot()
    assert "before and after" in ax.get_title(loc="left")
    pyplot.close("all")
    with pytest.raises(InvalidValue, match="has 1 panels, counted from 0; got 3"):
        found.plot(panel=3)
    with pytest.raises(InvalidValue, match="has no picture, since it needs models"):
        run_claim("gabor").save(tmp_path / "x.png")


def test_numbers_are_told_shortly() -> None:
    assert told(34_944) == "34,944"
    assert told([[1, 2], [3, 4]]) == "(1, 2), (3, 4)"
    assert told(False) == "no"
