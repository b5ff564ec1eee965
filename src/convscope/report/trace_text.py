"""A traced cell as text: aligned columns that add up."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope.explain import Trace
from convscope.result import renders

__all__ = ["activation_in_words", "engine_in_words", "trace_text"]

_MOST_TERMS = 100  # a longer sum is shown by channel, with its strongest products


@renders("Trace", "text")
def trace_text(trace: Trace) -> str:
    """Write the cell out: every product, the sum, the bias, the engine's value and what follows.

    A sum of more than 100 products is shown by input channel, with its 20 strongest products.
    """
    lines = [f"{trace.address}, one cell of a {trace.kind} that reads {trace.source}", ""]
    many = len(trace.terms) > _MOST_TERMS
    if many:
        strongest = np.argsort(-np.abs(trace.terms["product"]), kind="stable")[:20]
        lines += [
            f"The 20 strongest of {len(trace.terms)} products:",
            *_terms(trace.terms[np.sort(strongest)], False),
        ]
    else:
        lines += _terms(trace.terms, True)
    if len(trace.channels) > 1:
        lines += ["", "Sum of the products by input channel:", *_channels(trace)]
    return "\n".join([*lines, "", *_totals(trace)])


def _terms(terms: NDArray[np.void], running: bool) -> list[str]:
    head = ["channel", "row", "column", "input", "x weight", "= product"] + (
        ["sum so far"] if running else []
    )
    sums = np.cumsum(terms["product"])
    rows = []
    for term, total in zip(terms, sums, strict=True):
        given = "padding" if term["padding"] else f"{term['input']:.6f}"
        row = [str(term["channel"]), str(term["row"]), str(term["column"]), given]
        row += [f"{term['weight']:.6f}", f"{term['product']:.6f}"] + ([f"{total:.6f}"] if running else [])
        rows.append(row)
    return _aligned(head, rows)


def _channels(trace: Trace) -> list[str]:
    rows = [[str(c), f"{s:.6f}"] for c, s in zip(trace.channels, trace.partial_sums(), strict=True)]
    return _aligned(["channel", "sum"], rows)


def _aligned(head: list[str], rows: list[list[str]]) -> list[str]:
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    return [
        "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in [head, *rows]
    ]


def _totals(trace: Trace) -> list[str]:
    total = trace.value - trace.bias
    rows: list[tuple[str, float]] = [
        ("sum of the products", total),
        ("+ bias", trace.bias),
        ("= value", trace.value),
    ]
    rows += [(f"{after.node} ({activation_in_words(after.kind)})", after.value) for after in trace.after]
    width = max(len(name) for name, _ in rows)
    lines = [f"{name.ljust(width)}  {value:>14.6f}" for name, value in rows]
    return [*lines, "", engine_in_words(trace)]


def engine_in_words(trace: Trace) -> str:
    """Say in one sentence what the engine computed and whether it agrees."""
    difference = abs(trace.engine - trace.value)
    verdict = "within" if trace.agrees else "BEYOND"
    return (
        f"The engine computed {trace.engine:.9g} in {trace.dtype}; the difference {difference:.1e} is "
        f"{verdict} the bound {trace.bound:.1e} for rounding {len(trace.terms)} products."
    )


def activation_in_words(kind: str) -> str:
    """Say what a following layer does to one number.

    Examples
    --------
    >>> activation_in_words("ReLU")
    'ReLU: the value, or 0 if it is negative'
    """
    words: dict[str, Any] = {
        "ReLU": "ReLU: the value, or 0 if it is negative",
        "Tanh": "tanh",
        "BatchNorm": "batch norm: the channel's mean and spread taken out",
        "Dropout": "dropout: passes everything on outside training",
    }
    return str(words.get(kind, kind))
