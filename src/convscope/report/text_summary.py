"""The table of a network's nodes as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from convscope.report.text_table import aligned
from convscope.result import renders

if TYPE_CHECKING:
    from convscope.network import Summary, SummaryRow

__all__ = ["summary_text"]

_HEADINGS = ("node", "kind", "settings", "output", "parameters", "multiply-adds", "memory", "sees", "every")
_WORDS = range(4)  # columns that begin at the left


@renders("Summary", "text")
def summary_text(summary: Summary) -> str:
    """Write the table with aligned columns; below it totals, and what rounding a size drops."""
    lines = aligned(_HEADINGS, [_cells(row) for row in summary.rows], words=_WORDS)
    rule = "-" * max(len(line) for line in lines)
    lines[1:1] = [rule]
    shape = "x".join(map(str, summary.input_shape))
    title = f"{summary.name or 'network'}, input {shape}, {summary.dtype}"
    totals = (
        f"{summary.parameters:,} parameters, {summary.multiply_adds:,} multiply-adds, "
        f"{_memory(summary.bytes)} of activations for one image"
    )
    drops = [f"{row.name}: {row.dropped}" for row in summary.rows if row.dropped]
    legend = (
        "sees, every: size and stride of a cell's receptive field, in input pixels (rows x columns if unlike)"
    )
    return "\n".join([title, *lines, rule, totals, legend, *drops])


def _cells(row: SummaryRow) -> tuple[str, ...]:
    field = row.receptive_field
    return (
        row.name,
        row.kind,
        row.settings,
        "x".join(map(str, row.output_shape)),
        f"{row.parameters:,}" if row.parameters else "",
        f"{row.multiply_adds:,}" if row.multiply_adds else "",
        _memory(row.bytes),
        "" if field is None else _pair(field.size),
        "" if field is None or not any(field.stride) else _pair(field.stride),
    )


def _pair(values: tuple[float, float]) -> str:
    return str(values[0]) if values[0] == values[1] else f"{values[0]}x{values[1]}"


def _memory(count: int) -> str:
    if count < 1024:
        return f"{count} B"
    if count < 1024**2:
        return f"{count / 1024:.1f} KiB"
    return f"{count / 1024**2:.1f} MiB"
