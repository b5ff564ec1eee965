"""The logistic function."""

from __future__ import annotations

from convscope import ops
from convscope.layers.base import Array
from convscope.layers.elementwise import Elementwise

__all__ = ["Sigmoid"]


class Sigmoid(Elementwise):
    """1 / (1 + exp(-x)), between 0 and 1.

    Examples
    --------
    >>> import numpy as np
    >>> Sigmoid().forward(np.array([[0.0]]))[0]
    array([[0.5]])
    """

    kind = "Sigmoid"
    keeps_output = True

    def apply(self, x: Array) -> Array:
        """Give the function's values."""
        return ops.sigmoid(x)

    def differentiate(self, grad: Array, kept: Array) -> Array:
        """Give the gradient, from the output."""
        return ops.sigmoid_grad(grad, kept)
