"""The skeleton of a page: one file, nothing loaded from anywhere, for screen, paper and screen reader."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Sequence
from html import escape
from importlib import resources

__all__ = [
    "Markup",
    "breakable",
    "details",
    "escape",
    "figure",
    "link",
    "page",
    "section",
    "style_sheet",
    "table",
    "tiles",
]

# the browser itself refuses to load anything from elsewhere, and to run any script but the page's own
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


class Markup(str):
    """Text that is HTML already: a table does not escape it."""

    __slots__ = ()


def link(anchor: str, text: str) -> Markup:
    """Link to an anchor of this page; both are plain text."""
    return Markup(f'<a href="#{escape(anchor, quote=True)}">{escape(text)}</a>')


def breakable(name: str) -> Markup:
    """Escape the name of a node and let a line break after its slashes, underscores and dots.

    Examples
    --------
    >>> breakable("inception_3b/output")
    'inception_<wbr>3b/<wbr>output'
    """
    return Markup(re.sub(r"([/_.])(?=\w)", r"\1<wbr>", escape(name)))


def style_sheet() -> str:
    """Give the one style sheet of all pages."""
    return asset("page.css")


def asset(name: str) -> str:
    """Give a text file of the pages."""
    return resources.files("convscope.report").joinpath("assets", name).read_text("utf-8")


def page(title: str, header: str, sections: Iterable[str], footer: str, *, script: str = "") -> str:
    """Put a whole page together.

    The style sheet is inside the file; the page names no address to load from, and its policy
    forbids the browser to load any, and to run any script but the one given.

    Parameters
    ----------
    title : str
        Plain text; what the browser's tab shows.
    header, footer : str
        HTML; the header holds the one `h1`.
    sections : iterable of str
        HTML, in reading order.
    script : str
        The name of a script among the assets. The page must make sense without it.
    """
    code = asset(script) if script else ""
    policy, end = _POLICY, ""
    if code:
        digest = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
        policy, end = f"{_POLICY}; script-src 'sha256-{digest}'", f"<script>{code}</script>\n"
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<link rel="icon" href="data:,">
<title>{escape(title)}</title>
<style>
{style_sheet()}</style>
</head>
<body>
<header>
{header}
</header>
<main>
{"".join(sections)}</main>
<footer>
{footer}
</footer>
{end}</body>
</html>
"""


def section(name: str, heading: str, *blocks: str) -> str:
    """Give a section its heading and an anchor, `#name`; `blocks` are HTML."""
    body = "\n".join(blocks)
    top = f'<section id="{name}" aria-labelledby="{name}-h">\n<h2 id="{name}-h">{escape(heading)}</h2>'
    return f"{top}\n{body}\n</section>\n"


def figure(body: str, caption: str, *, kind: str = "") -> str:
    """Set a picture with its caption below, which says how it was scaled; both are HTML."""
    return f'<figure class="{kind}">\n{body}\n<figcaption>{caption}</figcaption>\n</figure>'


def table(
    head: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    caption: str = "",
    text_columns: Sequence[int] = (0,),
    total: bool = False,
) -> str:
    """Set a table: the first column heads its row; all but `text_columns` are numbers, aligned right.

    Cells are plain text and are escaped here, unless they are `Markup`. With `total` the last row is set
    off as the sum of the others. The table scrolls by itself where the page is too narrow for it.
    """

    def cell(tag: str, column: int, text: str, scope: str = "") -> str:
        kind = "" if column in text_columns else ' class="number"'
        body = text if isinstance(text, Markup) else escape(text)
        return f"<{tag}{scope}{kind}>{body}</{tag}>"

    top = "".join(cell("th", i, text, ' scope="col"') for i, text in enumerate(head))
    lines = []
    for row in rows:
        first = cell("th", 0, row[0], ' scope="row"')
        lines.append(
            "<tr>" + first + "".join(cell("td", i, text) for i, text in enumerate(row[1:], 1)) + "</tr>"
        )
    title = f"<caption>{escape(caption)}</caption>" if caption else ""
    label = escape(caption or ", ".join(head), quote=True)
    if total:
        lines[-1] = lines[-1].replace("<tr>", '<tr class="total">', 1)
    body = "\n".join(lines)
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{label}"><table>{title}'
        f"<thead><tr>{top}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>"
    )


def tiles(numbers: Iterable[tuple[str, str]]) -> str:
    """Set a few leading numbers, each a (number, what it is) pair of plain text."""
    items = "".join(
        f"<div><dt>{escape(what)}</dt><dd>{escape(number)}</dd></div>" for number, what in numbers
    )
    return f'<dl class="tiles">{items}</dl>'


def details(summary: str, body: str) -> str:
    """Fold HTML away under a line of plain text; the browser opens it without a script."""
    return f"<details><summary>{escape(summary)}</summary>\n{body}\n</details>"
