"""Choosing a family: the simplest one that explains the kernel.

For each family the best of its models has an explained energy E and k free
parameters. The cost, in nats, is BIC with a floor under the residual (nobody
measures a kernel to better than 21 dB, so a residual below .008 is not
evidence against a simpler family) and with parameters charged at one and a
half times the BIC rate, which buys simplicity:

    cost = D/2 * log(1 - E + .008) + 1.5 * k/2 * log D

Chance is another question with a statistic of its own (`statistic`), the
best plain BIC over all families with a floor of .004; its null distribution
is measured on random kernels by the very same code (`convscope.kernels.nulls`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from convscope.kernels.fits import Fit
from convscope.kernels.grid import Array, Grid

__all__ = ["FAMILIES", "SPATIAL", "Comparison", "compare", "gradient_share"]

FAMILIES = (
    "dead",
    "pointwise",
    "noise",
    "identity",
    "smoothing",
    "edge",
    "line",
    "centre-surround",
    "saddle",
    "higher-derivative",
    "gabor",
    "sharpening",
    "colour-contrast",
    "colour-blob",
    "mixture",
)
SPATIAL = FAMILIES[3:12]

_FLOOR, _RATE = 0.008, 1.5
_CHANCE_FLOOR = 0.004
# Where a simpler family explains this much, a Gabor is not looked for: a Gabor
# can take the shape of almost any of them. Third and fourth derivatives look
# like waves themselves, so they must be nearer the mark.
ENOUGH, ENOUGH_HIGHER = 0.95, 0.97
# |sum| / norm of the middle pixel against its surround: 1 is the identity, 0 a
# Laplacian; noise at 20 dB moves it by .1 (one standard deviation).
SHARPEN_LOW, SHARPEN_HIGH, IDENTITY_LOW, IDENTITY_HIGH = 0.24, 0.92, 0.68, 1.35


@dataclass
class Comparison:
    """What each spatial family achieves on N patterns.

    Attributes
    ----------
    explained : ndarray of shape (families, N)
        In the order of `SPATIAL`.
    cost : ndarray of shape (families, N)
        In nats; lower is better.
    model : ndarray of shape (families, N), int
        Which model of the list of fits is the best of its family; -1 for none.
    statistic : ndarray of shape (N,)
        Evidence against chance, in nats.
    """

    explained: Array
    cost: Array
    model: Array
    statistic: Array

    def best(self) -> Array:
        """Index into `SPATIAL` of the family of least cost, shape (N,)."""
        return np.asarray(np.argmin(self.cost, axis=0))


def compare(fits: list[Fit], patterns: Array, grid: Grid) -> Comparison:
    """Compare the families on unit-norm patterns of shape (N, D)."""
    n, d = patterns.shape
    explained = np.zeros((len(SPATIAL), n), np.float32)
    cost = np.full((len(SPATIAL), n), np.inf, np.float32)
    chances = np.full((len(SPATIAL), n), np.inf, np.float32)
    model = np.full((len(SPATIAL), n), -1, np.int16)
    unit = np.float32(np.log(d) / 2)
    for index, fit in enumerate(fits):
        energy = _valid(fit, patterns, grid)
        family = SPATIAL.index(fit.model.family)
        nats = d / 2 * np.log(1 - energy + _FLOOR) + _RATE * unit * fit.model.freedom
        better = (nats < cost[family]) & (energy > 0)
        cost[family][better] = nats[better]
        explained[family][better] = energy[better]
        model[family][better] = index
        chance = d / 2 * np.log(1 - energy + _CHANCE_FLOOR) + unit * fit.model.freedom
        chance = np.where(energy > 0, chance, np.float32(np.inf))
        np.minimum(chances[family], chance, out=chances[family])
    plain = chances.min(axis=0)
    energy, freedom = _identity(patterns, grid)
    explained[0] = energy
    cost[0] = d / 2 * np.log(1 - energy + _FLOOR) + _RATE * unit * freedom
    single = d / 2 * np.log(1 - energy + _CHANCE_FLOOR) + unit * freedom
    np.minimum(plain, single, out=plain)
    # against a single pixel a faint surround is judged by plain BIC: it is faint by nature
    sharpening = SPATIAL.index("sharpening")
    faint = cost[0] + chances[sharpening] - single
    cost[sharpening] = np.where(energy > 0, faint, cost[sharpening])
    gabor = SPATIAL.index("gabor")
    simpler = explained[1 : gabor - 1].max(axis=0)
    settled = (simpler >= ENOUGH) | (explained[gabor - 1] >= ENOUGH_HIGHER)
    cost[gabor] = np.where(settled, np.inf, cost[gabor])
    return Comparison(explained, cost, model, -plain)


def _valid(fit: Fit, patterns: Array, grid: Grid) -> Array:
    """Explained energy, zero where the fit is not what its family means."""
    energy = np.clip(fit.explained, 0, 1)
    if fit.model.shape == "emboss":  # an edge plus something, not something plus a little edge
        return np.where(gradient_share(fit, grid) > 0.5, energy, np.float32(0))
    if fit.model.family != "sharpening":
        return energy
    middle, blob = fit.amplitudes
    balance = patterns.sum(1) * np.sign(middle)
    good = (middle * blob < 0) & (balance >= SHARPEN_LOW) & (balance <= SHARPEN_HIGH)
    return np.where(good, energy, np.float32(0))


def gradient_share(fit: Fit, grid: Grid) -> Array:
    """Energy of the gradient part of an emboss fit (its odd and even parts are orthogonal)."""
    x, y = grid.coordinates()
    even = fit.model.basis(x, y, fit.parameters)[2]
    return np.asarray(fit.explained - np.einsum("dn,dn->n", even, even) * fit.amplitudes[2] ** 2)


def _identity(patterns: Array, grid: Grid) -> tuple[Array, Array]:
    """Energy of the largest pixel, and its parameters: one, or three if it is not in the middle."""
    rows = np.arange(len(patterns))
    pixel = np.argmax(np.abs(patterns), axis=1)
    value = patterns[rows, pixel]
    balance = patterns.sum(1) * np.sign(value)
    good = (balance > IDENTITY_LOW) & (balance < IDENTITY_HIGH)
    x, y = grid.coordinates()
    central = (np.abs(x[:, 0]) < 0.75) & (np.abs(y[:, 0]) < 0.75)
    energy = np.where(good, np.minimum(value * value, 1), 0).astype(np.float32)
    return energy, np.where(central[pixel], 1, 3).astype(np.float32)
