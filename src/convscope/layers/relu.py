"""The rectifier, and the rules of its backward pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from convscope import ops
from convscope.layers.base import Array, Context, Layer, ParameterGradients, check_rule
from convscope.ops.prepared import prepared_relu

__all__ = ["ReLU"]


class ReLU(Layer):
    """max(x, 0), and the one layer whose backward pass depends on the rule.

    ============  ==================================================================
    rule          a gradient passes
    ============  ==================================================================
    "gradient"    where the input was positive
    "deconvnet"   where the gradient itself is positive (Zeiler and Fergus 2013)
    "guided"      where both are positive (Springenberg et al. 2014)
    ============  ==================================================================

    Examples
    --------
    >>> import numpy as np
    >>> relu = ReLU()
    >>> y, cache = relu.forward(np.array([[-1.0, 2.0, 3.0]]))
    >>> grad = np.array([[4.0, 5.0, -6.0]])
    >>> for rule in ("gradient", "deconvnet", "guided"):
    ...     print(relu.backward(grad, cache, rule)[0])
    [[ 0.  5. -6.]]
    [[4. 5. 0.]]
    [[0. 5. 0.]]
    """

    kind = "ReLU"
    repeatable = True

    def forward(self, *inputs: Array, context: Context = Context()) -> tuple[Array, Any]:
        """Give the positive part; the cache is the output, which is positive where the input was."""
        (x,) = inputs
        y = ops.relu(x, out=self.borrow_output(context, x))
        return y, y

    def prepare(self, inputs: tuple[Array, ...], out: Array) -> Callable[[], object]:
        """Bind the op to its arrays; `out` may be the input."""
        return prepared_relu(inputs[0], out)

    def backward(
        self, grad: Array, cache: Any, rule: str = "gradient", context: Context = Context()
    ) -> tuple[Array | tuple[Array, ...] | None, ParameterGradients]:
        """Let through what the rule lets through."""
        check_rule(rule)
        if rule == "gradient":
            out = context.array("input gradient", cache.shape, cache.dtype)
            return ops.relu_grad(grad, cache, out=out), {}
        positive = ops.relu(grad)
        return (positive if rule == "deconvnet" else ops.relu_grad(positive, cache)), {}
