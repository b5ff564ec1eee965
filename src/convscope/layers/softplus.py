"""The soft rectifier."""

from __future__ import annotations

from convscope import ops
from convscope.layers.base import Array
from convscope.layers.elementwise import Rectifier

__all__ = ["Softplus"]


class Softplus(Rectifier):
    """log(1 + exp(x)).

    Examples
    --------
    >>> import numpy as np
    >>> Softplus().forward(np.array([[0.0]]))[0].round(4)
    array([[0.6931]])
    """

    kind = "Softplus"

    def apply(self, x: Array) -> Array:
        """Give the function's values."""
        return ops.softplus(x)

    def differentiate(self, grad: Array, kept: Array) -> Array:
        """Give the gradient, from the input."""
        return ops.softplus_grad(grad, kept)
