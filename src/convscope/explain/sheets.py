"""Sheets of a workbook as plain data: blocks of numbers and formulas, and where they lie."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Block",
    "Layout",
    "Sheet",
    "cell_name",
    "formula_block",
    "index_block",
    "number_block",
    "quoted",
    "sheet_names",
]

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Block:
    """A rectangle of cells with a title above its first one.

    Attributes
    ----------
    title : str
    role : str
        "pixels", "weights", "maps", "engine", "difference", "count", "index", "text", or "links" for names
        of sheets; the view colours by it.
    row, column : int
        The first cell, counted from 0.
    values : ndarray of shape (rows, columns)
        Numbers; those of formulas are what they give. For "text" strings.
    formulas : ndarray of str of the same shape, or None
        Without the sign "=" in front; "" where the cell is a number.
    scale : str
        The rectangle of the same sheet whose largest magnitude is the darkest colour, so that several
        blocks can be compared; "" for the block's own.
    """

    title: str
    role: str
    row: int
    column: int
    values: Array
    formulas: Array | None = None
    scale: str = ""


@dataclass(frozen=True, eq=False)
class Sheet:
    """One sheet.

    Attributes
    ----------
    name : str
        At most 31 characters, as spreadsheets want it.
    heading : str
    notes : tuple of str
        Lines below the heading.
    blocks : tuple of Block
    """

    name: str
    heading: str
    notes: tuple[str, ...]
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Layout:
    """Where the cells of an array lie on its sheet: map under map, or a vector as a column.

    Attributes
    ----------
    sheet : str
    shape : (C, H, W) or (F,)
    top, left : int
        The first cell of the first map.
    """

    sheet: str
    shape: tuple[int, ...]
    top: int
    left: int

    @property
    def height(self) -> int:
        """Rows from the first to the last, the titles between maps included."""
        if len(self.shape) == 1:
            return self.shape[0]
        return self.shape[0] * (self.shape[1] + 2) - 2

    @property
    def width(self) -> int:
        """Columns."""
        return 1 if len(self.shape) == 1 else self.shape[2]

    def place(self, *index: int) -> tuple[int, int]:
        """Give row and column of a cell (channel, row, column) or (feature,)."""
        if len(index) == 1:
            return self.top + index[0], self.left
        channel, row, column = index
        return self.top + channel * (self.shape[1] + 2) + row, self.left + column

    def cell(self, *index: int) -> str:
        """Name a cell for a formula on any sheet.

        Examples
        --------
        >>> Layout("conv1", (2, 3, 3), 3, 1).cell(1, 0, 0)
        "'conv1'!B9"
        """
        return f"{quoted(self.sheet)}!{cell_name(*self.place(*index))}"

    def range(self, first: tuple[int, ...], last: tuple[int, ...]) -> str:
        """Name the rectangle from one cell to another."""
        if first == last:
            return self.cell(*first)
        return f"{self.cell(*first)}:{cell_name(*self.place(*last))}"

    def whole(self) -> str:
        """Name the rectangle of all maps, the titles between them included."""
        return f"{quoted(self.sheet)}!{self.area()}"

    def area(self) -> str:
        """Name the same rectangle for its own sheet.

        Examples
        --------
        >>> Layout("conv1", (2, 3, 3), 3, 1).area()
        'B4:D11'
        """
        start = cell_name(self.top, self.left)
        return f"{start}:{cell_name(self.top + self.height - 1, self.left + self.width - 1)}"


def quoted(name: str) -> str:
    """Put a sheet's name in the quotes that a formula needs."""
    return "'" + name.replace("'", "''") + "'"


def cell_name(row: int, column: int) -> str:
    """Name a cell, both counted from 0.

    Examples
    --------
    >>> cell_name(0, 0), cell_name(9, 27)
    ('A1', 'AB10')
    """
    letters = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return f"{letters}{row + 1}"


def sheet_names(names: Iterable[str], suffix: str = "") -> dict[str, str]:
    """Give each name a sheet name: at most 31 characters, none that is not allowed, no two alike.

    Examples
    --------
    >>> sheet_names(["conv1/7x7", "CONV1_7x7"])
    {'conv1/7x7': 'conv1_7x7', 'CONV1_7x7': 'CONV1_7x7 2'}
    """
    found: dict[str, str] = {}
    taken: set[str] = set()
    for name in names:
        plain = re.sub(r"[\[\]:*?/\\']", "_", name)[: 28 - len(suffix)] or "sheet"
        candidate, count = plain + suffix, 1
        while candidate.lower() in taken:
            count += 1
            candidate = f"{plain} {count}{suffix}"
        taken.add(candidate.lower())
        found[name] = candidate
    return found


def formula_block(title: str, role: str, layout: Layout, values: Array, formulas: Array) -> list[Block]:
    """Lay the maps of an array out, one block a map."""
    if values.ndim == 1:
        at = (layout.top, layout.left)
        return [Block(title, role, *at, values[:, None], formulas[:, None], layout.area())]
    return [
        Block(
            f"{title} {channel}",
            role,
            *layout.place(channel, 0, 0),
            values[channel],
            formulas[channel],
            layout.area(),
        )
        for channel in range(len(values))
    ]


def index_block(top: int, count: int) -> Block:
    """Number the rows of vectors, in the first column."""
    return Block("", "index", top, 0, np.arange(count)[:, None])


def number_block(title: str, role: str, layout: Layout, values: Array) -> list[Block]:
    """Lay maps of plain numbers out."""
    return formula_block(title, role, layout, values, np.full(values.shape, "", object))
