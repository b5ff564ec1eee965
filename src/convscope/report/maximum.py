"""Painted inputs beside the numbers they reach."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from convscope.explain import Maximum
from convscope.report.drawing import draws
from convscope.report.picture import figure_and_axes
from convscope.report.scale import number
from convscope.report.sheet import Sheet, Tile
from convscope.result import renders

__all__ = ["maximum_sheet", "maximum_text"]


@renders("Maximum", "text")
def maximum_text(found: Maximum) -> str:
    """Say what was reached, and beside what."""
    said = [f"{found.at}{_named(found)}", f"  {_reached(found)}"]
    if found.largest_real is not None:
        said.append(f"  {_beside(found)}")
    height, width = found.image.shape[1:]
    said.append(f"  {height}x{width}, {_how(found)}")
    return "\n".join(said)


def _named(found: Maximum) -> str:
    words = found.name or found.label
    return f": {words}" if words and words != found.at else ""


def _reached(found: Maximum) -> str:
    if found.peak == found.value:
        return f"value {number(found.value)}, from {number(found.start)}"
    mean = f"root mean square of the map above zero {number(found.value)}, from {number(found.start)}"
    return f"{mean}; largest cell {number(found.peak)}"


def _beside(found: Maximum) -> str:
    if found.largest_real is None:
        return ""
    share = f", {found.peak / found.largest_real:.3g} times that" if found.largest_real > 0 else ""
    return (
        f"largest on {found.real_images:,} real images {number(found.largest_real)} ({found.real_image}); "
        f"reached {number(found.peak)}{share}"
    )


def _how(found: Maximum) -> str:
    moved = (
        f"shifted by up to {found.jitter:g} pixels, turned by up to {found.turn:g} degrees, "
        f"scaled by up to {found.zoom:.0%}"
    )
    return f"{found.steps} steps, seed {found.seed}; {moved} before each; values within {found.range}"


@draws("Maximum", alt=lambda found: f"what {found.at} likes best")
def _one(found: Maximum) -> Sheet:
    return maximum_sheet([found])


@renders("Maximum", "plot")
def plot_maximum(found: Maximum, ax: Any = None) -> Any:
    """Draw the image."""
    ax = figure_and_axes(ax, (4.0, 4.4))
    ax.imshow(found.picture, interpolation="nearest")
    ax.set_title(f"{found.at}\n{_reached(found)}", size=8, loc="left")
    ax.set_axis_off()
    return ax


def maximum_sheet(found: Sequence[Maximum]) -> Sheet:
    """Lay out one painted input, or several beside each other."""
    one = len(found) == 1
    sheet = Sheet(6.5 if one else 9.0)
    sheet.heading(f"What {found[0].at} likes best" if one else "What they like best", 14)
    if one:
        sheet.text(f"{found[0].at}{_named(found[0])}: {_reached(found[0])}.", 9, "ink")
        if found[0].largest_real is not None:
            sheet.text(f"{_beside(found[0])[0].upper()}{_beside(found[0])[1:]}.", 9, "ink")
    sheet.text(
        f"{'The' if one else 'Each'} image was painted by climbing the gradient: {_how(found[0])}. It shows "
        "what is liked, not what is needed: real images may be liked for other reasons."
    )
    sheet.gap(0.08)
    columns = 1 if one else min(4, max(2, len(found)))
    size = 4.5 if one else (sheet.room + 0.08) / columns - 0.081
    sheet.grid([Tile(item.picture, () if one else _lines(item)) for item in found], size=size, points=7)
    return sheet


def _lines(found: Maximum) -> tuple[str, ...]:
    what = "largest cell" if found.peak != found.value else "score" if found.label else "value"
    lines = [found.at, _named(found).removeprefix(": "), f"{what} {number(found.peak, 3)}"]
    if found.peak != found.value:
        lines.append(f"root mean square above zero {number(found.value, 3)}")
    if found.largest_real is not None:
        lines.append(f"largest on {found.real_images:,} real images {number(found.largest_real, 3)}")
    return tuple(line for line in lines if line)
