"""Makers of classic kernels: what each looks like at a size and an angle.

Sizes are (rows, columns); y is up, so that "up" is towards the first row. A maker gives None where the
kernel does not exist at that size or angle.
"""

from __future__ import annotations

from collections.abc import Callable
from math import comb

import numpy as np

from convscope.errors import InvalidValue
from convscope.kernels.grid import Array, Grid

__all__ = [
    "COMPASS",
    "Maker",
    "bar",
    "binomial",
    "box",
    "checkerboard",
    "compass",
    "difference",
    "difference_of_gaussians",
    "fixed",
    "gabor",
    "gaussian",
    "gaussian_sigma",
    "identity",
    "laplacian_of_gaussian",
    "motion",
    "prewitt",
    "scharr",
    "sobel",
    "unsharp",
]

# (height, width, angle in degrees) -> the kernel, or None where that size has none
Maker = Callable[[int, int, float], Array | None]


def _xy(height: int, width: int) -> tuple[Array, Array]:
    x, y = Grid(height, width).coordinates()
    return x.reshape(height, width).astype(float), y.reshape(height, width).astype(float)


def fixed(rows: list[list[float]]) -> Maker:
    """A kernel of one size only; it turns by quarters."""
    array = np.array(rows, dtype=float)

    def make(height: int, width: int, angle: float) -> Array | None:
        return None if (height, width) != array.shape else _quarters(array, angle)

    return make


