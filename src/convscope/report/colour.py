"""One colour language for every picture: blue below zero, white at zero, orange above.

The scale is symmetric about zero, so a glance tells the sign of a value, and
its two arms have equal lightness, so it survives colour blindness and, but for
the sign, a grey printer. The stops are ColorBrewer's (Brewer & Harrower): the
blues of RdBu, and the oranges of PuOr made as dark as those.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "DIVERGING",
    "MISSING",
    "colour_map",
    "css_gradient",
    "grey",
    "hex_colour",
    "ink_on",
    "limit_of",
    "paint",
    "rgb",
]

Array = NDArray[Any]

# from -limit over 0 to +limit, evenly spaced
DIVERGING = (
    "#053061", "#2166ac", "#4393c3", "#92c5de", "#d1e5f0",
    "#f7f7f7",
    "#fbdeb4", "#f3b15f", "#cd7611", "#9f4e05", "#522303",
)  # fmt: skip
MISSING = (190, 60, 190)  # NaN and infinity are painted purple, never hidden


def limit_of(*arrays: Array) -> float:
    """Give the one limit that a shared scale needs: the largest finite magnitude, 1 where all is zero.

    Examples
    --------
    >>> limit_of(np.array([1.0, -3.0]), np.array([2.0, np.nan]))
    3.0
    """
    largest = 0.0
    for array in arrays:
        finite = np.abs(array[np.isfinite(array)])
        largest = max(largest, float(finite.max(initial=0.0)))
    return largest or 1.0


def paint(values: Array, limit: float) -> NDArray[np.uint8]:
    """Give values the colours of the diverging scale from -limit to limit.

    Parameters
    ----------
    values : ndarray of any shape
    limit : float
        The magnitude that gets the darkest colour; larger ones are clipped.

    Returns
    -------
    ndarray of shape values.shape + (3,), uint8

    Examples
    --------
    >>> paint(np.array([-1.0, 0.0, 1.0]), 1.0).tolist()
    [[5, 48, 97], [247, 247, 247], [82, 35, 3]]
    """
    values = np.asarray(values, np.float64)
    stops = _stops()
    finite = np.isfinite(values)
    place = (np.clip(np.where(finite, values, 0.0) / limit, -1, 1) + 1) / 2 * (len(stops) - 1)
    lower = np.minimum(place.astype(int), len(stops) - 2)
    share = (place - lower)[..., None]
    colours = np.rint(stops[lower] * (1 - share) + stops[lower + 1] * share)
    colours[~finite] = MISSING
    painted: NDArray[np.uint8] = colours.astype(np.uint8)
    return painted


def grey(values: Array, low: float, high: float) -> NDArray[np.uint8]:
    """Give values grey levels from black at `low` to white at `high`; shape + (3,), uint8.

    Examples
    --------
    >>> grey(np.array([0.0, 8.0, 16.0]), 0, 16)[:, 0].tolist()
    [0, 128, 255]
    """
    span = (high - low) or 1.0
    level = np.clip((np.nan_to_num(np.asarray(values, np.float64)) - low) / span, 0, 1)
    return np.repeat(np.rint(level * 255).astype(np.uint8)[..., None], 3, axis=-1)


def rgb(image: Array, low: float, high: float) -> NDArray[np.uint8]:
    """Turn a (3, H, W) image into (H, W, 3) pixels, 0 at `low` and 255 at `high`.

    Examples
    --------
    >>> rgb(np.array([0.0, 0.5, 1.0]).reshape(3, 1, 1), 0, 1).tolist()
    [[[0, 128, 255]]]
    """
    return np.ascontiguousarray(np.moveaxis(grey(image, low, high)[..., 0], 0, -1))


def hex_colour(value: float, limit: float) -> str:
    """Give one value's colour on the diverging scale as CSS.

    Examples
    --------
    >>> hex_colour(0.0, 2.0)
    '#f7f7f7'
    """
    red, green, blue = paint(np.array(value), limit).tolist()
    return f"#{red:02x}{green:02x}{blue:02x}"


def ink_on(background: str) -> str:
    """Choose black or white text for a background, whichever stands out more (WCAG 2 luminance).

    Examples
    --------
    >>> ink_on("#f7f7f7"), ink_on("#053061")
    ('#000000', '#ffffff')
    """
    linear = [
        c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4
        for c in (level / 255 for level in _rgb(background))
    ]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "#000000" if (luminance + 0.05) / 0.05 > 1.05 / (luminance + 0.05) else "#ffffff"


def css_gradient() -> str:
    """Give the scale as a CSS gradient, for colour bars."""
    return f"linear-gradient(to right, {', '.join(DIVERGING)})"


def colour_map() -> Any:
    """Give the scale as a matplotlib colour map."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("convscope", DIVERGING)


@lru_cache(maxsize=1)
def _stops() -> NDArray[np.float64]:
    """The colours of the scale, (n, 3)."""
    return np.array([_rgb(colour) for colour in DIVERGING], np.float64)


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
