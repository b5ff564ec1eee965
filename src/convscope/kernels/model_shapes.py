"""The shapes of the parametric models, for many kernels at once.

Each takes coordinates x and y (D, 1) and parameters (P, N), and gives an array (D, N) for each amplitude.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from convscope.kernels.grid import Array

__all__ = [
    "Basis",
    "across",
    "bell",
    "blob",
    "embossed",
    "embossed_pixel",
    "even_round",
    "gabor",
    "gabor_in_the_middle",
    "gradient",
    "hermite",
    "laplacian",
    "round_bell",
    "saddle",
    "sharpen",
    "two_blobs",
    "without_mean",
]

Basis = Callable[[Array, Array, Array], list[Array]]


def blob(x: Array, y: Array, p: Array) -> list[Array]:
    """exp(-r^2 / 2 s^2); parameters log s, cx, cy."""
    return [round_bell(x, y, p)[2]]


def round_bell(x: Array, y: Array, p: Array) -> tuple[Array, Array, Array]:
    """Give s and t, the distances from the centre in units of sigma, and `bell` of them."""
    inverse = np.exp(-p[0])
    s, t = x - p[1], y - p[2]
    s *= inverse
    t *= inverse
    return s, t, bell(s, t.copy())


def bell(s: Array, t: Array) -> Array:
    """exp(-(s^2 + t^2) / 2), written over `t`: the arrays are many, and each new one costs memory traffic."""
    t *= t
    t += s * s
    t *= -0.5
    return np.exp(t, out=t)


def across(x: Array, y: Array, p: Array) -> tuple[Array, Array]:
    """Give s = u / su and t = v / sv, across and along stripes; parameters log su, log sv, phi, cx, cy."""
    cos, sin = np.cos(p[2]), np.sin(p[2])
    dx, dy = x - p[3], y - p[4]
    s, t = dx * cos, dy * cos
    s += np.multiply(dy, sin, out=dy)
    t -= np.multiply(dx, sin, out=dx)
    s *= np.exp(-p[0])
    t *= np.exp(-p[1])
    return s, t


def hermite(order: int) -> Basis:
    """d^n/du^n of an elongated Gaussian, up to its sign: positive towards phi or in the middle."""

    def basis(x: Array, y: Array, p: Array) -> list[Array]:
        s, t = across(x, y, p)
        envelope = bell(s, t)
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


def even_round(order: int) -> Basis:
    """Directional derivatives of a round Gaussian; parameters log s, phi, cx, cy."""
    elongated = hermite(order)
    return lambda x, y, p: elongated(x, y, p[[0, 0, 1, 2, 3]])


def gradient(x: Array, y: Array, p: Array) -> list[Array]:
    """Both first derivatives of a round Gaussian: any angle is a linear combination."""
    s, t, envelope = round_bell(x, y, p)
    return [s * envelope, t * envelope]


def embossed(x: Array, y: Array, p: Array) -> list[Array]:
    """A gradient and a constant; parameter log s."""
    centre = np.zeros_like(p[:1])
    first, second = gradient(x, y, np.concatenate([p[:1], centre, centre]))
    return [first, second, np.ones_like(first)]


def embossed_pixel(x: Array, y: Array, p: Array) -> list[Array]:
    """A gradient and the middle pixel: the usual emboss kernel; parameter log s."""
    first, second, flat = embossed(x, y, p)
    return [first, second, _middle(x, y) * flat]


def _middle(x: Array, y: Array) -> Array:
    """One at the middle pixel (at the middle two or four of an even size)."""
    return ((np.abs(x) < 0.75) & (np.abs(y) < 0.75)).astype(np.float32)


def laplacian(x: Array, y: Array, p: Array) -> list[Array]:
    """Minus the Laplacian of a Gaussian; parameters log s, cx, cy."""
    s, t, envelope = round_bell(x, y, p)
    return [(2 - s * s - t * t) * envelope]


def saddle(x: Array, y: Array, p: Array) -> list[Array]:
    """d2/dxdy and its turn by 45 degrees: any angle is a linear combination."""
    s, t, envelope = round_bell(x, y, p)
    return [s * t * envelope, 0.5 * (s * s - t * t) * envelope]


def two_blobs(x: Array, y: Array, p: Array) -> list[Array]:
    """A narrow minus a wide Gaussian of equal sums; parameters log s, log ratio, cx, cy."""
    narrow = round_bell(x, y, p[[0, 2, 3]])[2]
    wide = round_bell(x, y, np.stack([p[0] + p[1], p[2], p[3]]))[2]
    return [narrow / narrow.sum(0) - wide / wide.sum(0)]


def sharpen(x: Array, y: Array, p: Array) -> list[Array]:
    """The middle pixel and a blob; parameter log s."""
    centre = np.zeros_like(p[:1])
    spot = round_bell(x, y, np.concatenate([p[:1], centre, centre]))[2]
    return [_middle(x, y) * np.ones_like(spot), spot]


def gabor(x: Array, y: Array, p: Array) -> list[Array]:
    """Cosine and sine under an elongated Gaussian; log wavelength, log s, log sv/su, phi, cx, cy."""
    cos, sin = np.cos(p[3]), np.sin(p[3])
    dx, dy = x - p[4], y - p[5]
    u, v = dx * cos, dy * cos
    u += np.multiply(dy, sin, out=dy)
    v -= np.multiply(dx, sin, out=dx)
    inverse = np.exp(-p[1])
    v *= inverse * np.exp(-p[2])
    envelope = bell(np.multiply(u, inverse, out=dy), v)
    u *= np.float32(2 * np.pi) * np.exp(-p[0])
    even, odd = np.cos(u, out=dx), np.sin(u, out=u)
    even *= envelope
    odd *= envelope
    return [even, odd]


def gabor_in_the_middle(x: Array, y: Array, p: Array) -> list[Array]:
    """A round Gabor in the middle; parameters log wavelength, log s, phi."""
    zero = np.zeros_like(p[0])
    return gabor(x, y, np.stack([p[0], p[1], zero, p[2], zero, zero]))


def without_mean(basis: Basis) -> Basis:
    """The same shapes with their mean over the kernel taken off."""
    return lambda x, y, p: [b - b.mean(0) for b in basis(x, y, p)]