def _quarters(array: Array, angle: float) -> Array:
    if angle % 90:
        raise InvalidValue(f"bank: this kernel turns by quarters only; got angle={angle}.")
    return np.rot90(array, int(angle // 90) % 4).copy()


def _odd(height: int, width: int, least: int = 3) -> bool:
    return height == width and height % 2 == 1 and height >= least


def identity(height: int, width: int, angle: float) -> Array | None:
    """1 in the middle, else 0; odd sizes only."""
    del angle
    if height % 2 == 0 or width % 2 == 0:
        return None
    array = np.zeros((height, width))
    array[height // 2, width // 2] = 1
    return array


def box(height: int, width: int, angle: float) -> Array:
    """Equal weights of sum 1."""
    del angle
    return np.full((height, width), 1 / (height * width))


def gaussian_sigma(size: int) -> float:
    """The usual sigma of a Gaussian of this size: .3 ((size - 1)/2 - 1) + .8 (OpenCV)."""
    return 0.3 * ((size - 1) * 0.5 - 1) + 0.8


def gaussian(height: int, width: int, angle: float) -> Array:
    """A Gaussian of sum 1; its sigma follows from the size."""
    del angle
    x, y = _xy(height, width)
    s = gaussian_sigma(max(height, width))
    array = np.exp(-(x**2 + y**2) / (2 * s**2))
    return np.asarray(array / array.sum())


def _row(size: int, order: int = 0) -> Array:
    """A binomial row, differenced `order` times; positive to the right or in the middle."""
    row = np.array([comb(size - 1 - order, i) for i in range(size - order)], dtype=float)
    for _ in range(order):
        row = np.convolve(row, [-1, 1])
    return np.asarray(row if order < 2 else -row)


def binomial(height: int, width: int, angle: float) -> Array:
    """The outer product of rows of Pascal's triangle, of sum 1."""
    del angle
    return np.asarray(np.outer(_row(height), _row(width)) / 2 ** (height + width - 2))


def sobel(height: int, width: int, angle: float) -> Array | None:
    """Binomial smoothing across a binomial first difference; 3 x 3 is Sobel's."""
    if not _odd(height, width):
        return None
    profile = np.convolve(_row(height - 2), [-1, 0, 1])
    return _steer(np.outer(_row(height), profile), angle)


def _steer(along_x: Array, angle: float) -> Array:
    """Turn a derivative along x: cos times it plus sin times the same along y."""
    if angle % 90 == 0:
        return _quarters(along_x, angle)
    turned = np.cos(np.radians(angle)) * along_x + np.sin(np.radians(angle)) * np.rot90(along_x)
    return np.where(np.abs(turned) < 1e-12, 0, turned)


def prewitt(height: int, width: int, angle: float) -> Array | None:
    """Equal weights across a first difference."""
    if not _odd(height, width):
        return None
    return _steer(np.sign(_xy(height, width)[0]), angle)


def scharr(height: int, width: int, angle: float) -> Array | None:
    """The 3 x 3 derivative of Scharr (2000)."""
    if (height, width) != (3, 3):
        return None
    return _steer(np.outer([3.0, 10.0, 3.0], [-1.0, 0.0, 1.0]), angle)


def difference(order: int) -> Maker:
    """Differences along the longer side of a kernel one pixel wide."""

    def make(height: int, width: int, angle: float) -> Array | None:
        del angle
        size = max(height, width)
        if min(height, width) != 1 or size < order + 1:
            return None
        symmetric = order == 1 and size % 2
        row = np.convolve(_row(size - 2), [-1.0, 0.0, 1.0]) if symmetric else _row(size, order)
        return row[None] if height == 1 else row[::-1][:, None]

    return make


def laplacian_of_gaussian(height: int, width: int, angle: float) -> Array | None:
    """(2 - r^2/s^2) exp(-r^2 / 2 s^2), s = k/5, its mean taken off."""
    del angle
    if not _odd(height, width, 5):
        return None
    x, y = _xy(height, width)
    s = 0.2 * height  # 1.0 at 5 x 5, 1.4 at 7 x 7: the usual choices
    r = (x**2 + y**2) / s**2
    array = (2 - r) * np.exp(-r / 2)
    return np.asarray(array - array.mean())


def difference_of_gaussians(height: int, width: int, angle: float) -> Array | None:
    """A Gaussian minus one 1.6 times as wide."""
    del angle
    if not _odd(height, width, 5):
        return None
    x, y = _xy(height, width)
    s = 0.15 * height
    narrow, wide = (np.exp(-(x**2 + y**2) / (2 * t**2)) for t in (s, 1.6 * s))
    return np.asarray(narrow / narrow.sum() - wide / wide.sum())


def bar(height: int, width: int, angle: float) -> Array | None:
    """A bright line of the given direction on dark ground, one pixel wide; its sum is 0."""
    if not _odd(height, width):
        return None
    across = _distance(height, width, angle)
    line = np.clip(1 - np.abs(across), 0, 1)
    array = line - line.mean()
    return np.asarray(array * (height if angle % 45 == 0 else 1))


def _distance(height: int, width: int, angle: float) -> Array:
    """Distance of each pixel from the line through the middle, in steps of the grid along 45 degrees."""
    x, y = _xy(height, width)
    t = np.radians(angle)
    across = y * np.cos(t) - x * np.sin(t)
    return np.asarray(across / max(abs(np.cos(t)), abs(np.sin(t))))


def motion(height: int, width: int, angle: float) -> Array | None:
    """A line of equal weights of sum 1, in the given direction."""
    if height != width or height < 3:
        return None
    line = np.clip(1 - np.abs(_distance(height, width, angle)), 0, 1)
    line[line < 1e-9] = 0
    return np.asarray(line / line.sum())


def unsharp(height: int, width: int, angle: float) -> Array | None:
    """Twice the image minus a binomial blur of it."""
    del angle
    if not _odd(height, width):
        return None
    array = -binomial(height, width, 0)
    array[height // 2, width // 2] += 2
    return array


def checkerboard(height: int, width: int, angle: float) -> Array | None:
    """(-1)^(i + j), the highest frequency of both axes."""
    del angle
    if min(height, width) < 2 or (height, width) == (2, 2):
        return None
    return np.asarray(
        (-1.0) ** (np.add.outer(np.arange(height), np.arange(width)) + height // 2 + width // 2)
    )


def gabor(phase: float) -> Maker:
    """A wave of the given phase under a Gaussian, its mean taken off."""

    def make(height: int, width: int, angle: float) -> Array | None:
        if height != width or height < 7:
            return None
        x, y = _xy(height, width)
        u = x * np.cos(np.radians(angle)) + y * np.sin(np.radians(angle))
        s = height / 5
        array = np.exp(-(x**2 + y**2) / (2 * s**2)) * np.cos(2 * np.pi * u / (0.5 * height) - phase)
        return np.asarray(array - array.mean())

    return make


COMPASS = ("e", "ne", "n", "nw", "w", "sw", "s", "se")
_RING = ((1, 2), (0, 2), (0, 1), (0, 0), (1, 0), (2, 0), (2, 1), (2, 2))  # east, then counter-clockwise


def compass(values: list[float], turn: int) -> Maker:
    """Eight values around the middle, starting in the east, turned by eighths."""
    array = np.zeros((3, 3))
    for i, value in enumerate(values):
        array[_RING[(i + turn) % 8]] = value
    return fixed(array.tolist())
