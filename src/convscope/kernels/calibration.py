"""Confidence as a calibrated probability.

For each size kernels of every family are generated (seeded, 20 dB noise, and as
many of pure noise), judged by the code in use, and a logistic regression
learns how often the name is right from what the verdict knows: the margin, the
energy explained, the p-value. Draws that a simpler family explains by more
than 90 % are left out: their family is a matter of taste.
"""

from __future__ import annotations

import numpy as np

from convscope.kernels.choosing import Chance, Choice, choose, features
from convscope.kernels.families import FAMILIES, SPATIAL
from convscope.kernels.fits import fitter_for
from convscope.kernels.generate import Generated, generate
from convscope.kernels.grid import Array
from convscope.kernels.scores import score
from convscope.kernels.separability import separability_p
from convscope.kernels.workers import on_all_cores

__all__ = ["calibrate", "confidence", "counted", "right"]

_SEED = 977
_RIDGE = 0.5


def counted(drawn: Generated) -> Array:
    """Say which draws no simpler family explains by more than 90 %, shape (n,) bool.

    Sharpening always counts (its draws have a sum of .43 to .64 of their norm).
    """
    n, _, height, width = drawn.clean.shape
    if drawn.family not in SPATIAL and drawn.family != "mixture":
        return np.ones(n, bool)
    place = SPATIAL.index(drawn.family) if drawn.family in SPATIAL else len(SPATIAL)
    if place <= 1 or drawn.family == "sharpening":
        return np.ones(n, bool)
    explained = score(drawn.clean.reshape(n, -1, height * width), height, width).comparison.explained
    # a single pixel is a limit of every narrow shape, so it is not asked
    return np.asarray(explained[1:place].max(axis=0) <= 0.9)


def right(drawn: Generated, family: Array, higher: Array) -> Array:
    """Say which families (indices into `FAMILIES`) are those drawn, shape (n,) bool.

    `higher` is the energy that third and fourth derivatives explain: a Gabor
    which they explain by 95 % may bear either name.
    """
    good = family == FAMILIES.index(drawn.family)
    if drawn.family == "gabor":
        good |= (family == FAMILIES.index("higher-derivative")) & (higher >= 0.95)
    return np.asarray(good)


def calibrate(null: Chance, height: int, width: int, channels: int, samples: int) -> Array:
    """Give the coefficients of the confidence of one size; zeros where nothing can be generated."""
    if height != width or not 3 <= height <= 31:
        side = int(np.clip(round((height * width) ** 0.5), 3, 31))
    else:
        side = height
    count = min(120 if side <= 7 else 60 if side <= 11 else 24, max(12, samples // 30))

    def measure(family: str) -> tuple[Array, Array]:
        many = 3 * count if family == "noise" else count
        drawn = generate(family, side, many, channels=channels, seed=_SEED)
        scores = score(drawn.weight.reshape(many, channels, -1), side, side)
        chance = None if channels == 1 else separability_p(scores.split)
        choice = choose(scores, null, side, side, chance)
        higher = scores.comparison.explained[SPATIAL.index("higher-derivative")]
        keep = counted(drawn)
        return features(choice)[keep], right(drawn, choice.family, higher)[keep]

    cannot = ("higher-derivative", "mixture") if side == 3 else ()
    families = [family for family in (*SPATIAL, "mixture", "noise") if family not in cannot]
    fitter_for(side, side)  # made once, before the threads ask for it
    rows, truth = zip(*on_all_cores(measure, families), strict=True)
    return _logistic(np.concatenate(rows), np.concatenate(truth).astype(float))


def _logistic(x: Array, truth: Array) -> Array:
    """Ridge-penalised logistic regression by Newton steps."""
    weights = np.zeros(x.shape[1])
    for _ in range(30):
        p = _sigmoid(x @ weights)
        curvature = x.T @ (x * (p * (1 - p))[:, None]) + _RIDGE * np.eye(x.shape[1])
        weights += np.linalg.solve(curvature, x.T @ (truth - p) - _RIDGE * weights)
    return weights


def _sigmoid(value: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-np.clip(value, -30, 30))))


def confidence(choice: Choice, coefficients: Array) -> Array:
    """Give the probability that each name is right, shape (N,)."""
    return _sigmoid(features(choice) @ coefficients)
