"""A verdict in a few short lines, and kernels as pixels: what all views of a kernel table share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope.kernels import KernelTable, Verdict
from convscope.report.colour import limit_of, paint

__all__ = [
    "COLOUR_RULE",
    "PATTERN_RULE",
    "family_counts",
    "kernel_pixels",
    "pixel_rule",
    "short_facts",
    "title",
]

Array = NDArray[Any]

PATTERN_RULE = "blue below zero, white zero, orange above, each kernel scaled by its own largest weight"
COLOUR_RULE = (
    "each filter in its own colours: grey is zero, red, green and blue the weights of these channels, "
    "scaled by the filter's largest weight"
)


def title(v: Verdict) -> str:
    """Give the family with its confidence.

    Examples
    --------
    >>> from convscope.kernels import bank, verdict
    >>> title(verdict(bank["sobel-x"].array))
    'edge > 99 %'
    """
    if v.family in ("dead", "pointwise"):
        return v.family
    return f"{v.family} {percent(v.confidence)}"


def percent(share: float) -> str:
    """Round a probability to whole per cents without claiming certainty."""
    return "> 99 %" if share > 0.995 else "< 1 %" if share < 0.005 else f"{100 * share:.0f} %"


def short_facts(v: Verdict) -> list[str]:
    """Give what decides, in lines of at most some 30 characters."""
    if v.family == "dead":
        return [f"norm {v.norm:.2g}"]
    if v.family == "pointwise":
        return [f"{v.shape[0]} channels, DC gain {v.dc_gain:.2f}"]
    if v.family == "noise":
        return [f"{v.passband}, p = {v.p_value:.2g}"]
    lines = []
    if v.direction is not None and v.family == "edge":
        lines.append(f"positive towards {round(v.direction) % 360}°")
    elif v.orientation is not None:
        gabor = v.fits.get("gabor")
        wave = f", {gabor.wavelength:.2g} px" if v.family == "gabor" and gabor and gabor.wavelength else ""
        lines.append(f"stripes {round(v.orientation) % 180}°{wave}")
    lines.append(f"{v.passband}, peak {v.peak_frequency:.2f} c/px")
    if v.colour is not None:
        lines.append(v.colour.name)
    elif len(v.channel_shares) > 1:
        lines.append(f"pattern holds {percent(v.channel_shares[0])}")
    if v.duplicate_of is not None:
        lines.append(f"repeats {'-' if v.duplicate_of.sign < 0 else ''}[{v.duplicate_of.index}]")
    elif v.classic is not None and v.classic.angle < 20:
        lines.append(f"{v.classic.angle:.0f}° from {v.classic.name}")
    elif v.runner_up is not None and v.confidence < 0.9:
        lines.append(f"or {v.runner_up}")
    return lines


def family_counts(counts: Mapping[str, int]) -> str:
    """Say how many filters each family has, most first.

    Examples
    --------
    >>> family_counts({"edge": 9, "noise": 7, "line": 1})
    '9 edges, 7 noise, 1 line'
    """
    named = (
        f"{count} {_MANY.get(family, family) if count > 1 else family}" for family, count in counts.items()
    )
    return ", ".join(named) or "no filters"


_MANY = {
    "identity": "identities",
    **{
        family: f"{family}s"
        for family in (
            "edge", "line", "saddle", "higher-derivative", "gabor", "colour-contrast", "colour-blob",
            "mixture",
        )
    },
}  # fmt: skip


def kernel_pixels(table: KernelTable, index: int, pattern: Array) -> NDArray[np.uint8]:
    """Paint a filter, (kH, kW, 3): in its own colours where it has some, else its dominant pattern."""
    if table.channels is None:
        return paint(pattern, limit_of(pattern))
    weight = table.weight[index][::-1] if table.channels == "BGR" else table.weight[index]
    limit = limit_of(weight)
    levels = 127.5 + 127.5 * np.moveaxis(weight.astype(float), 0, -1) / limit
    painted: NDArray[np.uint8] = np.rint(levels).clip(0, 255).astype(np.uint8)
    return painted


def pixel_rule(table: KernelTable) -> str:
    """Say how `kernel_pixels` turned weights into colours."""
    if table.channels is not None:
        return COLOUR_RULE
    deep = "its dominant pattern over the input channels; " if table.weight.shape[1] > 1 else ""
    return deep + PATTERN_RULE
