"""A ledger on a page: a bar for each channel, and where the parts stood."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from convscope.explain import Ledger
from convscope.report.colour import hex_colour, ink_on, limit_of, paint
from convscope.report.ledger_text import ledger_answer
from convscope.report.page import escape, figure, table
from convscope.report.picture import data_uri, figure_and_axes, save_figure
from convscope.report.scale import colour_bar, number
from convscope.result import renders

__all__ = ["ledger_html", "plot_ledger"]

_MOST = 24


@renders("Ledger", "html")
def ledger_html(ledger: Ledger) -> str:
    """Show the channels with their parts, and the map of places with one diverging scale."""
    steps = "".join(f"<p>{escape(step)}.</p>" for step in ledger.steps)
    rows = [[f"{e.node}[{e.channel}]", number(e.part), e.maker, e.name] for e in ledger.entries[:_MOST]]
    rest = ledger.entries[_MOST:]
    if rest:
        rows.append([f"{len(rest)} more channels", number(sum(e.part for e in rest)), "", ""])
    rows += [
        ["constant (biases and norms)", number(ledger.constant), "", ""],
        [ledger.of, number(ledger.value), "", ""],
    ]
    caption = f"The parts of {ledger.of}"
    head = ["channel", "part", "made by", "what it shows"]
    body = steps + table(head, rows, caption=caption, text_columns=(0, 2, 3), total=True) + _map(ledger)
    verdict = "within" if ledger.agrees else "BEYOND"
    said = (
        f"{ledger_answer(ledger)} The engine computed {ledger.engine:.9g}; the parts add up to it {verdict} "
        f"the bound {ledger.bound:.1e}."
    )
    return figure(body, escape(said))


def _map(ledger: Ledger) -> str:
    if not ledger.map or ledger.places.size < 2:
        return ""
    limit = limit_of(ledger.places)
    height, width = ledger.places.shape
    if max(height, width) <= 16:
        cells = "".join(
            "<tr>" + "".join(_cell(float(v), limit) for v in row) + "</tr>" for row in ledger.places
        )
        body = f'<table class="grid"><caption>by place in {escape(ledger.map)}</caption>{cells}</table>'
    else:
        alt = f"the parts by place in {ledger.map}, {height} by {width}"
        picture = data_uri(paint(ledger.places, limit))
        body = f'<img class="pixels" src="{picture}" alt="{escape(alt, quote=True)}">'
    return f"{body}{colour_bar(limit, 'the parts by place')}"


def _cell(value: float, limit: float) -> str:
    colour = hex_colour(value, limit)
    return f'<td style="background:{colour};color:{ink_on(colour)}">{number(value, 3)}</td>'


@renders("Ledger", "png")
@renders("Ledger", "svg")
@renders("Ledger", "pdf")
def save_ledger(ledger: Ledger, path: Path) -> None:
    """Write the bars to a picture."""
    save_figure(plot_ledger(ledger).figure, path)


@renders("Ledger", "plot")
def plot_ledger(ledger: Ledger, ax: Any = None) -> Any:
    """Draw a bar for each of the strongest channels."""
    entries = ledger.entries[:_MOST][::-1]
    ax = figure_and_axes(ax, (6.4, 1.2 + 0.24 * max(len(entries), 1)))
    names = [f"{e.node}[{e.channel}]" + (f" {e.name}" if e.name else "") for e in entries]
    parts = [e.part for e in entries]
    limit = max((abs(p) for p in parts), default=1.0) or 1.0
    ax.barh(range(len(parts)), parts, color=[hex_colour(p, limit) for p in parts], edgecolor="#5a616d")
    ax.set_yticks(range(len(parts)), names)
    ax.axvline(0, color="#5a616d", linewidth=0.8)
    ax.set_xlabel(f"part of {ledger.of} = {ledger.value:.4g} (constant {ledger.constant:.4g})")
    return ax
