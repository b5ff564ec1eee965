"""The logistic function in three straight lines."""

from __future__ import annotations

from typing import Any

from convscope import ops
from convscope.layers.base import Array
from convscope.layers.elementwise import Elementwise
from convscope.ops.settings import number

__all__ = ["Hardsigmoid"]


class Hardsigmoid(Elementwise):
    """alpha * x + beta, kept to [0, 1].

    Parameters
    ----------
    alpha, beta : float
        By default PyTorch's 1/6 and 1/2; ONNX's default alpha is 0.2.

    Examples
    --------
    >>> import numpy as np
    >>> Hardsigmoid().forward(np.array([[-3.0, 0.0, 1.5]]))[0]
    array([[0.  , 0.5 , 0.75]])
    """

    kind = "Hardsigmoid"
    keeps_output = True

    def __init__(self, alpha: float = 1 / 6, beta: float = 0.5) -> None:
        super().__init__()
        self.alpha, self.beta = number(self.kind, "alpha", alpha), number(self.kind, "beta", beta)

    def apply(self, x: Array) -> Array:
        """Give the function's values."""
        return ops.hardsigmoid(x, self.alpha, self.beta)

    def differentiate(self, grad: Array, kept: Array) -> Array:
        """Give the gradient, from the output."""
        return ops.hardsigmoid_grad(grad, kept, self.alpha)

    def settings(self) -> dict[str, Any]:
        """alpha and beta."""
        return {"alpha": self.alpha, "beta": self.beta}
