"""How the learning rate changes during a training run."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from convscope.errors import InvalidValue

__all__ = ["Cosine", "Progress", "Schedule"]


@dataclass(frozen=True)
class Progress:
    """Where a training run is, before it takes a step.

    `step` counts the batches of the whole run from 0 and `steps` is their number; `epoch` counts from 1
    to `epochs`.
    """

    step: int
    steps: int
    epoch: int
    epochs: int


Schedule = Callable[[Progress], float]
"""Gives the factor that multiplies the learning rate; any function will do: `lambda at: 0.9**at.epoch`."""


@dataclass(frozen=True)
class Cosine:
    """Half a cosine from the full learning rate to `floor`, after an optional linear warm-up.

    Without warm-up the factor at a step is `floor + (1 - floor) * (1 + cos(pi * step / steps)) / 2`:
    PyTorch's CosineAnnealingLR with T_max = steps, moved on after every batch.

    Parameters
    ----------
    warmup : float
        How many epochs the rate first grows in equal parts, step by step; 0 for none.
    floor : float
        The factor the curve falls towards, from 0 to 1.

    References
    ----------
    Loshchilov & Hutter (2017), SGDR: stochastic gradient descent with warm restarts.

    Examples
    --------
    >>> schedule = Cosine(warmup=1)
    >>> [round(schedule(Progress(step, 8, 1 + step // 2, 4)), 3) for step in range(8)]
    [0.5, 1.0, 1.0, 0.933, 0.75, 0.5, 0.25, 0.067]
    """

    warmup: float = 0
    floor: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.warmup < math.inf:
            raise InvalidValue(f"Cosine: warmup must be 0 or more epochs; got {self.warmup}.")
        if not 0 <= self.floor <= 1:
            raise InvalidValue(f"Cosine: floor must be from 0 to 1; got {self.floor}.")

    def __call__(self, at: Progress) -> float:
        """Give the factor at a step."""
        rising = min(round(self.warmup * at.steps / at.epochs), at.steps)
        if at.step < rising:
            return (at.step + 1) / rising
        turn = math.pi * (at.step - rising) / (at.steps - rising)
        return self.floor + (1 - self.floor) * (1 + math.cos(turn)) / 2
