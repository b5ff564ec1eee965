"""Everything measured on a pattern before chance is asked: one code for kernels and for their nulls."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from convscope.kernels.classics import bank_for
from convscope.kernels.colour import Split, split
from convscope.kernels.families import Comparison, compare
from convscope.kernels.fits import Fit, fitter_for
from convscope.kernels.grid import Array
from convscope.kernels.modes import two_modes
from convscope.kernels.spectrum import Spectrum, spectrum

__all__ = ["SHAPES", "Nearest", "Scores", "score"]

# The shapes whose fits a verdict lists.
SHAPES = (
    "gaussian-0",
    "gaussian-1",
    "gaussian-2",
    "gaussian-3",
    "gaussian-4",
    "log",
    "dog",
    "saddle",
    "gabor",
)
# One family that explains this much leaves no room for a second mode of note.
ALONE = 0.91
_SMALLEST_FOR_TWO = 16  # values; below, two Gabors explain anything


@dataclass
class Nearest:
    """The nearest classic kernels: index into the bank of this size, cosine, and cosine of the second."""

    index: Array
    cosine: Array
    second: Array


@dataclass
class Scores:
    """Measures of N filters that their nulls share."""

    split: Split
    fits: list[Fit]
    comparison: Comparison
    spectrum: Spectrum
    nearest: Nearest
    explained: dict[str, Array]
    two: Array


def score(filters: Array, height: int, width: int, stride: int = 1) -> Scores:
    """Score filters of shape (N, C, height * width)."""
    modes = split(filters)
    patterns = modes.patterns
    fitter = fitter_for(height, width)
    fits = fitter.fit(patterns)
    comparison = compare(fits, patterns, fitter.grid)
    explained = {
        shape: np.max([f.explained for f in fits if f.model.shape == shape], axis=0)
        if any(f.model.shape == shape for f in fits)
        else np.zeros(len(patterns), np.float32)
        for shape in SHAPES
    }
    return Scores(
        modes,
        fits,
        comparison,
        spectrum(patterns, height, width, stride),
        nearest(patterns, height, width),
        explained,
        _second_mode(patterns, fits, comparison, height, width),
    )


def _second_mode(patterns: Array, fits: list[Fit], comparison: Comparison, height: int, width: int) -> Array:
    """Energy that two modes explain, where one family does not explain enough; else 0."""
    two = np.zeros(len(patterns), np.float32)
    if patterns.shape[1] < _SMALLEST_FOR_TWO or min(height, width) < 2:
        return two
    single = np.take_along_axis(comparison.explained, comparison.best()[None], axis=0)[0]
    weak = np.flatnonzero((single < ALONE) & (np.einsum("nd,nd->n", patterns, patterns) > 0))
    if len(weak) == 0:
        return two
    gabor = next(f for f in fits if f.model.family == "gabor")
    first = Fit(gabor.model, gabor.explained[weak], gabor.parameters[:, weak], gabor.amplitudes[:, weak])
    two[weak] = two_modes(fitter_for(height, width), patterns[weak], first)
    return two


def nearest(patterns: Array, height: int, width: int) -> Nearest:
    """Find the nearest classic kernel over sign, scale and quarter turns."""
    atoms, _, groups = bank_for(height, width)
    n = len(patterns)
    if len(atoms) == 0:
        return Nearest(np.full(n, -1), np.zeros(n), np.zeros(n))
    cosine = np.abs(patterns @ atoms.T)
    # the first of the list wins where several are equally near, up to rounding
    best = np.argmax(cosine >= cosine.max(axis=1, keepdims=True) - 1e-6, axis=1)
    top = cosine[np.arange(n), best]
    others = np.where(groups[None] == groups[best][:, None], 0, cosine).max(axis=1)
    return Nearest(best, np.minimum(top, 1), np.minimum(others, 1))
