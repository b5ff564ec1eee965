"""Data sets made from nothing: what they are about is known exactly, and there is as much as is wanted.

Every number is keyed by (seed, sample): sample i is the same image however many there are.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from convscope.data.dataset import Dataset
from convscope.data.keyed import Keyed
from convscope.data.source import check_whole
from convscope.errors import InvalidValue

__all__ = ["edges", "lines"]

_CLASSES = ("horizontal", "vertical")
_CHUNK = 1024  # images drawn at a time, so that what is drawn with stays small
_MOST_EDGES = 4
Draw = Callable[[Keyed, NDArray[np.bool_], int, float], NDArray[np.float64]]


def lines(n: int = 2000, size: int = 16, seed: int = 0, *, noise: float = 0.1, start: int = 0) -> Dataset:
    """Draw one bright line on a dark ground, horizontal (class 0) or vertical (class 1).

    The line is 1 or 2 pixels thick and half to wholly as long as the image, at any place; the ground is
    0.2, the line 0.3 to 0.6 brighter, with uniform noise on both. Even samples are horizontal.

    Parameters
    ----------
    n : int
        How many images.
    size : int
        Height and width in pixels, at least 4.
    seed : int
    noise : float
        The largest change of a pixel by the noise, from 0 to 1.
    start : int
        The number of the first sample: parts of one data set that do not overlap start elsewhere.

    Returns
    -------
    Dataset
        Images (n, 1, size, size), float32 from 0 to 1.

    Raises
    ------
    InvalidValue, DtypeError
        If an argument is out of range or no number.

    Examples
    --------
    >>> data = lines(6)
    >>> data
    Dataset(lines: 6 images 1x16x16, 2 classes)
    >>> np.array_equal(data.x[4], lines(1, start=4).x[0])
    True
    """
    _check_level("lines", "noise", noise)
    return _generated("lines", _lines, n, size, seed, noise, start)


def edges(n: int = 2000, size: int = 24, seed: int = 0, *, texture: float = 0.1, start: int = 0) -> Dataset:
    """Draw step edges on a textured ground: more horizontal (class 0) or more vertical ones (class 1).

    Three or four edges run in the direction of the class and one in the other, each a third to a half as
    long as the image, at any place, bright above dark or the reverse, fading away from the edge. The
    texture is smoothed noise without a preferred direction. Even samples are horizontal.

    Parameters
    ----------
    n : int
        How many images.
    size : int
        Height and width in pixels, at least 8.
    seed : int
    texture : float
        The standard deviation of the texture, from 0 to 1.
    start : int
        The number of the first sample: parts of one data set that do not overlap start elsewhere.

    Returns
    -------
    Dataset
        Images (n, 1, size, size), float32 from 0 to 1.

    Raises
    ------
    InvalidValue, DtypeError
        If an argument is out of range or no number.

    Examples
    --------
    >>> edges(4).y
    array([0, 1, 0, 1])
    """
    _check_level("edges", "texture", texture)
    return _generated("edges", _edges, n, size, seed, texture, start, least=8)


def _generated(
    name: str, draw: Draw, n: int, size: int, seed: int, level: float, start: int, least: int = 4
) -> Dataset:
    n = check_whole(n, "n", name, 1)
    size = check_whole(size, "size", name, least, 4096)
    start = check_whole(start, "start", name, 0, 2**62)
    seed = check_whole(seed, "seed", name, 0)
    samples = np.arange(start, start + n, dtype=np.int64)
    x = np.empty((n, 1, size, size), np.float32)
    for first in range(0, n, _CHUNK):
        part = samples[first : first + _CHUNK]
        drawn = draw(Keyed(seed, 0, part), part % 2 == 1, size, level)
        np.clip(drawn[:, None], 0, 1, out=x[first : first + _CHUNK])
    return Dataset(x, samples % 2, _CLASSES, name)


def _lines(random: Keyed, vertical: NDArray[np.bool_], size: int, noise: float) -> NDArray[np.float64]:
    thick = random.whole("lines.thickness", 1, 2)
    row = np.floor(random.fraction("lines.row") * (size - thick + 1))
    length = random.whole("lines.length", size // 2, size)
    column = np.floor(random.fraction("lines.column") * (size - length + 1))
    bright = random.between("lines.brightness", 0.3, 0.6)
    across, along = _within(row, thick, size), _within(column, length, size)
    images = 0.2 + _turned(bright[:, None, None] * across[:, :, None] * along[:, None, :], vertical)
    images += noise * random.between("lines.noise", -1, 1, size, size)
    return images


def _edges(random: Keyed, vertical: NDArray[np.bool_], size: int, texture: float) -> NDArray[np.float64]:
    images = 0.5 + _texture(random, size, texture)
    count = random.whole("edges.count", _MOST_EDGES - 1, _MOST_EDGES)
    for edge in range(_MOST_EDGES + 1):
        # The last edge goes the other way; the one before it is drawn in some images only.
        turned = ~vertical if edge == _MOST_EDGES else vertical
        drawn = (count > edge) | (edge == _MOST_EDGES)
        images += _turned(_edge(random, f"edges.{edge}", size) * drawn[:, None, None], turned)
    return images


def _edge(random: Keyed, key: str, size: int) -> NDArray[np.float64]:
    """Draw one horizontal edge: a step from one sign to the other that fades within some pixels."""
    row = random.whole(f"{key}.row", 2, size - 2)
    length = random.whole(f"{key}.length", size // 3, size // 2)
    column = np.floor(random.fraction(f"{key}.column") * (size - length + 1))
    height = random.between(f"{key}.height", 0.25, 0.5)
    sign = np.where(random.fraction(f"{key}.sign") < 0.5, -1.0, 1.0)
    distance = np.arange(size) + 0.5 - row[:, None]  # from the middle of each pixel row to the step
    profile = (sign * height)[:, None] * np.sign(distance) * np.exp2(-np.abs(distance))
    drawn: NDArray[np.float64] = profile[:, :, None] * _within(column, length, size)[:, None, :]
    return drawn


def _texture(random: Keyed, size: int, deviation: float) -> NDArray[np.float64]:
    """Give uniform noise, smoothed by [1, 2, 1] / 4 along both axes, of a standard deviation."""
    noise = random.between("edges.texture", -1, 1, size + 2, size + 2)
    rows = (noise[:, :-2] + 2 * noise[:, 1:-1] + noise[:, 2:]) / 4
    smooth = (rows[:, :, :-2] + 2 * rows[:, :, 1:-1] + rows[:, :, 2:]) / 4
    # Uniform noise has variance 1/3; each smoothing leaves (1 + 4 + 1) / 16 of it.
    texture: NDArray[np.float64] = smooth * (deviation * np.sqrt(3) * 16 / 6)
    return texture


def _within(first: NDArray[np.float64], length: NDArray[np.int64], size: int) -> NDArray[np.bool_]:
    """Mark, for each sample, the `length` pixels from `first` on."""
    at = np.arange(size)
    return (at >= first[:, None]) & (at < (first + length)[:, None])


def _turned(images: NDArray[np.float64], vertical: NDArray[np.bool_]) -> NDArray[np.float64]:
    return np.where(vertical[:, None, None], images.transpose(0, 2, 1), images)


def _check_level(who: str, name: str, value: float) -> None:
    if not (isinstance(value, int | float) and 0 <= value <= 1):
        raise InvalidValue(f"{who}: {name} must be from 0 to 1; got {value!r}.")
