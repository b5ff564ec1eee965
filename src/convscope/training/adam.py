"""Adam and AdamW: a rate of its own for every weight."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope import ops
from convscope.errors import InvalidValue
from convscope.training.numbers import check_numbers
from convscope.training.optimizer import Arrays, Memory

__all__ = ["Adam", "AdamW"]


@dataclass(frozen=True)
class Adam:
    """Adaptive moments, step for step as `torch.optim.Adam`.

    For each weight w with gradient g, at step t = 1, 2, ...::

        g = g + weight_decay * w
        m = beta1 * m + (1 - beta1) * g          (m and s begin at zero)
        s = beta2 * s + (1 - beta2) * g**2
        w = w - learning_rate / (1 - beta1**t) * m / (sqrt(s / (1 - beta2**t)) + eps)

    Parameters
    ----------
    learning_rate : float
        Above zero.
    beta1, beta2 : float
        How much of the mean gradient and the mean square survives a step; from 0 to below 1.
    eps : float
        Above zero; keeps the quotient finite.
    weight_decay : float
        L2 penalty on every parameter, added to its gradient; 0 or more.

    Raises
    ------
    InvalidValue
        If a value is outside its range.

    References
    ----------
    Kingma & Ba (2015), Adam: a method for stochastic optimization.

    Examples
    --------
    The first step is as long as the rate, whatever the gradient:

    >>> adam = Adam(0.1)
    >>> w = {"w": np.array([1.0, 1.0])}
    >>> adam.step(w, {"w": np.array([5.0, -0.01])}, adam.start(w), adam.learning_rate)
    >>> w["w"].round(4)
    array([0.9, 1.1])
    """

    learning_rate: float = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        _check(type(self).__name__, self)

    def start(self, parameters: Arrays) -> Memory:
        """Give zero moments, laid out in memory as the parameters are."""
        return _memory(parameters)

    def step(self, parameters: Arrays, gradients: Arrays, memory: Memory, learning_rate: float) -> None:
        """Take one step in place; nothing is allocated and the gradients are used up."""
        _step(self, parameters, gradients, memory, learning_rate, decay=self.weight_decay)


@dataclass(frozen=True)
class AdamW:
    """Adam with weight decay apart from the gradient, step for step as `torch.optim.AdamW`.

    First w = w * (1 - learning_rate * weight_decay), then the step of `Adam` without decay.

    Parameters
    ----------
    learning_rate, beta1, beta2, eps
        As for `Adam`.
    weight_decay : float
        The share of each weight that goes in a step, before the rate multiplies it; 0 or more.

    Raises
    ------
    InvalidValue
        If a value is outside its range.

    References
    ----------
    Loshchilov & Hutter (2019), Decoupled weight decay regularization.

    Examples
    --------
    Without a gradient the weights only decay:

    >>> adamw = AdamW(0.1, weight_decay=0.5)
    >>> w = {"w": np.array([1.0])}
    >>> adamw.step(w, {"w": np.array([0.0])}, adamw.start(w), adamw.learning_rate)
    >>> w["w"]
    array([0.95])
    """

    learning_rate: float = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    weight_decay: float = 0.01

    def __post_init__(self) -> None:
        _check(type(self).__name__, self)

    def start(self, parameters: Arrays) -> Memory:
        """Give zero moments, laid out in memory as the parameters are."""
        return _memory(parameters)

    def step(self, parameters: Arrays, gradients: Arrays, memory: Memory, learning_rate: float) -> None:
        """Take one step in place; nothing is allocated and the gradients are used up."""
        _step(self, parameters, gradients, memory, learning_rate, shrink=learning_rate * self.weight_decay)


def _check(who: str, settings: Adam | AdamW) -> None:
    check_numbers(settings)
    for name in ("learning_rate", "eps"):
        if not 0 < getattr(settings, name) < math.inf:
            raise InvalidValue(f"{who}: {name} must be above zero; got {getattr(settings, name)}.")
    for name in ("beta1", "beta2"):
        value = getattr(settings, name)
        if not 0 <= value < 1:
            raise InvalidValue(f"{who}: {name} must be at least 0 and below 1; got {value}.")
    if not 0 <= settings.weight_decay < math.inf:
        raise InvalidValue(f"{who}: weight_decay must not be negative; got {settings.weight_decay}.")


def _memory(parameters: Arrays) -> Memory:
    kept: dict[str, NDArray[np.floating[Any]]] = {"step": np.zeros(1)}
    for name, weight in parameters.items():
        kept[f"first/{name}"], kept[f"second/{name}"] = np.zeros_like(weight), np.zeros_like(weight)
    return Memory(kept)


def _step(
    settings: Adam | AdamW,
    parameters: Arrays,
    gradients: Arrays,
    memory: Memory,
    learning_rate: float,
    *,
    decay: float = 0.0,
    shrink: float = 0.0,
) -> None:
    """Move both moments and the weights, in place."""
    memory.kept["step"] += 1
    for name, gradient in gradients.items():
        ops.adam_step(
            parameters[name],
            gradient,
            memory.kept[f"first/{name}"],
            memory.kept[f"second/{name}"],
            rate=learning_rate,
            beta1=settings.beta1,
            beta2=settings.beta2,
            eps=settings.eps,
            step=int(memory.kept["step"][0]),
            decay=decay,
            shrink=shrink,
        )
