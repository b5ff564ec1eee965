"""The self-normalising unit."""

from __future__ import annotations

from typing import Any

from convscope import ops
from convscope.layers.base import Array
from convscope.layers.elementwise import Rectifier
from convscope.ops.rectifiers import SELU_ALPHA, SELU_GAMMA
from convscope.ops.settings import number

__all__ = ["SELU"]


class SELU(Rectifier):
    """gamma * x where it is positive, else gamma * alpha * (exp(x) - 1).

    Parameters
    ----------
    alpha, gamma : float
        By default the constants of Klambauer et al. (2017), which keep mean 0 and variance 1.

    Examples
    --------
    >>> import numpy as np
    >>> SELU().forward(np.array([[-100.0, 1.0]]))[0].round(4)
    array([[-1.7581,  1.0507]])
    """

    kind = "SELU"

    def __init__(self, alpha: float = SELU_ALPHA, gamma: float = SELU_GAMMA) -> None:
        super().__init__()
        self.alpha, self.gamma = number(self.kind, "alpha", alpha), number(self.kind, "gamma", gamma)

    def apply(self, x: Array) -> Array:
        """Give the function's values."""
        return ops.selu(x, self.alpha, self.gamma)

    def differentiate(self, grad: Array, kept: Array) -> Array:
        """Give the gradient, from the input."""
        return ops.selu_grad(grad, kept, self.alpha, self.gamma)

    def settings(self) -> dict[str, Any]:
        """alpha and gamma."""
        return {"alpha": self.alpha, "gamma": self.gamma}
