"""The parametric models that a kernel is compared with, evaluated for many kernels at once.

Coordinates are input pixels from the middle of the kernel, x to the right and
y up. Arrays have the batch last: coordinates (D, 1), parameters (P, N), values
(D, N), where D is the number of kernel values and N the number of kernels.
Every model is linear in its amplitudes (one to three of them) and non-linear
in the parameters named here; `u` runs across the stripes, at the angle `phi`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from convscope.kernels import model_shapes as shapes
from convscope.kernels import model_slopes as slopes
from convscope.kernels import model_starts as starts
from convscope.kernels.grid import Array, Grid
from convscope.kernels.model_shapes import Basis
from convscope.kernels.model_slopes import Slopes

__all__ = ["Model", "models_for"]


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
    slopes : callable
        (x, y, parameters, amplitudes) -> one (D, N) array per parameter: how the model changes with it.
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
    slopes: Slopes = field(repr=False)
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
    def goes_on(self) -> bool:
        """Whether promising fits get more steps: where angle, widths and centre all have to be found."""
        return self.family in ("edge", "line", "saddle", "higher-derivative")

    @property
    def relative(self) -> str:
        """The model whose refined parameters this one starts from, if any: the same shape with its mean."""
        return self.name.removesuffix("-zero") if self.name.endswith("-zero") else ""

    @property
    def freedom(self) -> int:
        """Number of free parameters, amplitudes included: what BIC charges for."""
        return len(self.parameters) + self.amplitudes


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
    form: tuple[Basis, Slopes],
    start: Array,
    limits: tuple[Array, Array],
) -> Model:
    return Model(name, shape, family, tuple(parameters.split()), amplitudes, order, *form, start, *limits)


def _round_models(grid: Grid) -> list[Model]:
    log, h, d = np.log, grid.half, grid.drift
    centre = ((-d, d), (-d, d))
    flat = 2.5 * grid.extent
    wide = starts.scales(0.45, flat, 1.5)[None]
    mexican = starts.scales(0.45, max(0.5, 0.85 * h / 2**0.5), 1.35)[None]
    pair = starts.product(starts.scales(0.3, max(0.5, 0.45 * h), 1.4), log(np.array([1.3, 2.0, 3.5])))
    saddle = starts.scales(0.5, max(0.6, 0.75 * grid.extent), 1.4)[None]
    sharp = starts.scales(0.35, flat, 1.4)[None]
    small, big = log(0.3), log(2 * flat)
    top = float(mexican.max()) + 0.15
    return [
        _make("gaussian-0", "gaussian-0", "smoothing", "sigma cx cy", 1, 0, (shapes.blob, slopes.blob),
              starts.with_centres(grid, wide, np.exp(wide[0])), _limits(grid, (log(0.42), big), *centre)),
        _make("gaussian-1", "gaussian-1", "edge", "sigma cx cy", 2, 1, (shapes.gradient, slopes.gradient),
              starts.with_centres(grid, wide, np.exp(wide[0])), _limits(grid, (small, big), *centre)),
        _make("emboss", "emboss", "edge", "sigma", 3, 1, (shapes.embossed, slopes.embossed),
              wide.astype(np.float32), _limits(grid, (small, big))),
        _make("emboss-pixel", "emboss", "edge", "sigma", 3, 1,
              (shapes.embossed_pixel, slopes.embossed),
              wide.astype(np.float32), _limits(grid, (small, big))),
        _make("log", "log", "centre-surround", "sigma cx cy", 1, 2, (shapes.laplacian, slopes.laplacian),
              starts.with_centres(grid, mexican, np.exp(mexican[0])),
              _limits(grid, (log(0.42), top), *centre)),
        _make("dog", "dog", "centre-surround", "sigma ratio cx cy", 1, 2,
              (shapes.two_blobs, slopes.two_blobs),
              starts.with_centres(grid, pair, np.exp(pair[0])),
              _limits(grid, (log(0.25), log(max(0.6, 0.6 * h))), (log(1.1), log(8)), *centre)),
        _make("saddle", "saddle", "saddle", "sigma cx cy", 2, 2, (shapes.saddle, slopes.saddle),
              starts.saddle_start(grid, saddle), _limits(grid, (log(0.4), big), *centre)),
        _make("sharpen", "sharpen", "sharpening", "sigma", 2, None, (shapes.sharpen, slopes.sharpen),
              sharp.astype(np.float32), _limits(grid, (log(0.3), big))),
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
        start = starts.elongated_start(grid, low, high, flat, angles, order > 2)
        top = log(4 * flat) if order < 2 else log(high) + 0.15
        # stripes shorter than half a pixel would turn any dot into a line
        least = (0.42, 0.42) if order == 0 else (0.35, 0.5)
        limits = _limits(grid, (log(least[0]), top), (log(least[1]), log(4 * flat)), *rest)
        name = f"gaussian-{order}"
        made.append(_make(f"{name}-long", name, family, "sigma_u sigma_v phi cx cy", 1, order,
                          (shapes.hermite(order), slopes.hermite(order)), start, limits))  # fmt: skip
        if order in (2, 4):
            made.append(_make(f"{name}-long-zero", name, family, "sigma_u sigma_v phi cx cy", 1, order,
                              (shapes.without_mean(shapes.hermite(order)),
                               slopes.without_mean(slopes.hermite(order))), start, limits))  # fmt: skip
        if order >= 2:
            rows = starts.product(starts.scales(low, high, 1.35), starts.angles(angles))
            made.append(_make(f"{name}-round", name, family, "sigma phi cx cy", 1, order,
                              (shapes.even_round(order), slopes.even_round(order)),
                              starts.with_centres(grid, rows, np.exp(rows[0]), order > 2),
                              _limits(grid, (log(0.35), top), *rest)))  # fmt: skip
    return made


def _gabor_models(grid: Grid) -> list[Model]:
    log, d, e = np.log, grid.drift, grid.extent
    turn = (-2 * np.pi, 2 * np.pi)
    if e <= 3:
        start = starts.product(starts.scales(2.0, 4.5, 1.3), starts.scales(0.7, 6, 2.0), starts.angles(12))
        limits = _limits(grid, (log(1.41), log(6)), (log(0.6), log(20)), turn)
        return [_make("gabor", "gabor", "gabor", "wavelength sigma phi", 2, None,
                      (shapes.gabor_in_the_middle, slopes.gabor_in_the_middle), start, limits)]  # fmt: skip
    rows = starts.product(
        starts.scales(2.0, 1.3 * e, 1.3),
        starts.scales(0.9, 0.6 * e, 1.7),
        starts.scales(0.7, 2.0, 1.8),
        starts.angles(12),
    )
    # fewer than a third of a cycle under the envelope is a blob or an edge, not a wave
    rows = rows[:, np.exp(rows[1] - rows[0]) > 0.15]
    start = starts.with_centres(grid, rows, np.maximum(1.6 * np.exp(rows[1]), e / 6))
    limits = _limits(
        grid, (log(1.41), log(2 * e)), (log(0.6), log(3 * e)), (log(0.3), log(5)), turn, (-d, d), (-d, d)
    )
    return [
        _make(
            "gabor",
            "gabor",
            "gabor",
            "wavelength sigma stretch phi cx cy",
            2,
            None,
            (shapes.gabor, slopes.gabor),
            start,
            limits,
        )
    ]


def models_for(grid: Grid) -> list[Model]:
    """Give the models that a kernel of this size is compared with.

    Examples
    --------
    >>> sorted({m.family for m in models_for(Grid(3, 3))})
    ['centre-surround', 'edge', 'gabor', 'line', 'saddle', 'sharpening', 'smoothing']
    """
    return _round_models(grid) + _elongated_models(grid) + _gabor_models(grid)
