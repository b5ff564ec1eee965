"""From maps to a vector."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from convscope import ops
from convscope.layers.base import Array, Context, Layer, ParameterGradients, Shape, check_rule
from convscope.ops.prepared import prepared_flatten

__all__ = ["Flatten"]


class Flatten(Layer):
    """(N, C, H, W) to (N, C*H*W), channel by channel and row by row.

    Examples
    --------
    >>> import numpy as np
    >>> Flatten().forward(np.arange(8.0).reshape(1, 2, 2, 2))[0]
    array([[0., 1., 2., 3., 4., 5., 6., 7.]])
    """

    kind = "Flatten"
    repeatable = True

    def forward(self, *inputs: Array, context: Context = Context()) -> tuple[Array, Any]:
        """Give the vectors; the cache is the input's shape."""
        (x,) = inputs
        return ops.flatten(x, out=self.borrow_output(context, x)), x.shape

    def prepare(self, inputs: tuple[Array, ...], out: Array) -> Callable[[], object]:
        """Bind the copy to its arrays."""
        return prepared_flatten(inputs[0], out)

    def backward(
        self, grad: Array, cache: Any, rule: str = "gradient", context: Context = Context()
    ) -> tuple[Array | tuple[Array, ...] | None, ParameterGradients]:
        """Give the gradient its shape back."""
        check_rule(rule)
        out = context.array("input gradient", cache, grad.dtype)
        return ops.flatten_grad(grad, cache, out=out), {}

    def output_shape(self, *shapes: Shape) -> Shape:
        """(N, C, H, W) to (N, C*H*W)."""
        return shapes[0][0], math.prod(shapes[0][1:])

    def window(self) -> None:
        """The vector holds the whole map."""
        return
