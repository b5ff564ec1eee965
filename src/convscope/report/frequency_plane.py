"""Which frequencies and directions the filters of a layer cover, as inline SVG that follows the theme."""

from __future__ import annotations

import math
from functools import cache

from convscope.kernels import Layer
from convscope.report.page import escape, figure

__all__ = ["coverage_figure", "frequency_plane", "orientation_bars"]

BANDS = (0, 1 / 16, 1 / 8, 1 / 4, 3 / 8, 1 / 2)  # cycles per pixel
_R = 100  # half a cycle per pixel, in units of the drawing


def coverage_figure(layer: Layer) -> str:
    """Show the plane of frequencies and the directions of the stripes side by side."""
    caption = (
        "Left: how many filters peak at each frequency and direction, as dark as there are many (the darkest "
        f"{layer.coverage.max():.3g}); zero frequency in the middle, half a cycle per pixel at the outer "
        "circle, where all above 3/8 are counted too; filters without a direction are spread over their "
        "ring. "
        "Right: how many have stripes in each direction, counter-clockwise from the horizontal."
    )
    body = f'<div class="charts">{frequency_plane(layer)}{orientation_bars(layer)}</div>'
    return figure(body, caption)


def frequency_plane(layer: Layer) -> str:
    """Draw the plane: each patch as dark as there are filters with that peak and orientation."""
    largest = max(1.0, float(layer.coverage.max()))
    patches = [
        f'<path d="{_patch(band, step)}" fill-opacity="{value / largest:.2f}"/>'
        for band, row in enumerate(layer.coverage.tolist())
        for step, value in enumerate(row)
        if value > 0
    ]
    rings = [f'<circle r="{2 * _R * edge:g}"/>' for edge in BANDS[1:]]
    words = [
        f'<text x="3" y="{-2 * _R * edge + 10:.0f}">{label}</text>'
        for edge, label in zip(BANDS[2:], ("1/8", "1/4", "3/8", "1/2"), strict=True)
    ]
    by_band = ", ".join(
        f"{row.sum():.0f} between {low:.3g} and {high:.3g}"
        for row, low, high in zip(layer.coverage, BANDS[:-1], BANDS[1:], strict=True)
    )
    alt = f"filters by peak frequency in cycles per pixel: {by_band}"
    return _svg(
        f"{-_R - 4} {-_R - 4} {2 * _R + 8} {2 * _R + 8}",
        alt,
        f'<g fill="var(--blue, #2166ac)">{"".join(patches)}</g>'
        f'<g fill="none" stroke="var(--line, #d9d7d1)">{"".join(rings)}'
        f'<path d="M{-_R} 0H{_R}M0 {-_R}V{_R}"/></g>'
        f'<g class="halo" fill="var(--muted, #5a616d)" font-size="8">{"".join(words)}</g>',
    )


def orientation_bars(layer: Layer) -> str:
    """Draw how many filters have stripes in each 15 degrees."""
    counts = [int(n) for n in layer.orientations]
    largest = max(1, *counts)
    bars, words = [], []
    for step, count in enumerate(counts):
        x, height = 20 * step, 120 * count / largest
        bars.append(f'<rect x="{x}" y="{140 - height:.1f}" width="15" height="{height:.1f}" rx="2"/>')
        if count:
            words.append(f'<text x="{x + 7.5}" y="{136 - height:.1f}">{count}</text>')
        if step % 2 == 0:
            words.append(f'<text x="{x + 7.5}" y="154">{15 * step}°</text>')
    if not any(counts):
        words.append('<text x="117.5" y="76">no filter has stripes of one direction</text>')
    alt = "filters by direction of their stripes: " + ", ".join(
        f"{15 * step} degrees {count}" for step, count in enumerate(counts)
    )
    return _svg(
        "-6 0 252 160",
        alt,
        f'<g fill="var(--blue, #2166ac)">{"".join(bars)}</g>'
        '<path d="M-4 140.5H240" stroke="var(--line, #d9d7d1)"/>'
        f'<g fill="var(--muted, #5a616d)" font-size="9" text-anchor="middle">{"".join(words)}</g>',
    )


@cache
def _patch(band: int, step: int) -> str:
    """Give the two opposite pieces of a ring whose stripes lie within 7.5 degrees of 15 * step."""
    inner, outer = 2 * _R * BANDS[band], 2 * _R * BANDS[band + 1]
    pieces = []
    for middle in (15 * step + 90, 15 * step + 270):  # stripes have their frequency across them
        (a, b), (c, d) = ((_at(r, middle - 7.5), _at(r, middle + 7.5)) for r in (outer, inner))
        inside = f"L{d}A{inner:g} {inner:g} 0 0 1 {c}Z" if inner else "L0 0Z"
        pieces.append(f"M{a}A{outer:g} {outer:g} 0 0 0 {b}{inside}")
    return "".join(pieces)


def _at(radius: float, degrees: float) -> str:
    angle = math.radians(degrees)
    return f"{radius * math.cos(angle):.1f} {-radius * math.sin(angle):.1f}"  # y of a drawing is down


def _svg(box: str, alt: str, body: str) -> str:
    label = escape(alt, quote=True)
    return f'<svg class="chart" viewBox="{box}" role="img" aria-label="{label}">{body}</svg>'
