"""Kernels of known family, drawn with a seed: what tests, claims and practice compare with.

A draw has a family, its parameters, a centre up to a quarter of a pixel off the
middle, a colour direction where it has channels, and white noise at a stated
signal-to-noise ratio (20 dB: the noise has a hundredth of the signal's energy).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from convscope.errors import InvalidValue, UnknownName, nearest_names
from convscope.kernels.grid import Array, Grid

__all__ = ["GENERATED", "Generated", "generate"]

Random = np.random.Generator
_GREY = np.full(3, 3**-0.5)


@dataclass(frozen=True)
class Generated:
    """Kernels drawn from one family.

    Attributes
    ----------
    family : str
    weight : ndarray of shape (n, C, kH, kW), float32
        The kernels, noise included.
    clean : ndarray of shape (n, C, kH, kW), float32
        The same without noise.
    orientation : ndarray of shape (n,)
        Direction of the stripes in degrees, [0, 180); NaN where there is none.
    wavelength : ndarray of shape (n,)
        In pixels; NaN where there is none.
    order : ndarray of shape (n,)
        Order of the derivative; -1 where it is none.
    """

    family: str
    weight: Array
    clean: Array
    orientation: Array
    wavelength: Array
    order: Array


@dataclass
class _Draw:
    pattern: Array
    orientation: float = np.nan
    wavelength: float = np.nan
    order: int = -1


class _Canvas:
    """One kernel size, with a fresh sub-pixel centre for each draw."""

    def __init__(self, grid: Grid, random: Random, off: float) -> None:
        self.random = random
        self.grid = grid
        self.off = off
        self.half = grid.half
        x, y = grid.coordinates()
        self.x, self.y = x[:, 0].astype(float), y[:, 0].astype(float)

    def uniform(self, low: float, high: float) -> float:
        return float(self.random.uniform(low, max(low, high)))

    def log_uniform(self, low: float, high: float) -> float:
        return float(np.exp(self.uniform(np.log(low), np.log(max(low, high)))))

    def axes(self, phi: float) -> tuple[Array, Array]:
        dx = self.x - self.uniform(-self.off, self.off)
        dy = self.y - self.uniform(-self.off, self.off)
        return dx * np.cos(phi) + dy * np.sin(phi), dy * np.cos(phi) - dx * np.sin(phi)

    def angle(self) -> float:
        return self.uniform(0, 2 * np.pi)


def _stripes(phi: float) -> float:
    return float(np.degrees(phi) + 90) % 180


def _smoothing(c: _Canvas) -> _Draw:
    phi, across = c.angle(), c.log_uniform(0.65, 0.6 * c.half)
    along = across * c.uniform(1, 2.5)
    u, v = c.axes(phi)
    pattern = np.exp(-0.5 * ((u / across) ** 2 + (v / along) ** 2))
    clear = along > 1.5 * across  # a rounder blob has no angle worth the name
    return _Draw(pattern, _stripes(phi) if clear else np.nan, order=0)


def _derivative(c: _Canvas, order: int, low: float, high: float) -> _Draw:
    phi, across = c.angle(), c.log_uniform(low, high)
    along = across * c.uniform(0.9, 2.5)
    u, v = c.axes(phi)
    s = u / across
    shape = (None, s, 1 - s**2, 3 * s - s**3, s**4 - 6 * s**2 + 3)[order]
    envelope = np.exp(-0.5 * (s**2 + (v / along) ** 2))
    return _Draw(shape * envelope, _stripes(phi), order=order)


def _edge(c: _Canvas) -> _Draw:
    return _derivative(c, 1, 0.6, 0.7 * c.half)


def _line(c: _Canvas) -> _Draw:
    return _derivative(c, 2, 0.55, 0.75 * c.half)


def _higher(c: _Canvas) -> _Draw:
    order = int(c.random.integers(3, 5))
    outer = (1.74, 2.34)[order - 3]
    return _derivative(c, order, 0.55, 0.8 * c.half / outer)


def _centre_surround(c: _Canvas) -> _Draw:
    u, v = c.axes(0)
    r2 = u**2 + v**2
    if c.random.random() < 0.5:
        s = c.log_uniform(0.5, 0.75 * c.half / 2**0.5)
        return _Draw((2 - r2 / s**2) * np.exp(-0.5 * r2 / s**2), order=2)
    s, ratio = c.log_uniform(0.4, 0.4 * c.half), c.uniform(1.4, 4)
    narrow, wide = np.exp(-0.5 * r2 / s**2), np.exp(-0.5 * r2 / (s * ratio) ** 2)
    return _Draw(narrow / narrow.sum() - wide / wide.sum(), order=2)


def _saddle(c: _Canvas) -> _Draw:
    phi, s = c.angle(), c.log_uniform(0.65, 0.6 * c.half)
    u, v = c.axes(phi)
    return _Draw(u * v * np.exp(-0.5 * (u**2 + v**2) / s**2), float(np.degrees(phi)) % 90, order=2)


def _gabor(c: _Canvas) -> _Draw:
    phi, wavelength = c.angle(), c.log_uniform(2.3, max(2.6, 0.8 * c.grid.extent))
    across = c.uniform(0.45, 1.1) * wavelength
    along = across * c.uniform(1, 2)
    u, v = c.axes(phi)
    wave = np.cos(2 * np.pi * u / wavelength + c.angle())
    return _Draw(wave * np.exp(-0.5 * ((u / across) ** 2 + (v / along) ** 2)), _stripes(phi), wavelength)


def _identity(c: _Canvas) -> _Draw:
    return _Draw(_delta(c))


def _delta(c: _Canvas) -> Array:
    return np.asarray((np.abs(c.x) < 0.75) & (np.abs(c.y) < 0.75), dtype=float)


def _sharpening(c: _Canvas) -> _Draw:
    """The middle pixel minus a blob, its sum .43 to .64 of its norm."""
    delta, s = _delta(c), c.log_uniform(0.7, max(0.8, 0.7 * c.half))
    blob = np.exp(-0.5 * (c.x**2 + c.y**2) / s**2)
    target = c.uniform(0.43, 0.64)
    shares = np.linspace(0, 3, 3001)[:, None] / blob.sum()
    tried = delta - shares * blob
    ratio = tried.sum(1) / np.linalg.norm(tried, axis=1)
    return _Draw(tried[int(np.argmax(ratio < target))])


def _mixture(c: _Canvas) -> _Draw:
    """Two bars, edges or waves at angles at least 40 degrees apart, of like energy."""
    parts = []
    first = c.angle()
    for phi in (first, first + np.pi * c.uniform(0.22, 0.78)):
        wavelength = c.log_uniform(2.5, max(3.0, 0.6 * c.grid.extent))
        across = c.uniform(0.5, 0.9) * wavelength
        u, v = c.axes(phi)
        part = np.cos(2 * np.pi * u / wavelength + c.angle())
        part = part * np.exp(-0.5 * ((u / across) ** 2 + (v / (1.5 * across)) ** 2))
        parts.append(part / np.linalg.norm(part))
    return _Draw(parts[0] + c.uniform(0.7, 1) * parts[1])


def _noise(c: _Canvas) -> _Draw:
    return _Draw(c.random.normal(size=c.x.size))


_PAINTERS: dict[str, Callable[[_Canvas], _Draw]] = {
    "noise": _noise,
    "identity": _identity,
    "smoothing": _smoothing,
    "edge": _edge,
    "line": _line,
    "centre-surround": _centre_surround,
    "saddle": _saddle,
    "higher-derivative": _higher,
    "gabor": _gabor,
    "sharpening": _sharpening,
    "mixture": _mixture,
}
GENERATED = (*_PAINTERS, "colour-contrast", "colour-blob")


def generate(
    family: str,
    size: int,
    count: int,
    *,
    channels: int = 1,
    noise_db: float = 20.0,
    centre: float = 0.25,
    seed: int = 0,
) -> Generated:
    """Draw kernels of a known family.

    Parameters
    ----------
    family : str
        One of `GENERATED`.
    size : int
        Side in pixels, 3 to 31.
    count : int
        How many.
    channels : int
        Spatial families are multiplied with one random colour direction; edges
        and blobs with one that is not opponent (those are colour-contrast and
        colour-blob, which need channels=3).
    noise_db : float
        Signal-to-noise ratio in decibels; inf for none.
    centre : float
        Largest distance of the centre from the middle, in pixels, on each axis.
    seed : int

    Raises
    ------
    UnknownName
        If there is no such family.
    InvalidValue
        If the size cannot be drawn, or a colour family has not three channels.

    Examples
    --------
    >>> drawn = generate("edge", 5, 3, seed=1)
    >>> drawn.weight.shape, drawn.order
    ((3, 1, 5, 5), array([1, 1, 1]))
    """
    _check(family, size, count, channels)
    random = np.random.default_rng([seed, size, channels, GENERATED.index(family)])
    canvas = _Canvas(Grid(size, size), random, centre)
    draws, clean = [], []
    for _ in range(count):
        draw, filters = _coloured(canvas, family, channels)
        draws.append(draw)
        clean.append(filters / np.linalg.norm(filters))
    exact = np.stack(clean)
    noise = random.normal(size=exact.shape)
    noise *= 10 ** (-noise_db / 20) / np.sqrt(exact[0].size)
    if family == "noise":
        noise = np.zeros_like(exact)
    shape = (count, channels, size, size)
    gain = np.exp(0.4 * random.normal(size=(count, 1, 1))) * random.choice([-1, 1], size=(count, 1, 1))
    return Generated(
        family,
        (gain * (exact + noise)).reshape(shape).astype(np.float32),
        (gain * exact).reshape(shape).astype(np.float32),
        np.array([d.orientation for d in draws]),
        np.array([d.wavelength for d in draws]),
        np.array([d.order for d in draws]),
    )


def _check(family: str, size: int, count: int, channels: int) -> None:
    if family not in GENERATED:
        raise UnknownName(f"generate: no family {family!r}; {nearest_names(family, GENERATED)}.")
    if not 3 <= size <= 31:
        raise InvalidValue(f"generate: size must be 3 to 31; got {size}.")
    if count < 1 or channels < 1:
        raise InvalidValue(f"generate: count and channels must be 1 or more; got {count}, {channels}.")
    if family.startswith("colour") and channels != 3:
        raise InvalidValue(f"generate: {family} needs channels=3; got {channels}.")


def _coloured(canvas: _Canvas, family: str, channels: int) -> tuple[_Draw, Array]:
    """One draw and its (C, D) filter."""
    if family == "colour-blob":
        draw = _smoothing(canvas)
        return draw, np.outer(_opponent(canvas.random), draw.pattern)
    if family == "colour-contrast":
        return _contrast(canvas)
    draw = _PAINTERS[family](canvas)
    if channels == 1:
        return draw, draw.pattern[None]
    if family == "noise":
        return draw, canvas.random.normal(size=(channels, canvas.x.size))
    colour = canvas.random.normal(size=channels)
    while (
        channels == 3
        and family in ("edge", "smoothing")
        and np.abs(colour.sum()) < 0.5 * np.abs(colour).sum()
    ):
        colour = canvas.random.normal(size=channels)
    return draw, np.outer(colour, draw.pattern)


def _opponent(random: Random) -> Array:
    """A direction of colour that answers nothing to grey."""
    colour = random.normal(size=3)
    colour -= colour.mean()
    return colour / np.linalg.norm(colour)


def _contrast(canvas: _Canvas) -> tuple[_Draw, Array]:
    """Opposed colours side by side: an edge between them, or two blobs."""
    colour = _opponent(canvas.random)
    if canvas.random.random() < 0.5:
        draw = _edge(canvas)
        return draw, np.outer(colour, draw.pattern)
    phi, s = canvas.angle(), canvas.log_uniform(0.7, 0.5 * canvas.half)
    u, v = canvas.axes(phi)
    one = np.exp(-0.5 * ((u - s) ** 2 + v**2) / s**2)
    two = np.exp(-0.5 * ((u + s) ** 2 + v**2) / s**2)
    other = -colour + 0.15 * canvas.random.normal() * _GREY
    draw = _Draw(one - two, _stripes(phi), order=1)
    return draw, np.outer(colour, one) + np.outer(other, two)
