"""The table of a network's layers, on a page."""

from __future__ import annotations

import re

from convscope.network import Summary, SummaryRow
from convscope.report.page import escape, figure, table
from convscope.result import renders

__all__ = ["layers_table", "memory", "pair"]

_HEAD = ["node", "layer", "output", "parameters", "multiply-adds", "memory", "sees", "every"]


@renders("Summary", "html")
def layers_table(summary: Summary) -> str:
    """Set one row a node, with totals, and say below what rounding a size drops."""
    rows = [_row(row) for row in summary.rows]
    rows.append(
        [
            "all",
            "",
            "",
            f"{summary.parameters:,}",
            f"{summary.multiply_adds:,}",
            memory(summary.bytes),
            "",
            "",
        ]
    )
    shape = "×".join(map(str, summary.input_shape))
    body = table(_HEAD, rows, caption=f"Input {shape}, {summary.dtype}", text_columns=(0, 1, 2), total=True)
    drops = [f"<code>{escape(row.name)}</code>: {escape(row.dropped)}" for row in summary.rows if row.dropped]
    dropped = (
        f" What rounding a size leaves out: {' '.join(drops)}" if drops else " No size had to be rounded."
    )
    caption = (
        "<b>sees</b> is the receptive field: how many input pixels, by side, one cell depends on at most; "
        "<b>every</b>: how many pixels lie between the fields of neighbours. Multiply-adds and memory are "
        "for one image." + dropped
    )
    return figure(body, caption)


def _row(row: SummaryRow) -> list[str]:
    field = row.receptive_field
    return [
        row.name,
        f"{row.kind} {re.sub(r'(?<=[0-9])x(?=[0-9])', '×', row.settings)}".strip(),
        "×".join(map(str, row.output_shape)),
        f"{row.parameters:,}" if row.parameters else "",
        f"{row.multiply_adds:,}" if row.multiply_adds else "",
        memory(row.bytes),
        "" if field is None else pair(field.size),
        "" if field is None or not any(field.stride) else pair(field.stride),
    ]


def pair(values: tuple[float, float]) -> str:
    """Write rows and columns as one number where they are equal.

    Examples
    --------
    >>> pair((5, 5)), pair((3, 5))
    ('5', '3×5')
    """
    return f"{values[0]:g}" if values[0] == values[1] else f"{values[0]:g}×{values[1]:g}"


def memory(count: int) -> str:
    """Write a number of bytes in a unit that keeps it short.

    Examples
    --------
    >>> memory(100), memory(2048), memory(3 * 1024**2)
    ('100 B', '2.0 KiB', '3.0 MiB')
    """
    for size, unit in ((1024**2, "MiB"), (1024, "KiB")):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} B"
