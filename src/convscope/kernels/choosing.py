"""From scores and chance to one family: noise, one of the spatial families, or a mixture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from convscope.kernels.classics import bank, bank_for
from convscope.kernels.families import FAMILIES, SPATIAL
from convscope.kernels.grid import Array
from convscope.kernels.scores import Scores

__all__ = ["LEVEL", "Choice", "choose", "features"]

# Level at which chance is rejected, for all families together and for two modes.
LEVEL = 0.012
# A second mode counts if it explains this much of the energy besides the first family.
SECOND_MODE = 0.05
# A family that explains less than this, or no more than this share of random
# kernels let some family explain, does not name the kernel.
LEAST, LIKELY = 0.6, 0.2
# Nearer to a classic kernel than this, a kernel is that kernel.
EXACT = np.cos(np.radians(1.0))
NOISE, MIXTURE = FAMILIES.index("noise"), FAMILIES.index("mixture")
_FIRST = FAMILIES.index(SPATIAL[0])


class Chance(Protocol):
    """What a null offers."""

    def p_value(self, measure: str, values: Array) -> Array: ...


@dataclass
class Choice:
    """The chosen family of N patterns, each field of shape (N,).

    `family` and `runner_up` index `FAMILIES`; `margin` is the distance between
    them in nats; `p_value` is that of the whole search; `explained` is the
    energy that the chosen family (or the best one) explains.
    """

    family: Array
    runner_up: Array
    margin: Array
    p_value: Array
    explained: Array


def choose(
    scores: Scores, null: Chance, height: int, width: int, separability_p: Array | None = None
) -> Choice:
    """Choose a family for every pattern.

    `separability_p` is the chance of so large a first mode over the channels;
    under chance it is independent of the pattern, so the two are combined.
    """
    comparison = scores.comparison
    n = comparison.cost.shape[1]
    rows = np.arange(n)
    order = np.argpartition(comparison.cost, 1, axis=0)[:2]
    swap = comparison.cost[order[0], rows] > comparison.cost[order[1], rows]
    best, second = np.where(swap, order[1], order[0]), np.where(swap, order[0], order[1])
    p_value = null.p_value("statistic", comparison.statistic)
    unlike = p_value > LIKELY
    if separability_p is not None:
        p_value = _fisher(p_value, separability_p)
    explained = comparison.explained[best, rows]
    distance = comparison.cost[second, rows] - comparison.cost[best, rows]
    margin = np.clip(np.nan_to_num(distance, nan=0.0, posinf=99.0), 0, 99)

    family, runner_up = best + _FIRST, second + _FIRST
    mixed = (scores.two - explained > SECOND_MODE) & (scores.two > 0)
    if mixed.any():
        p_two = np.where(mixed, null.p_value("two", scores.two), 1.0)
        mixed &= p_two <= LEVEL
        p_value = np.where(mixed, p_two, p_value)
    noise = (p_value > LEVEL) & ~mixed
    mixed |= ~noise & (unlike | (explained < LEAST))
    runner_up = np.where(noise | mixed, family, runner_up)
    family = np.where(mixed, MIXTURE, np.where(noise, NOISE, family))
    margin = np.where(noise, np.log(p_value / LEVEL), margin)
    gained = np.log(np.maximum(1 - explained, 1e-3) / (1.001 - scores.two)) * height * width / 2
    margin = np.where(mixed, gained, margin)
    exact = scores.nearest.cosine > EXACT
    if exact.any():
        family, explained = family.copy(), explained.copy()
        family[exact] = _classic_families(height, width)[scores.nearest.index[exact]]
        explained[exact] = np.maximum(explained[exact], scores.nearest.cosine[exact] ** 2)
        p_value = np.where(exact, null.p_value("classic", scores.nearest.cosine), p_value)
        margin = np.where(exact, 99.0, margin)
        runner_up = np.where(exact & (runner_up == family), best + _FIRST, runner_up)
        runner_up = np.where(exact & (runner_up == family), second + _FIRST, runner_up)
    return Choice(family, runner_up, np.clip(margin, 0, 99), p_value, explained)


def _fisher(first: Array, second: Array) -> Array:
    """Fisher's combination of two independent p-values."""
    product = first * second
    return np.asarray(product * (1 - np.log(product)))


def _classic_families(height: int, width: int) -> Array:
    keys = bank_for(height, width)[1]
    return np.array([FAMILIES.index(bank[key].family) for key in keys], dtype=int)


def features(choice: Choice) -> Array:
    """What the confidence is made of, shape (N, features)."""
    noise, mixture = choice.family == NOISE, choice.family == MIXTURE
    named = ~(noise | mixture)
    margin = np.log1p(np.clip(choice.margin, 0, 30))
    fit = -np.log(np.clip(1 - choice.explained, 0.003, 1))
    rare = -np.log10(choice.p_value)
    return np.stack(
        [noise, noise * margin, mixture, mixture * fit, named, named * margin, named * fit, named * rare],
        axis=1,
    ).astype(float)
