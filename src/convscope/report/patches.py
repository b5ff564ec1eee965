"""The strongest patches of every channel as text and as a sheet."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from convscope.errors import InvalidValue
from convscope.explain import PatchTables, TopPatches
from convscope.report.drawing import draws
from convscope.report.page import escape
from convscope.report.picture import INK, figure_and_axes
from convscope.report.scale import number
from convscope.report.sheet import Sheet, Tile
from convscope.report.trust import TRUST
from convscope.report.view_figure import wrapped
from convscope.result import renders

__all__ = ["patches_figure", "plot_patches", "tables_sheet"]

_MOST = 64  # channels of a sheet
_EACH = 1.5  # inches: a channel's square of patches
_IN_A_ROW = 8  # channels of each node, where several nodes share a sheet


@draws("TopPatches", alt=str)
def patches_figure(found: TopPatches, most: int = _MOST) -> Any:
    """Draw each channel's patches as a square, the strongest at the top left; the most active channels."""
    from matplotlib.figure import Figure

    channels = _active(found)
    shown = sorted(channels[:most])
    columns = min(8, max(4, len(shown)))
    rows = max(1, math.ceil(len(shown) / columns))
    width = columns * (_EACH + 0.1) + 0.2
    lines = wrapped(_caption(found, len(shown), len(channels)), width)
    height = 0.45 + rows * (_EACH + 0.3) + 0.19 * len(lines) + 0.2
    figure = Figure(figsize=(width, height), facecolor=INK["paper"])
    title = f"{found.node}: the strongest patches of each channel over {found.images:,} images"
    heads = wrapped([title], width, size=11)
    figure.text(0.12 / width, 1 - 0.1 / height, "\n".join(heads), fontsize=11, va="top", weight="bold")
    for index, channel in enumerate(shown):
        row, column = divmod(index, columns)
        bottom = height - 0.45 - (row + 1) * (_EACH + 0.3) + 0.05
        place = (0.12 + column * (_EACH + 0.1)) / width, bottom / height, _EACH / width, _EACH / height
        ax = figure.add_axes(place)
        ax.imshow(_square(found, channel), interpolation="nearest", aspect="equal")
        ax.set_axis_off()
        ax.set_title(f"[{channel}]  {number(found.values[channel, 0], 3)}", fontsize=8, loc="left", pad=2)
    figure.text(0.12 / width, 0.1 / height, "\n".join(lines), fontsize=8.5, va="bottom", color=INK["muted"])
    return figure


@renders("TopPatches", "plot")
def plot_patches(found: TopPatches, ax: Any = None, *, channel: int | None = None) -> Any:
    """Draw the patches of one channel as a square, by default of the one that answers most strongly.

    Raises
    ------
    InvalidValue
        If there is no such channel.
    """
    chosen = int(found.values[:, 0].argmax()) if channel is None else channel
    if not 0 <= chosen < len(found):
        raise InvalidValue(f"TopPatches.plot: channel must be from 0 to {len(found) - 1}; got {channel!r}.")
    ax = figure_and_axes(ax, (4.4, 4.6))
    ax.imshow(_square(found, chosen), interpolation="nearest")
    ax.set_axis_off()
    values = [number(v, 3) for v in found.values[chosen] if np.isfinite(v)]
    reach = f", from {values[0]} to {values[-1]}" if len(values) > 1 else f", {values[0]}" if values else ""
    head = f"{found.node}[{chosen}]: its {len(values)} strongest patches{reach}"
    ax.set_title(f"{head}\nover {found.images:,} images, the strongest at the top left", size=8, loc="left")
    return ax


