"""Layers for inference: weights packed once; bias, addition, activation, pooling in one pass over memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from convscope import ops
from convscope.errors import InvalidValue
from convscope.layers.base import Array, Context, Layer, ParameterGradients, Shape, Window
from convscope.layers.clip import Clip
from convscope.layers.conv2d import Conv2d
from convscope.layers.leaky_relu import LeakyReLU
from convscope.layers.max_pool2d import MaxPool2d
from convscope.layers.relu import ReLU
from convscope.ops.packed import Activation

__all__ = ["Fused", "FusedConv2d", "FusedLinear", "activation_of", "can_be_pooled"]


def activation_of(layer: Layer) -> Activation:
    """Give what a packed convolution calls the activation; None for a layer that is none.

    Examples
    --------
    >>> activation_of(Clip(0, 6)), activation_of(LeakyReLU(0.2)), activation_of(ReLU())
    (('clip', 0.0, 6.0), ('leaky_relu', 0.2), 'relu')
    """
    if isinstance(layer, ReLU):
        return "relu"
    if isinstance(layer, Clip):
        return "clip", layer.low, layer.high
    if isinstance(layer, LeakyReLU):
        return "leaky_relu", layer.slope
    return None


class Fused(Layer):
    """A layer and what comes after it, computed as one; for inference alone.

    Attributes
    ----------
    inner : Layer
        The convolution or dense layer; its parameters are this layer's.
    after : Layer or None
        The activation.
    """

    def __init__(self, inner: Layer, after: Layer | None = None) -> None:
        super().__init__()
        self.inner, self.after = inner, after
        self.activation = None if after is None else activation_of(after)
        self.parameters = inner.parameters
        self._kept: tuple[tuple[Array | None, ...], ops.PackedConv2d] | None = None

    def packed(self) -> ops.PackedConv2d:
        """Give the packed weights; they are packed anew only if other arrays have taken their place."""
        arrays = (self.parameters["weight"], self.parameters.get("bias"))
        kept = self._kept
        if kept is None or any(a is not b for a, b in zip(kept[0], arrays, strict=True)):
            kept = self._kept = arrays, self.pack()
        return kept[1]

    def pack(self) -> ops.PackedConv2d:
        """Make the packed convolution."""
        raise NotImplementedError

    def backward(
        self, grad: Array, cache: Any, rule: str = "gradient", context: Context = Context()
    ) -> tuple[Array | tuple[Array, ...] | None, ParameterGradients]:
        """Refused: what the gradient would need was never computed."""
        raise InvalidValue(
            f"{self.kind}: a fused network has no backward pass; use the network it was made of."
        )

    def window(self) -> tuple[Window, Window] | None:
        """That of the inner layer."""
        return self.inner.window()

    def multiply_adds(self, *shapes: Shape) -> int:
        """Those of the inner layer."""
        return self.inner.multiply_adds(shapes[0])

    def output_shape(self, *shapes: Shape) -> Shape:
        """That of the inner layer."""
        return self.inner.output_shape(shapes[0])

    def settings(self) -> dict[str, Any]:
        """Those of the inner layer, and the activation."""
        return {**self.inner.settings(), "activation": self.activation}

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_kept": None}  # copies and pickles pack for themselves

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.parameters = self.inner.parameters


class FusedConv2d(Fused):
    """activation(convolution + bias + second input), perhaps pooled; a batch norm is folded in already.

    Parameters
    ----------
    inner : Conv2d
    after : ReLU, Clip or LeakyReLU, optional
    residual : bool
        Whether there is a second input, which is added before the activation.
    pool : MaxPool2d, optional
        Not with a second input.

    Examples
    --------
    >>> import numpy as np
    >>> edge = Conv2d(np.array([[[[-1.0, 1.0]]]]))
    >>> FusedConv2d(edge, ReLU()).forward(np.array([[[[0.0, 5.0, 2.0]]]]))[0]
    array([[[[5., 0.]]]])
    """

    kind = "FusedConv2d"

    def __init__(
        self,
        inner: Conv2d,
        after: Layer | None = None,
        *,
        residual: bool = False,
        pool: MaxPool2d | None = None,
    ) -> None:
        super().__init__(inner, after)
        self.residual, self.pool = residual, pool
        self.inputs = 2 if residual else 1  # type: ignore[misc]  # of this one layer

    def pack(self) -> ops.PackedConv2d:
        """Pack weight and bias with the geometry and the activation."""
        inner = self.inner
        assert isinstance(inner, Conv2d)
        return ops.PackedConv2d(
            self.parameters["weight"],
            self.parameters.get("bias"),
            stride=inner.stride,
            padding=inner.padding,
            dilation=inner.dilation,
            groups=inner.groups,
            activation=self.activation,
            pool=1 if self.pool is None else self.pool.settings(),
        )

    def forward(self, *inputs: Array, context: Context = Context()) -> tuple[Array, Any]:
        """Give the feature maps; nothing is kept."""
        out = self.borrow_output(context, *inputs)
        return self.packed()(inputs[0], add=inputs[1] if self.residual else None, out=out), None

    def prepare(self, inputs: tuple[Array, ...], out: Array) -> Callable[[], object]:
        """Bind the packed convolution to its arrays."""
        return self.packed().bind(inputs[0], out, add=inputs[1] if self.residual else None)

    def output_shape(self, *shapes: Shape) -> Shape:
        """That of the convolution, or of its pooling."""
        shape = super().output_shape(*shapes)
        return shape if self.pool is None else self.pool.output_shape(shape)

    def window(self) -> tuple[Window, Window] | None:
        """That of the convolution; with pooling, what all results of a window see together."""
        seen = super().window()
        if self.pool is None or seen is None:
            return seen
        rows, columns = (_pooled(*axes) for axes in zip(seen, self.pool.window(), strict=True))
        return rows, columns

    def settings(self) -> dict[str, Any]:
        """Those of the convolution, the activation, the pooling, and whether a second input is added."""
        pool = None if self.pool is None else self.pool.settings()
        return {**super().settings(), "residual": self.residual, "pool": pool}


class FusedLinear(Fused):
    """activation(x @ weight.T + bias).

    Examples
    --------
    >>> import numpy as np
    >>> from convscope.layers import Linear
    >>> FusedLinear(Linear(np.array([[1.0], [-1.0]])), ReLU()).forward(np.array([[3.0]]))[0]
    array([[3., 0.]])
    """

    kind = "FusedLinear"

    def pack(self) -> ops.PackedConv2d:
        """See the dense layer as a convolution of one tap, and the samples as the pixels of one image."""
        weight = self.parameters["weight"]
        return ops.PackedConv2d(
            weight[:, :, None, None], self.parameters.get("bias"), activation=self.activation
        )

    def forward(self, *inputs: Array, context: Context = Context()) -> tuple[Array, Any]:
        """Give the weighted sums after the activation; nothing is kept."""
        (x,) = inputs
        out = self.borrow_output(context, x)
        y = self.packed()(_as_image(x), out=None if out is None else _as_image(out))
        return (y[0, :, 0].T if out is None else out), None

    def prepare(self, inputs: tuple[Array, ...], out: Array) -> Callable[[], object]:
        """Bind the product to its arrays."""
        return self.packed().bind(_as_image(inputs[0]), _as_image(out))


def can_be_pooled(conv: Conv2d, pool: MaxPool2d) -> bool:
    """Say whether a convolution and its pooling are one layer: where they begin must be known of each."""
    axes = (*conv.window(), *pool.window())
    return pool.is_apart() or not any(isinstance(axis.padding, str) for axis in axes)


def _pooled(axis: Window, pool: Window) -> Window:
    """Give what the results of a pooling window see together, gaps between their taps included.

    A last window that reaches past the image (`ceil_mode`) is not told from the others.
    """
    span = (axis.kernel - 1) * axis.dilation + 1 + (pool.kernel - 1) * pool.dilation * axis.stride
    stride = axis.stride * pool.stride
    if pool.padding in (0, (0, 0)):
        return Window(span, stride, axis.padding)
    before, after = (own + more * axis.stride for own, more in zip(_both(axis), _both(pool), strict=True))
    return Window(span, stride, (before, after))


def _both(axis: Window) -> tuple[int, int]:
    """Give the padding before and after."""
    padding = axis.padding
    assert not isinstance(padding, str)
    return (padding, padding) if isinstance(padding, int) else padding


def _as_image(x: Array) -> Array:
    """(N, F) as one image (1, F, 1, N): N pixels in a row; the same memory."""
    return x[None, None].transpose(0, 3, 1, 2)
