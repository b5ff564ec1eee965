"""Pooling by the p-norm."""

from __future__ import annotations

from typing import Any

from convscope import ops
from convscope.layers.base import Array, Context, ParameterGradients, check_rule
from convscope.layers.pool2d import Pool2d
from convscope.ops.settings import number

__all__ = ["LpPool2d"]


class LpPool2d(Pool2d):
    """The p-norm of each window.

    Parameters
    ----------
    kernel_size, p, stride, padding, dilation, ceil_mode
        As in `convscope.ops.lp_pool2d`; stride is kernel_size unless given.

    Examples
    --------
    >>> import numpy as np
    >>> LpPool2d((1, 2)).forward(np.array([[[[3.0, -4.0]]]]))[0]
    array([[[[5.]]]])
    """

    kind = "LpPool2d"

    def __init__(
        self,
        kernel_size: int | tuple[int, int],
        *,
        p: float = 2,
        stride: int | tuple[int, int] | None = None,
        padding: Any = 0,
        dilation: int | tuple[int, int] = 1,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__(kernel_size, stride, padding, dilation, ceil_mode)
        self.p = number(self.kind, "p", p, above=0)

    def forward(self, *inputs: Array, context: Context = Context()) -> tuple[Array, Any]:
        """Give the norms; the cache is (input, output)."""
        (x,) = inputs
        y = ops.lp_pool2d(x, **self.settings())
        return y, (x, y)

    def backward(
        self, grad: Array, cache: Any, rule: str = "gradient", context: Context = Context()
    ) -> tuple[Array | tuple[Array, ...] | None, ParameterGradients]:
        """Share each gradient out by sign(x) * (|x| / y) ** (p - 1)."""
        check_rule(rule)
        x, y = cache
        return ops.lp_pool2d_grad(grad, x, y, **self.settings()), {}

    def settings(self) -> dict[str, Any]:
        """kernel_size, p, stride, padding, dilation, ceil_mode."""
        return {
            "kernel_size": self.kernel_size,
            "p": self.p,
            "stride": self.stride,
            "padding": self.padding,
            "dilation": self.dilation,
            "ceil_mode": self.ceil_mode,
        }
