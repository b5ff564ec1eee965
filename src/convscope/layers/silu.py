"""The sigmoid linear unit."""

from __future__ import annotations

from convscope import ops
from convscope.layers.base import Array
from convscope.layers.elementwise import Rectifier

__all__ = ["SiLU"]


class SiLU(Rectifier):
    """x * sigmoid(x), also called swish.

    Examples
    --------
    >>> import numpy as np
    >>> SiLU().forward(np.array([[-1.0, 0.0, 1.0]]))[0].round(4)
    array([[-0.2689,  0.    ,  0.7311]])
    """

    kind = "SiLU"

    def apply(self, x: Array) -> Array:
        """Give the function's values."""
        return ops.silu(x)

    def differentiate(self, grad: Array, kept: Array) -> Array:
        """Give the gradient, from the input."""
        return ops.silu_grad(grad, kept)
