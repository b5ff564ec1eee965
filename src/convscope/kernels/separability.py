"""Chance for the first mode of a filter over its channels."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from convscope.kernels.colour import Split
from convscope.kernels.grid import Array

__all__ = ["separability_null", "separability_p"]

_SEED = 20240


def separability_p(modes: Split) -> Array:
    """Share of random filters whose first mode holds as much of the energy."""
    null = separability_null(modes.direction.shape[1], modes.patterns.shape[1])
    above = len(null) - np.searchsorted(null, modes.shares[:, 0])
    return np.asarray((1 + above) / (1 + len(null)))


@lru_cache(maxsize=64)
def separability_null(channels: int, size: int, samples: int = 2000) -> Array:
    """Give the sorted shares of energy in the first mode of random (channels, size) filters."""
    random = np.random.default_rng([_SEED, channels, size])
    samples = max(200, min(samples, 4_000_000 // (channels * size)))
    few, many = sorted((channels, size))
    # the Gram matrix of Gaussian (few, many) filters is Wishart: drawn by its triangular factor (Bartlett
    # 1933), normal below the diagonal and chi with many - i degrees of freedom on it
    factor = np.tril(random.normal(size=(samples, few, few)), -1)
    factor[:, range(few), range(few)] = np.sqrt(random.chisquare(many - np.arange(few), (samples, few)))
    factor = factor.astype(np.float32)
    values = np.linalg.eigvalsh(factor @ factor.transpose(0, 2, 1))
    return np.sort(values[:, -1] / values.sum(axis=1))
