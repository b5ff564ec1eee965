"""The strongest patches of every channel as text and as a sheet."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from convscope.explain import PatchTables, TopPatches
from convscope.report.drawing import draws
from convscope.report.page import escape
from convscope.report.picture import INK
from convscope.report.scale import number
from convscope.report.trust import TRUST
from convscope.report.view_figure import wrapped
from convscope.result import renders

__all__ = ["patches_figure"]

_MOST = 64  # channels of a sheet
_EACH = 1.5  # inches: a channel's square of patches


@draws("TopPatches", alt=str)
def patches_figure(found: TopPatches, most: int = _MOST) -> Any:
    """Draw each channel's patches as a square, the strongest at the top left; the most active channels."""
    from matplotlib.figure import Figure

    channels = [c for c in range(len(found)) if found.values[c, 0] > 0]
    shown = sorted(sorted(channels, key=lambda c: -found.values[c, 0])[:most])
    side = math.ceil(math.sqrt(found.values.shape[1]))
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
        ax.imshow(_square(found, channel, side), interpolation="nearest", aspect="equal")
        ax.set_axis_off()
        ax.set_title(f"[{channel}]  {number(found.values[channel, 0], 3)}", fontsize=8, loc="left", pad=2)
    figure.text(0.12 / width, 0.1 / height, "\n".join(lines), fontsize=8.5, va="bottom", color=INK["muted"])
    return figure


def _square(found: TopPatches, channel: int, side: int) -> Any:
    """Join a channel's patches to one picture, white between them."""
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
