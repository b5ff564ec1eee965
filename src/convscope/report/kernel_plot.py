"""A verdict, a filtered image and the families of whole networks as pictures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from convscope.explain import KernelTables
from convscope.files import atomic_path
from convscope.inspection import Inspection
from convscope.kernels import FAMILIES, FilteredImage, KernelTable, Verdict
from convscope.report.colour import limit_of
from convscope.report.drawing import draws
from convscope.report.kernel_words import short_facts, title
from convscope.report.page import escape, figure
from convscope.report.picture import data_uri, figure_and_axes
from convscope.report.view_figure import show
from convscope.result import renders

__all__ = ["plot_families", "plot_filtered", "plot_verdict"]


@draws("Verdict")
@renders("Verdict", "plot")
def plot_verdict(v: Verdict, ax: Any = None) -> Any:
    """Draw the pattern that was judged: blue below zero, white zero, orange above."""
    ax = figure_and_axes(ax, (3.6, 3.9))
    pattern = np.asarray(v.pattern)
    drawn = show(ax, pattern, limit_of(pattern))
    ax.figure.colorbar(drawn, ax=ax, fraction=0.046, pad=0.03)
    ax.set_title("\n".join([title(v), *short_facts(v)[:2]]), size=8, loc="left")
    return ax


@renders("FilteredImage", "plot")
def plot_filtered(found: FilteredImage, ax: Any = None) -> Any:
    """Draw the filtered image as its grey levels or colours; the title says how values became these."""
    ax = figure_and_axes(ax, (5.0, 5.4))
    shown = found.shown if found.shown.ndim == 3 else found.shown[:, :, None].repeat(3, axis=2)
    show(ax, shown)
    ax.set_title(f"{found.kernel}\n{found.mapping}", size=8, loc="left")
    return ax


@renders("FilteredImage", "png")
def save_filtered(found: FilteredImage, path: Path) -> None:
    """Write the filtered image pixel for pixel."""
    from PIL import Image

    with atomic_path(path) as temporary:
        Image.fromarray(found.shown).save(temporary, format="PNG")


@renders("FilteredImage", "html")
def filtered_html(found: FilteredImage) -> str:
    """Show the filtered image, and say below how values became grey levels."""
    height, width = found.shown.shape[:2]
    values = f"values from {found.values.min():.4g} to {found.values.max():.4g}"
    alt = escape(f"the image filtered by {found.kernel}, {width} by {height} pixels, {values}", quote=True)
    shown = found.shown if found.shown.ndim == 3 else found.shown[:, :, None].repeat(3, axis=2)
    picture = f'<img style="max-width:100%" alt="{alt}" src="{data_uri(np.ascontiguousarray(shown))}">'
    return figure(picture, f"{escape(found.kernel)}: {escape(found.mapping)}; {values}.")


@draws("KernelTables")
@renders("KernelTables", "plot")
def plot_tables(tables: KernelTables, ax: Any = None) -> Any:
    """Draw the share of each family in each layer."""
    return plot_families(tables, ax)


@draws("Inspection")
@renders("Inspection", "plot")
def plot_inspection(account: Inspection, ax: Any = None) -> Any:
    """Draw the share of each family in each layer that was judged."""
    ax = plot_families({layer.node: layer.table for layer in account.layers}, ax)
    ax.set_title(f"{account.name}: {ax.get_title(loc='left')}", size=8, loc="left")
    return ax


def plot_families(tables: Mapping[str, KernelTable], ax: Any = None) -> Any:
    """Draw a bar for each layer, cut into its families; layers of 1x1 kernels, which have none, are left out.

    Parameters
    ----------
    tables : mapping of node to KernelTable
    ax : matplotlib Axes, optional
        Where to draw; a new figure unless given.
    """
    shaped = {node: table for node, table in tables.items() if table.weight.shape[2:] != (1, 1)}
    ax = figure_and_axes(ax, (8.0, 1.6 + 0.22 * len(shaped)))
    left = np.zeros(len(shaped))
    colours = _colours(table.counts for table in shaped.values())
    for family, colour in colours.items():
        share = np.array([table.counts.get(family, 0) / len(table) for table in shaped.values()])
        ax.barh(range(len(shaped)), share, left=left, color=colour, height=0.8, label=family)
        left += share
    names = [f"{node} ({len(table)})" for node, table in shaped.items()]
    ax.set_yticks(range(len(shaped)), names, size=7)
    ax.invert_yaxis()
    ax.set_xlim(0, 1)
    ax.tick_params(axis="x", labelsize=7)
    ax.set_xlabel("share of the layer's filters; their number beside its name", size=8)
    ax.set_title("families of the filters" if shaped else "no filter has a shape", size=8, loc="left")
    if colours:
        ax.legend(fontsize=7, loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    return ax


def _colours(counts: Iterable[Mapping[str, int]]) -> dict[str, Any]:
    """Give each family that occurs the colour it has in every picture."""
    from matplotlib import colormaps

    present = {family for of_layer in counts for family in of_layer}
    return {family: colormaps["tab20"](i) for i, family in enumerate(FAMILIES) if family in present}
