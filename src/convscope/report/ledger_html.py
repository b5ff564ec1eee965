"""A ledger on a page: a bar for each channel, and where the parts stood."""

from __future__ import annotations

from typing import Any

from convscope.explain import Ledger
from convscope.report.colour import hex_colour, ink_on, limit_of, paint
from convscope.report.drawing import draws
from convscope.report.ledger_text import ledger_answer
from convscope.report.page import escape, figure
from convscope.report.picture import data_uri, figure_and_axes
from convscope.report.scale import colour_bar, number
from convscope.report.trace_text import decimals, prepared
from convscope.result import renders

__all__ = ["ledger_html", "plot_ledger"]

_MOST = 24


@renders("Ledger", "html")
def ledger_html(ledger: Ledger) -> str:
    """Show the answer, the channels with a bar each, and the map of places with one diverging scale."""
    lead = "".join(f'<p class="note">{escape(line)}</p>' for line in prepared(ledger.preparation))
    lead += "".join(f"<p>{escape(step)}.</p>" for step in ledger.steps)
    lead += f'<p class="lead">{escape(ledger_answer(ledger))}</p>'
    verdict = "within" if ledger.agrees else "BEYOND"
    said = (
        f"The engine computed {ledger.engine:.9g}; the parts add up to it {verdict} the bound "
        f"{ledger.bound:.1e}. Bars and colours: orange adds, blue takes away, from 0 to the strongest."
    )
    return figure(lead + _table(ledger) + _map(ledger), escape(said))


def _table(ledger: Ledger) -> str:
    """One row a channel, the strongest first; the parts have as many decimals and add up."""
    shown, rest = ledger.entries[:_MOST], ledger.entries[_MOST:]
    limit = max((abs(entry.part) for entry in shown), default=0.0)
    named = any(entry.name for entry in shown)
    rows = [
        _row(f"{e.node}[{e.channel}]", e.part, _bar(e.part, limit), e.maker, e.name, named=named)
        for e in shown
    ]
    if rest:
        count = "one more channel" if len(rest) == 1 else f"{len(rest)} more channels, together"
        rows.append(_row(count, sum(e.part for e in rest), named=named))
    rows.append(_row("constant (biases and norms)", ledger.constant, named=named))
    rows.append(_row(ledger.of, ledger.value, kind=' class="total"', named=named))
    names = '<th scope="col">what it finds</th>' if named else ""
    head = (
        '<tr><th scope="col">channel</th><th scope="col" class="number">part</th><th></th>'
        f'<th scope="col">made by</th>{names}</tr>'
    )
    label = escape(f"The parts of {ledger.of}", quote=True)
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{label}"><table class="parts">'
        f"<caption>{label}</caption><thead>{head}</thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _row(
    head: str, part: float, bar: str = "", maker: str = "", name: str = "", *, kind: str = "", named: bool
) -> str:
    names = f"<td>{escape(name)}</td>" if named else ""
    value = decimals(part, 4).replace("-", "−")
    return (
        f'<tr{kind}><th scope="row">{escape(head)}</th><td class="number">{value}</td>'
        f"<td>{bar}</td><td>{escape(maker)}</td>{names}</tr>"
    )


def _bar(part: float, limit: float) -> str:
    """A bar from the middle to the right for what adds, to the left for what takes away."""
    share = 50 * abs(part) / limit if limit else 0.0
    left = 50 if part >= 0 else 50 - share
    colour = hex_colour(0.7 if part >= 0 else -0.7, 1.0)
    style = f"left:{left:.2f}%;width:{share:.2f}%;background:{colour}"
    return f'<span class="rail" aria-hidden="true"><i style="{style}"></i></span>'


def _map(ledger: Ledger) -> str:
    if not ledger.map or ledger.places.size < 2:
        return ""
    limit = limit_of(ledger.places)
    height, width = ledger.places.shape
    title = f"The parts by place in {escape(ledger.map, quote=True)}, summed over its channels"
    if max(height, width) <= 16:
        cells = "".join(
            "<tr>" + "".join(_cell(float(v), limit) for v in row) + "</tr>" for row in ledger.places
        )
        body = f'<table class="grid places"><caption>{title}</caption>{cells}</table>'
        body = f'<div class="scroll" tabindex="0" role="region" aria-label="{title}">{body}</div>'
    else:
        alt = f"the parts by place in {ledger.map}, {height} by {width}"
        picture = data_uri(paint(ledger.places, limit))
        picture = f'<img class="pixels" src="{picture}" alt="{escape(alt, quote=True)}">'
        body = f'<div class="note">{title}</div><div style="max-width:24rem">{picture}</div>'
    return f"{body}{colour_bar(limit, 'the parts by place')}"


def _cell(value: float, limit: float) -> str:
    colour = hex_colour(value, limit)
    return f'<td style="background:{colour};color:{ink_on(colour)}">{number(value, 3)}</td>'


@draws("Ledger")
@renders("Ledger", "plot")
def plot_ledger(ledger: Ledger, ax: Any = None) -> Any:
    """Draw a bar for each of the strongest channels."""
    entries = ledger.entries[:_MOST][::-1]
    ax = figure_and_axes(ax, (7.4, 1.2 + 0.24 * max(len(entries), 1)))
    names = [f"{e.node}[{e.channel}]" + (f" {e.name}" if e.name else "") for e in entries]
    parts = [e.part for e in entries]
    limit = max((abs(p) for p in parts), default=1.0) or 1.0
    ax.barh(range(len(parts)), parts, color=[hex_colour(p, limit) for p in parts], edgecolor="#5a616d")
    ax.set_yticks(range(len(parts)), names, size=8)
    ax.axvline(0, color="#5a616d", linewidth=0.8)
    ax.set_xlabel("part of each channel", size=8)
    left = f" and {len(ledger.entries) - len(entries)} weaker channels" * (len(ledger.entries) > len(entries))
    # at the right, so that names on the left may be long
    ax.set_title(
        f"{ledger.of} = {number(ledger.value)}\nnot shown: constant {number(ledger.constant)}{left}",
        size=8,
        loc="right",
    )
    return ax
