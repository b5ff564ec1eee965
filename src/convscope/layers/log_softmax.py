"""The logarithm of softmax."""

from __future__ import annotations

from typing import Any

from convscope import ops
from convscope.errors import InvalidValue
from convscope.layers.base import Array, Shape
from convscope.layers.elementwise import Elementwise
from convscope.ops.arguments import whole

__all__ = ["LogSoftmax"]


class LogSoftmax(Elementwise):
    """x - log(sum of exp(x)) over the channels (axis 1).

    Examples
    --------
    >>> import numpy as np
    >>> LogSoftmax().forward(np.array([[0.0, -1000.0]]))[0]
    array([[    0., -1000.]])
    """

    kind = "LogSoftmax"
    keeps_output = True

    def __init__(self, axis: int = 1) -> None:
        super().__init__()
        self.axis = whole(self.kind, "axis", axis, -64)

    def apply(self, x: Array) -> Array:
        """Give the logarithms of the probabilities."""
        return ops.log_softmax(x, axis=self.axis)

    def differentiate(self, grad: Array, kept: Array) -> Array:
        """Give grad - exp(y) * (sum of grad)."""
        return ops.log_softmax_grad(grad, kept, axis=self.axis)

    def output_shape(self, *shapes: Shape) -> Shape:
        """The input's shape, if it has the axis."""
        if not -len(shapes[0]) <= self.axis < len(shapes[0]):
            raise InvalidValue(
                f"{self.kind}: axis must exist in the input; got axis={self.axis}, shape={shapes[0]}."
            )
        return shapes[0]

    def settings(self) -> dict[str, Any]:
        """axis."""
        return {"axis": self.axis}
