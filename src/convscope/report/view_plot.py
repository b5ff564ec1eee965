"""Views on matplotlib Axes that somebody already has: `result.plot(ax)`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from convscope.errors import InvalidValue
from convscope.explain import Deconvnet, FeatureMaps, GradCam, Occlusion, Saliency
from convscope.report.picture import INK, figure_and_axes
from convscope.report.scale import number
from convscope.report.view_figure import clipped_limit, on_grey, show
from convscope.result import renders

if TYPE_CHECKING:
    from convscope.network import Summary

__all__ = ["plot_maps", "plot_signed", "plot_summary"]


@renders("Saliency", "plot")
@renders("Deconvnet", "plot")
def plot_signed(found: Saliency | Deconvnet, ax: Any = None) -> Any:
    """Draw the map with its channels added up: white is zero, orange above, blue below."""
    ax = figure_and_axes(ax, (4.4, 4.4))
    limit = clipped_limit(found.map)[0]
    drawn = show(ax, found.map, limit)
    ax.figure.colorbar(drawn, ax=ax, fraction=0.046, pad=0.03, extend="both")
    what, of = (found.method, found.target) if isinstance(found, Saliency) else ("deconvnet", found.at)
    return _titled(ax, f"{what} of {of}", found.label, found.value)


@renders("GradCam", "plot")
def plot_class_map(found: GradCam, ax: Any = None) -> Any:
    """Draw the map over the image: the darkest orange is its largest cell."""
    ax = figure_and_axes(ax, (4.4, 4.4))
    show(ax, on_grey(found.pixels, found.map, float(found.coarse.max())))
    name = "Grad-CAM++" if found.plus_plus else "Grad-CAM"
    return _titled(ax, f"{name} of {found.target} in {found.node}", found.label, found.value)


@renders("Occlusion", "plot")
def plot_drop(found: Occlusion, ax: Any = None) -> Any:
    """Draw by how much the score falls where the square covers: orange falls, blue rises."""
    ax = figure_and_axes(ax, (4.4, 4.4))
    drawn = show(ax, found.drop, clipped_limit(found.drop)[0])
    ax.figure.colorbar(drawn, ax=ax, fraction=0.046, pad=0.03, label="mean fall of the score when covered")
    return _titled(ax, f"occlusion of {found.target}", found.label, found.value)


@renders("FeatureMaps", "plot")
def plot_maps(maps: FeatureMaps, ax: Any = None, *, node: str | None = None) -> Any:
    """Draw all maps of one node side by side, by default of the last one with maps.

    They are laid row by row, channel 0 first, with one scale or each with its own, as `maps.scale` says.

    Raises
    ------
    InvalidValue, UnknownName
        If the node does not exist or has no maps.
    """
    found = [one for one in maps.nodes if one.values.ndim == 3]
    chosen = maps[node] if node is not None else found[-1] if found else maps.nodes[-1]
    if chosen.values.ndim != 3:
        raise InvalidValue(
            f"FeatureMaps.plot: the node must have maps (C, H, W); {chosen.node!r} gives "
            f"{chosen.values.shape}."
        )
    ax = figure_and_axes(ax, (6.0, 6.2))
    count, high, wide = chosen.values.shape
    scales = np.where(chosen.limits > 0, chosen.limits, 1.0) if maps.scale == "map" else chosen.limit
    values = chosen.values / np.reshape(scales, (-1, 1, 1))
    columns = int(np.ceil(np.sqrt(count * high / wide)))
    rows = -(-count // columns)
    mosaic = np.full((rows * (high + 1) - 1, columns * (wide + 1) - 1), np.nan)
    for channel, one in enumerate(values):
        top, left = (channel // columns) * (high + 1), (channel % columns) * (wide + 1)
        mosaic[top : top + high, left : left + wide] = one
    ax.set_facecolor(INK["line"])
    show(ax, mosaic, 1.0)
    dark = "each map's largest magnitude" if maps.scale == "map" else f"±{number(chosen.limit, 3)}"
    head = f"{chosen.node}: {count} maps of {high}x{wide}, channel 0 first"
    ax.set_title(f"{head}\nwhite is zero, the darkest colours {dark}", size=8, loc="left")
    return ax


@renders("Summary", "plot")
def plot_summary(summary: Summary, ax: Any = None) -> Any:
    """Draw how many multiply-adds each node takes, with its parameters beside the bar."""
    rows = [row for row in summary.rows if row.multiply_adds or row.parameters]
    ax = figure_and_axes(ax, (6.4, 1.2 + 0.2 * len(rows)))
    places = range(len(rows))
    ax.barh(places, [row.multiply_adds for row in rows], color=INK["orange"], height=0.7)
    for place, row in enumerate(rows):
        ax.text(row.multiply_adds, place, f" {row.parameters:,}", size=6.5, va="center", color=INK["muted"])
    ax.set_yticks(places, [row.name for row in rows], size=7)
    ax.invert_yaxis()
    ax.margins(x=0.16)
    ax.tick_params(axis="x", labelsize=7)
    ax.set_xlabel("multiply-adds of one image; beside each bar the node's parameters", size=8)
    shape = "x".join(map(str, summary.input_shape))
    ax.set_title(
        f"{summary.name or 'network'}, input {shape}: {summary.multiply_adds:,} multiply-adds, "
        f"{summary.parameters:,} parameters",
        size=8,
        loc="left",
    )
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    return ax


def _titled(ax: Any, what: str, label: str, value: float) -> Any:
    named = f", {label}" if label and not label.isdecimal() else ""
    ax.set_title(f"{what}{named}\n= {number(value)}", size=8, loc="left")
    return ax
