"""A workbook as a file that spreadsheets open."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import numpy as np

from convscope.explain.sheets import Block, Sheet, cell_name, quoted
from convscope.explain.workbooks import Workbook
from convscope.files import atomic_path
from convscope.result import renders

__all__ = ["save_workbook", "workbook_text"]

_BLUE, _WHITE, _ORANGE = "#8DB9E3", "#FFFFFF", "#F5B579"
_NUMBER = "0.0000;-0.0000;0"
_MAY_BE_CHANGED = {"num_format": _NUMBER, "font_color": "#0000C0"}
_FORMATS = {
    "heading": {"bold": True, "font_size": 14},
    "note": {"font_color": "#333333"},
    "title": {"italic": True, "font_color": "#555555"},
    "number": {"num_format": _NUMBER},
    "index": {"font_color": "#888888", "font_size": 9, "num_format": "0"},
    "count": {"num_format": "#,##0"},
    "difference": {"num_format": "0.0E+00;-0.0E+00;0"},
    "links": {"font_color": "#1F4E9E", "underline": 1},
    "text": {"align": "left"},
    "pixels": _MAY_BE_CHANGED,
    "weights": _MAY_BE_CHANGED,
}
_WIDTHS = (24, 14, 12, 24, 24, 10, 18)  # of the overview's columns, in characters


@renders("Workbook", "xlsx")
def save_workbook(book: Workbook, path: Path) -> None:
    """Write the sheets with XlsxWriter: formulas with their values, colour scales, frozen headings."""
    import xlsxwriter

    with atomic_path(path) as temporary:
        options = {"nan_inf_to_errors": True, "strings_to_formulas": False, "strings_to_urls": False}
        whole = (
            io.BytesIO()
        )  # on a full disk the writer's own files would fail with errors that are no OSError
        with xlsxwriter.Workbook(whole, {**options, "in_memory": True}) as file:
            formats = {name: file.add_format(style) for name, style in _FORMATS.items()}
            for sheet in book.sheets:
                _sheet(file, sheet, formats)
        temporary.write_bytes(whole.getvalue())


def _sheet(file: Any, sheet: Sheet, formats: dict[str, Any]) -> None:
    page = file.add_worksheet(sheet.name)
    page.set_column(0, 0, 4)
    if any(block.role == "links" for block in sheet.blocks):  # the overview
        for column, width in enumerate(_WIDTHS, 1):
            page.set_column(column, column, width)
    else:
        # no further than there is anything: XlsxWriter goes through every column
        last = max(block.column + block.values.shape[1] for block in sheet.blocks)
        page.set_column(1, last, 8)
        page.freeze_panes(1 + len(sheet.notes), 0)
    page.hide_gridlines(2)
    page.set_landscape()
    page.fit_to_pages(1, 0)
    page.write_string(0, 0, sheet.heading, formats["heading"])
    for line, note in enumerate(sheet.notes):
        page.write_string(1 + line, 0, note, formats["note"])
    for block in sheet.blocks:
        if block.title:
            page.write_string(block.row - 1, block.column, block.title, formats["title"])
        _block(page, block, formats)


def _block(page: Any, block: Block, formats: dict[str, Any]) -> None:
    style = formats.get(block.role, formats["number"])
    for r, row in enumerate(block.values.tolist()):
        for c, value in enumerate(row):
            at = (block.row + r, block.column + c)
            formula = "" if block.formulas is None else block.formulas[r, c]
            if formula:
                page.write_formula(*at, "=" + formula, style, value)
            elif block.role == "links" and value:
                page.write_url(*at, f"internal:{quoted(value)}!A1", style, value)
            elif isinstance(value, str):
                page.write_string(*at, value, style)
            else:
                page.write_number(*at, value, style)
    _colour(page, block)


def _colour(page: Any, block: Block) -> None:
    """Colour numbers by a scale that follows what is typed: zero is white, the largest magnitude darkest."""
    height, width = np.shape(block.values)
    area = (block.row, block.column, block.row + height - 1, block.column + width - 1)
    own = f"{cell_name(*area[:2])}:{cell_name(*area[2:])}"
    over = re.sub(r"([A-Z]+)([0-9]+)", r"$\1$\2", block.scale or own)
    if block.role == "pixels":
        page.conditional_format(
            *area, {"type": "2_color_scale", "min_color": "#FFFFFF", "max_color": "#B4B4B4"}
        )
    elif block.role in ("weights", "maps", "engine", "difference"):
        largest = f"MAX(MAX({over}),-MIN({over}))"
        page.conditional_format(
            *area,
            {
                "type": "3_color_scale",
                "min_type": "formula",
                "min_value": f"=-{largest}",
                "mid_type": "num",
                "mid_value": 0,
                "max_type": "formula",
                "max_value": f"={largest}",
                "min_color": _BLUE,
                "mid_color": _WHITE,
                "max_color": _ORANGE,
            },
        )


@renders("Workbook", "text")
def workbook_text(book: Workbook) -> str:
    """List the sheets."""
    names = ", ".join(sheet.name for sheet in book.sheets)
    return (
        f"A workbook of {len(book.sheets)} sheets with {book.formulas:,} computed cells: {names}.\n"
        f"The formulas differ from the engine by at most {book.largest_difference:.1e}."
    )
