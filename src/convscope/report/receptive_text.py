"""A receptive field as text and as a picture."""

from __future__ import annotations

from typing import Any

import numpy as np

from convscope.explain import NodeField
from convscope.report.drawing import draws
from convscope.report.picture import INK, figure_and_axes
from convscope.result import renders

__all__ = ["field_text", "plot_field", "spans_in_words"]


@renders("NodeField", "text")
def field_text(field: NodeField) -> str:
    """Say size, stride, padding and start, the cell's rectangle, and what was measured."""
    words = {
        "exact": "exact: each pixel of the rectangle can change the cell",
        "upper bound": "an upper bound: some pixels within the rectangle cannot change the cell",
        "depends on data": "depends on data: the image decides which pixels of the rectangle enter",
    }
    rows = [
        ("size", _pair(field.size), "pixels that a cell sees at most"),
        ("stride", _pair(field.stride), "pixels from one cell's field to the next"),
        ("padding", _pair(field.padding), "pixels by which the first field begins before the image"),
        ("rectangle", spans_in_words(field), f"of this cell, in {_pair(field.image)} pixels"),
    ]
    wide = max(len(value) for _, value, _ in rows)
    lines = [f"The receptive field of {field.address}, {words[field.status]}", ""]
    lines += [f"{name:9}  {value.ljust(wide)}  {what}" for name, value, what in rows]
    found = field.effective
    if found is not None:
        images = f"{found.images} image" + "s" * (found.images != 1)
        where = f"at {found.inside} pixels of the rectangle and {found.outside} beyond it"
        lines += ["", f"Measured on {images}: a gradient {where}."]
        if found.fit is not None:
            sigma = " x ".join(f"{value:.2f}" for value in found.fit.sigma)
            centre = ", ".join(
                f"{name} {value:.1f}" for name, value in zip(_axes(field), found.fit.centre, strict=True)
            )
            share = f"{found.fit.explained:.0%}"
            lines.append(f"Its energy is a Gaussian of sigma {sigma} pixels about {centre} to {share}.")
    return "\n".join(lines)


def _pair(pair: tuple[float, ...]) -> str:
    texts = [f"{value:g}" for value in pair]
    return texts[0] if len(set(texts)) == 1 else " x ".join(texts)


def _axes(field: NodeField) -> tuple[str, ...]:
    return {1: ("sample",), 2: ("row", "column"), 3: ("depth", "row", "column")}[len(field.spans)]


def spans_in_words(field: NodeField) -> str:
    """Say from where to where the rectangle reaches along each axis."""
    parts = zip(_axes(field), field.spans, strict=True)
    return ", ".join(f"{name}{'s' * (name != 'depth')} {first} to {last}" for name, (first, last) in parts)


def _show_all_of(
    ax: Any, columns: tuple[float, float], rows: tuple[float, float], image: tuple[int, ...]
) -> None:
    """Make room for a rectangle that reaches into the padding, which is grey."""
    high, wide = image
    margin = 0.02 * max(high, wide)
    ax.set_facecolor(INK["line"])
    ax.set_xlim(min(columns[0], -0.5) - margin, max(columns[1], wide - 0.5) + margin)
    ax.set_ylim(max(rows[1], high - 0.5) + margin, min(rows[0], -0.5) - margin)


@draws("NodeField")
@renders("NodeField", "plot")
def plot_field(field: NodeField, ax: Any = None) -> Any:
    """Draw the pixels that can change the cell, or the measured energy, with the rectangle around."""
    from matplotlib.patches import Rectangle

    ax = figure_and_axes(ax, (4.2, 4.2))
    measured = field.effective is not None
    values = (field.effective.energy if field.effective is not None else field.seen).astype(float)
    # of a volume the largest along its depth is shown; a sound is one row, drawn tall enough to be seen
    values = values.max(axis=0) if values.ndim == 3 else np.atleast_2d(values)
    stretch = "auto" if len(field.spans) == 1 else "equal"
    ax.imshow(values, cmap="Greys" if not measured else "viridis", interpolation="nearest", aspect=stretch)
    left, top = field.columns[0] - 0.5, field.rows[0] - 0.5
    width, height = field.columns[1] - field.columns[0] + 1, field.rows[1] - field.rows[0] + 1
    ax.add_patch(Rectangle((left, top), width, height, fill=False, edgecolor="#b35806", linewidth=2))
    what = "gradient energy, bright is much" if measured else "black: pixels that can change it"
    ax.set_title(f"{field.address}\n{what}; framed: its rectangle", size=8, loc="left")
    _show_all_of(ax, (left, left + width), (top, top + height), values.shape)
    if len(field.spans) == 1:
        ax.set_xlabel("sample")
        ax.set_yticks([])
        return ax
    ax.set_xlabel("column, pixels")
    ax.set_ylabel("row, pixels" + (" (the largest along the depth)" if len(field.spans) == 3 else ""))
    return ax
