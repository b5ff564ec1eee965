"""The sum of branches."""

from __future__ import annotations

from typing import Any

from convscope import ops
from convscope.errors import InvalidValue
from convscope.layers.base import Array, Context, Layer, ParameterGradients, Shape, check_rule

__all__ = ["Add"]


class Add(Layer):
    """The sum of two or more arrays of one shape.

    Examples
    --------
    >>> import numpy as np
    >>> y, cache = Add().forward(np.array([[1.0]]), np.array([[2.0]]), np.array([[3.0]]))
    >>> y, len(Add().backward(y, cache)[0])
    (array([[6.]]), 3)
    """

    kind = "Add"
    inputs = None

    def forward(self, *inputs: Array, context: Context = Context()) -> tuple[Array, Any]:
        """Give the sum; the cache is how many were added."""
        return ops.add(*inputs, out=self.borrow_output(context, *inputs)), len(inputs)

    def backward(
        self, grad: Array, cache: Any, rule: str = "gradient", context: Context = Context()
    ) -> tuple[Array | tuple[Array, ...] | None, ParameterGradients]:
        """Give every input the whole gradient: the same array, so copy before changing it."""
        check_rule(rule)
        return (grad,) * cache, {}

    def output_shape(self, *shapes: Shape) -> Shape:
        """The one shape that all inputs have."""
        if len(set(shapes)) != 1:
            raise InvalidValue(f"Add: all inputs must have one shape; got {', '.join(map(str, shapes))}.")
        return shapes[0]
