"""Fitting every model to many kernels at once.

Each model is first scored on a coarse grid of parameters by one matrix
product; the best grid point then starts a few damped Gauss-Newton steps, done
for all kernels side by side (amplitudes are solved exactly at every step).
Kernels that a model then fits well, but not to within the noise, get more steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from threading import Lock

import numpy as np

from convscope.kernels.grid import Array, Grid
from convscope.kernels.models import Model, models_for

__all__ = ["Fit", "Fitter", "chunk_of", "fitter_for", "project", "refine"]

_CACHED = 1 << 17  # floats
# A fit of this quality is worth more steps; noise at 20 dB leaves at most about the upper end.
_PROMISING, _DONE, _MORE_STEPS = 0.9, 0.985, 3


def chunk_of(size: int) -> int:
    """How many kernels of `size` values to work on at once: the more, the smaller they are."""
    return 4096 if size <= 16 else 2048 if size <= 36 else 1024


@dataclass
class Fit:
    """One model fitted to N kernels.

    Attributes
    ----------
    explained : ndarray of shape (N,)
        Share of each kernel's energy that the model explains.
    parameters : ndarray of shape (P, N)
    amplitudes : ndarray of shape (q, N)
    """

    model: Model
    explained: Array
    parameters: Array
    amplitudes: Array


class Fitter:
    """The dictionaries of one kernel size, and the refinement."""

    def __init__(self, grid: Grid) -> None:
        self.grid = grid
        self.models = models_for(grid)
        self.x, self.y = grid.coordinates()
        none = np.zeros((0, grid.size, 0), np.float32)
        self._atoms = [none if model.relative else self._dictionary(model) for model in self.models]

    def fit(self, kernels: Array) -> list[Fit]:
        """Fit every model to unit-norm kernels of shape (N, D)."""
        n, chunk = len(kernels), chunk_of(kernels.shape[1])
        fits = [self._empty(model, n) for model in self.models]
        for begin in range(0, n, chunk):
            columns = np.ascontiguousarray(kernels[begin : begin + chunk].T, dtype=np.float32)
            stop = begin + columns.shape[1]
            done = np.zeros(columns.shape[1], bool)
            for fit, atoms in zip(fits, self._atoms, strict=True):
                if fit.model.relative:
                    relative = next(f for f in fits if f.model.name == fit.model.relative)
                    start = relative.parameters[:, begin:stop]
                else:
                    start = self.coarse(fit.model, atoms, columns)
                e, p, a = refine(fit.model, self.x, self.y, columns, start, fit.model.steps)
                if fit.model.goes_on:
                    self._go_on(fit.model, columns, e, p, a, done)
                done |= e >= _DONE
                fit.explained[begin:stop] = e
                fit.parameters[:, begin:stop] = p
                fit.amplitudes[:, begin:stop] = a
        return fits

    def _go_on(
        self,
        model: Model,
        columns: Array,
        explained: Array,
        parameters: Array,
        amplitudes: Array,
        done: Array,
    ) -> None:
        """Refine the promising fits further, in place, of kernels that no model before fits well enough."""
        rows = np.flatnonzero((explained > _PROMISING) & (explained < _DONE) & ~done)
        if len(rows):
            explained[rows], parameters[:, rows], amplitudes[:, rows] = refine(
                model, self.x, self.y, columns[:, rows], parameters[:, rows], _MORE_STEPS
            )

    def atoms_of(self, model: Model) -> Array:
        """Orthonormal atoms of a model, shape (q, D, M)."""
        return next(a for m, a in zip(self.models, self._atoms, strict=True) if m.name == model.name)

    def coarse(self, model: Model, atoms: Array, columns: Array) -> Array:
        """Give the best grid point of each kernel, shape (P, N)."""
        patterns = np.ascontiguousarray(columns.T)
        count = atoms.shape[2]
        # as many kernels at a time as keep their scores in the second-level cache
        rows = max(16, _CACHED // count)
        best = np.empty(len(patterns), np.intp)
        score, more = np.empty((2, rows, count), np.float32)
        for begin in range(0, len(patterns), rows):
            part = patterns[begin : begin + rows]
            total, other = score[: len(part)], more[: len(part)]
            np.matmul(part, atoms[0], out=total)
            np.square(total, out=total)
            for atom in atoms[1:]:
                np.matmul(part, atom, out=other)
                total += np.square(other, out=other)
            np.argmax(total, axis=1, out=best[begin : begin + rows])
        return model.start[:, best]

    def _empty(self, model: Model, n: int) -> Fit:
        shape = len(model.parameters)
        return Fit(
            model,
            np.zeros(n, np.float32),
            np.zeros((shape, n), np.float32),
            np.zeros((model.amplitudes, n), np.float32),
        )

    def _dictionary(self, model: Model) -> Array:
        """Orthonormal atoms of every grid point, shape (q, D, M)."""
        basis = np.stack(model.basis(self.x, self.y, model.start.astype(np.float64)))
        for i in range(len(basis)):
            for j in range(i):
                basis[i] -= (basis[i] * basis[j]).sum(0) * basis[j]
            norm = np.sqrt((basis[i] ** 2).sum(0))
            basis[i] /= np.maximum(norm, 1e-9)
            basis[i, :, norm < 1e-6] = 0
        return np.ascontiguousarray(basis.astype(np.float32))


def fitter_for(height: int, width: int) -> Fitter:
    """Give the fitter of a size; it is built once."""
    with _BUILDING:
        return _fitter(height, width)


_BUILDING = Lock()


@lru_cache(maxsize=32)
def _fitter(height: int, width: int) -> Fitter:
    return Fitter(Grid(height, width))


def refine(
    model: Model, x: Array, y: Array, columns: Array, start: Array, steps: int
) -> tuple[Array, Array, Array]:
    """Improve the parameters of each column by damped Gauss-Newton steps.

    A step that explains less is not taken and damps the next one.
    """
    lower, upper = model.lower[:, None], model.upper[:, None]
    parameters = _kept(start.copy(), lower, upper)
    basis = model.basis(x, y, parameters)
    amplitudes, explained = project(basis, columns)
    damping = np.full(columns.shape[1], 1e-2, np.float32)
    for step in range(steps):
        change = _gauss_newton(model, x, y, columns, parameters, basis, amplitudes, damping)
        trial = _kept(np.add(parameters, change, out=change), lower, upper)
        trial_basis = model.basis(x, y, trial)
        trial_amplitudes, trial_explained = project(trial_basis, columns)
        worse = np.flatnonzero(trial_explained <= explained)
        damping *= np.float32(0.3)
        damping[worse] *= np.float32(10 / 0.3)
        # few steps are not taken, so what was before is put back where they are
        np.maximum(explained, trial_explained, out=explained)
        trial[:, worse] = parameters[:, worse]
        trial_amplitudes[:, worse] = amplitudes[:, worse]
        if step < steps - 1:  # the last one's basis is not asked for
            for old, new in zip(basis, trial_basis, strict=True):
                new[:, worse] = old[:, worse]
        parameters, amplitudes, basis = trial, trial_amplitudes, trial_basis
    return explained, parameters, amplitudes


def project(basis: list[Array], columns: Array) -> tuple[Array, Array]:
    """Solve for the amplitudes of each column; give them (q, N) and the energy they explain (N,)."""
    right = _dots(basis, columns)
    solution = _solve(_gram(basis), right.copy(), np.float32(1e-6))
    right *= solution
    return solution, right.sum(0)


def _kept(values: Array, lower: Array | float, upper: Array | float) -> Array:
    """Keep to limits, in place."""
    np.maximum(values, lower, out=values)
    return np.minimum(values, upper, out=values)


def _combined(amplitudes: Array | list[Array], basis: list[Array]) -> Array:
    """Give the sum of amplitudes times basis, with no array more than it takes."""
    total = amplitudes[0] * basis[0]
    for amplitude, part in zip(amplitudes[1:], basis[1:], strict=True):
        total += amplitude * part
    return total


def _gauss_newton(
    model: Model,
    x: Array,
    y: Array,
    columns: Array,
    parameters: Array,
    basis: list[Array],
    amplitudes: Array,
    damping: Array,
) -> Array:
    """One step of the non-linear parameters, shape (P, N)."""
    residual = columns - _combined(amplitudes, basis)
    jacobian = basis + model.slopes(x, y, parameters, amplitudes)
    gram = _gram(jacobian)
    for i in range(len(jacobian)):
        gram[i, i] *= 1 + damping
    solution = _solve(gram, _dots(jacobian, residual), np.float32(1e-6))
    return _kept(solution[len(basis) :], -0.5, 0.5)


def _dots(arrays: list[Array], other: Array) -> Array:
    """Sums over the pixels of each array (D, N) times another, shape (k, N)."""
    found = np.empty((len(arrays), other.shape[1]), other.dtype)
    for array, row in zip(arrays, found, strict=True):
        np.einsum("dn,dn->n", array, other, out=row)
    return found


def _gram(arrays: list[Array]) -> Array:
    """Sums over the pixels of each pair of arrays (D, N), shape (k, k, N): the lower triangle."""
    k = len(arrays)
    found = np.empty((k, k, arrays[0].shape[1]), arrays[0].dtype)
    for i in range(k):
        for j in range(i + 1):
            np.einsum("dn,dn->n", arrays[i], arrays[j], out=found[i, j])
    return found


def _solve(gram: Array, right: Array, ridge: np.float32) -> Array:
    """Cholesky of many small systems at once: (k, k, N) and (k, N) give (k, N), over `right`.

    A pivot is at least `ridge` of its diagonal: parameters that change nothing stay where they are.
    """
    k = len(right)
    pivots = [ridge * gram[i, i] + np.float32(1e-12) for i in range(k)]
    for i in range(k):
        pivot = np.sqrt(np.maximum(gram[i, i], pivots[i], out=pivots[i]), out=pivots[i])
        right[i] /= pivot
        below = gram[i + 1 :, i]
        below /= pivot
        right[i + 1 :] -= below * right[i]
        for m in range(i + 1, k):  # of the symmetric rest the lower triangle
            gram[m, i + 1 : m + 1] -= below[: m - i] * gram[m, i]
    for i in reversed(range(k)):
        right[i] /= pivots[i]
        right[:i] -= gram[i, :i] * right[i]
    return right
