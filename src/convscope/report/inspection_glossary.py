"""Every kind of number on the page in one sentence, with its source."""

from __future__ import annotations

import tomllib

from convscope.report.page import asset, escape

__all__ = ["glossary"]


def glossary() -> str:
    """Set the numbers of `assets/numbers.toml` as a list of terms."""
    return f'<dl class="glossary">{"".join(map(_item, tomllib.loads(asset("numbers.toml"))["number"]))}</dl>'


def _item(number: dict[str, str]) -> str:
    source = f' <span class="note">{escape(number["source"])}</span>' if "source" in number else ""
    return f"<div><dt>{escape(number['name'])}</dt><dd>{escape(number['meaning'])}{source}</dd></div>"
