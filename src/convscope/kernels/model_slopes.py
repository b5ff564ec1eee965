"""The derivatives of the shapes by their parameters, for the refinement of fits.

Each takes coordinates x and y (D, 1), parameters (P, N) and amplitudes (q, N), and gives an array (D, N) for
each parameter: the derivative of F = sum a_q basis_q, the model of `model_shapes` of the same name.

All shapes are functions of s and t, the distances across and along the stripes in units of sigma, and all
parameters but amplitudes move s and t. So a shape gives dF/ds and dF/dt, and the chain rule does the rest:
once for round shapes (`_round_frame`), once for elongated ones (`_long_frame`).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from convscope.kernels.grid import Array
from convscope.kernels.model_shapes import across, bell, round_bell

__all__ = [
    "Slopes",
    "blob",
    "embossed",
    "even_round",
    "gabor",
    "gabor_in_the_middle",
    "gradient",
    "hermite",
    "laplacian",
    "saddle",
    "sharpen",
    "two_blobs",
    "without_mean",
]

Slopes = Callable[[Array, Array, Array, Array], list[Array]]


def _round_frame(s: Array, t: Array, by_s: Array, by_t: Array, p: Array) -> list[Array]:
    """From dF/ds and dF/dt to dF/d(log sigma, cx, cy); s = (x - cx) / sigma, t = (y - cy) / sigma.

    Overwrites `s` and `t`.
    """
    s *= by_s
    t *= by_t
    s += t
    inverse = -np.exp(-p[0])
    return [np.negative(s, out=s), by_s * inverse, by_t * inverse]


def blob(x: Array, y: Array, p: Array, a: Array) -> list[Array]:
    """Slopes of exp(-r^2 / 2 s^2) by log s, cx, cy."""
    s, t, value = round_bell(x, y, p)
    value *= -a[0]
    return _round_frame(s, t, s * value, t * value, p)


def gradient(x: Array, y: Array, p: Array, a: Array) -> list[Array]:
    """Slopes of a directed first derivative of a round Gaussian by log s, cx, cy."""
    s, t, envelope = round_bell(x, y, p)
    value = a[0] * s
    value += a[1] * t
    value *= envelope
    return _round_frame(s, t, a[0] * envelope - s * value, a[1] * envelope - t * value, p)


def embossed(x: Array, y: Array, p: Array, a: Array) -> list[Array]:
    """The slope of a gradient in the middle by log s; what is added to it does not depend on that."""
    centre = np.zeros_like(p[:1])
    return gradient(x, y, np.concatenate([p[:1], centre, centre]), a)[:1]


def laplacian(x: Array, y: Array, p: Array, a: Array) -> list[Array]:
    """Slopes of minus the Laplacian of a Gaussian by log s, cx, cy."""
    s, t, envelope = round_bell(x, y, p)
    common = s * s
    common += t * t
    common -= 4
    common *= envelope
    common *= a[0]
    return _round_frame(s, t, s * common, t * common, p)


def saddle(x: Array, y: Array, p: Array, a: Array) -> list[Array]:
    """Slopes of a directed saddle by log s, cx, cy."""
    s, t, envelope = round_bell(x, y, p)
    by_s, by_t = a[0] * t + a[1] * s, a[0] * s - a[1] * t
    value = 0.5 * (s * by_s + t * by_t)
    return _round_frame(s, t, (by_s - s * value) * envelope, (by_t - t * value) * envelope, p)


def two_blobs(x: Array, y: Array, p: Array, a: Array) -> list[Array]:
    """Slopes of a narrow minus a wide Gaussian of equal sums by log s, log ratio, cx, cy."""
    narrow = _of_sum_one(x, y, p[[0, 2, 3]], a[0])
    wide = _of_sum_one(x, y, np.stack([p[0] + p[1], p[2], p[3]]), -a[0])
    return [narrow[0] + wide[0], wide[0], narrow[1] + wide[1], narrow[2] + wide[2]]


def _of_sum_one(x: Array, y: Array, p: Array, amplitude: Array) -> list[Array]:
    """Slopes of a round Gaussian divided by its sum over the kernel."""
    s, t, envelope = round_bell(x, y, p)
    total = envelope.sum(0)
    by_s, by_t = s * envelope, t * envelope
    envelope *= 1 / total
    slopes = _round_frame(s, t, by_s, by_t, p)
    for slope in slopes:
        slope -= envelope * slope.sum(0)
        slope *= -amplitude / total
    return slopes


def sharpen(x: Array, y: Array, p: Array, a: Array) -> list[Array]:
    """The slope of a blob in the middle by log s; the middle pixel does not depend on that."""
    centre = np.zeros_like(p[:1])
    return blob(x, y, np.concatenate([p[:1], centre, centre]), a[1:])[:1]


def _long_frame(s: Array, t: Array, by_s: Array, by_t: Array, p: Array) -> list[Array]:
    """From dF/ds and dF/dt to dF/d(log su, log sv, phi, cx, cy).

    s = u / su and t = v / sv, where u = (x - cx) cos + (y - cy) sin and v = (y - cy) cos - (x - cx) sin:
    so du/dphi = v and dv/dphi = -u. Overwrites all four arrays.
    """
    inverse_u, inverse_v = np.exp(-p[0]), np.exp(-p[1])
    cos, sin = np.cos(p[2]), np.sin(p[2])
    wider = inverse_u / inverse_v
    by_phi = t * by_s
    by_phi *= wider
    turned = s * by_t
    turned *= 1 / wider
    by_phi -= turned
    s *= by_s
    t *= by_t
    np.negative(s, out=s)
    np.negative(t, out=t)
    by_cx = np.multiply(by_t, sin * inverse_v, out=turned)
    by_cx -= by_s * (cos * inverse_u)
    by_s *= -sin * inverse_u
    by_t *= cos * inverse_v
    by_s -= by_t
    return [s, t, by_phi, by_cx, by_s]


def hermite(order: int) -> Slopes:
    """Slopes of d^n/du^n of an elongated Gaussian by log su, log sv, phi, cx, cy."""

    def slopes(x: Array, y: Array, p: Array, a: Array) -> list[Array]:
        s, t = across(x, y, p)
        envelope = bell(s, t.copy())
        envelope *= a[0]
        q = s * s
        by_s = _rising(order, s, q)
        by_s *= envelope
        envelope *= _shape(order, s, q)
        envelope *= t
        return _long_frame(s, t, by_s, np.negative(envelope, out=envelope), p)

    return slopes


def _shape(order: int, s: Array, q: Array) -> Array | float:
    """The polynomial before the envelope; q is s^2."""
    if order == 0:
        return 1.0
    if order == 1:
        return s
    if order == 2:
        return np.asarray(1 - q)
    return np.asarray((3 - q) * s if order == 3 else (q - 6) * q + 3)


def _rising(order: int, s: Array, q: Array) -> Array:
    """The polynomial before the envelope in the derivative by s: h' - s h, a Hermite polynomial again."""
    if order == 0:
        return -s
    if order == 1:
        return np.asarray(1 - q)
    if order == 2:
        return np.asarray((q - 3) * s)
    return np.asarray((q - 6) * q + 3 if order == 3 else ((10 - q) * q - 15) * s)


