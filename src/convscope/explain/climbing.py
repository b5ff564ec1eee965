"""Climbing the gradient of a goal: Adam on the waves an image is made of."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope.errors import InvalidValue
from convscope.explain.goal import Goal, value_of
from convscope.explain.labelled import Progress
from convscope.explain.painting import Canvas, Sampler
from convscope.network import Network, Workspace

__all__ = ["climb"]

Array = NDArray[Any]

_SHAKE = 0.05
_RATE, _DECAYS, _EPS = 0.05, (0.9, 0.999), 1e-8  # Adam's (Kingma & Ba 2015), as in Distill's lucid


def climb(
    part: Network,
    goal: Goal,
    canvas: Canvas,
    sampler: Sampler,
    steps: int,
    seed: int,
    progress: Progress | None,
) -> tuple[Array, Array, NDArray[np.float64]]:
    """Climb; give the last image, the first one, and the value at each step."""
    random = np.random.default_rng(seed)
    spectrum = canvas.start(random)
    first = canvas.image(spectrum).astype(part.dtype)
    mean, square = np.zeros_like(spectrum), np.zeros_like(spectrum)
    workspace, history = Workspace(), np.empty(steps)
    channels, height, width = canvas.shape
    for step in range(steps):
        if progress is not None:
            progress(step, steps)
        flat = canvas.image(spectrum).reshape(channels, -1)
        matrix = sampler.matrix(sampler.draw(random), height, width)
        moved = np.ascontiguousarray((matrix @ flat.T).T, part.dtype).reshape(1, channels, height, width)
        run = part.run(moved, workspace=workspace)
        values = run[goal.climbed]
        history[step] = value_of(np.asarray(values[(0, *goal.climbed_place)]))
        grads = part.backward(run, {goal.climbed: goal.seed(values)}, parameters=False)
        if not grads.inputs:
            raise InvalidValue(f"maximize: {goal.climbed!r} must depend on the image; it does not.")
        back = (matrix.T @ np.asarray(grads.input[0], np.float64).reshape(channels, -1).T).T
        grad = canvas.grad(spectrum, back.reshape(canvas.shape))
        # Adam divides by the gradient's own size, so the unit of the goal does not matter; the tiny number
        # that keeps it from dividing by zero must not either
        largest = np.abs(grad).max()
        if largest == 0:  # every way up is shut by a rectifier: look elsewhere
            spectrum = spectrum + canvas.start(random, _SHAKE)
            continue
        grad = grad / largest
        mean = _DECAYS[0] * mean + (1 - _DECAYS[0]) * grad
        square = _DECAYS[1] * square + (1 - _DECAYS[1]) * grad**2
        rate = _RATE * np.sqrt(1 - _DECAYS[1] ** (step + 1)) / (1 - _DECAYS[0] ** (step + 1))
        spectrum = spectrum + rate * mean / (np.sqrt(square) + _EPS)
    if progress is not None:
        progress(steps, steps)
    return canvas.image(spectrum).astype(part.dtype), first, history
