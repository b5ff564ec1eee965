"""Splitting a filter into a direction of its channels and a spatial pattern.

A filter of C kernels is a C x D matrix; its singular value decomposition gives
the best products of one direction over the channels (for an image: a colour
direction) and one spatial pattern, in order of the energy they hold.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from convscope.kernels.grid import Array

__all__ = ["COLOURS", "Split", "colour_measures", "name_colours", "split"]

COLOURS = ("red", "orange", "yellow", "chartreuse", "green", "spring green", "cyan", "azure", "blue",
           "violet", "magenta", "rose")  # fmt: skip
_CHUNK = 4096
# Hue plane: red-green is one axis, blue-yellow the other, both orthogonal to grey.
_RED_GREEN = np.array([1.0, -1.0, 0.0]) / 2**0.5
_BLUE_YELLOW = np.array([-1.0, -1.0, 2.0]) / 6**0.5
_LUMINANCE = 0.75  # achromatic share from which a direction is called luminance
_NEAR_AXIS = 20.0  # degrees
OPPONENT = 1 / 4  # |sum| / sum || of a colour direction, below which it is opponent


@dataclass
class Split:
    """The leading modes of N filters.

    Attributes
    ----------
    patterns, second : ndarray of shape (N, D)
        Unit-norm spatial patterns of the first and the second mode.
    direction : ndarray of shape (N, C)
        Unit-norm direction over the channels of the first mode.
    shares : ndarray of shape (N, min(C, D))
        Energy share of each mode, falling.
    """

    patterns: Array
    second: Array
    direction: Array
    shares: Array


def split(filters: Array) -> Split:
    """Decompose filters of shape (N, C, D); zeros give zero patterns."""
    n, channels = filters.shape[:2]
    if channels == 1:
        patterns = _unit(filters[:, 0])
        return Split(
            patterns, np.zeros_like(patterns), np.ones((n, 1), np.float32), np.ones((n, 1), np.float32)
        )
    parts = [_split(filters[i : i + _CHUNK]) for i in range(0, n, _CHUNK)]
    return Split(
        np.concatenate([p.patterns for p in parts]),
        np.concatenate([p.second for p in parts]),
        np.concatenate([p.direction for p in parts]),
        np.concatenate([p.shares for p in parts]),
    )


def _split(filters: Array) -> Split:
    filters = filters.astype(np.float32)
    wide = filters.shape[1] <= filters.shape[2]
    tall = filters.transpose(0, 2, 1)
    gram = filters @ tall if wide else tall @ filters
    values, vectors = np.linalg.eigh(gram)
    values = np.maximum(values[:, ::-1], 0)
    shares = values / np.maximum(values.sum(1, keepdims=True), 1e-30)
    first, second = vectors[:, :, -1], vectors[:, :, -2]
    if wide:
        direction = first
        patterns = _unit(np.einsum("nc,ncd->nd", first, filters))
        other = _unit(np.einsum("nc,ncd->nd", second, filters))
    else:
        patterns, other = first, second
        direction = _unit(np.einsum("ncd,nd->nc", filters, first))
    sign = _sign(direction)[:, None]
    return Split(patterns * sign, other, direction * sign, shares)


def _sign(direction: Array) -> Array:
    """+1 or -1 so that the direction is positive: its sum, or its largest part if the sum says little."""
    total = direction.sum(1)
    rows = np.arange(len(direction))
    largest = direction[rows, np.abs(direction).argmax(1)]
    clear = np.abs(total) >= OPPONENT * np.abs(direction).sum(1)
    return np.where(np.where(clear, total, largest) < 0, -1, 1).astype(np.float32)


def _unit(rows: Array) -> Array:
    rows = rows.astype(np.float32)
    norm = np.sqrt(np.einsum("nd,nd->n", rows, rows))[:, None]
    return np.asarray(rows / np.where(norm > 0, norm, 1), dtype=np.float32)


def colour_measures(rgb: Array) -> tuple[Array, Array]:
    """Give the achromatic share and the opponency of unit directions (N, 3), both in [0, 1].

    The achromatic share is the squared cosine with grey; the opponency is
    1 - |sum| / sum ||: 0 if all channels have one sign, 1 if they cancel.

    Examples
    --------
    >>> [float(m[0].round(3)) for m in colour_measures(np.array([[1.0, -1.0, 0.0]]))]
    [0.0, 1.0]
    """
    total = rgb.sum(1)
    achromatic = total**2 / np.maximum(3 * (rgb**2).sum(1), 1e-30)
    opponency = 1 - np.abs(total) / np.maximum(np.abs(rgb).sum(1), 1e-30)
    return achromatic, opponency


def name_colours(rgb: Array) -> Array:
    """Name unit directions (N, 3): luminance, red-green, blue-yellow, or a hue and its opposite.

    Examples
    --------
    >>> name_colours(np.array([[1, 1, 1], [1, -1, 0], [-1, -1, 2], [1, 0, 0]], float)).tolist()
    ['luminance', 'red-green', 'blue-yellow', 'red']
    """
    achromatic, opponency = colour_measures(rgb)
    x, y = rgb @ np.array([2.0, -1.0, -1.0]) / 6**0.5, rgb @ np.array([0.0, 1.0, -1.0]) / 2**0.5
    hue = np.degrees(np.arctan2(y, x)) % 360  # 0 red, 120 green, 240 blue
    step = np.rint(hue / 30).astype(int) % 12
    plane = rgb - rgb.mean(1, keepdims=True)
    plane /= np.maximum(np.linalg.norm(plane, axis=1, keepdims=True), 1e-12)
    near = np.cos(np.radians(_NEAR_AXIS))
    single = np.array(COLOURS, "<U24")
    pairs = np.array([f"{a}-{b}" for a, b in zip(COLOURS, COLOURS[6:] + COLOURS[:6], strict=True)], "<U24")
    tests = [
        achromatic >= _LUMINANCE,
        opponency < 1 - OPPONENT,
        np.abs(plane @ _RED_GREEN) > near,
        np.abs(plane @ _BLUE_YELLOW) > near,
    ]
    names = [np.array("luminance"), single[step], np.array("red-green"), np.array("blue-yellow")]
    return np.asarray(np.select(tests, names, default=pairs[step]), dtype="<U24")
