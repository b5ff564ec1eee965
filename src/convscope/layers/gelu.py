"""The Gaussian error linear unit."""

from __future__ import annotations

from typing import Any

from convscope import ops
from convscope.errors import InvalidValue
from convscope.layers.base import Array
from convscope.layers.elementwise import Rectifier

__all__ = ["GELU"]


class GELU(Rectifier):
    """x * P(Z <= x), Z standard normal.

    Parameters
    ----------
    approximate : "none" or "tanh"
        As in `convscope.ops.gelu`.

    Examples
    --------
    >>> import numpy as np
    >>> GELU().forward(np.array([[-1.0, 1.0]]))[0].round(4)
    array([[-0.1587,  0.8413]])
    """

    kind = "GELU"

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        if approximate not in ("none", "tanh"):
            raise InvalidValue(f"{self.kind}: approximate must be 'none' or 'tanh'; got {approximate!r}.")
        self.approximate = approximate

    def apply(self, x: Array) -> Array:
        """Give the function's values."""
        return ops.gelu(x, self.approximate)

    def differentiate(self, grad: Array, kept: Array) -> Array:
        """Give the gradient, from the input."""
        return ops.gelu_grad(grad, kept, self.approximate)

    def settings(self) -> dict[str, Any]:
        """approximate."""
        return {"approximate": self.approximate}
