"""A kernel table as CSV: one line for each filter, a column for each number."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

from convscope.explain import KernelTables
from convscope.files import write_text
from convscope.kernels import KernelTable, Verdict
from convscope.result import renders

__all__ = ["kernel_rows"]

_PLAIN = (
    "family", "confidence", "runner_up", "margin", "p_value", "explained", "passband", "dc_gain",
    "peak_frequency", "centroid", "bandwidth", "low", "middle", "high", "aliased", "orientation", "direction",
    "anisotropy", "even_share", "symmetry", "derivative_order", "sigma", "separable_rank", "norm",
)  # fmt: skip


@renders("KernelTable", "csv")
def save_table(table: KernelTable, path: Path) -> None:
    """Write one line for each filter."""
    write_text(path, _text(kernel_rows(table)))


@renders("KernelTables", "csv")
def save_tables(tables: KernelTables, path: Path) -> None:
    """Write one line for each filter of each layer."""
    write_text(path, _text(tables_rows(tables)))


@renders("KernelTables", "rows")
def tables_rows(tables: KernelTables) -> list[dict[str, Any]]:
    """Give a row for each filter of each layer."""
    return [row for table in tables.values() for row in kernel_rows(table)]


@renders("KernelTable", "rows")
def kernel_rows(table: KernelTable) -> list[dict[str, Any]]:
    """Give a mapping of column to value for each filter."""
    return [{"node": table.node, "filter": i, **_row(v)} for i, v in enumerate(table)]


def _row(v: Verdict) -> dict[str, Any]:
    gabor, classic, colour, twin = v.fits.get("gabor"), v.classic, v.colour, v.duplicate_of
    return {
        **{name: getattr(v, name) for name in _PLAIN},
        "gabor_explained": gabor and gabor.explained,
        "gabor_wavelength": gabor and gabor.wavelength,
        "classic": classic and classic.name,
        "classic_angle": classic and classic.angle,
        "colour": colour and colour.name,
        "achromatic": colour and colour.achromatic,
        "opponency": colour and colour.opponency,
        "first_mode_share": v.channel_shares[0],
        "duplicate_of": twin and twin.index,
        "duplicate_cosine": twin and twin.cosine,
        "sentence": v.sentence,
    }


def _text(rows: list[dict[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(
        text, fieldnames=list(rows[0]) if rows else ["node", "filter"], lineterminator="\n"
    )
    writer.writeheader()
    for row in rows:
        writer.writerow({k: f"{v:.6g}" if isinstance(v, float) else v for k, v in row.items()})
    return text.getvalue()
