"""Results that are one picture."""

import dataclasses
from pathlib import Path

import pytest
from matplotlib import pyplot

import convscope as cs
from convscope.report.drawing import draws
from convscope.report.picture import figure_and_axes
from convscope.result import Result


@dataclasses.dataclass(frozen=True)
class Drawn(Result):
    """A result that is registered here and nowhere else."""

    height: float


@draws("Drawn", alt=lambda found: f'a bar <of> "{found.height}"')
def drawn_axes(found: Drawn) -> object:
    """Draw it on Axes that pyplot makes."""
    ax = figure_and_axes(None, (2.0, 2.0))
    ax.bar([0], [found.height])
    return ax


@pytest.mark.parametrize(("suffix", "begins"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_a_picture_is_saved_in_each_format_and_pyplot_keeps_none(
    tmp_path: Path, suffix: str, begins: bytes
) -> None:
    Drawn(2.0).save(tmp_path / f"picture.{suffix}")
    assert (tmp_path / f"picture.{suffix}").read_bytes().startswith(begins)
    assert pyplot.get_fignums() == []


def test_a_notebook_shows_the_picture_with_what_it_says() -> None:
    shown = Drawn(2.0)._repr_html_()
    assert shown is not None
    assert 'alt="a bar &lt;of&gt; &quot;2.0&quot;"' in shown
    assert 'src="data:image/png;base64,' in shown
    assert pyplot.get_fignums() == []


def test_an_evaluation_and_a_history_are_pictures_too(tmp_path: Path) -> None:
    data = cs.data.lines(20, seed=0)
    net = cs.models.small_cnn(data.x.shape[1:], num_classes=2, seed=0)
    cs.fit(net, data, epochs=2, batch_size=20, seed=0).save(tmp_path / "history.png")
    cs.training.evaluate(net, data).save(tmp_path / "confusion.png")
    assert {path.name for path in tmp_path.iterdir()} == {"history.png", "confusion.png"}
