"""The exponential linear unit."""

from __future__ import annotations

from typing import Any

from convscope import ops
from convscope.layers.base import Array
from convscope.layers.elementwise import Rectifier
from convscope.ops.settings import number

__all__ = ["ELU"]


class ELU(Rectifier):
    """x where it is positive, else alpha * (exp(x) - 1).

    Parameters
    ----------
    alpha : float

    Examples
    --------
    >>> import numpy as np
    >>> ELU(2.0).forward(np.array([[-100.0, 3.0]]))[0]
    array([[-2.,  3.]])
    """

    kind = "ELU"

    def __init__(self, alpha: float = 1.0) -> None:
        super().__init__()
        self.alpha = number(self.kind, "alpha", alpha)

    def apply(self, x: Array) -> Array:
        """Give the function's values."""
        return ops.elu(x, self.alpha)

    def differentiate(self, grad: Array, kept: Array) -> Array:
        """Give the gradient, from the input."""
        return ops.elu_grad(grad, kept, self.alpha)

    def settings(self) -> dict[str, Any]:
        """alpha."""
        return {"alpha": self.alpha}
