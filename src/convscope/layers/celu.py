"""The exponential linear unit without a bend."""

from __future__ import annotations

from typing import Any

from convscope import ops
from convscope.layers.base import Array
from convscope.layers.elementwise import Rectifier
from convscope.ops.settings import number

__all__ = ["CELU"]


class CELU(Rectifier):
    """x where it is positive, else alpha * (exp(x / alpha) - 1).

    Parameters
    ----------
    alpha : float
        Greater than 0.

    Examples
    --------
    >>> import numpy as np
    >>> CELU(2.0).forward(np.array([[-100.0, 3.0]]))[0]
    array([[-2.,  3.]])
    """

    kind = "CELU"

    def __init__(self, alpha: float = 1.0) -> None:
        super().__init__()
        self.alpha = number(self.kind, "alpha", alpha, above=0)

    def apply(self, x: Array) -> Array:
        """Give the function's values."""
        return ops.celu(x, self.alpha)

    def differentiate(self, grad: Array, kept: Array) -> Array:
        """Give the gradient, from the input."""
        return ops.celu_grad(grad, kept, self.alpha)

    def settings(self) -> dict[str, Any]:
        """alpha."""
        return {"alpha": self.alpha}
