"""A traced cell on a page: the window, the kernel and their products as grids of coloured numbers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope.explain import Trace
from convscope.report.colour import grey, hex_colour, ink_on, limit_of
from convscope.report.page import details, escape, figure, table
from convscope.report.picture import data_uri
from convscope.report.trace_text import activation_in_words, engine_in_words
from convscope.result import renders

__all__ = ["trace_figure", "window_in_image"]

_MOST_CELLS = 64  # a window with more is not drawn as a grid
_MOST_TERMS = 2000


@renders("Trace", "html")
def trace_figure(trace: Trace, before: str = "") -> str:
    """Show a cell as input times kernel gives products, their sum, the bias, and what follows.

    `before` is HTML that stands before the grids, such as `window_in_image`.
    """
    blocks = [_total(trace)]
    rows, columns = trace.kernel_size
    if len(trace.terms) == rows * columns <= _MOST_CELLS:
        blocks.insert(0, _grids(trace.terms.reshape(rows, columns), before))
    elif len(trace.channels) > 1 and trace.formula == "sum":
        blocks.insert(0, _by_channel(trace))
    if len(trace.terms) <= _MOST_TERMS:
        blocks.append(details(f"All {len(trace.terms)} products, to six decimals", _terms(trace)))
    caption = escape(engine_in_words(trace)) + (
        " Colours: white is zero, orange above, blue below, the darkest being the largest magnitude in each "
        "grid."
    )
    return figure("\n".join(blocks), caption)


def window_in_image(trace: Trace, image: NDArray[Any]) -> str:
    """Show where in a one-channel (1, H, W) image the window of a cell lies, as a frame."""
    height, width = image.shape[1:]
    rows, columns = trace.terms["row"], trace.terms["column"]
    box = {
        "top": rows.min() / height,
        "left": columns.min() / width,
        "height": (rows.max() - rows.min() + 1) / height,
        "width": (columns.max() - columns.min() + 1) / width,
    }
    low, high = float(image.min()), float(image.max())
    style = ";".join(f"{name}:{share:.2%}" for name, share in box.items())
    place = f"rows {rows.min()} to {rows.max()}, columns {columns.min()} to {columns.max()}"
    alt = f"the image with a frame around {place}"
    picture = f'<img class="pixels" src="{data_uri(grey(high + low - image[0], low, high))}" alt="{alt}">'
    note = '<span class="note">the window</span>'
    return f'<div class="where">{note}<div>{picture}<i style="{style}"></i></div></div>'


def _grids(terms: NDArray[np.void], before: str) -> str:
    rows, columns = terms["row"][:, 0], terms["column"][0]
    place = f"rows {rows[0]} to {rows[-1]}, columns {columns[0]} to {columns[-1]}"
    grids = [
        _grid("input", place, terms["input"], terms["padding"]),
        _term("×", _grid("weight", "the kernel", terms["weight"])),
        _term("=", _grid("product", "place by place", terms["product"])),
    ]
    return _scroll("input times weight", f'<div class="sum">{before}{"".join(grids)}</div>')


def _term(sign: str, grid: str) -> str:
    return f'<div class="term"><span class="sign" aria-hidden="true">{sign}</span>{grid}</div>'


def _scroll(label: str, body: str) -> str:
    return f'<div class="scroll" tabindex="0" role="region" aria-label="{label}">{body}</div>'


def _grid(title: str, note: str, values: NDArray[Any], padding: NDArray[Any] | None = None) -> str:
    limit = limit_of(values)

    def cell(row: int, column: int) -> str:
        value = float(values[row, column])
        if padding is not None and padding[row, column]:
            return '<td class="pad">pad 0</td>'
        return _coloured(value, limit)

    body = "".join(
        f"<tr>{''.join(cell(r, c) for c in range(values.shape[1]))}</tr>" for r in range(values.shape[0])
    )
    return f'<table class="grid"><caption><b>{title}</b><br>{note}</caption><tbody>{body}</tbody></table>'


def _by_channel(trace: Trace) -> str:
    sums = trace.partial_sums()
    limit = limit_of(sums)
    cells = "".join(_coloured(float(value), limit) for value in sums)
    heads = "".join(f'<th scope="col" class="number">{channel}</th>' for channel in trace.channels)
    count = len(trace.terms) // len(trace.channels)
    title = f"The sum of the {count} products of each input channel, a map of {escape(trace.source)}"
    body = (
        f'<table class="grid"><caption>{title}</caption>'
        f'<thead><tr><th scope="row">channel</th>{heads}</tr></thead>'
        f'<tbody><tr><th scope="row">sum</th>{cells}</tr></tbody></table>'
    )
    return _scroll("sums by input channel", body)


def _coloured(value: float, limit: float) -> str:
    colour = hex_colour(value, limit)
    return f'<td style="background:{colour};color:{ink_on(colour)}">{_number(value, 3)}</td>'


def _total(trace: Trace) -> str:
    lines = [
        (f"sum of the {len(trace.terms)} products", trace.total - trace.bias, ""),
        ("+ bias", trace.bias, ""),
    ]
    if trace.formula != "sum":
        lines.append(("= sum", trace.total, ""))
    named = "" if trace.formula == "sum" else f" = {trace.formula}"
    lines.append((f"= {trace.address}{named}", trace.value, ' class="rule"'))
    lines += [(f"{a.node}, {activation_in_words(a.kind)}", a.value, "") for a in trace.after]
    body = "".join(
        f'<tr{kind}><th scope="row">{escape(name)}</th><td class="number">{_number(value, 5)}</td></tr>'
        for name, value, kind in lines
    )
    return f'<div class="scroll"><table class="result" style="width:auto"><tbody>{body}</tbody></table></div>'


def _terms(trace: Trace) -> str:
    product = "product" if trace.summand == "input * weight" else trace.summand
    head = ["channel", "row", "column", "input", "weight", product, "sum so far"]
    return table(head, _rows(trace), text_columns=(), caption=f"The products of {trace.address}")


def _rows(trace: Trace) -> Iterator[list[str]]:
    for term, total in zip(trace.terms, np.cumsum(trace.terms["product"]), strict=True):
        given = "padding" if term["padding"] else _number(float(term["input"]), 6)
        yield [
            str(term["channel"]),
            str(term["row"]),
            str(term["column"]),
            given,
            *(_number(float(v), 6) for v in (term["weight"], term["product"], total)),
        ]


def _number(value: float, digits: int) -> str:
    text = f"{value:.{digits}f}"
    return (text.lstrip("-") if float(text) == 0 else text).replace("-", "−")
