"""Mish."""

from __future__ import annotations

from convscope import ops
from convscope.layers.base import Array
from convscope.layers.elementwise import Rectifier

__all__ = ["Mish"]


class Mish(Rectifier):
    """x * tanh(softplus(x)).

    Examples
    --------
    >>> import numpy as np
    >>> Mish().forward(np.array([[-1.0, 1.0]]))[0].round(4)
    array([[-0.3034,  0.8651]])
    """

    kind = "Mish"

    def apply(self, x: Array) -> Array:
        """Give the function's values."""
        return ops.mish(x)

    def differentiate(self, grad: Array, kept: Array) -> Array:
        """Give the gradient, from the input."""
        return ops.mish_grad(grad, kept)
