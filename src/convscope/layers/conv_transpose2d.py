"""Transposed convolution."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from convscope import geometry, ops
from convscope.errors import InvalidValue
from convscope.geometry import Reach
from convscope.geometry.size import transpose_padding
from convscope.layers.arguments import as_parameter, as_vector, need_4d, paddings, pair
from convscope.layers.base import Array, Context, Layer, ParameterGradients, Shape, check_rule
from convscope.ops.arguments import whole

__all__ = ["ConvTranspose2d"]


class ConvTranspose2d(Layer):
    """Let every pixel write a copy of the kernels; see `convscope.ops.conv_transpose2d`.

    Parameters
    ----------
    weight : ndarray of shape (C_in, C_out / groups, kH, kW)
        The input channel is first, as in PyTorch and ONNX.
    bias : ndarray of shape (C_out,), optional
    stride, padding, output_padding, dilation, groups
        As in `convscope.ops.conv_transpose2d`; "same" gives size * stride.

    Examples
    --------
    >>> import numpy as np
    >>> up = ConvTranspose2d(np.ones((1, 1, 2, 2)), stride=2)
    >>> up.forward(np.array([[[[1.0, 2.0]]]]))[0][0, 0]
    array([[1., 1., 2., 2.],
           [1., 1., 2., 2.]])
    """

    kind = "ConvTranspose2d"

    def __init__(
        self,
        weight: Array,
        bias: Array | None = None,
        *,
        stride: int | tuple[int, int] = 1,
        padding: Any = 0,
        output_padding: int | tuple[int, int] = 0,
        dilation: int | tuple[int, int] = 1,
        groups: int = 1,
    ) -> None:
        super().__init__()
        weight = as_parameter(self.kind, "weight", weight)
        if weight.ndim != 4 or weight.size == 0:
            raise InvalidValue(
                f"{self.kind}: weight must have shape (C_in, C_out/groups, kH, kW); got {weight.shape}."
            )
        groups = whole(self.kind, "groups", groups, 1)
        if weight.shape[0] % groups:
            raise InvalidValue(
                f"{self.kind}: groups must divide the input channels; "
                f"got groups={groups}, weight.shape={weight.shape}."
            )
        self.parameters["weight"] = weight
        self.out_channels = weight.shape[1] * groups
        if bias is not None:
            self.parameters["bias"] = as_vector(self.kind, "bias", bias, self.out_channels, weight.dtype)
        self.kernel_size = (weight.shape[2], weight.shape[3])
        self.stride = pair(self.kind, "stride", stride)
        self.padding = paddings(self.kind, padding)
        self.output_padding = pair(self.kind, "output_padding", output_padding, 0)
        self.dilation = pair(self.kind, "dilation", dilation)
        self.groups = groups

    def forward(self, *inputs: Array, context: Context = Context()) -> tuple[Array, Any]:
        """Give the larger map; the cache is the input."""
        (x,) = inputs
        out = self.borrow_output(context, x)
        weight, bias = self.parameters["weight"], self.parameters.get("bias")
        return ops.conv_transpose2d(x, weight, bias, **self._call(context), out=out), x

    def backward(
        self, grad: Array, cache: Any, rule: str = "gradient", context: Context = Context()
    ) -> tuple[Array | tuple[Array, ...] | None, ParameterGradients]:
        """Give the gradient of the input (a convolution) and of weight and bias."""
        check_rule(rule)
        x, weight, call = cache, self.parameters["weight"], self._call(context)
        grads: ParameterGradients = {}
        if context.wants_parameters:
            out = context.array("weight gradient", weight.shape, weight.dtype, channels_last=False)
            grads["weight"] = ops.conv_transpose2d_grad_weight(x, grad, self.kernel_size, **call, out=out)
            if "bias" in self.parameters:
                grads["bias"] = ops.conv2d_grad_bias(grad)
        if not context.wants_input:
            return None, grads
        out = context.array("input gradient", x.shape, x.dtype)
        return ops.conv_transpose2d_grad_input(grad, weight, x.shape, **call, out=out), grads

    def output_shape(self, *shapes: Shape) -> Shape:
        """(N, C_in, H, W) to (N, C_out, (H - 1) sH - 2 pH + kH + output padding, ...)."""
        n, channels, *size = need_4d(self.kind, shapes[0])
        weight = self.parameters["weight"]
        if channels != weight.shape[0]:
            raise InvalidValue(
                f"{self.kind}: in_channels must be weight.shape[0]; "
                f"got in_channels={channels}, weight.shape={weight.shape}."
            )
        rows, columns = (
            geometry.conv_transpose_output_size(
                size[a],
                self.kernel_size[a],
                stride=self.stride[a],
                padding=self._padding(a),
                dilation=self.dilation[a],
                output_padding=self.output_padding[a],
            )
            for a in (0, 1)
        )
        return n, self.out_channels, rows, columns

    def multiply_adds(self, *shapes: Shape) -> int:
        """Every input cell is multiplied with all weights of its channel, what is cut off included."""
        n, _, rows, columns = need_4d(self.kind, shapes[0])
        return n * rows * columns * self.parameters["weight"].size

    def window(self) -> None:
        """No window slides: how many inputs an output sees depends on its place. See `reach`."""
        return

    def reach(self, shape: Shape) -> tuple[Reach, Reach]:
        """Output i sees the inputs from (i + p - span + 1)/s to (i + p)/s."""
        rows, columns = (self._reach(a, shape[2 + a]) for a in (0, 1))
        return rows, columns

    def settings(self) -> dict[str, Any]:
        """kernel_size, stride, padding, output_padding, dilation, groups."""
        return {"kernel_size": self.kernel_size, **self._geometry()}

    def _reach(self, axis: int, size: int) -> Reach:
        kernel, stride, dilation = self.kernel_size[axis], self.stride[axis], self.dilation[axis]
        extra = self.output_padding[axis]
        before, _ = transpose_padding(size, kernel, stride, self._padding(axis), dilation, extra)
        extent = geometry.kernel_span(kernel, dilation) - 1
        return Reach(Fraction(1, stride), Fraction(before - extent, stride), Fraction(extent, stride))

    def _padding(self, axis: int) -> str | tuple[int, int]:
        return self.padding if isinstance(self.padding, str) else self.padding[axis]

    def _geometry(self) -> dict[str, Any]:
        return {
            "stride": self.stride,
            "padding": self.padding,
            "output_padding": self.output_padding,
            "dilation": self.dilation,
            "groups": self.groups,
        }

    def _call(self, context: Context) -> dict[str, Any]:
        return {**self._geometry(), "algorithm": context.algorithm}
