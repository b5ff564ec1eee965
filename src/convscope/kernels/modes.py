"""Two spatial modes in one kernel: two Gabor functions fitted together.

A Gabor can take the shape of a blob, an edge, a line or a wave, so two of them
stand for any two modes. The second is found on what the first leaves, then
each is refined in turn on what the other leaves.
"""

from __future__ import annotations

import numpy as np

from convscope.kernels.fits import Fit, Fitter, project, refine
from convscope.kernels.grid import Array

__all__ = ["two_modes"]

_CHUNK = 1024
_ROUNDS = 2


def two_modes(fitter: Fitter, patterns: Array, first: Fit) -> Array:
    """Give the energy that two modes explain together, shape (N,).

    Parameters
    ----------
    fitter : Fitter
    patterns : ndarray of shape (N, D)
        Unit norm.
    first : Fit
        The Gabor fits of the same patterns.
    """
    explained = np.zeros(len(patterns), np.float32)
    for begin in range(0, len(patterns), _CHUNK):
        part = slice(begin, begin + _CHUNK)
        columns = np.ascontiguousarray(patterns[part].T, dtype=np.float32)
        explained[part] = _together(fitter, columns, first, first.parameters[:, part])
    return explained


def _together(fitter: Fitter, columns: Array, first: Fit, parameters: Array) -> Array:
    model, x, y = first.model, fitter.x, fitter.y
    one = model.basis(x, y, parameters)
    amplitudes, _ = project(one, columns)
    rest = columns - _value(one, amplitudes)
    other = fitter.coarse(model, fitter.atoms_of(model), rest)
    for _ in range(_ROUNDS):
        _, other, amplitudes = refine(model, x, y, rest, other, 2)
        rest = columns - _value(model.basis(x, y, other), amplitudes)
        _, parameters, amplitudes = refine(model, x, y, rest, parameters, 2)
        rest = columns - _value(model.basis(x, y, parameters), amplitudes)
    both = model.basis(x, y, parameters) + model.basis(x, y, other)
    return np.clip(project(both, columns)[1], 0, 1)


def _value(basis: list[Array], amplitudes: Array) -> Array:
    return np.asarray(sum(a * b for a, b in zip(amplitudes, basis, strict=True)))
