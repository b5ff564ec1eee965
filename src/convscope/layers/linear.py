"""The dense layer."""

from __future__ import annotations

from typing import Any

from convscope import ops
from convscope.errors import InvalidValue
from convscope.layers.arguments import as_parameter, as_vector
from convscope.layers.base import Array, Context, Layer, ParameterGradients, Shape, check_rule

__all__ = ["Linear"]


class Linear(Layer):
    """y = x @ weight.T + bias.

    Parameters
    ----------
    weight : ndarray of shape (out_features, in_features)
    bias : ndarray of shape (out_features,), optional

    Examples
    --------
    >>> import numpy as np
    >>> Linear(np.array([[1.0, 25, 3, 7]])).forward(np.array([[0.0, 4, 2, 70]]))[0]
    array([[596.]])
    """

    kind = "Linear"
    repeatable = True

    def __init__(self, weight: Array, bias: Array | None = None) -> None:
        super().__init__()
        weight = as_parameter(self.kind, "weight", weight)
        if weight.ndim != 2:
            raise InvalidValue(
                f"{self.kind}: weight must have shape (out_features, in_features); got {weight.shape}."
            )
        self.parameters["weight"] = weight
        if bias is not None:
            self.parameters["bias"] = as_vector(self.kind, "bias", bias, weight.shape[0], weight.dtype)

    def forward(self, *inputs: Array, context: Context = Context()) -> tuple[Array, Any]:
        """Give the weighted sums; the cache is the input."""
        (x,) = inputs
        out = self.borrow_output(context, x)
        return ops.linear(x, self.parameters["weight"], self.parameters.get("bias"), out=out), x

    def backward(
        self, grad: Array, cache: Any, rule: str = "gradient", context: Context = Context()
    ) -> tuple[Array | tuple[Array, ...] | None, ParameterGradients]:
        """Give grad @ weight, grad.T @ x and the sum of grad."""
        check_rule(rule)
        grads: ParameterGradients = {}
        weight = self.parameters["weight"]
        if context.wants_parameters:
            out = context.array("weight gradient", weight.shape, weight.dtype)
            grads["weight"] = ops.linear_grad_weight(cache, grad, out=out)
            if "bias" in self.parameters:
                grads["bias"] = ops.linear_grad_bias(grad)
        if not context.wants_input:
            return None, grads
        out = context.array("input gradient", cache.shape, cache.dtype)
        return ops.linear_grad_input(grad, weight, out=out), grads

    def output_shape(self, *shapes: Shape) -> Shape:
        """(N, in_features) to (N, out_features)."""
        shape, weight = shapes[0], self.parameters["weight"]
        if len(shape) != 2 or shape[1] != weight.shape[1]:
            raise InvalidValue(
                f"{self.kind}: the input must have shape (N, {weight.shape[1]}); got {tuple(shape)}"
                + (": put a Flatten before it." if len(shape) > 2 else ".")
            )
        return shape[0], weight.shape[0]

    def multiply_adds(self, *shapes: Shape) -> int:
        """One product for each weight."""
        return shapes[0][0] * self.parameters["weight"].size

    def window(self) -> None:
        """Every input is seen."""
        return