@draws("PatchTables")
def tables_sheet(tables: PatchTables) -> Sheet:
    """Lay out a row of each node's most active channels."""
    sheet = Sheet(9.0)
    sheet.heading("The strongest patches of the channels that answer most strongly", 14)
    first = tables.nodes[0]
    sheet.text(
        f"Of each node the {_IN_A_ROW} most active channels over {first.images:,} images. Below each square "
        f"of up to {first.values.shape[1]} patches, the strongest at the top left: the channel and its "
        "largest response. Each patch is the exact receptive field, in the image's own colours; grey lies "
        "beyond the image."
    )
    sheet.text(f"How far to trust it: {TRUST['patches']}")
    for found in tables.nodes:
        channels = _active(found)
        sheet.heading(
            f"{found.node}: {len(found)} channels, patches of {found.size[0]} x {found.size[1]}", 10
        )
        if len(channels) < len(found):
            sheet.text(f"{len(found) - len(channels)} channels are never above 0.")
        tiles = [
            Tile(_square(found, channel), (f"[{channel}] {number(found.values[channel, 0], 3)}",))
            for channel in channels[:_IN_A_ROW]
        ]
        sheet.grid(tiles, size=(sheet.room + 0.08) / _IN_A_ROW - 0.081)
    return sheet


def _active(found: TopPatches) -> list[int]:
    """Give the channels that are ever above 0, the strongest first."""
    order = np.argsort(-found.values[:, 0], kind="stable")
    return [int(c) for c in order if found.values[c, 0] > 0]


def _square(found: TopPatches, channel: int) -> Any:
    """Join a channel's patches to one picture, white between them."""
    side = math.ceil(math.sqrt(found.values.shape[1]))
    high, wide = found.size
    gap = max(1, round(max(high, wide) / 30))
    sheet = np.full((side * (high + gap) - gap, side * (wide + gap) - gap, 3), 255, np.uint8)
    for rank, patch in enumerate(found.pictures(channel)):
        row, column = divmod(rank, side)
        top, left = row * (high + gap), column * (wide + gap)
        sheet[top : top + patch.shape[0], left : left + patch.shape[1]] = patch
    return sheet


def _caption(found: TopPatches, shown: int, active: int) -> list[str]:
    which = (
        "all"
        if shown == len(found)
        else f"the {shown} most active of {active} active"
        + (f", {len(found)} in all" if active < len(found) else "")
    )
    each = "one" if found.per_image == 1 else str(found.per_image)
    return [
        (
            f"Channels shown: {which}. In the brackets the channel, beside it its largest response. Each "
            f"square has up to {found.values.shape[1]} patches, the strongest at the top left, at most "
            f"{each} from an image; each is the exact receptive field, {found.size[0]} x {found.size[1]} "
            "pixels, in the image's own colours; grey lies beyond the image."
        ),
        f"How far to trust it: {TRUST['patches']}",
    ]


@renders("TopPatches", "text")
def patches_text(found: TopPatches, most: int = 20) -> str:
    """List the most active channels with their strongest responses."""
    order = np.argsort(-found.values[:, 0], kind="stable")
    silent = int((found.values[:, 0] <= 0).sum())
    lines = [
        f"{found.node}: {len(found)} channels over {found.images:,} images ({found.data}), receptive field "
        f"{found.size[0]} x {found.size[1]} pixels" + (f"; {silent} never above 0" if silent else "")
    ]
    for channel in order[:most]:
        if found.image[channel, 0] < 0:
            continue
        best = found.label(int(channel), 0)
        values = " ".join(number(v, 3) for v in found.values[channel] if np.isfinite(v))
        cell = f"{found.node}[{channel},{found.row[channel, 0]},{found.column[channel, 0]}]"
        lines.append(f"  {cell} in {best}: {values}")
    if len(found) > most:
        lines.append(f"  ... and {len(found) - most} more")
    return "\n".join(lines)


@renders("PatchTables", "text")
def tables_text(tables: PatchTables) -> str:
    """List each node's most active channels."""
    return "\n\n".join(patches_text(found, most=3) for found in tables.nodes)


@renders("PatchTables", "html")
def tables_html(tables: PatchTables) -> str:
    """Show the sheets of all nodes, one below the other."""
    return "".join(f"<h3>{escape(found.node)}</h3>{found._repr_html_()}" for found in tables.nodes)
