"""Products, differences and quotients of two arrays."""

from __future__ import annotations

from typing import Any

from convscope import ops
from convscope.layers.base import Array, Context, Layer, ParameterGradients, Shape, check_rule
from convscope.ops.arithmetic import stretched

__all__ = ["Divide", "Multiply", "Subtract"]


class _Arithmetic(Layer):
    """Two arrays that stretch to each other's shape."""

    inputs = 2

    def output_shape(self, *shapes: Shape) -> Shape:
        """The shape that both stretch to."""
        return stretched(self.kind, *shapes)


class Multiply(_Arithmetic):
    """The product of two arrays; one may be a gate, with one value for each channel.

    Examples
    --------
    >>> import numpy as np
    >>> y, cache = Multiply().forward(np.array([[2.0, 3.0]]), np.array([[10.0]]))
    >>> y, Multiply().backward(np.ones((1, 2)), cache)[0]
    (array([[20., 30.]]), (array([[10., 10.]]), array([[5.]])))
    """

    kind = "Multiply"

    def forward(self, *inputs: Array, context: Context = Context()) -> tuple[Array, Any]:
        """Give the product; the cache is the two inputs."""
        return ops.multiply(*inputs), inputs

    def backward(
        self, grad: Array, cache: Any, rule: str = "gradient", context: Context = Context()
    ) -> tuple[Array | tuple[Array, ...] | None, ParameterGradients]:
        """Give each factor the gradient times the other."""
        check_rule(rule)
        return ops.multiply_grad(grad, *cache), {}


class Subtract(_Arithmetic):
    """The first array less the second.

    Examples
    --------
    >>> import numpy as np
    >>> Subtract().forward(np.array([[2.0, 3.0]]), np.array([[10.0]]))[0]
    array([[-8., -7.]])
    """

    kind = "Subtract"

    def forward(self, *inputs: Array, context: Context = Context()) -> tuple[Array, Any]:
        """Give the difference; the cache is the two inputs."""
        return ops.subtract(*inputs), inputs

    def backward(
        self, grad: Array, cache: Any, rule: str = "gradient", context: Context = Context()
    ) -> tuple[Array | tuple[Array, ...] | None, ParameterGradients]:
        """Give the gradient, and the gradient with its sign turned."""
        check_rule(rule)
        return ops.subtract_grad(grad, *cache), {}


class Divide(_Arithmetic):
    """The first array divided by the second.

    Examples
    --------
    >>> import numpy as np
    >>> Divide().forward(np.array([[2.0, 3.0]]), np.array([[10.0]]))[0]
    array([[0.2, 0.3]])
    """

    kind = "Divide"

    def forward(self, *inputs: Array, context: Context = Context()) -> tuple[Array, Any]:
        """Give the quotient; the cache is the two inputs."""
        return ops.divide(*inputs), inputs

    def backward(
        self, grad: Array, cache: Any, rule: str = "gradient", context: Context = Context()
    ) -> tuple[Array | tuple[Array, ...] | None, ParameterGradients]:
        """Give grad / b and -grad * a / b ** 2."""
        check_rule(rule)
        return ops.divide_grad(grad, *cache), {}
