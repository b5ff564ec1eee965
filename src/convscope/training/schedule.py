"""How the learning rate changes during a training run."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from convscope.errors import InvalidValue
from convscope.training.numbers import check_numbers

__all__ = ["Cosine", "OneCycle", "Progress", "Schedule", "Step", "WarmUp"]


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
        check_numbers(self)
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


@dataclass(frozen=True)
class Step:
    """The rate times `factor` after every `every` epochs: PyTorch's StepLR.

    Parameters
    ----------
    every : int
        Epochs, at least 1.
    factor : float
        Above 0.

    Examples
    --------
    >>> schedule = Step(every=2, factor=0.1)
    >>> [round(schedule(Progress(0, 1, epoch, 5)), 6) for epoch in range(1, 6)]
    [1.0, 1.0, 0.1, 0.1, 0.01]
    """

    every: int = 10
    factor: float = 0.1

    def __post_init__(self) -> None:
        check_numbers(self)
        if self.every < 1:
            raise InvalidValue(f"Step: every must be at least 1 epoch; got {self.every}.")
        if not 0 < self.factor < math.inf:
            raise InvalidValue(f"Step: factor must be above 0; got {self.factor}.")

    def __call__(self, at: Progress) -> float:
        """Give the factor at a step."""
        return float(self.factor ** ((at.epoch - 1) // self.every))


@dataclass(frozen=True)
class OneCycle:
    """Up to the full rate along half a cosine, then down along another to almost nothing.

    PyTorch's OneCycleLR with max_lr the learning rate and without its cycle of the momentum.

    Parameters
    ----------
    rising : float
        The share of all steps on which the rate grows, between 0 and 1.
    start : float
        The factor at the first step, above 0.
    end : float
        The factor at the last step, above 0.

    References
    ----------
    Smith & Topin (2019), Super-convergence: very fast training of neural networks.

    Examples
    --------
    >>> schedule = OneCycle(rising=0.5)
    >>> [round(schedule(Progress(step, 8, 1, 1)), 3) for step in range(8)]
    [0.04, 0.28, 0.76, 1.0, 0.854, 0.5, 0.146, 0.0]
    """

    rising: float = 0.3
    start: float = 1 / 25
    end: float = 1 / 25e4

    def __post_init__(self) -> None:
        check_numbers(self)
        if not 0 < self.rising < 1:
            raise InvalidValue(f"OneCycle: rising must be between 0 and 1; got {self.rising}.")
        for name in ("start", "end"):
            if not 0 < getattr(self, name) <= 1:
                raise InvalidValue(
                    f"OneCycle: {name} must be above 0 and at most 1; got {getattr(self, name)}."
                )

    def __call__(self, at: Progress) -> float:
        """Give the factor at a step."""
        top, last = self.rising * at.steps - 1, at.steps - 1
        if at.step <= top and top > 0:
            return _along_cosine(self.start, 1.0, at.step / top)
        return _along_cosine(1.0, self.end, min((at.step - top) / (last - top), 1.0))


def _along_cosine(first: float, last: float, share: float) -> float:
    return last + (first - last) * (1 + math.cos(math.pi * share)) / 2


@dataclass(frozen=True)
class WarmUp:
    """Any schedule, multiplied by a factor that first grows step by step in equal parts to 1.

    PyTorch's LinearLR from 1/n over n - 1 steps, chained (ChainedScheduler) with the other schedule.

    Parameters
    ----------
    epochs : float
        How long the factor grows; above 0, parts of an epoch are allowed.
    then : callable, optional
        The schedule that is multiplied; a constant rate without it.

    References
    ----------
    Goyal et al. (2017), Accurate, large minibatch SGD, section 2.2.

    Examples
    --------
    >>> schedule = WarmUp(1, Step(every=2, factor=0.5))
    >>> [round(schedule(Progress(step, 12, 1 + step // 4, 3)), 3) for step in range(12)]
    [0.25, 0.5, 0.75, 1.0, 1.0, 1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.5]
    """

    epochs: float
    then: Schedule | None = None

    def __post_init__(self) -> None:
        check_numbers(self)
        if not 0 < self.epochs < math.inf:
            raise InvalidValue(f"WarmUp: epochs must be above 0; got {self.epochs}.")

    def __call__(self, at: Progress) -> float:
        """Give the factor at a step."""
        growing = round(self.epochs * at.steps / at.epochs)
        ramp = min((at.step + 1) / growing, 1.0) if growing else 1.0
        return ramp if self.then is None else ramp * self.then(at)
