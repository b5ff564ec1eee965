"""Functions of several arrays that stretch to each other's shape."""

from __future__ import annotations

from typing import Any

import numpy as np

from convscope.errors import InvalidValue
from convscope.layers.base import Array, Context, Layer, ParameterGradients, Shape, check_rule
from convscope.ops.memory import silent
from convscope.ops.moves import stretched_sum

__all__ = ["Average", "Equal", "Maximum", "Minimum", "Power", "Slope", "Where", "stretched_shape"]


def stretched_shape(kind: str, *shapes: Shape) -> Shape:
    """Give the shape that all stretch to."""
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        listed = ", ".join(map(str, shapes))
        raise InvalidValue(f"{kind}: the inputs must stretch to one shape; got {listed}.") from None


class _Several(Layer):
    def output_shape(self, *shapes: Shape) -> Shape:
        """The shape that all stretch to."""
        return stretched_shape(self.kind, *shapes)


class Average(_Several):
    """The mean of several arrays.

    Examples
    --------
    >>> Average().forward(np.array([[1.0, 2.0]]), np.array([[3.0]]))[0]
    array([[2. , 2.5]])
    """

    kind = "Average"
    inputs = None

    def forward(self, *inputs: Array, context: Context = Context()) -> tuple[Array, Any]:
        """Give the mean; the cache is the inputs' shapes."""
        return sum(inputs[1:], inputs[0]) / inputs[0].dtype.type(len(inputs)), [x.shape for x in inputs]

    def backward(
        self, grad: Array, cache: Any, rule: str = "gradient", context: Context = Context()
    ) -> tuple[Array | tuple[Array, ...] | None, ParameterGradients]:
        """Give every input the same share."""
        check_rule(rule)
        share = grad / grad.dtype.type(len(cache))
        return tuple(stretched_sum(share, shape) for shape in cache), {}


class _Extreme(_Several):
    inputs = None

    def forward(self, *inputs: Array, context: Context = Context()) -> tuple[Array, Any]:
        """Give the extreme values; the cache is the inputs and the output."""
        y = inputs[0]
        for x in inputs[1:]:
            y = np.maximum(y, x) if self.kind == "Maximum" else np.minimum(y, x)
        return (y.copy() if len(inputs) == 1 else y), (inputs, y)

    def backward(
        self, grad: Array, cache: Any, rule: str = "gradient", context: Context = Context()
    ) -> tuple[Array | tuple[Array, ...] | None, ParameterGradients]:
        """Give the gradient to the input that is the extreme; equal ones share it."""
        check_rule(rule)
        inputs, y = cache
        best = [x == y for x in inputs]
        share = grad / np.maximum(np.sum(best, axis=0), 1).astype(grad.dtype)
        return tuple(stretched_sum(b * share, x.shape) for b, x in zip(best, inputs, strict=True)), {}


class Maximum(_Extreme):
    """The largest of several arrays, value by value.

    Examples
    --------
    >>> Maximum().forward(np.array([[1.0, 5.0]]), np.array([[3.0]]))[0]
    array([[3., 5.]])
    """

    kind = "Maximum"


class Minimum(_Extreme):
    """The smallest of several arrays, value by value.

    Examples
    --------
    >>> Minimum().forward(np.array([[1.0, 5.0]]), np.array([[3.0]]))[0]
    array([[1., 3.]])
    """

    kind = "Minimum"


