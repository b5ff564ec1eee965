"""Square roots, logarithms and the like: one row of `convscope.ops.pointwise` each."""

from __future__ import annotations

from typing import Any, ClassVar

from convscope.layers.base import Array, Context, ParameterGradients, check_rule
from convscope.layers.elementwise import Elementwise
from convscope.ops import pointwise

__all__ = ["Abs", "Ceil", "Erf", "Exp", "Floor", "Log", "Negate", "Reciprocal", "Sqrt"]


class _Pointwise(Elementwise):
    function: ClassVar[str]

    def forward(self, *inputs: Array, context: Context = Context()) -> tuple[Array, Any]:
        """Give the function's values; the cache is (input, output)."""
        (x,) = inputs
        y = pointwise.apply(self.function, x)
        return y, (x, y)

    def backward(
        self, grad: Array, cache: Any, rule: str = "gradient", context: Context = Context()
    ) -> tuple[Array | tuple[Array, ...] | None, ParameterGradients]:
        """Give the gradient times the derivative."""
        check_rule(rule)
        return pointwise.apply_grad(self.function, grad, *cache), {}


class Sqrt(_Pointwise):
    """The square root of each value."""

    kind, function = "Sqrt", "sqrt"


class Reciprocal(_Pointwise):
    """1 / x."""

    kind, function = "Reciprocal", "reciprocal"


class Abs(_Pointwise):
    """The magnitude of each value."""

    kind, function = "Abs", "abs"


class Exp(_Pointwise):
    """e to the power of each value."""

    kind, function = "Exp", "exp"


class Log(_Pointwise):
    """The natural logarithm of each value."""

    kind, function = "Log", "log"


class Negate(_Pointwise):
    """-x."""

    kind, function = "Negate", "neg"


class Floor(_Pointwise):
    """The next whole number below; its gradient is 0."""

    kind, function = "Floor", "floor"


class Ceil(_Pointwise):
    """The next whole number above; its gradient is 0."""

    kind, function = "Ceil", "ceil"


class Erf(_Pointwise):
    """The error function of each value.

    Examples
    --------
    >>> import numpy as np
    >>> Erf().forward(np.array([[0.0, 1.0]]))[0].round(4)
    array([[0.    , 0.8427]])
    """

    kind, function = "Erf", "erf"
