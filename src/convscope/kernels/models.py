"""The parametric models that a kernel is compared with, evaluated for many kernels at once.

Coordinates are input pixels from the middle of the kernel, x to the right and
y up. Arrays have the batch last: coordinates (D, 1), parameters (P, N), values
(D, N), where D is the number of kernel values and N the number of kernels.
Every model is linear in its amplitudes (one to three of them) and non-linear
in the parameters named here; `u` runs across the stripes, at the angle `phi`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Array", "Grid", "Model", "models_for"]

Array = NDArray[Any]
Basis = Callable[[Array, Array, Array], list[Array]]


@dataclass(frozen=True)
class Grid:
    """The pixel grid of one kernel size."""

    height: int
    width: int

    @property
    def size(self) -> int:
        """Number of values D of one kernel."""
        return self.height * self.width

    @property
    def extent(self) -> float:
        """The longer side in pixels: it bounds the scales a kernel can hold."""
        return float(max(self.height, self.width))

    @property
    def half(self) -> float:
        """From the middle to the outermost pixel, along the longer side."""
        return (self.extent - 1) / 2

    @property
    def drift(self) -> float:
        """How far from the middle the centre of a pattern may lie, in pixels."""
        return 0.5 if self.extent <= 3 else self.extent / 4

    def coordinates(self) -> tuple[Array, Array]:
        """Give x and y of every pixel, each of shape (D, 1), row by row from the top."""
        x = np.arange(self.width, dtype=np.float32) - (self.width - 1) / 2
        y = (self.height - 1) / 2 - np.arange(self.height, dtype=np.float32)
        grid_y, grid_x = np.meshgrid(y, x, indexing="ij")
        return (
            grid_x.reshape(-1, 1).astype(np.float32),
            grid_y.reshape(-1, 1).astype(np.float32),
        )


@dataclass(frozen=True, eq=False)
class Model:
    """One parametric description of a kernel.

    Attributes
    ----------
    name : str
        For instance "gaussian-1"; variants of one shape share `shape`.
    shape : str
        The key in `Verdict.fits`.
    family : str
        The family a kernel belongs to when this model explains it best.
    parameters : tuple of str
        The non-linear parameters.
    amplitudes : int
        How many linear parameters there are.
    order : int or None
        Order of the derivative, where the model is one.
    basis : callable
        (x, y, parameters) -> one (D, N) array per amplitude.
    start : ndarray of shape (P, M)
        The coarse grid of parameters.
    lower, upper : ndarray of shape (P,)
        Bounds of the refinement.
    """

    name: str
    shape: str
    family: str
    parameters: tuple[str, ...]
    amplitudes: int
    order: int | None
    basis: Basis = field(repr=False)
    start: Array = field(repr=False)
    lower: Array = field(repr=False)
    upper: Array = field(repr=False)

    @property
    def steps(self) -> int:
        """Refinement steps: narrow lobes need more, a start from a near relative fewer."""
        if self.relative:
            return 2
        return 5 if self.order in (3, 4) else 3

    @property
    def relative(self) -> str:
        """The model whose refined parameters this one starts from, if any: the same shape with its mean."""
        return self.name.removesuffix("-zero") if self.name.endswith("-zero") else ""

    @property
    def freedom(self) -> int:
        """Number of free parameters, amplitudes included: what BIC charges for."""
        return len(self.parameters) + self.amplitudes


# ---- shapes -------------------------------------------------------------------------------------


def _blob(x: Array, y: Array, p: Array) -> list[Array]:
    """exp(-r^2 / 2 s^2); parameters log s, cx, cy."""
    return [_round(x, y, p)[2]]


def _round(x: Array, y: Array, p: Array) -> tuple[Array, Array, Array]:
    inverse = np.exp(-p[0])
    s, t = x - p[1], y - p[2]
    s *= inverse
    t *= inverse
    return s, t, _bell(s, t.copy())


def _bell(s: Array, t: Array) -> Array:
    """exp(-(s^2 + t^2) / 2), written over `t`: the arrays are many, and each new one costs memory traffic."""
    t *= t
    t += s * s
    t *= -0.5
    return np.exp(t, out=t)


def _across(x: Array, y: Array, p: Array) -> tuple[Array, Array]:
    """Give u / su and the elongated envelope; parameters log su, log sv, phi, cx, cy."""
    cos, sin = np.cos(p[2]), np.sin(p[2])
    dx, dy = x - p[3], y - p[4]
    s, t = dx * cos, dy * cos
    s += np.multiply(dy, sin, out=dy)
    t -= np.multiply(dx, sin, out=dx)
    s *= np.exp(-p[0])
    t *= np.exp(-p[1])
    return s, _bell(s, t)


def _hermite(order: int) -> Basis:
    """d^n/du^n of an elongated Gaussian, up to its sign: positive towards phi or in the middle."""

    def basis(x: Array, y: Array, p: Array) -> list[Array]:
        s, envelope = _across(x, y, p)
        if order == 0:
            return [envelope]
        if order == 1:
            s *= envelope
            return [s]
        q = s * s
        if order == 2:
            np.subtract(1, q, out=q)
        elif order == 3:
            np.subtract(3, q, out=q)
            q *= s
        else:
            square = q * q
            q *= 6
            q = np.subtract(square, q, out=square)
            q += 3
        q *= envelope
        return [q]

    return basis


def _even_round(order: int) -> Basis:
    """Directional derivatives of a round Gaussian; parameters log s, phi, cx, cy."""
    elongated = _hermite(order)
    return lambda x, y, p: elongated(x, y, p[[0, 0, 1, 2, 3]])


def _gradient(x: Array, y: Array, p: Array) -> list[Array]:
    """Both first derivatives of a round Gaussian: any angle is a linear combination."""
    s, t, envelope = _round(x, y, p)
    return [s * envelope, t * envelope]


def _embossed(x: Array, y: Array, p: Array) -> list[Array]:
    """A gradient and a constant; parameter log s."""
    centre = np.zeros_like(p[:1])
    first, second = _gradient(x, y, np.concatenate([p[:1], centre, centre]))
    return [first, second, np.ones_like(first)]


def _embossed_pixel(x: Array, y: Array, p: Array) -> list[Array]:
    """A gradient and the middle pixel: the usual emboss kernel; parameter log s."""
    first, second, flat = _embossed(x, y, p)
    return [first, second, _middle(x, y) * flat]


def _middle(x: Array, y: Array) -> Array:
    """One at the middle pixel (at the middle two or four of an even size)."""
    return ((np.abs(x) < 0.75) & (np.abs(y) < 0.75)).astype(np.float32)


def _laplacian(x: Array, y: Array, p: Array) -> list[Array]:
    """Minus the Laplacian of a Gaussian; parameters log s, cx, cy."""
    s, t, envelope = _round(x, y, p)
    return [(2 - s * s - t * t) * envelope]


def _saddle(x: Array, y: Array, p: Array) -> list[Array]:
    """d2/dxdy and its turn by 45 degrees: any angle is a linear combination."""
    s, t, envelope = _round(x, y, p)
    return [s * t * envelope, 0.5 * (s * s - t * t) * envelope]


def _two_blobs(x: Array, y: Array, p: Array) -> list[Array]:
    """A narrow minus a wide Gaussian of equal sums; parameters log s, log ratio, cx, cy."""
    narrow = _round(x, y, p[[0, 2, 3]])[2]
    wide = _round(x, y, np.stack([p[0] + p[1], p[2], p[3]]))[2]
    return [narrow / narrow.sum(0) - wide / wide.sum(0)]


def _sharpen(x: Array, y: Array, p: Array) -> list[Array]:
    """The middle pixel and a blob; parameter log s."""
    centre = np.zeros_like(p[:1])
    blob = _round(x, y, np.concatenate([p[:1], centre, centre]))[2]
    return [_middle(x, y) * np.ones_like(blob), blob]


def _gabor(x: Array, y: Array, p: Array) -> list[Array]:
    """Cosine and sine under an elongated Gaussian; log wavelength, log s, log sv/su, phi, cx, cy."""
    cos, sin = np.cos(p[3]), np.sin(p[3])
    dx, dy = x - p[4], y - p[5]
    u, v = dx * cos, dy * cos
    u += np.multiply(dy, sin, out=dy)
    v -= np.multiply(dx, sin, out=dx)
    inverse = np.exp(-p[1])
    v *= inverse * np.exp(-p[2])
    envelope = _bell(np.multiply(u, inverse, out=dy), v)
    u *= np.float32(2 * np.pi) * np.exp(-p[0])
    even, odd = np.cos(u, out=dx), np.sin(u, out=u)
    even *= envelope
    odd *= envelope
    return [even, odd]


def _gabor_in_the_middle(x: Array, y: Array, p: Array) -> list[Array]:
    """A round Gabor in the middle; parameters log wavelength, log s, phi."""
    zero = np.zeros_like(p[0])
    return _gabor(x, y, np.stack([p[0], p[1], zero, p[2], zero, zero]))


def _without_mean(basis: Basis) -> Basis:
    """The same shapes with their mean over the kernel taken off."""
    return lambda x, y, p: [b - b.mean(0) for b in basis(x, y, p)]


# ---- coarse grids -------------------------------------------------------------------------------


def _product(*axes: Array) -> Array:
    mesh = np.meshgrid(*axes, indexing="ij")
    return np.stack([m.ravel() for m in mesh]).astype(np.float32)


def _angles(count: int, full: float = np.pi) -> Array:
    return np.arange(count) * full / count


def _scales(low: float, high: float, factor: float) -> Array:
    """Logarithms of scales from low to high, neighbours no further apart than `factor`."""
    high = max(high, low * 1.05)
    count = max(2, int(np.ceil(np.log(high / low) / np.log(factor))) + 1)
    return np.linspace(np.log(low), np.log(high), count)


def _offsets(grid: Grid, scale: float, fine: bool) -> Array:
    """Centres along one axis, at steps of about the scale of the pattern.

    A third or fourth derivative has lobes narrower than its sigma: `fine`.
    """
    if grid.extent <= 3:
        return np.zeros(1)
    if fine:
        step = max(0.4, 0.55 * scale, grid.extent / 24)
        count = min(2, int(grid.drift / step))
    else:
        step = max(0.8, 0.9 * scale, grid.extent / 9)
        count = int(grid.drift / step)
    return np.arange(-count, count + 1) * step


def _with_centres(grid: Grid, rows: Array, scale: Array, fine: bool = False) -> Array:
    """Append cx, cy to each column of parameters, as finely as its scale asks for."""
    parts = []
    for column, width in zip(rows.T, scale, strict=True):
        offsets = _offsets(grid, float(width), fine)
        centres = _product(offsets, offsets)
        parts.append(np.concatenate([np.repeat(column[:, None], centres.shape[1], 1), centres]))
    return np.concatenate(parts, axis=1).astype(np.float32)


def _elongated_start(grid: Grid, low: float, high: float, flat: float, angles: int, fine: bool) -> Array:
    across = _scales(low, high, 1.3 if fine else 1.45)
    along = _scales(max(low, 0.6), flat, 1.9)
    rows = _product(across, along, _angles(angles))
    rows = rows[:, rows[1] >= rows[0] - 0.45]
    return _with_centres(grid, rows, np.exp(rows[0]), fine)


# ---- the models of one size ---------------------------------------------------------------------


def _limits(grid: Grid, *pairs: tuple[float, float]) -> tuple[Array, Array]:
    edges = np.array([*pairs], dtype=np.float32).reshape(-1, 2)
    return edges[:, 0].copy(), edges[:, 1].copy()


def _outermost(order: int) -> float:
    """The outermost zero of the n-th derivative, in units of sigma."""
    return (0.0, 0.0, 1.0, 3**0.5, (3 + 6**0.5) ** 0.5)[order]


def _make(
    name: str,
    shape: str,
    family: str,
    parameters: str,
    amplitudes: int,
    order: int | None,
    basis: Basis,
    start: Array,
    limits: tuple[Array, Array],
) -> Model:
    return Model(name, shape, family, tuple(parameters.split()), amplitudes, order, basis, start, *limits)


def _round_models(grid: Grid) -> list[Model]:
    log, h, d = np.log, grid.half, grid.drift
    centre = ((-d, d), (-d, d))
    flat = 2.5 * grid.extent
    wide = _scales(0.45, flat, 1.5)[None]
    mexican = _scales(0.45, max(0.5, 0.85 * h / 2**0.5), 1.35)[None]
    pair = _product(_scales(0.3, max(0.5, 0.45 * h), 1.4), log(np.array([1.3, 2.0, 3.5])))
    saddle = _scales(0.5, max(0.6, 0.75 * grid.extent), 1.4)[None]
    sharp = _scales(0.35, flat, 1.4)[None]
    small, big = log(0.3), log(2 * flat)
    top = float(mexican.max()) + 0.15
    return [
        _make("gaussian-0", "gaussian-0", "smoothing", "sigma cx cy", 1, 0, _blob,
              _with_centres(grid, wide, np.exp(wide[0])), _limits(grid, (log(0.42), big), *centre)),
        _make("gaussian-1", "gaussian-1", "edge", "sigma cx cy", 2, 1, _gradient,
              _with_centres(grid, wide, np.exp(wide[0])), _limits(grid, (small, big), *centre)),
        _make("emboss", "emboss", "edge", "sigma", 3, 1, _embossed, wide.astype(np.float32),
              _limits(grid, (small, big))),
        _make("emboss-pixel", "emboss", "edge", "sigma", 3, 1, _embossed_pixel, wide.astype(np.float32),
              _limits(grid, (small, big))),
        _make("log", "log", "centre-surround", "sigma cx cy", 1, 2, _laplacian,
              _with_centres(grid, mexican, np.exp(mexican[0])), _limits(grid, (log(0.42), top), *centre)),
        _make("dog", "dog", "centre-surround", "sigma ratio cx cy", 1, 2, _two_blobs,
              _with_centres(grid, pair, np.exp(pair[0])),
              _limits(grid, (log(0.25), log(max(0.6, 0.6 * h))), (log(1.1), log(8)), *centre)),
        _make("saddle", "saddle", "saddle", "sigma cx cy", 2, 2, _saddle,
              _with_centres(grid, saddle, np.exp(saddle[0])), _limits(grid, (log(0.4), big), *centre)),
        _make("sharpen", "sharpen", "sharpening", "sigma", 2, None, _sharpen, sharp.astype(np.float32),
              _limits(grid, (log(0.3), big))),
    ]  # fmt: skip


def _elongated_models(grid: Grid) -> list[Model]:
    log, d = np.log, grid.drift
    rest = ((-2 * np.pi, 2 * np.pi), (-d, d), (-d, d))
    flat = 1.5 * grid.extent
    made = []
    for order, family, angles in (
        (0, "smoothing", 6), (1, "edge", 12), (2, "line", 8), (3, "higher-derivative", 20),
        (4, "higher-derivative", 20),
    ):  # fmt: skip
        low = 0.5
        high = 0.7 * grid.extent if order < 2 else 0.85 * grid.half / _outermost(order)
        if order > 2 and high < low:
            continue  # this size cannot hold the derivative: its outer lobes lie outside
        high = max(high, 0.6)
        start = _elongated_start(grid, low, high, flat, angles, order > 2)
        top = log(4 * flat) if order < 2 else log(high) + 0.15
        # stripes shorter than half a pixel would turn any dot into a line
        least = (0.42, 0.42) if order == 0 else (0.35, 0.5)
        limits = _limits(grid, (log(least[0]), top), (log(least[1]), log(4 * flat)), *rest)
        name = f"gaussian-{order}"
        made.append(_make(f"{name}-long", name, family, "sigma_u sigma_v phi cx cy", 1, order,
                          _hermite(order), start, limits))  # fmt: skip
        if order in (2, 4):
            made.append(_make(f"{name}-long-zero", name, family, "sigma_u sigma_v phi cx cy", 1, order,
                              _without_mean(_hermite(order)), start, limits))  # fmt: skip
        if order >= 2:
            rows = _product(_scales(low, high, 1.35), _angles(angles))
            made.append(_make(f"{name}-round", name, family, "sigma phi cx cy", 1, order, _even_round(order),
                              _with_centres(grid, rows, np.exp(rows[0]), order > 2),
                              _limits(grid, (log(0.35), top), *rest)))  # fmt: skip
    return made


def _gabor_models(grid: Grid) -> list[Model]:
    log, d, e = np.log, grid.drift, grid.extent
    turn = (-2 * np.pi, 2 * np.pi)
    if e <= 3:
        start = _product(_scales(2.0, 4.5, 1.3), _scales(0.7, 6, 2.0), _angles(12))
        limits = _limits(grid, (log(1.41), log(6)), (log(0.6), log(20)), turn)
        return [_make("gabor", "gabor", "gabor", "wavelength sigma phi", 2, None, _gabor_in_the_middle,
                      start, limits)]  # fmt: skip
    rows = _product(
        _scales(2.0, 1.3 * e, 1.3), _scales(0.9, 0.6 * e, 1.7), _scales(0.7, 2.0, 1.8), _angles(12)
    )
    # fewer than a third of a cycle under the envelope is a blob or an edge, not a wave
    rows = rows[:, np.exp(rows[1] - rows[0]) > 0.15]
    start = _with_centres(grid, rows, np.maximum(1.6 * np.exp(rows[1]), e / 6))
    limits = _limits(
        grid, (log(1.41), log(2 * e)), (log(0.6), log(3 * e)), (log(0.3), log(5)), turn, (-d, d), (-d, d)
    )
    return [
        _make("gabor", "gabor", "gabor", "wavelength sigma stretch phi cx cy", 2, None, _gabor, start, limits)
    ]


def models_for(grid: Grid) -> list[Model]:
    """Give the models that a kernel of this size is compared with.

    Examples
    --------
    >>> sorted({m.family for m in models_for(Grid(3, 3))})
    ['centre-surround', 'edge', 'gabor', 'line', 'saddle', 'sharpening', 'smoothing']
    """
    return _round_models(grid) + _elongated_models(grid) + _gabor_models(grid)
