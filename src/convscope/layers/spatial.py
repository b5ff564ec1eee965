"""Convolution over one or three spatial axes: sound and volumes.

Settings are tuples with one number for each spatial axis; a padding is ((before, after), ...) or one of
the words "same" and "same_lower".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from convscope import geometry
from convscope.errors import InvalidValue
from convscope.layers.arguments import as_parameter, as_vector
from convscope.layers.base import Array, Context, Layer, ParameterGradients, Shape, check_rule
from convscope.ops import spatial

__all__ = ["ConvNd", "ConvTransposeNd", "Ends", "Spatial"]

Ends = tuple[tuple[int, int], ...]


class Spatial(Layer):
    """Kernel, stride, padding and dilation along any number of axes."""

    kernel_size: tuple[int, ...]

    def _set(self, stride: Any, padding: Any, dilation: Any, ceil_mode: bool = False) -> None:
        rank = len(self.kernel_size)
        self.stride = self._lengths("stride", (1,) * rank if stride is None else stride)
        self.dilation = self._lengths("dilation", (1,) * rank if dilation is None else dilation)
        self.ceil_mode = bool(ceil_mode)
        self.padding: str | Ends
        if isinstance(padding, str):
            self.padding = padding
        else:
            ends = ((0, 0),) * rank if padding is None else padding
            self.padding = tuple((int(before), int(after)) for before, after in ends)
            if len(self.padding) != rank or min(min(pair) for pair in self.padding) < 0:
                raise InvalidValue(
                    f"{self.kind}: padding must have two numbers of at least 0 for each of {rank} axes; "
                    f"got {padding}."
                )
        if min(self.kernel_size, default=0) < 1:
            raise InvalidValue(f"{self.kind}: the kernel must be at least 1 long; got {self.kernel_size}.")

    def _lengths(self, name: str, value: Sequence[int]) -> tuple[int, ...]:
        lengths = tuple(int(n) for n in value)
        if len(lengths) != len(self.kernel_size) or min(lengths) < 1:
            raise InvalidValue(
                f"{self.kind}: {name} must have a number of at least 1 for each of "
                f"{len(self.kernel_size)} axes; got {lengths}."
            )
        return lengths

    def _place(self, shape: Shape) -> tuple[Ends, tuple[int, ...]]:
        """Give the padding in numbers and the output's size, for an input of `shape`."""
        rank = len(self.kernel_size)
        if len(shape) != 2 + rank:
            raise InvalidValue(f"{self.kind}: the input must be (N, C, {rank} axes); got {shape}.")
        ends, output = [], []
        for axis, size in enumerate(shape[2:]):
            window = (self.kernel_size[axis], self.stride[axis], self.dilation[axis])
            padding = self.padding if isinstance(self.padding, str) else self.padding[axis]
            ends.append(geometry.resolve_padding(padding, size, *window))
            output.append(
                geometry.pool_output_size(
                    size,
                    window[0],
                    stride=window[1],
                    padding=ends[-1],
                    dilation=window[2],
                    ceil_mode=self.ceil_mode,
                )
            )
        return tuple(ends), tuple(output)

    def window(self) -> None:
        """The receptive field is a notion of images here."""
        return

    def settings(self) -> dict[str, Any]:
        """kernel_size, stride, padding, dilation."""
        return {
            "kernel_size": self.kernel_size,
            "stride": self.stride,
            "padding": self.padding,
            "dilation": self.dilation,
        }


class ConvNd(Spatial):
    """Correlation along any number of axes.

    Parameters
    ----------
    weight : ndarray of shape (C_out, C_in / groups, kernel...)
    bias : ndarray of shape (C_out,), optional
    stride, padding, dilation, groups

    Examples
    --------
    >>> import numpy as np
    >>> ConvNd(np.array([[[-1.0, 1.0]]])).forward(np.array([[[1.0, 2.0, 4.0]]]))[0]
    array([[[1., 2.]]])
    """

    kind = "ConvNd"

    def __init__(
        self,
        weight: Array,
        bias: Array | None = None,
        *,
        stride: Any = None,
        padding: Any = None,
        dilation: Any = None,
        groups: int = 1,
    ) -> None:
        super().__init__()
        self.parameters["weight"] = weight = as_parameter(self.kind, "weight", weight)
        self.groups = int(groups)
        if weight.ndim < 3 or self.groups < 1 or weight.shape[0] % self.groups or weight.size == 0:
            raise InvalidValue(
                f"{self.kind}: weight must be (C_out, C_in/groups, kernel...), groups a divisor of C_out; "
                f"got {weight.shape}, groups={groups}."
            )
        if bias is not None:
            self.parameters["bias"] = as_vector(self.kind, "bias", bias, len(weight), weight.dtype)
        self.kernel_size = weight.shape[2:]
        self._set(stride, padding, dilation)

    def forward(self, *inputs: Array, context: Context = Context()) -> tuple[Array, Any]:
        """Give the correlation; the cache is the input."""
        (x,) = inputs
        self.output_shape(x.shape)
        padding, output = self._place(x.shape)
        weight, bias = self.parameters["weight"], self.parameters.get("bias")
        return spatial.conv_nd(x, weight, bias, **self._call(padding), output=output), x

    def backward(
        self, grad: Array, cache: Any, rule: str = "gradient", context: Context = Context()
    ) -> tuple[Array | tuple[Array, ...] | None, ParameterGradients]:
        """Give the gradients of input, weight and bias."""
        check_rule(rule)
        call = self._call(self._place(cache.shape)[0])
        own: ParameterGradients = {}
        if context.wants_parameters:
            own["weight"] = spatial.conv_nd_grad_weight(cache, grad, self.kernel_size, **call)
            if "bias" in self.parameters:
                own["bias"] = grad.sum(axis=(0, *range(2, grad.ndim)))
        weight = self.parameters["weight"]
        return spatial.conv_nd_grad_input(grad, weight, cache.shape[2:], **call), own

    def output_shape(self, *shapes: Shape) -> Shape:
        """(N, C_in, size...) to (N, C_out, windows...)."""
        _, output = self._place(shapes[0])
        weight = self.parameters["weight"]
        if shapes[0][1] != self.groups * weight.shape[1]:
            raise InvalidValue(
                f"{self.kind}: in_channels must be groups * weight.shape[1]; got in_channels={shapes[0][1]}, "
                f"groups={self.groups}, weight.shape={weight.shape}."
            )
        return (shapes[0][0], len(weight), *output)

    def multiply_adds(self, *shapes: Shape) -> int:
        """Every output cell is a sum over a filter's weights."""
        n, _, *output = self.output_shape(*shapes)
        cells = n
        for length in output:
            cells *= length
        return cells * self.parameters["weight"].size

    def settings(self) -> dict[str, Any]:
        """kernel_size, stride, padding, dilation, groups."""
        return {**super().settings(), "groups": self.groups}

    def _call(self, padding: Ends) -> dict[str, Any]:
        return {
            "stride": self.stride,
            "padding": padding,
            "dilation": self.dilation,
            "groups": self.groups,
        }


