"""A workbook as a file that spreadsheets open."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from convscope.explain.workbooks import Workbook
from convscope.files import atomic_path
from convscope.result import renders

__all__ = ["save_workbook", "workbook_text"]

_BLUE, _WHITE, _ORANGE = "#6BA3D6", "#FFFFFF", "#F2A45C"


@renders("Workbook", "xlsx")
def save_workbook(book: Workbook, path: Path) -> None:
    """Write the sheets with XlsxWriter: formulas with their values, colour scales, frozen headings."""
    import xlsxwriter

    with atomic_path(path) as temporary:
        options = {"nan_inf_to_errors": True, "strings_to_formulas": False, "strings_to_urls": False}
        with xlsxwriter.Workbook(str(temporary), options) as file:
            formats = {
                "heading": file.add_format({"bold": True, "font_size": 14}),
                "title": file.add_format({"italic": True, "font_color": "#555555"}),
                "number": file.add_format({"num_format": "0.0000;-0.0000;0"}),
                "difference": file.add_format({"num_format": "0.0E+00;-0.0E+00;0"}),
                "input": file.add_format({"num_format": "0.0000;-0.0000;0", "font_color": "#0000C0"}),
            }
            for sheet in book.sheets:
                _sheet(file, sheet, formats)


def _sheet(file: Any, sheet: Any, formats: dict[str, Any]) -> None:
    page = file.add_worksheet(sheet.name)
    page.set_column(0, 0, 2)
    if sheet.name == "overview":
        page.set_column(1, 3, 18)
        page.set_column(5, 5, 30)
    else:
        page.set_column(1, 16383, 8)
    page.write_string(0, 0, sheet.heading, formats["heading"])
    for line, note in enumerate(sheet.notes):
        page.write_string(1 + line, 0, note)
    for block in sheet.blocks:
        if block.title:
            page.write_string(block.row - 1, block.column, block.title, formats["title"])
        _block(page, block, formats)


def _block(page: Any, block: Any, formats: dict[str, Any]) -> None:
    style = formats["number"]
    if block.role == "difference":
        style = formats["difference"]
    elif block.role in ("pixels", "weights"):
        style = formats["input"]  # blue: what may be changed
    values = block.values.tolist()
    for r, row in enumerate(values):
        for c, value in enumerate(row):
            at = (block.row + r, block.column + c)
            formula = "" if block.formulas is None else block.formulas[r, c]
            if formula:
                page.write_formula(*at, "=" + formula, style, value)
            elif isinstance(value, str):
                page.write_string(*at, value)
            else:
                page.write_number(*at, value, style)
    _colour(page, block)


def _colour(page: Any, block: Any) -> None:
    height, width = np.shape(block.values)
    area = (block.row, block.column, block.row + height - 1, block.column + width - 1)
    if block.role == "pixels":
        page.conditional_format(
            *area, {"type": "2_color_scale", "min_color": "#FFFFFF", "max_color": "#808080"}
        )
    elif block.role in ("weights", "maps", "engine"):
        scale = {"type": "3_color_scale", "mid_type": "num", "mid_value": 0}
        page.conditional_format(
            *area, {**scale, "min_color": _BLUE, "mid_color": _WHITE, "max_color": _ORANGE}
        )


@renders("Workbook", "text")
def workbook_text(book: Workbook) -> str:
    """List the sheets."""
    names = ", ".join(sheet.name for sheet in book.sheets)
    return (
        f"A workbook of {len(book.sheets)} sheets with {book.formulas:,} computed cells: {names}.\n"
        f"The formulas differ from the engine by at most {book.largest_difference:.1e}."
    )
