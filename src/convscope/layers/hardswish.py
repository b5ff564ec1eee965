"""The hard swish."""

from __future__ import annotations

from convscope import ops
from convscope.layers.base import Array
from convscope.layers.elementwise import Rectifier

__all__ = ["Hardswish"]


class Hardswish(Rectifier):
    """x * hardsigmoid(x).

    Examples
    --------
    >>> import numpy as np
    >>> Hardswish().forward(np.array([[-1.5, 0.0, 3.0]]))[0]
    array([[-0.375,  0.   ,  3.   ]])
    """

    kind = "Hardswish"

    def apply(self, x: Array) -> Array:
        """Give the function's values."""
        return ops.hardswish(x)

    def differentiate(self, grad: Array, kept: Array) -> Array:
        """Give the gradient, from the input."""
        return ops.hardswish_grad(grad, kept)
