"""A kernel table as part of a page: pictures with their verdicts, the layer, its findings."""

from __future__ import annotations

from collections.abc import Iterable

from convscope.explain import KernelTables, SeenFromImage
from convscope.kernels import KernelTable, Layer, Verdict
from convscope.report.frequency_plane import coverage_figure
from convscope.report.kernel_sheet import POWER_COLOURS, power_levels
from convscope.report.kernel_words import family_counts, kernel_pixels, pixel_rule, short_facts, title
from convscope.report.page import escape, figure, table
from convscope.report.picture import data_uri, palette_uri
from convscope.result import renders

__all__ = ["finding_table", "kernel_list", "kernel_table_html", "verdict_note"]

_MOST = 96


@renders("KernelTable", "html")
def kernel_table_html(kernels: KernelTable) -> str:
    """Show each filter with its frequency response and verdict, then the layer view."""
    more = f" {len(kernels) - _MOST} more filters are not shown." if len(kernels) > _MOST else ""
    caption = (
        f"{escape(family_counts(kernels.counts))}. Left of each: {pixel_rule(kernels)}. Right: power at each "
        f"frequency, 0 in the middle, half a cycle per pixel at the edges, dark the largest.{more}"
    )
    grid = figure(kernel_list(kernels, range(min(_MOST, len(kernels)))), caption)
    return grid + layer_html(kernels.layer)


def kernel_list(kernels: KernelTable, filters: Iterable[int]) -> str:
    """List filters, each with its frequency response and verdict, and what a page sorts them by."""
    return f'<ul class="kernels">{"".join(_item(kernels, i, kernels[i]) for i in filters)}</ul>'


@renders("KernelTables", "html")
def kernel_tables_html(tables: KernelTables) -> str:
    """Show one row for each layer."""
    rows = [
        [
            name,
            "×".join(str(n) for n in kernels.weight.shape),
            family_counts(kernels.counts),
            ", ".join(f.name for f in kernels.layer.findings if f.found) or "-",
        ]
        for name, kernels in tables.items()
    ]
    return table(["layer", "weight", "families", "findings"], rows, text_columns=(0, 1, 2, 3))


@renders("SeenFromImage", "html")
def seen_html(seen: SeenFromImage) -> str:
    """Say what was assumed, then show the table."""
    assumed = "; ".join(seen.assumptions) or "nothing: the layers up to it are linear"
    return f"<p>Assumed: {escape(assumed)}.</p>{kernel_table_html(seen.table)}"


@renders("Layer", "html")
def layer_html(layer: Layer) -> str:
    """Show coverage, orientations and findings of a layer."""
    return coverage_figure(layer) + finding_table(layer)


@renders("Verdict", "html")
def verdict_html(v: Verdict) -> str:
    """Say the verdict in a sentence."""
    return f"<p><b>{escape(title(v))}</b> {escape(v.sentence)}</p>"


def finding_table(layer: Layer, node: str = "") -> str:
    """Set the findings of a layer as a table, with its name where a page has several."""
    rows = [
        [
            f.name,
            "yes" if f.found else "no",
            f.text,
            f"{f.threshold:.3g}",
            f.source,
            f.advice if f.found else "",
        ]
        for f in layer.findings
    ]
    head = ["finding", "found", "what was measured", "threshold", "source", "what one might do"]
    caption = f"The checks of {node}" if node else ""
    return table(head, rows, caption=caption, text_columns=(0, 1, 2, 4, 5))


def verdict_note(v: Verdict) -> str:
    """Give a verdict as a note (HTML) below a small kernel: the family, and what decides."""
    return " ".join([f"<b>{escape(title(v))}</b>", *(f"<br>{escape(line)}" for line in short_facts(v)[:2])])


def _item(kernels: KernelTable, index: int, v: Verdict) -> str:
    name = f"{kernels.node}[{index}]" if kernels.node else f"[{index}]"
    alt = escape(f"kernel {name}: {v.sentence}", quote=True)
    facts = "".join(f"<br>{escape(line)}" for line in short_facts(v))
    picture = f'<img class="pixels" src="{data_uri(kernel_pixels(kernels, index, v.pattern))}" alt="{alt}">'
    spectrum = palette_uri(power_levels(v), POWER_COLOURS)
    heard = f"its power: {100 * v.low:.0f} % low, {100 * v.middle:.0f} % middle, {100 * v.high:.0f} % high"
    power = f'<img class="pixels" src="{spectrum}" alt="{heard}">'
    words = f'<span class="note"><b>{escape(title(v))}</b>{facts}</span>'
    pictures = f'<div class="name">{escape(name)}</div><div class="pair">{picture}{power}</div>'
    return f"<li{_keys(index, v)}>{pictures}{words}</li>"


def _keys(index: int, v: Verdict) -> str:
    """Give what a page sorts and chooses filters by, as attributes."""
    angle = "" if v.orientation is None else f"{v.orientation % 180:.0f}"
    values = {"n": index, "family": v.family, "angle": angle, "norm": f"{v.norm:.4g}",
              "peak": f"{v.peak_frequency:.3f}", "sure": f"{v.confidence:.3f}"}  # fmt: skip
    return "".join(f' data-{name}="{value}"' for name, value in values.items())
