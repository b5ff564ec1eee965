"""The one layout of pictures of views: panels in a row, the sanity check below, then what it all means.

title
[ panel ] [ panel ] [ panel ]
the sanity check: [ before ] [ 1 ] [ 2 ] ... each with its rank correlation
caption: how values became colours, and how far the view can be trusted
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convscope.explain import Sanity
from convscope.report.colour import colour_map, limit_of
from convscope.report.picture import INK
from convscope.report.scale import number

__all__ = ["Panel", "clipped_limit", "heat_map", "on_grey", "sanity_of", "show", "view_figure", "wrapped"]

Array = NDArray[Any]

_WIDE, _LINE, _GAP = 3.4, 0.155, 0.12  # inches: a panel, a line of the caption, between panels
_CASCADE = (
    "The same with more and more layers made random, from the output down; each map in its own scale; r: "
    "rank correlation with the first"
)
_CLIP = 99.5  # per cent of magnitudes that the colours resolve; see `clipped_limit`


class Panel(NamedTuple):
    """One picture of the row: its title and what draws it on matplotlib Axes.

    `beside` leaves room for a colour bar or names.
    """

    title: str
    draw: Callable[[Any], object]
    beside: float = 0.0


def view_figure(
    title: str,
    panels: Sequence[Panel],
    caption: Sequence[str],
    *,
    shape: tuple[int, int],
    sanity: Sanity | None = None,
) -> Any:
    """Lay panels of images of one `shape` (H, W) side by side, with title, sanity check and caption.

    Parameters
    ----------
    title : str
    panels : sequence of Panel
    caption : sequence of str
        Sentences, each a paragraph.
    shape : (H, W)
        Of the image, for the panels' proportions.
    sanity : Sanity, optional
    """
    from matplotlib.figure import Figure

    high = min(max(_WIDE * shape[0] / shape[1], 1.0), 5.0)
    width = sum(_WIDE + panel.beside + _GAP for panel in panels) + _GAP
    checks = 0.0 if sanity is None else _sanity_height(sanity, width)
    lines = wrapped([*caption, *([] if sanity is None else [f"Sanity check: {sanity.verdict}"])], width)
    heads = wrapped([title], width, size=11)
    top = 0.1 + 0.22 * len(heads)
    height = top + 0.3 + high + 0.15 + checks + 0.1 + _LINE * len(lines) + 0.1
    figure = Figure(figsize=(width, height), facecolor=INK["paper"])
    figure.text(
        _GAP / width,
        1 - 0.08 / height,
        "\n".join(heads),
        fontsize=11,
        va="top",
        color=INK["ink"],
        weight="bold",
    )
    left, bottom = _GAP, height - top - 0.3 - high
    for panel in panels:
        ax = figure.add_axes((left / width, bottom / height, _WIDE / width, high / height))
        panel.draw(ax)
        ax.set_title(panel.title, fontsize=9, color=INK["ink"], loc="left")
        left += _WIDE + panel.beside + _GAP
    if sanity is not None:
        _draw_sanity(figure, sanity, width, height, bottom - 0.15)
    figure.text(_GAP / width, 0.1 / height, "\n".join(lines), fontsize=8.5, va="bottom", color=INK["muted"])
    return figure


def show(ax: Any, values: Array, limit: float | None = None, **options: Any) -> Any:
    """Draw an image (H, W, 3), or signed values (H, W) from -limit to limit, without axes."""
    ax.set_xticks([])
    ax.set_yticks([])
    for side in ax.spines.values():
        side.set_color(INK["line"])
    if values.ndim == 3:
        return ax.imshow(values, interpolation="nearest", **options)
    return ax.imshow(
        values, cmap=colour_map(), vmin=-(limit or 1), vmax=limit or 1, interpolation="nearest", **options
    )


def on_grey(pixels: NDArray[np.uint8], heat: Array, limit: float) -> NDArray[np.uint8]:
    """Lay a map (H, W) of values from 0 to `limit` over the image in pale grey: orange, as dense as large."""
    grey = pixels.astype(np.float64) @ np.array([0.299, 0.587, 0.114])
    paper = np.repeat((70 + grey * 0.7)[..., None], 3, axis=2)
    share = np.clip(heat / (limit or 1.0), 0, 1)[..., None]
    ink = np.array([179, 88, 6]) * share + np.array([253, 184, 99]) * (1 - share)  # dark where large
    dense = 0.85 * np.sqrt(share)
    mixed: NDArray[np.uint8] = np.rint(paper * (1 - dense) + ink * dense).astype(np.uint8)
    return mixed


def heat_map(ax: Any, values: Array, extent: Sequence[float], label: str) -> None:
    """Draw a map (rows, columns) in its own range, one even cell for each value, with a colour bar."""
    drawn = ax.imshow(values, cmap="cividis", interpolation="nearest", extent=extent)
    ax.set_xticks([])
    ax.set_yticks([])
    inset = ax.inset_axes((1.02, 0.0, 0.045, 1.0))
    bar = ax.figure.colorbar(drawn, cax=inset)
    bar.ax.tick_params(labelsize=7, colors=INK["muted"])
    bar.set_label(label, fontsize=8, color=INK["muted"])


def clipped_limit(values: Array) -> tuple[float, str]:
    """Give the magnitude of the darkest colours, and a sentence that says so.

    A few pixels with huge gradients would leave all others white, so the darkest colour stands for the
    99.5th percentile of the magnitudes that are not 0; the sentence says how many are larger.
    """
    finite = np.abs(values[np.isfinite(values) & (values != 0)])
    largest = limit_of(values)
    limit = float(np.percentile(finite, _CLIP)) if finite.size else 0.0
    if not limit > 0 or limit * 1.05 >= largest:
        text = number(largest, 3)
        return largest, (
            f"White is zero, the darkest orange +{text} and the darkest blue −{text}, the largest magnitude."
        )
    beyond = float((finite > limit).mean())
    return limit, (
        f"White is zero, the darkest orange +{number(limit, 3)} and more, the darkest blue "
        f"−{number(limit, 3)} and less: {beyond:.1%} of those that are not 0 go beyond, to "
        f"{number(largest, 3)} at most."
    )


def sanity_of(result: Any) -> Sanity | None:
    """Give a view's sanity check if it was made; a picture computes nothing."""
    found = vars(result).get("sanity")
    return found if isinstance(found, Sanity) else None


