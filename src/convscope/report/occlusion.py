"""Occlusion as text and as a picture: the three panels of Zeiler and Fergus."""

from __future__ import annotations

from typing import Any

import numpy as np

from convscope.explain import Occlusion
from convscope.report.drawing import draws
from convscope.report.picture import INK
from convscope.report.scale import number
from convscope.report.trust import TRUST
from convscope.report.view_figure import Panel, heat_map, sanity_of, show, view_figure
from convscope.result import renders

__all__ = ["occlusion_figure"]

# Okabe and Ito's colours, which colour-blind readers can tell apart; the first is the answer's own
_CLASSES = ("#e8e6df", "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00")
_OTHER = "#7f7f7f"


@draws("Occlusion", alt=str)
def occlusion_figure(result: Occlusion) -> Any:
    """Draw the image with the square, the score, the strongest map's sum and the answer."""
    panels = [
        Panel("the image, and the square's size", lambda ax: _with_square(ax, result)),
        Panel("score with the square there", lambda ax: _heat(ax, result, result.score, "score"), 0.75),
    ]
    if result.strongest is not None:
        strongest = result.strongest
        panels.append(
            Panel(f"sum of {result.map}", lambda ax: _heat(ax, result, strongest, "sum of the map"), 0.75)
        )
    if result.likely is not None:
        panels.append(Panel("the answer with the square there", lambda ax: _answers(ax, result), 2.2))
    caption = [
        (
            f"Each cell stands where the middle of a square of {_times(result.size)} pixels, filled with "
            f"{number(result.fill)} (in units of the input), covered the image; the squares are "
            f"{_times(result.stride)} pixels apart. Dark is low; each map has its own scale."
        ),
        f"The whole image has the score {number(result.value)}"
        + (f" and the sum {number(result.map_value)}." if result.map else "."),
        f"How far to trust it: {TRUST['occlusion']}",
    ]
    title = f"Occlusion of {_target(result)}"
    return view_figure(title, panels, caption, shape=result.drop.shape, sanity=sanity_of(result))


def _extent(result: Occlusion) -> tuple[float, float, float, float]:
    """Give left, right, bottom, top so that a cell lies where the squares' middles do."""
    ends = []
    for axis in (1, 0):
        first = float(result.corners[axis][0]) + result.size[axis] / 2
        last = float(result.corners[axis][-1]) + result.size[axis] / 2
        ends.append((first - result.stride[axis] / 2, last + result.stride[axis] / 2))
    return ends[0][0], ends[0][1], ends[1][1], ends[1][0]


def _with_square(ax: Any, result: Occlusion) -> None:
    from matplotlib.patches import Rectangle

    show(ax, result.pixels)
    row, column = np.unravel_index(int(result.score.argmin()), result.score.shape)
    corner = (float(result.corners[1][column]) - 0.5, float(result.corners[0][row]) - 0.5)
    square = Rectangle(corner, result.size[1], result.size[0], facecolor="#808080", edgecolor="white")
    ax.add_patch(square)
    ax.set_xlabel("where the score is lowest", fontsize=8, color=INK["muted"], labelpad=2)


def _heat(ax: Any, result: Occlusion, values: Any, label: str) -> None:
    heat_map(ax, values, _extent(result), label)
    _as_the_image(ax, result)


def _as_the_image(ax: Any, result: Occlusion) -> None:
    """Let a map lie where the image does: beyond the first and last middles there are no values."""
    height, width = result.drop.shape
    ax.set_xlim(0, width)
    ax.set_ylim(height, 0)
    for side in ax.spines.values():
        side.set_color(INK["line"])


def _answers(ax: Any, result: Occlusion) -> None:
    from matplotlib.colors import to_rgb
    from matplotlib.patches import Patch

    assert result.likely is not None
    found, counts = np.unique(result.likely, return_counts=True)
    order = [int(i) for i in found[np.argsort(-counts, kind="stable")]]
    colours = {index: _CLASSES[min(i, len(_CLASSES) - 1)] for i, index in enumerate(order)}
    colours.update(dict.fromkeys(order[len(_CLASSES) :], _OTHER))
    picture = np.array([[to_rgb(colours[int(i)]) for i in row] for row in result.likely])
    ax.imshow(picture, interpolation="nearest", extent=_extent(result))
    _as_the_image(ax, result)
    ax.set_xticks([])
    ax.set_yticks([])
    shown = order[: len(_CLASSES)]
    names = [
        Patch(facecolor=colours[i], edgecolor=INK["line"], label=_short(result.classes[i])) for i in shown
    ]
    if len(order) > len(shown):
        names.append(Patch(facecolor=_OTHER, label=f"{len(order) - len(shown)} others"))
    ax.legend(handles=names, loc="upper left", bbox_to_anchor=(1.01, 1.0), fontsize=7.5, frameon=False)


def _short(name: str, most: int = 26) -> str:
    return name if len(name) <= most else name[: most - 1] + "…"


def _times(pair: tuple[int, int]) -> str:
    return f"{pair[0]} x {pair[1]}"


def _target(result: Occlusion) -> str:
    return (
        f"{result.target}, {result.label}" if result.label and not result.label.isdecimal() else result.target
    )


@renders("Occlusion", "text")
def occlusion_text(result: Occlusion) -> str:
    """Say where covering hurts most, what the answer becomes, and how far to trust it."""
    row, column = (int(i) for i in np.unravel_index(int(result.score.argmin()), result.score.shape))
    top, left = int(result.corners[0][row]), int(result.corners[1][column])
    lines = [
        (
            f"Occlusion of {_target(result)} = {number(result.value)}: a square of {_times(result.size)} "
            f"pixels at {result.score.size} places, {_times(result.stride)} pixels apart"
        ),
        (
            f"The score is lowest, {number(result.score.min())}, with rows {top} to "
            f"{top + result.size[0] - 1} and columns {left} to {left + result.size[1] - 1} covered; highest "
            f"{number(result.score.max())}."
        ),
    ]
    if result.strongest is not None:
        lines.append(
            f"The strongest map, {result.map}, sums up to {number(result.map_value)}; from "
            f"{number(result.strongest.min())} to {number(result.strongest.max())} when covered."
        )
    if result.likely is not None:
        found, counts = np.unique(result.likely, return_counts=True)
        order = np.argsort(-counts, kind="stable")[:6]
        shares = ", ".join(f"{result.classes[int(found[i])]} {counts[i] / counts.sum():.0%}" for i in order)
        lines.append(f"The answer: {shares} of the places.")
    sanity = sanity_of(result)
    lines.append(
        "Sanity check: not made; .sanity makes it." if sanity is None else f"Sanity check: {sanity.verdict}"
    )
    return "\n".join([*lines, f"How far to trust it: {TRUST['occlusion']}"])
