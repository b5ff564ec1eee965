"""What a kernel does to each frequency: its power spectrum and the measures read off it.

The spectrum is taken on a 32 x 32 grid (the kernel zero-padded), in cycles per
pixel; half of it is enough, since the power at f and -f is the same. The
transform of all kernels is one matrix product.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from convscope.kernels.grid import Array

__all__ = ["PASSBANDS", "PADDED", "Spectrum", "power_spectrum", "spectrum"]

PASSBANDS = ("all-pass", "low-pass", "high-pass", "band-stop", "band-pass")
PADDED = 32
_BINS = 23  # radial bins of 1/32 cycles per pixel, to the corner at .707
_CHUNK = 256  # keeps the power of all of them in the second-level cache


@dataclass
class Spectrum:
    """Measures of N kernels, each an array of shape (N,).

    Frequencies are in cycles per pixel, bandwidth in octaves (NaN for a
    passband that reaches zero frequency); shares are of the total power.
    """

    passband: Array
    dc_gain: Array
    peak_frequency: Array
    centroid: Array
    bandwidth: Array
    low: Array
    middle: Array
    high: Array
    aliased: Array
    anisotropy: Array
    angle: Array


@dataclass(frozen=True)
class _Tables:
    real: Array
    imaginary: Array
    radius: Array
    measures: Array
    profile: Array


@lru_cache(maxsize=64)
def _tables(height: int, width: int, stride: int) -> _Tables:
    fy, fx = np.meshgrid(np.fft.fftfreq(PADDED), np.fft.rfftfreq(PADDED), indexing="ij")
    fy, fx = -fy.ravel(), fx.ravel()  # y is up, rows go down
    weight = np.where((fx == 0) | (fx == 0.5), 1.0, 2.0)  # the half that is not stored
    radius, angle = np.hypot(fx, fy), np.arctan2(fy, fx)
    above = np.maximum(np.abs(fx), np.abs(fy)) > 1 / (2 * stride)
    turning = (radius > 0) * weight
    measures = [
        weight,
        weight * radius,
        weight * (radius < 0.125),
        weight * ((radius >= 0.125) & (radius <= 0.25)),
        weight * (radius > 0.25),
        weight * above,
        turning * np.cos(2 * angle),
        # on the edge of the band f and its alias -f on that axis are one: their sines cancel
        turning * np.where(np.maximum(np.abs(fx), np.abs(fy)) == 0.5, 0, np.sin(2 * angle)),
        turning,
    ]
    bins = np.minimum(np.rint(radius * PADDED), _BINS - 1).astype(int)
    profile = np.zeros((len(radius), _BINS))
    profile[np.arange(len(radius)), bins] = weight
    profile /= profile.sum(0)
    rows, columns = np.meshgrid(np.arange(height), np.arange(width), indexing="ij")
    phase = 2 * np.pi * (np.outer(columns.ravel(), fx) - np.outer(rows.ravel(), fy))
    single = np.float32
    return _Tables(
        np.cos(phase).astype(single),
        np.sin(phase).astype(single),
        radius.astype(single),
        np.stack(measures, axis=1).astype(single),
        profile.astype(single),
    )


def power_spectrum(kernel: Array) -> Array:
    """Give the power of one kernel at each frequency, zero frequency in the middle.

    Parameters
    ----------
    kernel : ndarray of shape (kH, kW)

    Returns
    -------
    ndarray of shape (32, 32)
        Rows are vertical frequencies (upwards positive at the top), columns
        horizontal ones, both from -.5 to just below .5 cycles per pixel.

    Examples
    --------
    >>> box = np.ones((3, 3)) / 9
    >>> float(power_spectrum(box)[16, 16])
    1.0
    """
    power = np.abs(np.fft.fft2(np.asarray(kernel, dtype=float), (PADDED, PADDED))) ** 2
    return np.fft.fftshift(power)


def spectrum(patterns: Array, height: int, width: int, stride: int = 1) -> Spectrum:
    """Measure kernels of shape (N, height * width)."""
    parts = [
        _measure(patterns[i : i + _CHUNK], height, width, stride)
        for i in range(0, max(1, len(patterns)), _CHUNK)
    ]
    joined = np.concatenate(parts, axis=1)
    return Spectrum(joined[0].astype(np.int8), *joined[1:])


def _measure(patterns: Array, height: int, width: int, stride: int) -> Array:
    tables = _tables(height, width, stride)
    patterns = np.ascontiguousarray(patterns, dtype=np.float32)
    power = np.square(patterns @ tables.real)
    power += np.square(patterns @ tables.imaginary)
    sums = power @ tables.measures
    total = np.maximum(sums[:, 0], np.float32(1e-30))
    peak = np.argmax(power, axis=1)
    top = np.take_along_axis(power, peak[:, None], 1)[:, 0]
    flat = power.min(axis=1) >= 0.5 * top
    size = np.abs(patterns).sum(1)
    dc_gain = np.abs(patterns.sum(1)) / np.maximum(size, np.float32(1e-30))
    profile = power @ tables.profile
    peak_frequency = tables.radius[peak]
    # a maximum within rounding of the one at zero frequency counts as at zero
    peak_frequency = np.where(power[:, 0] >= top * np.float32(0.99999), 0, peak_frequency)
    centroid = sums[:, 1] / total
    passband = _passband(flat, peak_frequency, dc_gain, centroid, profile)
    turning = np.maximum(sums[:, 8], np.float32(1e-30))
    anisotropy = np.hypot(sums[:, 6], sums[:, 7]) / turning
    angle = np.degrees(0.5 * np.arctan2(sums[:, 7], sums[:, 6])) % 180
    return np.stack(
        [
            passband, dc_gain, peak_frequency, centroid, _octaves(profile),
            sums[:, 2] / total, sums[:, 3] / total, sums[:, 4] / total, sums[:, 5] / total,
            anisotropy, angle,
        ]
    )  # fmt: skip


def _passband(flat: Array, peak: Array, dc_gain: Array, centroid: Array, profile: Array) -> Array:
    """Index into `PASSBANDS`, tested in that order."""
    strongest = profile.max(axis=1)
    dip = profile[:, 1:-1].min(axis=1) < 0.25 * strongest
    both_ends = (profile[:, 0] >= 0.5 * strongest) & (profile[:, -1] >= 0.5 * strongest)
    tests = [
        flat,
        (peak == 0) & (dc_gain > 0.5),
        (centroid > 0.35) & (dc_gain < 0.1),
        dip & both_ends,
    ]
    return np.select(tests, [0, 1, 2, 3], default=4).astype(np.float32)


def _octaves(profile: Array) -> Array:
    """Half-power bandwidth of the power averaged over directions; NaN if it reaches zero frequency."""
    n, bins = profile.shape
    rows = np.arange(n)
    peak = profile.argmax(axis=1)
    half = 0.5 * profile[rows, peak]
    below = profile < half[:, None]
    index = np.arange(bins)
    last_low = np.where(below & (index < peak[:, None]), index, -1).max(axis=1)
    first_high = np.where(below & (index > peak[:, None]), index, bins).min(axis=1)
    low = last_low + _fraction(profile, rows, last_low, half)
    high = np.where(
        first_high < bins, first_high - 1 + _fraction(profile, rows, first_high - 1, half), bins - 1.0
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        octaves = np.log2(high / low)
    return np.where((last_low < 0) | (low <= 0), np.nan, octaves).astype(np.float32)


def _fraction(profile: Array, rows: Array, left: Array, level: Array) -> Array:
    """Where between bin `left` and the next the profile crosses `level`."""
    left = np.clip(left, 0, profile.shape[1] - 2)
    a, b = profile[rows, left], profile[rows, left + 1]
    change = np.where(a == b, 1, b - a)
    return np.clip((level - a) / change, 0, 1)
