"""A traced cell as text: aligned columns that add up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope.explain import GradientTrace, Trace
from convscope.report.text_table import aligned
from convscope.result import renders

__all__ = [
    "activation_in_words",
    "decimals",
    "engine_in_words",
    "gradient_head",
    "gradient_text",
    "prepared",
    "trace_text",
]

_MOST_TERMS = 100  # a longer sum is shown by channel, with its strongest products
_MOST_COLUMNS = 7  # a wider window is not drawn as a grid
_PLAIN = "input * weight"


@renders("Trace", "text")
def trace_text(trace: Trace) -> str:
    """Write the cell out: every product, the sum, the bias, the engine's value and what follows.

    A sum of more than 100 products is shown by input channel, with its 20 strongest products.
    """
    lines = [f"{trace.address}: one cell of a {trace.kind} that reads {trace.source}"]
    lines += [*prepared(trace.preparation), ""]
    lines += _window(trace)
    many = len(trace.terms) > _MOST_TERMS
    if many:
        strongest = np.argsort(-np.abs(trace.terms["product"]), kind="stable")[:20]
        lines += [
            f"The 20 strongest of {len(trace.terms)} products:",
            *_terms(trace, trace.terms[np.sort(strongest)], False),
        ]
    else:
        lines += _terms(trace, trace.terms, True)
    if len(trace.channels) > 1 and trace.summand == _PLAIN:
        lines += ["", "Sum of the products by input channel:", *_channels(trace)]
    return "\n".join([*lines, "", *_totals(trace), *_tree(trace)])


def prepared(steps: tuple[str, ...]) -> list[str]:
    """Say what was done to the image, if anything was."""
    return [f"The image was prepared: {'; '.join(steps)}."] if steps else []


def _window(trace: Trace) -> list[str]:
    """Draw window, kernel and products side by side, where there is one small window."""
    rows, columns = trace.kernel_size
    terms = trace.terms
    if trace.kind not in ("Conv2d", "TableConv2d", "AvgPool2d") or columns > _MOST_COLUMNS:
        return []
    if len(trace.channels) != 1 or len(terms) != rows * columns or len(terms) > _MOST_TERMS:
        return []
    first, last = terms[0], terms[-1]
    place = f"rows {first['row']} to {last['row']} and columns {first['column']} to {last['column']}"
    lines = [
        f"The {rows}x{columns} window lies on {place} of channel {first['channel']} of {trace.source}.",
        "Each number of the window is multiplied with the weight at the same place of the kernel;",
        "then all products are added up.",
    ]
    if terms["padding"].any():
        lines.append("A dot is padding: the window reaches beyond the edge there, and 0 stands in.")
    grids = [
        _grid("the window", terms["input"], rows, terms["padding"]),
        _grid("the kernel", terms["weight"], rows),
        _grid("the products", terms["product"], rows),
    ]
    signs = [" " * 5] * (rows + 1)
    middle = 1 + rows // 2
    for number in range(rows + 1):
        sign = ("  x  ", "  =  ") if number == middle else (signs[number], signs[number])
        row = [grids[0][number], sign[0], grids[1][number], sign[1], grids[2][number]]
        if number == 0:
            lines.append("")
        lines.append("".join(row).rstrip())
    return [*lines, ""]


def _grid(title: str, values: NDArray[Any], rows: int, dots: NDArray[np.bool_] | None = None) -> list[str]:
    cells = [decimals(float(v), 4) for v in values]
    if dots is not None:
        cells = ["." if dot else cell for cell, dot in zip(cells, dots, strict=True)]
    width = max(map(len, cells))
    columns = len(cells) // rows
    body = [
        "  ".join(cell.rjust(width) for cell in cells[r * columns : (r + 1) * columns]) for r in range(rows)
    ]
    wide = max(len(title), len(body[0]))
    return [line.ljust(wide) for line in [title, *body]]


def _terms(trace: Trace, terms: NDArray[np.void], running: bool) -> list[str]:
    product = "= product" if trace.summand == _PLAIN else f"= {trace.summand}"
    several = len(trace.sources) > 1
    head = (["of"] if several else []) + ["channel", "row", "column", "input", "x weight", product]
    head += ["sum so far"] if running else []
    sums = np.cumsum(terms["product"])
    rows = []
    for term, total in zip(terms, sums, strict=True):
        given = "padding" if term["padding"] else decimals(float(term["input"]))
        row = [trace.sources[term["source"]]] if several else []
        row += [str(term["channel"]), str(term["row"]), str(term["column"]), given]
        row += [decimals(float(term["weight"])), decimals(float(term["product"]))] + (
            [decimals(total)] if running else []
        )
        rows.append(row)
    return aligned(head, rows)


def _channels(trace: Trace) -> list[str]:
    rows = [[str(c), decimals(float(s))] for c, s in zip(trace.channels, trace.partial_sums(), strict=True)]
    return aligned(["channel", "sum"], rows)


def decimals(value: float, digits: int = 6) -> str:
    """Write a number with `digits` decimals; what is zero so far has no sign.

    Examples
    --------
    >>> decimals(-0.25, 2), decimals(-1e-9)
    ('-0.25', '0.000000')
    """
    text = f"{value:.{digits}f}"
    return text.lstrip("-") if float(text) == 0 else text


def _totals(trace: Trace) -> list[str]:
    total = trace.total - trace.bias
    rows: list[tuple[str, float]] = [
        ("sum of the products", total),
        ("+ bias", trace.bias),
    ]
    if trace.formula == "sum":
        rows.append(("= value", trace.value))
    else:
        rows += [("= sum", trace.total), (f"value = {trace.formula}", trace.value)]
    rows += [(f"{after.node} ({activation_in_words(after.kind)})", after.value) for after in trace.after]
    width = max(len(name) for name, _ in rows)
    lines = [f"{name.ljust(width)}  {decimals(value):>14}" for name, value in rows]
    return [*lines, "", engine_in_words(trace)]


def _tree(trace: Trace) -> list[str]:
    if not trace.below:
        return []
    return ["", "What entered most strongly, layer by layer down:", *_branches(trace, 1)]


def _branches(trace: Trace, level: int) -> Iterator[str]:
    for below in trace.below:
        verdict = "" if below.agrees else ", BEYOND its bound"
        yield (
            f"{'  ' * level}{below.address} = {decimals(below.value)}, a {below.kind} of "
            f"{_products(len(below.terms))}{verdict}"
        )
        yield from _branches(below, level + 1)
    if trace.not_followed:
        yield f"{'  ' * level}and {trace.not_followed} more"


def engine_in_words(trace: Trace | GradientTrace) -> str:
    """Say in one sentence what the engine computed and whether it agrees."""
    difference = abs(trace.engine - trace.value)
    verdict = "within" if trace.agrees else "BEYOND"
    return (
        f"The engine computed {trace.engine:.9g} in {trace.dtype}; the difference {difference:.1e} is "
        f"{verdict} the bound "
        f"{trace.bound:.1e} for rounding {_products(len(trace.terms))}."
    )


def _products(count: int) -> str:
    return f"{count} product" + "s" * (count != 1)


@renders("GradientTrace", "text")
def gradient_text(trace: GradientTrace) -> str:
    """Write a gradient out as the products it is the sum of."""
    lines = [*gradient_head(trace), *prepared(trace.preparation), ""]
    terms = trace.terms
    if len(terms) > _MOST_TERMS:
        terms = terms[np.sort(np.argsort(-np.abs(terms["product"]), kind="stable")[:20])]
        lines.append(f"The 20 strongest of {len(trace.terms)} products:")
    head = ["reader", "channel", "row", "column", "input at", "gradient", f"x {trace.factors}", "= product"]
    rows = [
        [
            trace.readers[term["reader"]],
            *(str(term[name]) for name in ("channel", "row", "column")),
            ",".join(str(term[f"input_{name}"]) for name in ("channel", "row", "column")),
            *(decimals(float(term[name])) for name in ("gradient", "factor", "product")),
        ]
        for term in terms
    ]
    lines += aligned(head, rows) if rows else ["No gradient came by."]
    if trace.given:
        lines += ["", f"+ {trace.given:.6f}, given at this cell itself"]
    return "\n".join([*lines, "", f"= {trace.value:.6f}", "", engine_in_words(trace)])


def gradient_head(trace: GradientTrace) -> list[str]:
    """Say what a gradient is made of, in words."""
    if not trace.readers:
        return [f"The gradient of {trace.of} by {trace.address}: nothing that leads there reads it."]
    readers = ", ".join(trace.readers)
    factor = "1" if trace.factors == "1" else f"the {trace.factors} it meets"
    products = f"{_products(len(trace.terms))} of an output gradient of {readers} and {factor}"
    lines = [f"The gradient of {trace.of} by {trace.address}: {products}."]
    for reader, words in zip(trace.readers, trace.derivatives, strict=False):
        if words:
            lines.append(f"The derivative of {reader}: {words}.")
    return lines


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
