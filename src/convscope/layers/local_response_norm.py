"""Normalisation by neighbouring channels."""

from __future__ import annotations

from typing import Any

from convscope import ops
from convscope.layers.base import Array
from convscope.layers.elementwise import Elementwise
from convscope.ops.arguments import whole
from convscope.ops.settings import number

__all__ = ["LocalResponseNorm"]


class LocalResponseNorm(Elementwise):
    """x / (k + alpha/size * the sum of squares of neighbouring channels) ** beta.

    Parameters
    ----------
    size, alpha, beta, k
        As in `convscope.ops.local_response_norm`; `k` is ONNX's bias.

    Examples
    --------
    >>> import numpy as np
    >>> LocalResponseNorm(3, alpha=3.0, beta=1.0).forward(np.array([[1.0, 2.0]]))[0].round(4)
    array([[0.1667, 0.3333]])
    """

    kind = "LocalResponseNorm"

    def __init__(self, size: int, *, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        super().__init__()
        self.size = whole(self.kind, "size", size, 1)
        self.alpha = number(self.kind, "alpha", alpha, least=0)
        self.beta = number(self.kind, "beta", beta)
        self.k = number(self.kind, "k", k, above=0)

    def apply(self, x: Array) -> Array:
        """Give the normalised values."""
        return ops.local_response_norm(x, **self.settings())

    def differentiate(self, grad: Array, kept: Array) -> Array:
        """Give the gradient, from the input: neighbours depend on each other."""
        return ops.local_response_norm_grad(grad, kept, **self.settings())

    def settings(self) -> dict[str, Any]:
        """size, alpha, beta, k."""
        return {"size": self.size, "alpha": self.alpha, "beta": self.beta, "k": self.k}
