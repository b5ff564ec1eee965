"""The rectifier that lets a little through."""

from __future__ import annotations

from typing import Any

from convscope import ops
from convscope.layers.base import Array
from convscope.layers.elementwise import Rectifier
from convscope.ops.settings import number

__all__ = ["LeakyReLU"]


class LeakyReLU(Rectifier):
    """x where it is positive, else slope * x.

    Under the rule "deconvnet" a gradient that is positive passes, and one that is negative
    passes times the slope; "guided" multiplies that by the derivative. With a slope of 0
    both are what they are for `ReLU`.

    Parameters
    ----------
    slope : float
        ONNX's alpha, PyTorch's negative_slope.

    Examples
    --------
    >>> import numpy as np
    >>> leaky = LeakyReLU(0.1)
    >>> y, cache = leaky.forward(np.array([[-1.0, 2.0, 3.0]]))
    >>> y
    array([[-0.1,  2. ,  3. ]])
    >>> for rule in ("gradient", "deconvnet", "guided"):
    ...     print(leaky.backward(np.array([[4.0, 5.0, -6.0]]), cache, rule)[0])
    [[ 0.4  5.  -6. ]]
    [[ 4.   5.  -0.6]]
    [[ 0.4  5.  -0.6]]
    """

    kind = "LeakyReLU"

    def __init__(self, slope: float = 0.01) -> None:
        super().__init__()
        self.slope = number(self.kind, "slope", slope)

    def apply(self, x: Array) -> Array:
        """x, or slope * x below 0."""
        return ops.leaky_relu(x, self.slope)

    def differentiate(self, grad: Array, kept: Array) -> Array:
        """1, or the slope up to 0."""
        return ops.leaky_relu_grad(grad, kept, self.slope)

    def rectify(self, grad: Array, rule: str) -> Array:
        """The gradient, or slope times it below 0."""
        return ops.leaky_relu(grad, self.slope)

    def settings(self) -> dict[str, Any]:
        """slope."""
        return {"slope": self.slope}