class Power(_Several):
    """The first array to the power of the second.

    Examples
    --------
    >>> Power().forward(np.array([[2.0, 3.0]]), np.array([[2.0]]))[0]
    array([[4., 9.]])
    """

    kind = "Power"
    inputs = 2

    @silent
    def forward(self, *inputs: Array, context: Context = Context()) -> tuple[Array, Any]:
        """Give the power; the cache is (base, exponent, output)."""
        base, exponent = inputs
        y = np.asarray(base**exponent, base.dtype)
        return y, (base, exponent, y)

    @silent
    def backward(
        self, grad: Array, cache: Any, rule: str = "gradient", context: Context = Context()
    ) -> tuple[Array | tuple[Array, ...] | None, ParameterGradients]:
        """b * a**(b-1), and y * log(a), which is 0 where a is not above 0."""
        check_rule(rule)
        base, exponent, y = cache
        by_base = np.where(exponent == 0, 0, exponent * base ** (exponent - 1)).astype(grad.dtype)
        by_exponent = np.where(base > 0, y * np.log(np.where(base > 0, base, 1)), 0).astype(grad.dtype)
        by_exponent = stretched_sum(grad * by_exponent, exponent.shape)
        return (stretched_sum(grad * by_base, base.shape), by_exponent), {}


class Slope(_Several):
    """x where it is positive, else x times the second array: PReLU with any shape of slopes.

    Examples
    --------
    >>> Slope().forward(np.array([[2.0, -3.0]]), np.array([[0.1]]))[0]
    array([[ 2. , -0.3]])
    """

    kind = "Slope"
    inputs = 2

    def forward(self, *inputs: Array, context: Context = Context()) -> tuple[Array, Any]:
        """Give the values; the cache is the inputs."""
        x, slope = inputs
        return np.where(x < 0, x * slope, x), inputs

    def backward(
        self, grad: Array, cache: Any, rule: str = "gradient", context: Context = Context()
    ) -> tuple[Array | tuple[Array, ...] | None, ParameterGradients]:
        """Give the gradient times the slope below 0."""
        check_rule(rule)
        x, slope = cache
        by_x = np.where(x < 0, grad * slope, grad)
        by_slope = np.where(x < 0, grad * x, 0).astype(grad.dtype)
        return (stretched_sum(by_x, x.shape), stretched_sum(by_slope, slope.shape)), {}


class Where(_Several):
    """The second array where the first one is true (or not 0), else the third.

    Examples
    --------
    >>> Where().forward(np.array([[True, False]]), np.array([[1.0, 2.0]]), np.array([[9.0]]))[0]
    array([[1., 9.]])
    """

    kind = "Where"
    inputs = 3

    def forward(self, *inputs: Array, context: Context = Context()) -> tuple[Array, Any]:
        """Give the chosen values; the cache is the condition and the shapes."""
        condition, x, y = inputs
        truth = condition != 0
        return np.where(truth, x, y), (truth, condition, x.shape, y.shape)

    def backward(
        self, grad: Array, cache: Any, rule: str = "gradient", context: Context = Context()
    ) -> tuple[Array | tuple[Array, ...] | None, ParameterGradients]:
        """Give each gradient to what was chosen; 0 to the condition."""
        check_rule(rule)
        truth, condition, one, other = cache
        chosen = np.where(truth, grad, 0).astype(grad.dtype)
        return (
            np.zeros(condition.shape, grad.dtype),
            stretched_sum(chosen, one),
            stretched_sum(grad - chosen, other),
        ), {}


class Equal(_Several):
    """1 where two arrays are equal, else 0; its gradient is 0.

    Examples
    --------
    >>> Equal().forward(np.array([[1.0, 2.0]]), np.array([[2.0]]))[0]
    array([[0., 1.]])
    """

    kind = "Equal"
    inputs = 2

    def forward(self, *inputs: Array, context: Context = Context()) -> tuple[Array, Any]:
        """Give 1 and 0; the cache is the shapes."""
        a, b = inputs
        return (a == b).astype(a.dtype), (a.shape, b.shape)

    def backward(
        self, grad: Array, cache: Any, rule: str = "gradient", context: Context = Context()
    ) -> tuple[Array | tuple[Array, ...] | None, ParameterGradients]:
        """Nothing passes a step."""
        check_rule(rule)
        return tuple(np.zeros(shape, grad.dtype) for shape in cache), {}
