"""Softmax over the channels."""

from __future__ import annotations

from typing import Any

from convscope import ops
from convscope.errors import InvalidValue
from convscope.layers.base import Array, Context, Layer, ParameterGradients, Shape, check_rule
from convscope.ops.arguments import whole

__all__ = ["Softmax"]


class Softmax(Layer):
    """exp(x) divided by its sum over the channels (axis 1).

    Examples
    --------
    >>> import numpy as np
    >>> Softmax().forward(np.log(np.array([[1.0, 3.0]])))[0]
    array([[0.25, 0.75]])
    """

    kind = "Softmax"

    def __init__(self, axis: int = 1) -> None:
        super().__init__()
        self.axis = whole(self.kind, "axis", axis, -64)

    def forward(self, *inputs: Array, context: Context = Context()) -> tuple[Array, Any]:
        """Give the probabilities, which are the cache too."""
        (x,) = inputs
        y = ops.softmax(x, axis=self.axis)
        return y, y

    def backward(
        self, grad: Array, cache: Any, rule: str = "gradient", context: Context = Context()
    ) -> tuple[Array | tuple[Array, ...] | None, ParameterGradients]:
        """Give y * (grad - sum of grad * y)."""
        check_rule(rule)
        return ops.softmax_grad(grad, cache, axis=self.axis), {}

    def output_shape(self, *shapes: Shape) -> Shape:
        """The input's shape, if it has the axis."""
        if not -len(shapes[0]) <= self.axis < len(shapes[0]):
            raise InvalidValue(
                f"Softmax: axis must exist in the input; got axis={self.axis}, shape={shapes[0]}."
            )
        return shapes[0]

    def settings(self) -> dict[str, Any]:
        """axis."""
        return {"axis": self.axis}
