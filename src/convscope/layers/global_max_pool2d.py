"""The largest value of a whole map."""

from __future__ import annotations

from typing import Any

from convscope import ops
from convscope.layers.arguments import need_4d
from convscope.layers.base import Array, Context, Layer, ParameterGradients, Shape, check_rule

__all__ = ["GlobalMaxPool2d"]


class GlobalMaxPool2d(Layer):
    """The largest value of each map: (N, C, H, W) to (N, C, 1, 1).

    Examples
    --------
    >>> import numpy as np
    >>> GlobalMaxPool2d().forward(np.arange(8.0).reshape(1, 2, 2, 2))[0].ravel()
    array([3., 7.])
    """

    kind = "GlobalMaxPool2d"

    def forward(self, *inputs: Array, context: Context = Context()) -> tuple[Array, Any]:
        """Give the maxima; the cache is the input."""
        (x,) = inputs
        return ops.global_max_pool2d(x), x

    def backward(
        self, grad: Array, cache: Any, rule: str = "gradient", context: Context = Context()
    ) -> tuple[Array | tuple[Array, ...] | None, ParameterGradients]:
        """Send each gradient to the first place of its maximum."""
        check_rule(rule)
        return ops.global_max_pool2d_grad(grad, cache), {}

    def output_shape(self, *shapes: Shape) -> Shape:
        """(N, C, H, W) to (N, C, 1, 1)."""
        n, channels, _, _ = need_4d(self.kind, shapes[0])
        return n, channels, 1, 1

    def window(self) -> None:
        """Every cell of the map is seen."""
        return
