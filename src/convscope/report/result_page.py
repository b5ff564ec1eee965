"""Any result that shows itself in a notebook, as a page of its own."""

from __future__ import annotations

import datetime

from convscope.report.notebook import result_html
from convscope.report.page import escape, page, section
from convscope.result import Result, renders

__all__ = ["result_page"]


@renders("Result", "page")
def result_page(result: Result) -> str:
    """Put a result's HTML on a page: one file, nothing loaded from anywhere."""
    from convscope import __version__

    name = str(getattr(result, "address", "") or getattr(result, "node", "") or getattr(result, "name", ""))
    kind = _spaced(type(result).__name__)
    title = f"{kind}: {name}" if name else kind
    footer = f"<p>convscope {__version__}, {datetime.date.today().isoformat()}</p>"
    body = section("result", kind, result_html(result))
    return page(title, f"<h1>{escape(title)}</h1>", [body], footer)


def _spaced(name: str) -> str:
    """Part the words of a class name.

    Examples
    --------
    >>> _spaced("LocalKernel")
    'Local kernel'
    """
    words = "".join(f" {c.lower()}" if c.isupper() else c for c in name).strip()
    return words[:1].upper() + words[1:]
