"""Steps of optimisers in plain NumPy, in place."""

from __future__ import annotations

import math

import numpy as np

from convscope.ops.memory import Array, silent

__all__ = ["adam_step", "sgd_step"]


@silent
def sgd_step(
    weight: Array,
    grad: Array,
    velocity: Array | None,
    *,
    rate: float,
    momentum: float,
    nesterov: bool,
    decay: float,
) -> None:
    """v = momentum*v + g; w -= rate*v, with g the gradient plus decay*w; nesterov: g + momentum*v for v."""
    grad += decay * weight if decay else 0
    move = grad
    if velocity is not None:
        velocity *= momentum
        velocity += grad
        move = grad + momentum * velocity if nesterov else velocity
    weight -= np.multiply(move, rate, out=grad)


@silent
def adam_step(
    weight: Array,
    grad: Array,
    first: Array,
    second: Array,
    *,
    rate: float,
    beta1: float,
    beta2: float,
    eps: float,
    step: int,
    decay: float,
    shrink: float,
) -> None:
    """Move the mean and the mean square of the gradient, then the weight by their quotient."""
    grad += decay * weight if decay else 0
    weight *= 1 - shrink
    first *= beta1
    first += (1 - beta1) * grad
    second *= beta2
    second += (1 - beta2) * np.multiply(grad, grad, out=grad)
    np.sqrt(second, out=grad)
    grad /= math.sqrt(1 - beta2**step)
    grad += eps
    np.divide(first, grad, out=grad)
    grad *= rate / (1 - beta1**step)
    weight -= grad
