"""Pooling: the largest or the mean value of a window, or of a whole map."""

from __future__ import annotations

from typing import Any

from convscope import geometry, ops
from convscope.layers.arguments import need_4d, paddings, pair, windows
from convscope.layers.base import Array, Context, Layer, ParameterGradients, Shape, Window, check_rule

__all__ = ["AvgPool2d", "GlobalAvgPool2d", "MaxPool2d"]


class _Pool2d(Layer):
    """What pooling over windows has in common."""

    def __init__(
        self,
        kernel_size: int | tuple[int, int],
        stride: int | tuple[int, int] | None,
        padding: Any,
        dilation: int | tuple[int, int],
        ceil_mode: bool,
    ) -> None:
        super().__init__()
        self.kernel_size = pair(self.kind, "kernel_size", kernel_size)
        self.stride = self.kernel_size if stride is None else pair(self.kind, "stride", stride)
        self.padding = paddings(self.kind, padding)
        self.dilation = pair(self.kind, "dilation", dilation)
        self.ceil_mode = bool(ceil_mode)

    def output_shape(self, *shapes: Shape) -> Shape:
        """(N, C, H, W) to (N, C, rows of windows, columns of windows)."""
        n, channels, *size = need_4d(self.kind, shapes[0])
        rows, columns = (
            geometry.pool_output_size(
                length,
                w.kernel,
                stride=w.stride,
                padding=w.padding,
                dilation=w.dilation,
                ceil_mode=w.ceil_mode,
            )
            for length, w in zip(size, self.window(), strict=True)
        )
        return n, channels, rows, columns

    def window(self) -> tuple[Window, Window]:
        """The pooling window."""
        return windows(self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode)


class MaxPool2d(_Pool2d):
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
        y, switches = ops.max_pool2d(x, **self.settings(), return_indices=True, out=out)
        return y, (switches, x.shape)

    def backward(
        self, grad: Array, cache: Any, rule: str = "gradient", context: Context = Context()
    ) -> tuple[Array | tuple[Array, ...] | None, ParameterGradients]:
        """Send each gradient to the place of its maximum ("unpooling with switches")."""
        check_rule(rule)
        switches, shape = cache
        out = context.array("input gradient", shape, grad.dtype)
        return ops.max_pool2d_grad(grad, switches, shape, out=out), {}

    def settings(self) -> dict[str, Any]:
        """kernel_size, stride, padding, dilation, ceil_mode."""
        return {
            "kernel_size": self.kernel_size,
            "stride": self.stride,
            "padding": self.padding,
            "dilation": self.dilation,
            "ceil_mode": self.ceil_mode,
        }


class AvgPool2d(_Pool2d):
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
        self.count_include_pad = bool(count_include_pad)

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
        return ops.avg_pool2d_grad(grad, cache, **self.settings()), {}

    def settings(self) -> dict[str, Any]:
        """kernel_size, stride, padding, ceil_mode, count_include_pad."""
        return {
            "kernel_size": self.kernel_size,
            "stride": self.stride,
            "padding": self.padding,
            "ceil_mode": self.ceil_mode,
            "count_include_pad": self.count_include_pad,
        }


class GlobalAvgPool2d(Layer):
    """The mean of each map: (N, C, H, W) to (N, C, 1, 1).

    Examples
    --------
    >>> import numpy as np
    >>> GlobalAvgPool2d().forward(np.arange(8.0).reshape(1, 2, 2, 2))[0].shape
    (1, 2, 1, 1)
    """

    kind = "GlobalAvgPool2d"

    def forward(self, *inputs: Array, context: Context = Context()) -> tuple[Array, Any]:
        """Give the means; the cache is the input's shape."""
        (x,) = inputs
        return ops.global_avg_pool2d(x), x.shape

    def backward(
        self, grad: Array, cache: Any, rule: str = "gradient", context: Context = Context()
    ) -> tuple[Array | tuple[Array, ...] | None, ParameterGradients]:
        """Share each gradient out over its map."""
        check_rule(rule)
        return ops.global_avg_pool2d_grad(grad, cache), {}

    def output_shape(self, *shapes: Shape) -> Shape:
        """(N, C, H, W) to (N, C, 1, 1)."""
        n, channels, _, _ = need_4d(self.kind, shapes[0])
        return n, channels, 1, 1

    def window(self) -> None:
        """Every cell of the map is seen."""
        return
