"""Average pooling."""

from __future__ import annotations

from typing import Any

from convscope import ops
from convscope.layers.base import Array, Context, ParameterGradients, check_rule
from convscope.layers.pool2d import Pool2d
from convscope.ops.settings import flag

__all__ = ["AvgPool2d"]


class AvgPool2d(Pool2d):
    """The mean of each window.

    Parameters
    ----------
    kernel_size, stride, padding, ceil_mode, count_include_pad
        As in `convscope.ops.avg_pool2d`; stride is kernel_size unless given.

    Examples
    --------
    >>> import numpy as np
    >>> AvgPool2d(2).forward(np.arange(16.0).reshape(1, 1, 4, 4))[0][0, 0]
    array([[ 2.5,  4.5],
           [10.5, 12.5]])
    """

    kind = "AvgPool2d"
    repeatable = True

    def __init__(
        self,
        kernel_size: int | tuple[int, int],
        *,
        stride: int | tuple[int, int] | None = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__(kernel_size, stride, padding, 1, ceil_mode)
        self.count_include_pad = flag(self.kind, "count_include_pad", count_include_pad)

    def forward(self, *inputs: Array, context: Context = Context()) -> tuple[Array, Any]:
        """Give the means; the cache is the input's shape."""
        (x,) = inputs
        out = self.borrow_output(context, x)
        return ops.avg_pool2d(x, **self.settings(), out=out), x.shape

    def backward(
        self, grad: Array, cache: Any, rule: str = "gradient", context: Context = Context()
    ) -> tuple[Array | tuple[Array, ...] | None, ParameterGradients]:
        """Share each gradient out among the cells of its window."""
        check_rule(rule)
        out = context.array("input gradient", cache, grad.dtype)
        return ops.avg_pool2d_grad(grad, cache, **self.settings(), out=out), {}

    def settings(self) -> dict[str, Any]:
        """kernel_size, stride, padding, ceil_mode, count_include_pad."""
        return {
            "kernel_size": self.kernel_size,
            "stride": self.stride,
            "padding": self.padding,
            "ceil_mode": self.ceil_mode,
            "count_include_pad": self.count_include_pad,
        }
