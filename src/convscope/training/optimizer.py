"""How weights follow their gradients.

An optimiser is a frozen recipe. What it remembers between steps (velocities)
is made by `start` and is nothing but named arrays, so that a run can store it
beside the weights and go on later as if it had never stopped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from convscope import ops
from convscope.errors import InvalidValue
from convscope.training.numbers import check_numbers

__all__ = ["Memory", "Optimizer", "SGD"]

Arrays = Mapping[str, NDArray[np.floating[Any]]]


@dataclass(frozen=True, eq=False)
class Memory:
    """What an optimiser keeps between steps, by name."""

    kept: dict[str, NDArray[np.floating[Any]]]


class Optimizer(Protocol):
    """What `fit` needs of an optimiser."""

    @property
    def learning_rate(self) -> float:
        """The rate that a schedule multiplies."""

    def start(self, parameters: Arrays) -> Memory:
        """Give the memory of a new run over these parameters."""

    def step(self, parameters: Arrays, gradients: Arrays, memory: Memory, learning_rate: float) -> None:
        """Change in place the parameters that have a gradient; the gradients are used up."""


@dataclass(frozen=True)
class SGD:
    """Stochastic gradient descent with momentum, step for step as `torch.optim.SGD`.

    For each weight w with gradient g::

        g = g + weight_decay * w
        v = momentum * v + g                     (v begins at zero)
        w = w - learning_rate * v                or, with nesterov,
        w = w - learning_rate * (g + momentum * v)

    Parameters
    ----------
    learning_rate : float
        Above zero.
    momentum : float
        From 0 to below 1; 0 is plain gradient descent.
    nesterov : bool
        Look ahead along the velocity; needs momentum.
    weight_decay : float
        L2 penalty on every parameter; 0 or more.

    Raises
    ------
    InvalidValue
        If a value is outside its range.

    References
    ----------
    Sutskever, Martens, Dahl & Hinton (2013), On the importance of initialization and momentum.

    Examples
    --------
    Two steps down the parabola w**2, whose gradient is 2 w:

    >>> sgd = SGD(0.1, momentum=0.5)
    >>> w = {"w": np.array([1.0])}
    >>> memory = sgd.start(w)
    >>> for _ in range(2):
    ...     sgd.step(w, {"w": 2 * w["w"]}, memory, sgd.learning_rate)
    ...     print(w["w"].round(6))
    [0.8]
    [0.54]
    """

    learning_rate: float = 0.05
    momentum: float = 0.9
    nesterov: bool = False
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        check_numbers(self)
        if not 0 < self.learning_rate < float("inf"):
            raise InvalidValue(f"SGD: learning_rate must be above zero; got {self.learning_rate}.")
        if not 0 <= self.momentum < 1:
            raise InvalidValue(f"SGD: momentum must be at least 0 and below 1; got {self.momentum}.")
        if not 0 <= self.weight_decay < float("inf"):
            raise InvalidValue(f"SGD: weight_decay must not be negative; got {self.weight_decay}.")
        if self.nesterov and self.momentum == 0:
            raise InvalidValue("SGD: nesterov needs momentum above 0; got momentum=0.")

    def start(self, parameters: Arrays) -> Memory:
        """Give zero velocities, laid out in memory as the parameters are."""
        return Memory(
            {f"velocity/{name}": np.zeros_like(w) for name, w in parameters.items() if self.momentum}
        )

    def step(self, parameters: Arrays, gradients: Arrays, memory: Memory, learning_rate: float) -> None:
        """Take one step in place; nothing is allocated and the gradients are used up."""
        for name, gradient in gradients.items():
            ops.sgd_step(
                parameters[name],
                gradient,
                memory.kept.get(f"velocity/{name}"),
                rate=learning_rate,
                momentum=self.momentum,
                nesterov=self.nesterov,
                decay=self.weight_decay,
            )
