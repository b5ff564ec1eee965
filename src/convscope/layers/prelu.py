"""The leaky rectifier that learns its slopes."""

from __future__ import annotations

from typing import Any

from convscope import ops
from convscope.errors import InvalidValue
from convscope.layers.arguments import as_parameter
from convscope.layers.base import Array, Context, ParameterGradients, Shape
from convscope.layers.elementwise import Rectifier

__all__ = ["PReLU"]


class PReLU(Rectifier):
    """x where it is positive, else weight[c] * x; backward rules as for `LeakyReLU`.

    Parameters
    ----------
    weight : ndarray of shape (C,) or (1,)
        A slope for each channel, or one for all.

    References
    ----------
    He, Zhang, Ren and Sun (2015), Delving deep into rectifiers.

    Examples
    --------
    >>> import numpy as np
    >>> prelu = PReLU(np.array([0.5, 0.25]))
    >>> y, cache = prelu.forward(np.array([[-2.0, -2.0]]))
    >>> y
    array([[-1. , -0.5]])
    >>> prelu.backward(np.ones((1, 2)), cache)[1]
    {'weight': array([-2., -2.])}
    """

    kind = "PReLU"

    def __init__(self, weight: Array) -> None:
        super().__init__()
        weight = as_parameter(self.kind, "weight", weight)
        if weight.ndim != 1 or not weight.size:
            raise InvalidValue(f"{self.kind}: weight must have shape (C,) or (1,); got {weight.shape}.")
        self.parameters["weight"] = weight

    def apply(self, x: Array) -> Array:
        """x, or the channel's slope times x below 0."""
        return ops.prelu(x, self.parameters["weight"])

    def differentiate(self, grad: Array, kept: Array) -> Array:
        """1, or the channel's slope up to 0."""
        return ops.prelu_grad(grad, kept, self.parameters["weight"])[0]

    def rectify(self, grad: Array, rule: str) -> Array:
        """The gradient, or the channel's slope times it below 0."""
        return ops.prelu(grad, self.parameters["weight"])

    def backward(
        self, grad: Array, cache: Any, rule: str = "gradient", context: Context = Context()
    ) -> tuple[Array | tuple[Array, ...] | None, ParameterGradients]:
        """Let through what the rule lets through; a slope's gradient is the sum of grad * x below 0."""
        if rule == "gradient" and context.wants_parameters:
            dx, dweight = ops.prelu_grad(grad, cache, self.parameters["weight"])
            return dx, {"weight": dweight}
        passed, _ = super().backward(grad, cache, rule, context)
        if not context.wants_parameters:
            return passed, {}
        return passed, {"weight": ops.prelu_grad(grad, cache, self.parameters["weight"])[1]}

    def output_shape(self, *shapes: Shape) -> Shape:
        """The input's shape, if it has as many channels as there are slopes."""
        slopes = self.parameters["weight"].size
        if slopes > 1 and (len(shapes[0]) < 2 or shapes[0][1] != slopes):
            raise InvalidValue(
                f"{self.kind}: the input must have {slopes} channels, one for each slope; got {shapes[0]}."
            )
        return shapes[0]
