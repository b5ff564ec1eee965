"""Windows of a convolution as a picture, from what the engine touched."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope.explain import AxisWindows, Windows
from convscope.report.drawing import draws
from convscope.report.picture import INK, figure_and_axes
from convscope.result import renders

__all__ = ["plot_windows", "windows_figure"]

_MOST_LINES = 40  # positions up to which every pixel gets a line around it
_FILL = {
    "nothing": "#ffffff",
    "pixel": "#ecebe7",
    "tap": "#4393c3",
    "padding tap": "#fdb863",
    "unread": "#b35806",
}


@renders("Windows", "plot")
def plot_windows(windows: Windows, ax: Any = None, *, axis: str = "rows") -> Any:
    """Draw the windows of one axis ("rows" or "columns"): one line a window, one column a position.

    Blue is a tap on the image, light orange a tap on padding, grey a position a window does not
    touch; the lowest line is the image itself, dark orange where no window reads it.
    """
    side = windows.rows if axis == "rows" else windows.columns
    ax = figure_and_axes(ax, (8, 4))
    cells = _cells(side)
    edge = side.before + 0.5
    ax.imshow(
        _coloured(cells),
        aspect="auto",
        interpolation="nearest",
        extent=(-edge, cells.shape[1] - edge, len(cells) - 0.5, -0.5),
    )
    _lines(ax, cells.shape, -edge)
    transposed = side.geometry.transposed
    ax.set_xlabel("position in the output" if transposed else "position in the input, 0 the first pixel")
    ax.set_ylabel("input pixel" if transposed else "window")
    ax.set_title(side.geometry.formula, fontsize=10, color=INK["ink"])
    marks = _marks(len(side.taps))
    ax.set_yticks([*marks, len(side.taps) + 1], [*map(str, marks), "all"])
    ax.set_xticks(_marks(side.length))
    ax.tick_params(colors=INK["muted"], length=0)
    return ax


def _cells(side: AxisWindows) -> NDArray[np.int64]:
    """Give the place in `_FILL` of each window and position, and below two lines for the whole image."""
    inside = np.zeros(side.taps.shape[1], np.bool_)
    inside[side.before : side.before + side.length] = True
    taps = np.where(side.taps > 0, np.where(inside, 2, 3), np.where(inside, 1, 0))
    read = side.taps.any(axis=0)
    image = np.where(inside, np.where(read, 2, 4), np.where(read, 3, 0))
    return np.vstack([taps, np.zeros_like(image), image])


def _coloured(cells: NDArray[np.int64]) -> NDArray[np.uint8]:
    table = np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in _FILL.values()], np.uint8)
    return table[cells]


def _lines(ax: Any, shape: tuple[int, ...], left: float) -> None:
    """Draw lines around every pixel where there are few, and none where they would hide it."""
    rows, columns = shape
    if columns <= _MOST_LINES:
        ax.vlines(left + np.arange(columns + 1), -0.5, rows - 0.5, color="white", linewidth=0.8)
    if rows <= _MOST_LINES:
        ax.hlines(np.arange(rows + 1) - 0.5, left, left + columns, color="white", linewidth=0.8)
    for side in ax.spines.values():
        side.set_visible(False)


def _marks(count: int) -> list[int]:
    """Choose at most eight of the numbers from 0 to count - 1, evenly spaced."""
    return list(range(0, count, max(1, -(-count // 8))))


def _plot_counts(windows: Windows, ax: Any) -> None:
    """Draw how many windows hold each pixel of the image, and the first windows as frames."""
    from matplotlib.patches import Rectangle
    from matplotlib.ticker import MaxNLocator

    counts, transposed = windows.counts(), windows.rows.geometry.transposed
    drawn = ax.imshow(counts, cmap="Blues", vmin=0, vmax=max(1, int(counts.max())), interpolation="nearest")
    label = "input pixels written to the place" if transposed else "windows that hold the pixel"
    bar = ax.figure.colorbar(drawn, ax=ax, shrink=0.8, label=label, ticks=MaxNLocator(6, integer=True))
    bar.outline.set_visible(False)
    bar.ax.tick_params(colors=INK["muted"], length=0)
    rows, columns = windows.rows.geometry, windows.columns.geometry
    for row, column, colour in ((0, 0, INK["orange"]), (0, 1, "#e08214"), (1, 0, "#fdb863")):
        if row < len(rows.starts) and column < len(columns.starts):
            corner = (columns.starts[column] - 0.5, rows.starts[row] - 0.5)
            ax.add_patch(
                Rectangle(corner, columns.span, rows.span, fill=False, edgecolor=colour, linewidth=2)
            )
    top, left = -max(windows.rows.before, 0) - 0.7, -max(windows.columns.before, 0) - 0.7
    ax.set_xlim(left, windows.columns.taps.shape[1] - windows.columns.before - 0.3)
    ax.set_ylim(windows.rows.taps.shape[1] - windows.rows.before - 0.3, top)
    what = (
        "the output; orange frames: what the first pixels write"
        if transposed
        else "the image; orange frames: the first windows"
    )
    ax.set_title(what, fontsize=10, color=INK["ink"])
    ax.set_yticks(_marks(counts.shape[0]))
    ax.set_xticks(_marks(counts.shape[1]))
    ax.tick_params(colors=INK["muted"], length=0)
    for side in ax.spines.values():
        side.set_visible(False)


@draws("Windows")
def windows_figure(windows: Windows) -> Any:
    """Draw the image with its first windows, and the windows of each axis, as one picture."""
    from matplotlib.figure import Figure

    sides = ["rows"] if windows.square else ["rows", "columns"]
    figure = Figure(figsize=(11.5, 4.6 if windows.square else 7.4), layout="constrained")
    grid = figure.add_gridspec(len(sides), 2, width_ratios=(1, 1.5))
    _plot_counts(windows, figure.add_subplot(grid[:, 0]))
    for line, side in enumerate(sides):
        ax = plot_windows(windows, figure.add_subplot(grid[line, 1]), axis=side)
        if not windows.square:
            ax.set_title(f"{'height' if side == 'rows' else 'width'}: {ax.get_title()}", fontsize=10)
    figure.supxlabel(_key(windows), fontsize=9, color=INK["muted"])
    return figure


def _key(windows: Windows) -> str:
    axes = (windows.rows, windows.columns)
    transposed = windows.rows.geometry.transposed
    words = (
        ["blue: written", "grey: not by this pixel"]
        if transposed
        else ["blue: read", "grey: not by this window"]
    )
    if any(sum(axis.geometry.padding) for axis in axes):
        words.append("light orange: cut away" if transposed else "light orange: padding")
    if any(axis.geometry.unread() for axis in axes):
        words.append(
            "dark orange: nothing is written" if transposed else "dark orange: pixels that no window reads"
        )
    return "Drawn by the engine. " + "; ".join(words) + "."
