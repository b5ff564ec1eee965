"""A sheet: headings, grids of small pictures, scales and charts under each other, as one figure.

Every block says how high it is, so nothing overlaps and no layout has to be solved; a sheet of a thousand
maps is drawn in a second.

      +--------------------------------------+
      | heading                              |
      | text, wrapped                        |
      | [0]    [1]    [2]    [3]             |  grid: pictures, each with its label below
      | .17    .02    .40    .11             |
      | blue -1 ======= 0 ======= +1 orange  |  bar
      | chart                                |  axes
      +--------------------------------------+
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convscope.report.colour import colour_map
from convscope.report.picture import INK, save_figure
from convscope.report.scale import number

__all__ = ["Sheet", "Tile"]

_MARGIN = 0.25  # inches
_WIDE = 0.0079  # inches that a character of DejaVu Sans takes for each point of its size, in a long line
_LINE = 0.0195  # inches that a line takes for each point
_TALLEST = 390.0  # inches; matplotlib's pictures end at 2**16 pixels, and 160 go to an inch
_DPI = 160


class Tile(NamedTuple):
    """A picture of a grid, (H, W, 3) uint8, and the lines below it; the first is set in ink.

    `frame` is the colour of a frame that sets the picture off, "" for a thin grey line.
    """

    picture: NDArray[np.uint8]
    lines: tuple[str, ...] = ()
    frame: str = ""


class _Block(NamedTuple):
    height: float
    draw: Callable[[Any, float], None]  # takes the sheet's one Axes and the block's top, in inches


class Sheet:
    """Collects blocks from top to bottom.

    Parameters
    ----------
    width : float
        In inches; blocks keep within it.

    Examples
    --------
    >>> sheet = Sheet(6.0)
    >>> sheet.heading("Two squares")
    >>> sheet.grid([Tile(np.zeros((2, 2, 3), np.uint8), (f"[{i}]",)) for i in range(2)], size=1.0)
    >>> sheet.height < 3
    True
    """

    def __init__(self, width: float = 9.0) -> None:
        self.width = width
        self._blocks: list[_Block] = []

    @property
    def height(self) -> float:
        """How high the sheet is so far, in inches."""
        return 2 * _MARGIN + sum(block.height for block in self._blocks)

    @property
    def room(self) -> float:
        """How wide a block may be, in inches."""
        return self.width - 2 * _MARGIN

    def heading(self, text: str, size: float = 12.0) -> None:
        """Add a heading, wrapped where it is too long for a line."""
        self.gap(0.06)
        self.text(text, size, "ink", weight="bold")

    def text(self, text: str, size: float = 8.5, colour: str = "muted", *, weight: str = "normal") -> None:
        """Add a paragraph, wrapped; `colour` is a role of `INK`."""
        wide = _WIDE * (1.1 if weight == "bold" else 1.0)
        lines = textwrap.wrap(text, max(12, int(self.room / (wide * size)))) or [""]

        def draw(ax: Any, top: float) -> None:
            for i, line in enumerate(lines):
                y = top + (i + 0.8) * _LINE * size
                ax.text(_MARGIN, y, line, size=size, color=INK[colour], weight=weight, va="baseline")

        self._add(len(lines) * _LINE * size + 0.03, draw)

    def gap(self, height: float = 0.1) -> None:
        """Add white space."""
        self._add(height, lambda ax, top: None)

    def grid(
        self, tiles: Sequence[Tile], *, size: float, columns: int = 0, points: float = 6.5, wide: float = 0.0
    ) -> None:
        """Add pictures, each at most `size` inches high and wide, in rows.

        Parameters
        ----------
        tiles : sequence of Tile
        size : float
        columns : int
            How many in a row at most; as many as there is room for when 0.
        points : float
            Size of the lines below the pictures.
        wide : float
            The width of a column in inches where the lines need more than the picture.
        """
        if not tiles:
            return
        step = max(size, wide) + 0.08
        fit = max(1, int((self.room + 0.08) / step))
        columns = min(columns or fit, fit, len(tiles))
        letters = max(3, int((step - 0.04) / (_WIDE * points)))
        for start in range(0, len(tiles), columns):
            row = tiles[start : start + columns]
            under = max(len(_wrapped(tile.lines, letters)) for tile in row)
            height = max(_fitted(tile.picture, size)[1] for tile in row)

            def draw(ax: Any, top: float, row: Sequence[Tile] = row, height: float = height) -> None:
                for i, tile in enumerate(row):
                    _draw_tile(ax, tile, (_MARGIN + i * step, top), (size, height), points, letters)

            self._add(height + under * _LINE * points + 0.1, draw)

    def bar(self, limit: float, *, signed: bool = True, text: str = "") -> None:
        """Add the scale from -limit over 0, or from 0, to limit, with what it is for."""

        def draw(ax: Any, top: float) -> None:
            steps = np.linspace(-1 if signed else 0, 1, 256)
            long, x = (2.4 if signed else 1.2), _MARGIN + 0.55
            ax.imshow(
                steps[None], cmap=colour_map(), vmin=-1, vmax=1, aspect="auto", zorder=2,
                extent=(x, x + long, top + 0.16, top + 0.03),
            )  # fmt: skip
            low = number(-limit, 3) if signed else "0"
            ends = {"right": (x - 0.05, low), "left": (x + long + 0.05, number(limit, 3))}
            for side, (where, what) in ends.items():
                ax.text(where, top + 0.13, what, size=7, color=INK["ink"], ha=side, va="baseline")
            ax.text(x + long + 0.7, top + 0.13, text, size=7, color=INK["muted"], va="baseline")
            if signed:
                ax.plot([x + long / 2] * 2, [top + 0.16, top + 0.19], color=INK["muted"], linewidth=0.6)

        self._add(0.24, draw)

    def axes(
        self,
        height: float,
        draw: Callable[[Any], None],
        *,
        left: float = 0.6,
        right: float = 0.1,
        below: float = 0.45,
    ) -> None:
        """Add a chart: `draw` takes the Axes; the margins, in inches, hold its labels."""
        self.charts(height, [draw], left=left, right=right, below=below)

    def charts(
        self,
        height: float,
        draws: Sequence[Callable[[Any], None]],
        *,
        left: float = 0.6,
        right: float = 0.1,
        below: float = 0.45,
        above: float = 0.2,
    ) -> None:
        """Add charts side by side."""
        share = self.room / len(draws)

        def draw(ax: Any, top: float) -> None:
            figure, total = ax.figure, self.height
            for i, one in enumerate(draws):
                box = (
                    (_MARGIN + i * share + left) / self.width,
                    1 - (top + height - below) / total,
                    (share - left - right) / self.width,
                    (height - below - above) / total,
                )
                one(figure.add_axes(box))

        self._add(height, draw)

    def figure(self) -> Any:
        """Draw everything, as a matplotlib figure."""
        from matplotlib.figure import Figure

        figure = Figure(figsize=(self.width, min(self.height, _TALLEST)), dpi=100, facecolor="white")
        ax = figure.add_axes((0, 0, 1, 1))
        ax.set_axis_off()
        top = _MARGIN
        for block in self._blocks:
            block.draw(ax, top)
            top += block.height
        # imshow moves the limits; they are set when everything is there
        ax.set(xlim=(0, self.width), ylim=(self.height, 0), aspect="auto")
        return figure

    def save(self, path: Path) -> None:
        """Write the figure; the suffix chooses PNG, SVG or PDF."""
        save_figure(self.figure(), path)

    def _add(self, height: float, draw: Callable[[Any, float], None]) -> None:
        self._blocks.append(_Block(height, draw))


def _fitted(picture: NDArray[np.uint8], size: float) -> tuple[float, float]:
    """Give the width and height of a picture whose longer side is `size`."""
    height, width = picture.shape[:2]
    scale = size / max(height, width)
    # a line of pixels still has to be seen
    return max(width * scale, 0.05), max(height * scale, 0.05)


def _draw_tile(
    ax: Any,
    tile: Tile,
    corner: tuple[float, float],
    room: tuple[float, float],
    points: float,
    letters: int,
) -> None:
    from matplotlib.patches import Rectangle

    (left, top), (size, tall) = corner, room
    width, height = _fitted(tile.picture, size)
    # small pictures keep their cells square and sharp; large ones are averaged down
    smooth = "antialiased" if max(tile.picture.shape[:2]) > size * _DPI else "nearest"
    ax.imshow(
        tile.picture, interpolation=smooth, aspect="auto", zorder=2,
        extent=(left, left + width, top + height, top),
    )  # fmt: skip
    edge, weight = (tile.frame, 1.8) if tile.frame else (INK["line"], 0.5)
    ax.add_patch(
        Rectangle((left, top), width, height, fill=False, edgecolor=edge, linewidth=weight, zorder=3)
    )
    for i, (line, first) in enumerate(_wrapped(tile.lines, letters)):
        y = top + tall + 0.02 + (i + 0.8) * _LINE * points
        ax.text(left, y, line, size=points, color=INK["ink" if first else "muted"], va="baseline")


def _wrapped(lines: Sequence[str], letters: int) -> list[tuple[str, bool]]:
    """Break lines that are too long for a column into at most two; say which belong to the first."""
    found = []
    for i, line in enumerate(lines):
        parts = textwrap.wrap(line, letters, max_lines=2, placeholder="…") or [""]
        found += [(part, i == 0) for part in parts]
    return found
