"""Arrays and matplotlib figures as parts of a page: data URIs and inline SVG."""

from __future__ import annotations

import base64
import io
import re
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope.files import atomic_path

__all__ = [
    "INK",
    "chart",
    "data_uri",
    "figure_and_axes",
    "figure_uri",
    "palette_uri",
    "photo_uri",
    "save_figure",
]

# the colours of charts in the light theme; on a page each becomes the CSS
# variable of the same role, so that the dark theme can change it
INK = {
    "ink": "#1d1f24",
    "muted": "#5a616d",
    "line": "#d9d7d1",
    "paper": "#ffffff",
    "blue": "#2166ac",
    "orange": "#b35806",
}


def data_uri(pixels: NDArray[np.uint8]) -> str:
    """Turn an (H, W, 3) picture into a PNG data URI; one array cell is one pixel.

    Examples
    --------
    >>> data_uri(np.zeros((2, 2, 3), np.uint8))[:22]
    'data:image/png;base64,'
    """
    return _uri(_png(pixels, 2))


def photo_uri(pixels: NDArray[np.uint8], *, exact: int = 64, most: int | None = None) -> str:
    """Turn a photograph (H, W, 3) into a JPEG data URI, or PNG where it is small and every pixel counts.

    Up to `exact` pixels a side it is a PNG; above `most` it is made smaller, to that size.
    """
    if max(pixels.shape[:2]) <= exact:
        return data_uri(pixels)
    from PIL import Image

    buffer, picture = io.BytesIO(), Image.fromarray(pixels)
    if most is not None:
        picture.thumbnail((most, most))
    picture.save(buffer, "jpeg", quality=82, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()


def palette_uri(levels: NDArray[np.uint8], colours: NDArray[np.uint8]) -> str:
    """Turn an (H, W) array of positions in a table of colours (n, 3) into a PNG data URI.

    Examples
    --------
    >>> white = np.full((1, 3), 255, np.uint8)
    >>> palette_uri(np.zeros((2, 2), np.uint8), white)[:22]
    'data:image/png;base64,'
    """
    return _uri(_png(levels[:, :, None], 3, colours))


def _png(pixels: NDArray[np.uint8], kind: int, colours: NDArray[np.uint8] | None = None) -> bytes:
    """Write a PNG file; a page holds thousands of small ones, for which an imaging library is slow."""
    height, width = pixels.shape[:2]
    rows = np.zeros((height, 1 + pixels[0].size), np.uint8)  # each row begins with its filter, 0: none
    rows[:, 1:] = pixels.reshape(height, -1)
    parts = [(b"IHDR", struct.pack(">2I5B", width, height, 8, kind, 0, 0, 0))]
    if colours is not None:
        parts.append((b"PLTE", colours.tobytes()))
    parts += [(b"IDAT", zlib.compress(rows.tobytes(), 9)), (b"IEND", b"")]
    chunks = (
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def figure_uri(figure: Any) -> str:
    """Turn a matplotlib figure into a PNG data URI."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100)
    return _uri(buffer.getvalue())


def _uri(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode()


def chart(draw: Callable[[Any], object], alt: str, *, size: tuple[float, float] = (4.2, 2.8)) -> str:
    """Draw on matplotlib Axes and give the picture as inline SVG that follows the page's theme.

    Parameters
    ----------
    draw : callable
        Takes the Axes; should use the colours of `INK`.
    alt : str
        What the picture shows, with its numbers, for readers who do not see it.
    size : tuple of float
        Width and height in inches at 72 to the inch.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context({"svg.fonttype": "none", "svg.hashsalt": alt, "font.size": 10}):
        figure = Figure(figsize=size, layout="constrained")
        draw(figure.add_subplot())
        text = io.StringIO()
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return _inline(text.getvalue(), alt)


def figure_and_axes(ax: Any, size: tuple[float, float]) -> Any:
    """Give `ax`, or the Axes of a new pyplot figure, which a notebook then shows by itself."""
    if ax is not None:
        return ax
    from matplotlib import pyplot

    return pyplot.subplots(figsize=size, layout="constrained")[1]


def save_figure(figure: Any, path: Path) -> None:
    """Write a matplotlib figure whole or not at all; the suffix chooses PNG, SVG or PDF."""
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format=path.suffix.lstrip(".").lower(), dpi=160)


def _inline(svg: str, alt: str) -> str:
    """Fit matplotlib's SVG file into a page: no prologue, own ids, colours of the theme."""
    from html import escape

    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    # ids repeat from figure to figure; clip paths are already hashed with the alt text
    svg = re.sub(r'<g id="[^"]*"', "<g", svg)
    for role, colour in INK.items():
        svg = svg.replace(colour, f"var(--{role})")
    label = f'<svg class="chart" role="img" aria-label="{escape(alt, quote=True)}"'
    return re.sub(r'(width|height)="[\d.]+pt" ', "", svg.replace("<svg", label, 1), count=2).strip()
