"""Colour bars, as HTML, and how numbers are written beside pictures."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope.report.colour import css_gradient

__all__ = ["colour_bar", "number", "numbers", "short"]


def number(value: float, digits: int = 4) -> str:
    """Write a value with `digits` significant digits and a true minus sign.

    Examples
    --------
    >>> number(-0.123456), number(0.0), number(12345.6), number(1e-9)
    ('−0.1235', '0', '12350', '1e−09')
    """
    if not np.isfinite(value):
        return str(float(value)).replace("-", "−")
    if value == 0:
        return "0"
    text = f"{value:.{digits}g}"
    if "e+" in text:
        text = f"{float(text):.0f}"
    return text.replace("-", "−")


def short(count: float) -> str:
    """Write a large count in thousands, millions or billions.

    Examples
    --------
    >>> short(950), short(12_345), short(7_800_000)
    ('950', '12.3 k', '7.8 M')
    """
    for size, unit in ((1e9, " G"), (1e6, " M"), (1e4, " k")):
        if count >= size:
            return f"{count / (1e3 if unit == ' k' else size):.3g}{unit}"
    return f"{count:,.0f}"


def numbers(values: NDArray[Any], digits: int = 2) -> str:
    """Write a small matrix as text, rows set apart by semicolons, for alternative texts.

    Examples
    --------
    >>> numbers(np.array([[0.5, -1.0], [0.0, 2.0]]))
    '0.5 −1; 0 2'
    """
    return "; ".join(" ".join(number(v, digits) for v in row) for row in np.atleast_2d(values))


def colour_bar(limit: float, what: str) -> str:
    """Draw the diverging scale from -limit over 0 to limit; `what`, plain text, says whose values."""
    low, high = number(-limit, 3), number(limit, 3)
    label = escape(f"colour scale for {what}: blue {low}, white 0, orange {high}", quote=True)
    marks = f"<span>{low}</span><span>0</span><span>{high}</span>"
    return (
        f'<div class="scale" role="img" aria-label="{label}">'
        f'<div class="bar" style="background:{css_gradient()}"></div>'
        f'<div class="marks" aria-hidden="true">{marks}</div></div>'
    )