class ConvTransposeNd(Spatial):
    """The transpose of a correlation along any number of axes.

    Parameters
    ----------
    weight : ndarray of shape (C_in, C_out / groups, kernel...)
    bias : ndarray of shape (C_out,), optional
    stride, padding, output_padding, dilation, groups

    Examples
    --------
    >>> import numpy as np
    >>> up = ConvTransposeNd(np.ones((1, 1, 2)), stride=(2,))
    >>> up.forward(np.array([[[1.0, 2.0]]]))[0]
    array([[[1., 1., 2., 2.]]])
    """

    kind = "ConvTransposeNd"

    def __init__(
        self,
        weight: Array,
        bias: Array | None = None,
        *,
        stride: Any = None,
        padding: Any = None,
        output_padding: Sequence[int] | None = None,
        dilation: Any = None,
        groups: int = 1,
    ) -> None:
        super().__init__()
        self.parameters["weight"] = weight = as_parameter(self.kind, "weight", weight)
        self.groups = int(groups)
        if weight.ndim < 3 or self.groups < 1 or weight.shape[0] % self.groups or weight.size == 0:
            raise InvalidValue(
                f"{self.kind}: weight must be (C_in, C_out/groups, kernel...), groups a divisor of C_in; "
                f"got {weight.shape}, groups={groups}."
            )
        self.out_channels = weight.shape[1] * self.groups
        if bias is not None:
            self.parameters["bias"] = as_vector(self.kind, "bias", bias, self.out_channels, weight.dtype)
        self.kernel_size = weight.shape[2:]
        self._set(stride, padding, dilation)
        if isinstance(self.padding, str):
            raise InvalidValue(f"{self.kind}: padding must be numbers; got {padding!r}.")
        self.output_padding = tuple(int(n) for n in output_padding or (0,) * len(self.kernel_size))

    def forward(self, *inputs: Array, context: Context = Context()) -> tuple[Array, Any]:
        """Give the larger array; the cache is the input."""
        (x,) = inputs
        shape = self.output_shape(x.shape)
        y = spatial.conv_nd_grad_input(x, self.parameters["weight"], shape[2:], **self._call())
        if "bias" in self.parameters:
            y += self.parameters["bias"].reshape(-1, *(1,) * len(self.kernel_size))
        return y, x

    def backward(
        self, grad: Array, cache: Any, rule: str = "gradient", context: Context = Context()
    ) -> tuple[Array | tuple[Array, ...] | None, ParameterGradients]:
        """Give the gradients: a correlation is the transpose of this one."""
        check_rule(rule)
        call = self._call()
        own: ParameterGradients = {}
        if context.wants_parameters:
            own["weight"] = spatial.conv_nd_grad_weight(grad, cache, self.kernel_size, **call)
            if "bias" in self.parameters:
                own["bias"] = grad.sum(axis=(0, *range(2, grad.ndim)))
        weight = self.parameters["weight"]
        return spatial.conv_nd(grad, weight, None, **call, output=cache.shape[2:]), own

    def output_shape(self, *shapes: Shape) -> Shape:
        """(N, C_in, size...) to (N, C_out, larger...)."""
        shape, rank = shapes[0], len(self.kernel_size)
        weight = self.parameters["weight"]
        if len(shape) != 2 + rank or shape[1] != weight.shape[0]:
            raise InvalidValue(
                f"{self.kind}: the input must be (N, {weight.shape[0]}, {rank} axes); got {shape}."
            )
        assert not isinstance(self.padding, str)
        sizes = tuple(
            geometry.conv_transpose_output_size(
                shape[2 + a],
                self.kernel_size[a],
                stride=self.stride[a],
                padding=self.padding[a],
                dilation=self.dilation[a],
                output_padding=self.output_padding[a],
            )
            for a in range(rank)
        )
        return (shape[0], self.out_channels, *sizes)

    def multiply_adds(self, *shapes: Shape) -> int:
        """Every input cell is multiplied with all weights of its channel."""
        n, _, *size = shapes[0]
        for length in size:
            n *= length
        return n * self.parameters["weight"].size

    def settings(self) -> dict[str, Any]:
        """kernel_size, stride, padding, dilation, output_padding, groups."""
        return {**super().settings(), "output_padding": self.output_padding, "groups": self.groups}

    def _call(self) -> dict[str, Any]:
        return {
            "stride": self.stride,
            "padding": self.padding,
            "dilation": self.dilation,
            "groups": self.groups,
        }
