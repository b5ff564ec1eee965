"""A traced cell on a page: the window, the kernel and their products as grids of coloured numbers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope.explain import GradientTrace, Trace
from convscope.report.colour import grey, hex_colour, ink_on, limit_of
from convscope.report.page import details, escape, figure, table
from convscope.report.picture import data_uri
from convscope.report.trace_text import activation_in_words, engine_in_words, gradient_head, prepared
from convscope.result import renders

__all__ = ["gradient_figure", "trace_figure", "window_in_image"]

_MOST_CELLS = 64  # a window with more is not drawn as a grid
_MOST_TERMS = 2000
_MOST_WHOLE = 40  # a tree of more cells lists the products of the first one only
_IN_A_ROW, _MOST_ROWS = 16, 8


@renders("Trace", "html")
def trace_figure(trace: Trace, before: str = "") -> str:
    """Show a cell as input times kernel gives products, their sum, the bias, and what follows.

    With a depth above 1 the cells that entered most strongly follow, each folded away under a line.
    `before` is HTML that stands before the grids, such as `window_in_image`.
    """
    lead = "".join(f'<p class="note">{escape(line)}</p>' for line in prepared(trace.preparation))
    caption = escape(engine_in_words(trace)) + (
        " Colours: white is zero, orange above, blue below, the darkest being the largest magnitude in each "
        "grid."
    )
    return figure(lead + _account(trace, before), caption) + _tree(trace, _count(trace) <= _MOST_WHOLE)


def _account(trace: Trace, before: str = "", listed: bool = True) -> str:
    """Set the grids or the sums by channel, the total and, if `listed`, every product."""
    blocks = [_total(trace)]
    rows, columns = trace.kernel_size
    if len(trace.terms) == rows * columns <= _MOST_CELLS:
        blocks.insert(0, _grids(trace, before))
    elif len(trace.channels) > 1 and trace.formula == "sum":
        blocks.insert(0, _by_channel(trace))
    if listed and len(trace.terms) <= _MOST_TERMS:
        blocks.append(details(f"All {len(trace.terms)} products, to six decimals", _terms(trace)))
    return "\n".join(blocks)


def _count(trace: Trace) -> int:
    return 1 + sum(map(_count, trace.below))


def _tree(trace: Trace, listed: bool) -> str:
    """Fold each cell that entered most strongly under a line with its value, and those below it inside."""
    if not trace.below:
        return ""
    lines = [f"<h3>What entered {escape(trace.address)} most strongly</h3>"]
    for below in trace.below:
        verdict = "" if below.agrees else ", BEYOND its bound"
        title = f"{below.address} = {_number(below.value, 5)}, {below.kind}{verdict}"
        note = f'<p class="note">{escape(engine_in_words(below))}</p>'
        lines.append(details(title, _account(below, listed=listed) + note + _tree(below, listed)))
    if trace.not_followed:
        others = "one more cell" if trace.not_followed == 1 else f"{trace.not_followed:,} more cells"
        lines.append(f'<p class="note">{others} entered with less and are not followed.</p>')
    return f'<div class="below">{"".join(lines)}</div>'


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


def _grids(trace: Trace, before: str) -> str:
    terms = trace.terms.reshape(trace.kernel_size)
    rows, columns = terms["row"][:, 0], terms["column"][0]
    place = f"rows {rows[0]} to {rows[-1]}, columns {columns[0]} to {columns[-1]}"
    grids = [
        _grid("input", place, terms["input"], terms["padding"]),
        _term("×", _grid("weight", "the kernel", terms["weight"])),
        _term("=", _grid("product", "place by place", terms["product"])),
    ]
    label = f"input times weight of {escape(trace.address, quote=True)}"
    return _scroll(label, f'<div class="sum">{before}{"".join(grids)}</div>')


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
    """Set the sums by channel, sixteen in a row; many rows are folded away."""
    sums, channels = trace.partial_sums(), trace.channels
    limit = limit_of(sums)
    count = len(trace.terms) / len(channels)
    each = f"the {count:.0f} products" if count == int(count) and count > 1 else "the products"
    title = f"The sum of {each} of each input channel, a map of {escape(trace.source)}"
    if count == 1:
        title = f"The product of each input channel, a map of {escape(trace.source)}"
    wide = min(_IN_A_ROW, len(channels))
    rows = []
    for begin in range(0, len(channels), wide):
        own = slice(begin, begin + wide)
        heads = "".join(f'<th scope="col" class="number">{channel}</th>' for channel in channels[own])
        cells = "".join(_coloured(float(value), limit) for value in sums[own])
        rows.append(f"<tr>{heads}</tr><tr>{cells}</tr>")
    body = (
        f'<table class="grid channels"><caption>{title}, under the channel\'s number</caption>'
        f"<tbody>{''.join(rows)}</tbody></table>"
    )
    table = _scroll(f"sums by input channel of {escape(trace.address, quote=True)}", body)
    return details(f"The sums of all {len(channels)} channels", table) if len(rows) > _MOST_ROWS else table


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
    return _result(trace.address, lines)


def _result(address: str, lines: list[tuple[str, float, str]]) -> str:
    body = "".join(
        f'<tr{kind}><th scope="row">{escape(name)}</th><td class="number">{_number(value, 5)}</td></tr>'
        for name, value, kind in lines
    )
    table = f'<table class="result" style="width:auto"><tbody>{body}</tbody></table>'
    return _scroll(f"the sum of {escape(address, quote=True)}", table)


@renders("GradientTrace", "html")
def gradient_figure(trace: GradientTrace) -> str:
    """Show a gradient as the products it is the sum of."""
    lead = "".join(f"<p>{escape(line)}</p>" for line in [*gradient_head(trace), *prepared(trace.preparation)])
    total = [("the sum of the products", trace.value - trace.given, "")]
    if trace.given:
        total.append(("+ given at this cell itself", trace.given, ""))
    total.append((f"= the gradient by {trace.address}", trace.value, ' class="rule"'))
    terms = trace.terms
    if len(terms) > _MOST_TERMS:
        terms = terms[np.sort(np.argsort(-np.abs(terms["product"]), kind="stable")[:_MOST_TERMS])]
    head = ["reader", "output cell", "input cell", "gradient", trace.factors, "product", "sum so far"]
    rows = (
        [
            trace.readers[term["reader"]],
            *(
                ", ".join(str(term[p + name]) for name in ("channel", "row", "column"))
                for p in ("", "input_")
            ),
            *(_number(float(v), 6) for v in (term["gradient"], term["factor"], term["product"], so_far)),
        ]
        for term, so_far in zip(terms, np.cumsum(terms["product"]), strict=True)
    )
    which = f"All {len(terms)}" if len(terms) == len(trace.terms) else f"The strongest {len(terms)}"
    body = table(
        head, rows, text_columns=(0, 1, 2), caption=f"{which} products; cells are channel, row, column"
    )
    products = details(f"{which} products, to six decimals", body) if len(terms) > 24 else body
    body = lead + _result(trace.address, total) + (products if len(terms) else "")
    return figure(body, escape(engine_in_words(trace)))


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
