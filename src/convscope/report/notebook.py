"""How any result shows itself in a notebook: its HTML in our style, else its text or its fields."""

from __future__ import annotations

import dataclasses
from functools import cache
from typing import Any

import numpy as np

from convscope.report.page import escape, style_sheet, table
from convscope.result import Result, renders

__all__ = ["notebook", "result_html"]


@renders("Inspection", "notebook")
def own_frame(result: Result) -> str:
    """Show what has a frame of its own as it is."""
    return result_html(result)


@renders("Result", "notebook")
def notebook(result: Result) -> str:
    """Show a result with the style of our pages, which touches nothing else of the notebook."""
    style = f"<style>@scope (.convscope) {{{_scoped()}}}</style>"
    return f'<div class="convscope">{style}{result_html(result)}</div>'


@cache
def _scoped() -> str:
    """Give the style sheet for a part of a page: what is said of the root and the body holds for the part."""
    return style_sheet().replace(":root", ":scope").replace("\nbody {", "\n:scope {")


def result_html(result: Result) -> str:
    """Give a result as HTML: as its renderer draws it, else what it prints, else its fields."""
    renderer = result._find("html")
    if renderer is not None:
        return str(renderer(result))
    if result._find("text") is not None:
        return f'<pre tabindex="0" role="region" aria-label="the result">{escape(str(result))}</pre>'
    rows = [[field.name, _short(getattr(result, field.name))] for field in _public(result)]
    return table(["field", "value"], rows, caption=type(result).__name__, text_columns=(0, 1))


def _public(result: Result) -> list[dataclasses.Field[Any]]:
    return [field for field in dataclasses.fields(result) if not field.name.startswith("_")]


def _short(value: Any) -> str:
    """Say a value in a line; arrays by their shape."""
    if isinstance(value, np.ndarray):
        return f"{value.dtype} array of shape {value.shape}"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, tuple | list | dict) and len(value) > 12:
        return f"{len(value)} of {type(value).__name__}"
    text = str(value)
    return text if len(text) <= 300 else text[:297] + "..."
