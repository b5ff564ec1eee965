"""Symmetries of kernels: even and odd shares, mirror images, quarter turns."""

from __future__ import annotations

import numpy as np

from convscope.kernels.grid import Array

__all__ = ["SYMMETRIES", "even_share", "symmetry"]

# The most symmetric class comes first; a kernel gets the first it belongs to.
SYMMETRIES = ("square", "mirrored", "even", "odd", "one mirror", "none")
_NEARLY = 0.95  # cosine with the image; noise at 20 dB leaves .99


def even_share(patterns: Array) -> Array:
    """Share of the energy in the part that half a turn leaves as it is, shape (N,).

    Examples
    --------
    >>> float(even_share(np.array([[1.0, 2.0, 1.0]]))[0])
    1.0
    >>> float(even_share(np.array([[-1.0, 0.0, 1.0]]))[0])
    0.0
    """
    cosine = _cosine(patterns, patterns[:, ::-1])
    return (1 + cosine) / 2


def symmetry(patterns: Array, height: int, width: int) -> Array:
    """Index into `SYMMETRIES` for kernels of shape (N, height * width).

    square: all mirrors and quarter turns; mirrored: left-right and up-down;
    even: half a turn changes nothing; odd: half a turn changes the sign;
    one mirror: left-right, up-down or a diagonal.
    """
    image = patterns.reshape(-1, height, width)
    half_turn = _cosine(patterns, patterns[:, ::-1])
    flip_x = _cosine(patterns, _flat(image[:, :, ::-1]))
    flip_y = _cosine(patterns, _flat(image[:, ::-1]))
    diagonal = np.full(len(patterns), -1.0)
    if height == width:
        turned = image.transpose(0, 2, 1)
        diagonal = np.maximum(
            _cosine(patterns, _flat(turned)), _cosine(patterns, _flat(turned[:, ::-1, ::-1]))
        )
    mirrored = (flip_x > _NEARLY) & (flip_y > _NEARLY)
    tests = [
        mirrored & (diagonal > _NEARLY),
        mirrored,
        half_turn > _NEARLY,
        half_turn < -_NEARLY,
        np.maximum(np.maximum(flip_x, flip_y), diagonal) > _NEARLY,
    ]
    return np.select(tests, range(5), default=5).astype(np.int8)


def _flat(image: Array) -> Array:
    return image.reshape(len(image), -1)


def _cosine(a: Array, b: Array) -> Array:
    energy = np.maximum(np.einsum("nd,nd->n", a, a), 1e-30)
    return np.asarray(np.clip(np.einsum("nd,nd->n", a, b) / energy, -1, 1))
