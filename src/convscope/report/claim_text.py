"""A claim and its finding, as text and as part of a page."""

from __future__ import annotations

import textwrap
from typing import Any

from convscope.claims import Claim, Claims
from convscope.report.claim_plot import claim_figure
from convscope.report.page import escape, figure, page, section, table
from convscope.report.picture import figure_uri
from convscope.report.scale import number
from convscope.result import renders

__all__ = ["claim_text", "claims_page", "told"]

_WIDTH = 100


def told(value: Any) -> str:
    """Write one number, or a list of them, shortly.

    Examples
    --------
    >>> told([1, 0.123456, True, "x", ""]), told(34944)
    ('1, 0.1235, yes, x, –', '34,944')
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return number(value)
    if isinstance(value, list):
        return ", ".join(f"({told(item)})" if isinstance(item, list) else told(item) for item in value) or "–"
    return str(value) or "–"


@renders("Claim", "text")
def claim_text(claim: Claim) -> str:
    """Write id, statement, what came out, and the finding."""
    head = f"{claim.id}: {claim.verdict}"
    lines = [head, *_wrap(f"Statement: {_sentence(claim.statement)}")]
    if claim.numbers:
        lines.append(f"  What came out ({claim.data}, {claim.seconds:.1f} s):")
        for name, value in claim.numbers.items():
            lines += textwrap.wrap(
                f"{name}: {told(value)}", _WIDTH, initial_indent="    ", subsequent_indent="      "
            )
    return "\n".join([*lines, *_wrap(f"Finding: {claim.verdict}. {claim.finding}")])


@renders("Claim", "html")
def claim_html(claim: Claim) -> str:
    """Set verdict, finding, picture and numbers."""
    parts = [
        f"<p><strong>{escape(claim.verdict)}.</strong> {escape(claim.finding)}</p>",
        f"<p>Statement: {escape(_sentence(claim.statement))}</p>",
    ]
    if claim.picture:
        alt = escape(f"{claim.id}: {claim.finding}", quote=True)
        uri = figure_uri(claim_figure(claim))
        body = f'<img style="max-width:100%;background:#fff" alt="{alt}" src="{uri}">'
        parts.append(figure(body, f"Ran on {escape(claim.data)}, in {claim.seconds:.1f} s."))
    if claim.numbers:
        rows = [(name, told(value)) for name, value in claim.numbers.items()]
        parts.append(table(("what came out", "number"), rows, text_columns=(0, 1)))
    return "\n".join(parts)


@renders("Claims", "text")
def claims_text(claims: Claims) -> str:
    """Write every claim, then how many hold."""
    counts = ", ".join(f"{count} {verdict}" for verdict, count in claims.counts.items() if count)
    return "\n\n".join(
        [*(claim_text(claim) for claim in claims.claims), f"{len(claims.claims)} claims: {counts}"]
    )


@renders("Claims", "html")
def claims_html(claims: Claims) -> str:
    """Set a table of all verdicts, and every claim below it."""
    rows = [(claim.id, claim.statement, claim.verdict) for claim in claims.claims]
    head = table(("claim", "statement", "finding"), rows, text_columns=(0, 1, 2))
    return head + "".join(section(claim.id, claim.id, claim_html(claim)) for claim in claims.claims)


@renders("Claims", "page")
def claims_page(claims: Claims) -> str:
    """Put all claims on one page."""
    title = "What is said about convolutional networks, tested"
    rows = [(claim.id, claim.statement, claim.verdict) for claim in claims.claims]
    body = [
        section("all", "All claims", table(("claim", "statement", "finding"), rows, text_columns=(0, 1, 2)))
    ]
    body += [section(claim.id, claim.id, claim_html(claim)) for claim in claims.claims]
    footer = "<p>" + escape(", ".join(f"{name} {value}" for name, value in claims.made.items())) + "</p>"
    return page(title, f"<h1>{title}</h1>", body, footer)


def _sentence(text: str) -> str:
    return text if text.endswith("?") else f"{text}."


def _wrap(text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent="  ", subsequent_indent="  ")
