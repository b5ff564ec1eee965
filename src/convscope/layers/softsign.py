"""The soft sign."""

from __future__ import annotations

from convscope import ops
from convscope.layers.base import Array
from convscope.layers.elementwise import Elementwise

__all__ = ["Softsign"]


class Softsign(Elementwise):
    """x / (1 + |x|), between -1 and 1.

    Examples
    --------
    >>> import numpy as np
    >>> Softsign().forward(np.array([[-1.0, 3.0]]))[0]
    array([[-0.5 ,  0.75]])
    """

    kind = "Softsign"

    def apply(self, x: Array) -> Array:
        """Give the function's values."""
        return ops.softsign(x)

    def differentiate(self, grad: Array, kept: Array) -> Array:
        """Give the gradient, from the input."""
        return ops.softsign_grad(grad, kept)
