"""Results that are a few lines and a picture, as a page."""

from __future__ import annotations

import re

from convscope.explain import CompositeKernel, ConvolutionForms, LocalKernel, NodeField
from convscope.report.page import escape, figure
from convscope.report.picture import figure_uri
from convscope.result import Result, renders

__all__ = ["lines_and_picture"]

_Plain = CompositeKernel | ConvolutionForms | LocalKernel | NodeField
# what the picture's colours mean, by the kind of result; those that are missing here have no picture
_SCALES = {
    "LocalKernel": "White is 0, orange adds, blue takes away.",
    "NodeField": "The frame is the rectangle of the cell.",
}


@renders("Carriers", "html")
@renders("CompositeKernel", "html")
@renders("ConvolutionForms", "html")
@renders("LocalKernel", "html")
@renders("NodeField", "html")
def lines_and_picture(result: _Plain) -> str:
    """Set the lines that the result prints, and its picture if it has one."""
    lines = str(result)
    body = f'<pre tabindex="0" role="region" aria-label="the result">{escape(lines)}</pre>'
    kind = type(result).__name__
    if kind not in _SCALES:
        return body
    return body + figure(_picture(result, lines), _SCALES[kind])


def _picture(result: Result, lines: str) -> str:
    from matplotlib.figure import Figure

    drawing = Figure(figsize=(4.6, 4.2), layout="constrained")
    result.plot(drawing.add_subplot())
    alt = escape(re.sub(r"\s+", " ", lines.partition("\n")[0]), quote=True)
    return f'<img src="{figure_uri(drawing)}" alt="{alt}">'
