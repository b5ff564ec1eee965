"""What functions of each value have in common."""

from __future__ import annotations

from typing import Any, ClassVar

from convscope.errors import InvalidValue
from convscope.layers.base import Array, Context, Layer, ParameterGradients, check_rule

__all__ = ["Elementwise", "Rectifier"]


class Elementwise(Layer):
    """A function of each value; its backward pass is the derivative, whatever the rule."""

    keeps_output: ClassVar[bool] = False  # what the derivative is computed from: the output, or the input

    def apply(self, x: Array) -> Array:
        """Give the function's values."""
        raise NotImplementedError

    def differentiate(self, grad: Array, kept: Array) -> Array:
        """Give the gradient by the input, from the array that was kept."""
        raise NotImplementedError

    def forward(self, *inputs: Array, context: Context = Context()) -> tuple[Array, Any]:
        """Give the function's values; the cache is the input or the output."""
        (x,) = inputs
        y = self.apply(x)
        return y, (y if self.keeps_output else x)

    def backward(
        self, grad: Array, cache: Any, rule: str = "gradient", context: Context = Context()
    ) -> tuple[Array | tuple[Array, ...] | None, ParameterGradients]:
        """Give the gradient times the derivative."""
        check_rule(rule)
        return self.differentiate(grad, cache), {}


class Rectifier(Elementwise):
    """A kind of ReLU, for which the backward rules need a meaning of their own.

    "deconvnet" applies the layer's function to the gradient instead of multiplying it with the
    derivative, and "guided" does both, one after the other. For ReLU itself these are
    the rules of Zeiler and Fergus (2013) and Springenberg et al. (2014). Where the
    function is smooth, neither article says anything, and the rules are refused.
    """

    def backward(
        self, grad: Array, cache: Any, rule: str = "gradient", context: Context = Context()
    ) -> tuple[Array | tuple[Array, ...] | None, ParameterGradients]:
        """Let through what the rule lets through."""
        check_rule(rule)
        if rule != "gradient":
            grad = self.rectify(grad, rule)
        return (grad if rule == "deconvnet" else self.differentiate(grad, cache)), {}

    def rectify(self, grad: Array, rule: str) -> Array:
        """Apply the function to a gradient; refused unless a subclass knows what that means."""
        raise InvalidValue(
            f"{self.kind}: the rule {rule!r} is defined for ReLU, LeakyReLU, PReLU and Clip from 0 only; "
            "rule='gradient' works for every layer."
        )