def wrapped(paragraphs: Sequence[str], width: float, size: float = 8.5) -> list[str]:
    """Break paragraphs into lines that fit `width` inches in letters of `size` points."""
    characters = int((width - 2 * _GAP) * 72 / (size * 0.56))
    return [line for text in paragraphs for line in textwrap.wrap(text, max(characters, 30))]


def _sanity_height(sanity: Sanity, width: float) -> float:
    each = (width - _GAP) / len(sanity.maps) - _GAP / 2
    heads = _LINE * len(wrapped([_CASCADE], width))
    return float(0.5 + heads + each * sanity.maps.shape[1] / sanity.maps.shape[2])


def _draw_sanity(figure: Any, sanity: Sanity, width: float, height: float, top: float) -> None:
    """Draw the maps of the cascade, each in its own scale, with the correlation below."""
    count = len(sanity.maps)
    each = (width - _GAP) / count - _GAP / 2
    high = each * sanity.maps.shape[1] / sanity.maps.shape[2]
    heads = wrapped([_CASCADE], width)
    figure.text(
        _GAP / width,
        (top - 0.02) / height,
        "\n".join(heads),
        fontsize=8.5,
        va="top",
        color=INK["ink"],
    )
    for index, values in enumerate(sanity.maps):
        left = _GAP + index * (each + _GAP / 2)
        ax = figure.add_axes(
            (left / width, (top - 0.06 - _LINE * len(heads) - high) / height, each / width, high / height)
        )
        show(ax, values, clipped_limit(values)[0])
        done = sum(len(stage.layers) for stage in sanity.stages[:index])
        value = round(sanity.stages[index - 1].rank, 2) + 0.0 if index else 0.0  # + 0.0: no minus before 0
        rank = f"{value:.2f}".replace("-", "−")
        text = "as learned" if index == 0 else f"{done} random\nr = {rank}"
        ax.set_xlabel(text, fontsize=7.5, color=INK["muted"], labelpad=2)
