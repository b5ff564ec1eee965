"""Frequencies of images: the energy in bands, and noise that lies in one band only."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["band_noise", "high_share", "radius"]

Array = NDArray[Any]


def radius(height: int, width: int) -> Array:
    """Give the frequency of each cell of an unshifted spectrum, in cycles per pixel, (H, W).

    Examples
    --------
    >>> radius(4, 4)[0].tolist()
    [0.0, 0.25, 0.5, 0.25]
    """
    return np.asarray(np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)))


def high_share(image: Array, above: float = 0.25) -> float:
    """Give the share of an image's energy, its mean apart, at frequencies above a limit.

    The image is faded out towards its borders, whose jump would count as high frequency.

    Examples
    --------
    >>> high_share(np.tile([0.0, 1.0], (8, 8))) > 0.9
    True
    """
    window = np.outer(np.hanning(image.shape[0]), np.hanning(image.shape[1]))
    power = np.abs(np.fft.fft2((image - image.mean()) * window)) ** 2
    return float(power[radius(*image.shape) > above].sum() / power.sum())


def band_noise(shape: tuple[int, ...], low: float, high: float, seed: int) -> Array:
    """Draw images whose energy lies at frequencies from `low` to below `high`, each of root mean square 1.

    Parameters
    ----------
    shape : tuple of int
        (..., H, W).
    low, high : float
        In cycles per pixel.

    Examples
    --------
    >>> noise = band_noise((2, 1, 8, 8), 0.3, 0.4, seed=0)
    >>> bool(np.allclose((noise**2).mean(axis=(1, 2, 3)), 1))
    True
    """
    at = radius(*shape[-2:])
    drawn = np.fft.fft2(np.random.default_rng(seed).normal(size=shape))
    noise = np.fft.ifft2(np.where((at >= low) & (at < high), drawn, 0)).real
    return np.asarray(noise / np.sqrt((noise**2).mean(axis=(-3, -2, -1), keepdims=True)))
