"""Max pooling."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from convscope import ops
from convscope.layers.base import Array, Context, ParameterGradients, check_rule
from convscope.layers.pool2d import Pool2d
from convscope.ops.prepared import prepared_max_pool2d

__all__ = ["MaxPool2d"]


class MaxPool2d(Pool2d):
    """The largest value of each window; the cache remembers where it was.

    Parameters
    ----------
    kernel_size, stride, padding, dilation, ceil_mode
        As in `convscope.ops.max_pool2d`; stride is kernel_size unless given.

    Examples
    --------
    >>> import numpy as np
    >>> y, (switches, shape) = MaxPool2d(2).forward(np.arange(16.0).reshape(1, 1, 4, 4))
    >>> y[0, 0]
    array([[ 5.,  7.],
           [13., 15.]])
    >>> switches[0, 0]  # row * width + column of each maximum
    array([[ 5,  7],
           [13, 15]], dtype=int32)
    """

    kind = "MaxPool2d"
    repeatable = True

    def __init__(
        self,
        kernel_size: int | tuple[int, int],
        *,
        stride: int | tuple[int, int] | None = None,
        padding: Any = 0,
        dilation: int | tuple[int, int] = 1,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__(kernel_size, stride, padding, dilation, ceil_mode)

    def forward(self, *inputs: Array, context: Context = Context()) -> tuple[Array, Any]:
        """Give the maxima; the cache is (their places, the input's shape)."""
        (x,) = inputs
        out = self.borrow_output(context, x)
        places = None if out is None else context.array("switches", out.shape, np.int32)
        y, switches = ops.max_pool2d(x, **self.settings(), return_indices=True, out=out, out_indices=places)
        return y, (switches, x.shape)

    def prepare(self, inputs: tuple[Array, ...], out: Array) -> Callable[[], object]:
        """Bind the op to its arrays; without a backward pass nobody needs the places."""
        return prepared_max_pool2d(inputs[0], **self.settings(), out=out)

    def backward(
        self, grad: Array, cache: Any, rule: str = "gradient", context: Context = Context()
    ) -> tuple[Array | tuple[Array, ...] | None, ParameterGradients]:
        """Send each gradient to the place of its maximum ("unpooling with switches")."""
        check_rule(rule)
        switches, shape = cache
        out = context.array("input gradient", shape, grad.dtype)
        return ops.max_pool2d_grad(grad, switches, shape, **self.settings(), out=out), {}

    def is_apart(self) -> bool:
        """Say whether windows lie side by side: no padding, nothing skipped, nothing seen twice."""
        plain = self.padding == ((0, 0), (0, 0)) and self.dilation == (1, 1) and not self.ceil_mode
        return plain and self.stride == self.kernel_size != (1, 1)

    def settings(self) -> dict[str, Any]:
        """kernel_size, stride, padding, dilation, ceil_mode."""
        return {
            "kernel_size": self.kernel_size,
            "stride": self.stride,
            "padding": self.padding,
            "dilation": self.dilation,
            "ceil_mode": self.ceil_mode,
        }
