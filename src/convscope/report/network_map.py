"""The map of a network: size, parameters, work and receptive field of every node."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from convscope.network import Summary, SummaryRow
from convscope.report.layers_table import layers_table
from convscope.report.page import escape, figure
from convscope.report.scale import short

__all__ = ["network_map", "skyline"]

_WIDTH, _HEIGHT, _LEFT = 1000, 56, 0


def network_map(summary: Summary) -> str:
    """Draw the network from left to right, then set its table."""
    caption = (
        "Every node from the input at the left to the answer at the right. Each strip is scaled by its own "
        "largest number, named beside it; the side of a map and the receptive field are drawn on a "
        "logarithmic scale, multiply-adds and parameters on a linear one."
    )
    return figure(skyline(summary), caption) + f'<div class="tall">{layers_table(summary)}</div>'


def skyline(summary: Summary) -> str:
    """Draw four strips over the nodes: side of the map, receptive field, multiply-adds, parameters."""
    rows = summary.rows
    strips = [
        _strip("side of a map, cells", rows, _side, logarithmic=True),
        _strip("receptive field, input pixels", rows, _sees, logarithmic=True),
        _strip("multiply-adds", rows, lambda row: row.multiply_adds),
        _strip("parameters", rows, lambda row: row.parameters),
    ]
    return f'<div class="skyline">{"".join(strips)}</div>'


def _side(row: SummaryRow) -> float:
    return float(max(row.output_shape[1:])) if len(row.output_shape) == 3 else 1.0


def _sees(row: SummaryRow) -> float:
    return float(max(row.receptive_field.size)) if row.receptive_field else 0.0


def _strip(
    what: str, rows: Sequence[SummaryRow], number: Callable[[SummaryRow], float], logarithmic: bool = False
) -> str:
    values = [number(row) for row in rows]
    largest = max(values, default=0)
    top = rows[values.index(largest)].name if largest else ""
    heights = [_height(value, largest, logarithmic) for value in values]
    step = _WIDTH / max(1, len(rows))
    gap = 0.15 * step if len(rows) <= 250 else 0
    path = "".join(
        f"M{i * step:.1f} {_HEIGHT}v{-height:.1f}h{step - gap:.1f}v{height:.1f}z"
        for i, height in enumerate(heights)
        if height
    )
    said = f"largest {short(largest)} at {top}" if largest else "none"
    alt = escape(f"{what}, node by node: {said}; last {short(values[-1]) if values else 'none'}", quote=True)
    return (
        f'<div><p class="note"><b>{what}</b> {escape(said)}</p>'
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" preserveAspectRatio="none" role="img" aria-label="{alt}">'
        f'<path d="{path}" fill="var(--blue, #2166ac)"/></svg></div>'
    )


def _height(value: float, largest: float, logarithmic: bool) -> float:
    if value <= 0:
        return 0.0
    if logarithmic:
        return _HEIGHT * (0.06 + 0.94 * math.log(value) / math.log(largest)) if largest > 1 else _HEIGHT
    return max(0.5, _HEIGHT * value / largest)
