"""Convolution."""

from __future__ import annotations

from typing import Any

from convscope import ops
from convscope.errors import InvalidValue
from convscope.layers.arguments import as_parameter, as_vector, need_4d, output_size, paddings, pair, windows
from convscope.layers.base import Array, Context, Layer, ParameterGradients, Shape, Window, check_rule
from convscope.ops.arguments import whole

__all__ = ["Conv2d"]


class Conv2d(Layer):
    """Correlate images with filters; see `convscope.ops.conv2d`.

    Parameters
    ----------
    weight : ndarray of shape (C_out, C_in / groups, kH, kW)
    bias : ndarray of shape (C_out,), optional
    stride, padding, dilation, groups
        As in `convscope.ops.conv2d`; "same" stays "same" for every input size.

    Examples
    --------
    >>> import numpy as np
    >>> blur = Conv2d(np.full((1, 1, 3, 3), 1 / 9), padding=1)
    >>> y, cache = blur.forward(np.ones((1, 1, 4, 4)))
    >>> y[0, 0, 1, 1].round(6), y[0, 0, 0, 0].round(6)
    (np.float64(1.0), np.float64(0.444444))
    """

    kind = "Conv2d"
    repeatable = True

    def __init__(
        self,
        weight: Array,
        bias: Array | None = None,
        *,
        stride: int | tuple[int, int] = 1,
        padding: Any = 0,
        dilation: int | tuple[int, int] = 1,
        groups: int = 1,
    ) -> None:
        super().__init__()
        weight = as_parameter(self.kind, "weight", weight)
        if weight.ndim != 4 or weight.size == 0:
            raise InvalidValue(
                f"{self.kind}: weight must have shape (C_out, C_in/groups, kH, kW); got {weight.shape}."
            )
        groups = whole(self.kind, "groups", groups, 1)
        if weight.shape[0] % groups:
            raise InvalidValue(
                f"{self.kind}: groups must divide the number of filters; "
                f"got groups={groups}, weight.shape={weight.shape}."
            )
        self.parameters["weight"] = weight
        if bias is not None:
            self.parameters["bias"] = as_vector(self.kind, "bias", bias, weight.shape[0], weight.dtype)
        self.kernel_size: tuple[int, int] = (weight.shape[2], weight.shape[3])
        self.stride = pair(self.kind, "stride", stride)
        self.padding = paddings(self.kind, padding)
        self.dilation = pair(self.kind, "dilation", dilation)
        self.groups = groups

    def forward(self, *inputs: Array, context: Context = Context()) -> tuple[Array, Any]:
        """Give the feature maps; the cache is the input."""
        (x,) = inputs
        out = self.borrow_output(context, x)
        weight, bias = self.parameters["weight"], self.parameters.get("bias")
        y = ops.conv2d(x, weight, bias, **self._call(context), out=out)
        return y, x

    def backward(
        self, grad: Array, cache: Any, rule: str = "gradient", context: Context = Context()
    ) -> tuple[Array | tuple[Array, ...] | None, ParameterGradients]:
        """Give the gradient of the input (a transposed convolution) and of weight and bias."""
        check_rule(rule)
        x, weight, call = cache, self.parameters["weight"], self._call(context)
        grads: ParameterGradients = {}
        if context.wants_parameters:
            out = context.array("weight gradient", weight.shape, weight.dtype, channels_last=False)
            grads["weight"] = ops.conv2d_grad_weight(x, grad, self.kernel_size, **call, out=out)
            if "bias" in self.parameters:
                grads["bias"] = ops.conv2d_grad_bias(grad)
        if not context.wants_input:
            return None, grads
        out = context.array("input gradient", x.shape, x.dtype)
        return ops.conv2d_grad_input(grad, weight, x.shape, **call, out=out), grads

    def output_shape(self, *shapes: Shape) -> Shape:
        """(N, C_in, H, W) to (N, C_out, (H - kH + 2 pH) // sH + 1, ...)."""
        n, channels, *size = need_4d(self.kind, shapes[0])
        weight = self.parameters["weight"]
        if channels != self.groups * weight.shape[1]:
            raise InvalidValue(
                f"{self.kind}: in_channels must be groups * weight.shape[1]; "
                f"got in_channels={channels}, groups={self.groups}, weight.shape={weight.shape}."
            )
        rows, columns = (
            output_size(length, w.kernel, stride=w.stride, padding=w.padding, dilation=w.dilation)
            for length, w in zip(size, self.window(), strict=True)
        )
        return n, weight.shape[0], rows, columns

    def multiply_adds(self, *shapes: Shape) -> int:
        """Every output cell sums C_in/groups * kH * kW products."""
        n, _, rows, columns = self.output_shape(*shapes)
        return n * rows * columns * self.parameters["weight"].size

    def window(self) -> tuple[Window, Window]:
        """The kernel's window."""
        return windows(self.kernel_size, self.stride, self.padding, self.dilation)

    def settings(self) -> dict[str, Any]:
        """kernel_size, stride, padding, dilation, groups."""
        return {"kernel_size": self.kernel_size, **self._geometry()}

    def _geometry(self) -> dict[str, Any]:
        return {
            "stride": self.stride,
            "padding": self.padding,
            "dilation": self.dilation,
            "groups": self.groups,
        }

    def _call(self, context: Context) -> dict[str, Any]:
        return {**self._geometry(), "algorithm": context.algorithm}
