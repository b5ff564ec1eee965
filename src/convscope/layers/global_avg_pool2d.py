"""The mean of a whole map."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from convscope import ops
from convscope.layers.arguments import need_4d
from convscope.layers.base import Array, Context, Layer, ParameterGradients, Shape, check_rule
from convscope.ops.prepared import prepared_global_avg_pool2d

__all__ = ["GlobalAvgPool2d"]


class GlobalAvgPool2d(Layer):
    """The mean of each map: (N, C, H, W) to (N, C, 1, 1).

    Examples
    --------
    >>> import numpy as np
    >>> GlobalAvgPool2d().forward(np.arange(8.0).reshape(1, 2, 2, 2))[0].shape
    (1, 2, 1, 1)
    """

    kind = "GlobalAvgPool2d"
    repeatable = True

    def forward(self, *inputs: Array, context: Context = Context()) -> tuple[Array, Any]:
        """Give the means; the cache is the input's shape."""
        (x,) = inputs
        return ops.global_avg_pool2d(x, out=self.borrow_output(context, x)), x.shape

    def prepare(self, inputs: tuple[Array, ...], out: Array) -> Callable[[], object]:
        """Bind the op to its arrays."""
        return prepared_global_avg_pool2d(inputs[0], out)

    def backward(
        self, grad: Array, cache: Any, rule: str = "gradient", context: Context = Context()
    ) -> tuple[Array | tuple[Array, ...] | None, ParameterGradients]:
        """Share each gradient out over its map."""
        check_rule(rule)
        out = context.array("input gradient", cache, grad.dtype)
        return ops.global_avg_pool2d_grad(grad, cache, out=out), {}

    def output_shape(self, *shapes: Shape) -> Shape:
        """(N, C, H, W) to (N, C, 1, 1)."""
        n, channels, _, _ = need_4d(self.kind, shapes[0])
        return n, channels, 1, 1

    def window(self) -> None:
        """Every cell of the map is seen."""
        return