def even_round(order: int) -> Slopes:
    """Slopes of a directional derivative of a round Gaussian by log s, phi, cx, cy."""
    elongated = hermite(order)

    def slopes(x: Array, y: Array, p: Array, a: Array) -> list[Array]:
        by_u, by_v, *rest = elongated(x, y, p[[0, 0, 1, 2, 3]], a)
        by_u += by_v
        return [by_u, *rest]

    return slopes


def gabor(x: Array, y: Array, p: Array, a: Array) -> list[Array]:
    """Slopes of a wave under an elongated Gaussian by log wavelength, log s, log sv/su, phi, cx, cy."""
    frame = np.stack([p[1], p[1] + p[2], p[3], p[4], p[5]])
    s, t = across(x, y, frame)
    envelope = bell(s, t.copy())
    waves = np.float32(2 * np.pi) * np.exp(p[1] - p[0])  # radians in one sigma
    w = s * waves
    even, odd = np.cos(w), np.sin(w)
    even *= envelope
    odd *= envelope
    value = a[0] * even
    value += a[1] * odd
    even *= a[1] * waves
    odd *= a[0] * waves
    even -= odd  # dF/ds of the wave alone, the envelope held
    by_wavelength = np.multiply(even, s, out=w)
    np.negative(by_wavelength, out=by_wavelength)
    even -= np.multiply(s, value, out=odd)
    value *= t
    by_u, by_v, *rest = _long_frame(s, t, even, np.negative(value, out=value), frame)
    by_u += by_v
    by_u -= by_wavelength  # the wave does not widen with its envelope
    return [by_wavelength, by_u, by_v, *rest]


def gabor_in_the_middle(x: Array, y: Array, p: Array, a: Array) -> list[Array]:
    """Slopes of a round Gabor in the middle by log wavelength, log s, phi."""
    zero = np.zeros_like(p[0])
    slopes = gabor(x, y, np.stack([p[0], p[1], zero, p[2], zero, zero]), a)
    return [slopes[0], slopes[1], slopes[3]]


def without_mean(slopes: Slopes) -> Slopes:
    """The same with the mean over the kernel taken off."""
    return lambda x, y, p, a: [d - d.mean(0) for d in slopes(x, y, p, a)]
