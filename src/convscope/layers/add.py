"""The sum of branches."""

from __future__ import annotations

from typing import Any

from convscope import ops
from convscope.layers.base import Array, Context, Layer, ParameterGradients, Shape, check_rule
from convscope.layers.several import stretched_shape
from convscope.ops.moves import stretched_sum

__all__ = ["Add"]


class Add(Layer):
    """The sum of two or more arrays, which have one shape or stretch to it.

    Examples
    --------
    >>> import numpy as np
    >>> y, cache = Add().forward(np.array([[1.0]]), np.array([[2.0]]), np.array([[3.0]]))
    >>> y, len(Add().backward(y, cache)[0])
    (array([[6.]]), 3)
    """

    kind = "Add"
    repeatable = True
    inputs = None

    def forward(self, *inputs: Array, context: Context = Context()) -> tuple[Array, Any]:
        """Give the sum; the cache is the inputs' shapes."""
        shapes = tuple(x.shape for x in inputs)
        if len(set(shapes)) == 1:
            return ops.add(*inputs, out=self.borrow_output(context, *inputs)), shapes
        return sum(inputs[1:], inputs[0]), shapes

    def backward(
        self, grad: Array, cache: Any, rule: str = "gradient", context: Context = Context()
    ) -> tuple[Array | tuple[Array, ...] | None, ParameterGradients]:
        """Give every input the whole gradient: the same array, so copy before changing it."""
        check_rule(rule)
        return tuple(grad if shape == grad.shape else stretched_sum(grad, shape) for shape in cache), {}

    def output_shape(self, *shapes: Shape) -> Shape:
        """The shape that all inputs have or stretch to."""
        return stretched_shape(self.kind, *shapes)
