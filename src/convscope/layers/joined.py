"""Layers that training computes together, in fewer passes over memory, forward and backward.

Each shares its layers' arrays and gives the very numbers that they give one after the other.
Only the rule "gradient" is known here: views of a network run the layers themselves.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from convscope import ops
from convscope.layers.base import Array, Context, Layer, ParameterGradients, Shape
from convscope.layers.batch_norm import BatchNorm, NormCache
from convscope.layers.conv2d import Conv2d
from convscope.layers.max_pool2d import MaxPool2d

__all__ = ["AddReLU", "ConvReLU", "ConvReLUPool", "Joined", "NormReLU", "PooledReLU", "Rectified"]


class Joined(Layer):
    """A layer that does the work of another, too; the parameters and statistics are the layer's own."""

    repeatable = True

    def __init__(self, inner: Layer) -> None:
        super().__init__()
        self.inner = inner
        self.inputs = inner.inputs  # type: ignore[misc]  # of this one layer
        self.parameters, self.statistics = inner.parameters, inner.statistics

    def output_shape(self, *shapes: Shape) -> Shape:
        """That of the inner layer."""
        return self.inner.output_shape(*shapes)


class Rectified(Joined):
    """A layer with a ReLU behind it.

    Its backward pass masks the gradient where the ReLU was shut, unless `masks` is False: then who reads the
    ReLU has done so (`PooledReLU`), and its value is not kept.
    """

    masks = True

    def _kept(self, y: Array) -> Array | None:
        return y if self.masks else None


def _masked(grad: Array, y: Array | None, context: Context) -> Array:
    if y is None:
        return grad
    return ops.relu_grad(grad, y, out=context.array("masked gradient", y.shape, y.dtype))


class ConvReLU(Rectified):
    """relu(convolution + bias), stored once.

    Examples
    --------
    >>> import numpy as np
    >>> layer = ConvReLU(Conv2d(np.array([[[[-1.0]]]]), np.array([2.0])))
    >>> y, cache = layer.forward(np.array([[[[1.0, 5.0]]]]))
    >>> y, layer.backward(y, cache)[1]["bias"]
    (array([[[[1., 0.]]]]), array([1.]))
    """

    kind = "ConvReLU"
    inner: Conv2d

    def forward(self, *inputs: Array, context: Context = Context()) -> tuple[Array, Any]:
        """Give the rectified maps; the cache is the input and they."""
        (x,) = inputs
        y = _rectifying(self.inner, context)(x, out=self.borrow_output(context, x))
        return y, (x, self._kept(y))

    def backward(
        self, grad: Array, cache: Any, rule: str = "gradient", context: Context = Context()
    ) -> tuple[Array | tuple[Array, ...] | None, ParameterGradients]:
        """Let through what the ReLU lets through, then as the convolution."""
        x, y = cache
        return self.inner.backward(_masked(grad, y, context), x, rule, context)


class ConvReLUPool(Joined):
    """Max pooling of relu(convolution + bias), in windows side by side: nothing but maxima is stored.

    Examples
    --------
    >>> import numpy as np
    >>> from convscope.layers.max_pool2d import MaxPool2d
    >>> layer = ConvReLUPool(Conv2d(np.array([[[[-1.0]]]]), np.array([2.0])), MaxPool2d((1, 2)))
    >>> y, cache = layer.forward(np.array([[[[1.0, 5.0, 3.0, 4.0]]]]))
    >>> dx, gradients = layer.backward(np.ones_like(y), cache)
    >>> y, abs(dx), gradients["bias"]
    (array([[[[1., 0.]]]]), array([[[[1., 0., 0., 0.]]]]), array([1.]))
    """

    kind = "ConvReLUPool"
    inner: Conv2d

    def __init__(self, inner: Conv2d, pool: MaxPool2d) -> None:
        super().__init__(inner)
        self.pool = pool

    def forward(self, *inputs: Array, context: Context = Context()) -> tuple[Array, Any]:
        """Give the maxima; the cache is the input, they, and where they were."""
        (x,) = inputs
        shape = self.output_shape(x.shape)
        switches = context.array("switches", shape, np.int32)
        if switches is None:
            switches = ops.empty_channels_last(shape, np.dtype(np.int32))
        packed = _rectifying(self.inner, context, self.pool.kernel_size)
        y = packed(x, out=self.borrow_output(context, x), out_indices=switches)
        return y, (x, y, switches)

    def backward(
        self, grad: Array, cache: Any, rule: str = "gradient", context: Context = Context()
    ) -> tuple[Array | tuple[Array, ...] | None, ParameterGradients]:
        """Send what the ReLU lets through to the places of the maxima, then as the convolution."""
        x, y, switches = cache
        if not context.wants_input:
            return None, self._gradients(grad, x, y, switches, context) if context.wants_parameters else {}
        shape = self.inner.output_shape(x.shape)
        out = context.array("spread gradient", shape, grad.dtype)
        spread = ops.max_pool2d_grad(grad, switches, shape, **self.pool.settings(), rectified=y, out=out)
        return self.inner.backward(spread, x, rule, context)

    def _gradients(
        self, grad: Array, x: Array, y: Array, switches: Array, context: Context
    ) -> ParameterGradients:
        """Give those of the parameters alone: nothing is spread out for them."""
        conv, weight = self.inner, self.parameters["weight"]
        out = context.array("weight gradient", weight.shape, weight.dtype, channels_last=False)
        call = {**conv.settings(), "algorithm": context.algorithm, "pool": self.pool.kernel_size}
        grads = {"weight": ops.conv2d_pooled_grad_weight(x, grad, y, switches, **call, out=out)}
        if "bias" in self.parameters:
            grads["bias"] = ops.conv2d_grad_bias(_masked(grad, y, context))
        return grads

    def output_shape(self, *shapes: Shape) -> Shape:
        """That of the pooling."""
        return self.pool.output_shape(self.inner.output_shape(*shapes))


def _rectifying(conv: Conv2d, context: Context, pool: tuple[int, int] = (1, 1)) -> ops.PackedConv2d:
    """Pack a convolution with its ReLU, and perhaps pooling."""
    return ops.PackedConv2d(
        conv.parameters["weight"],
        conv.parameters.get("bias"),
        stride=conv.stride,
        padding=conv.padding,
        dilation=conv.dilation,
        groups=conv.groups,
        activation="relu",
        pool=pool,
        algorithm=context.algorithm,
    )


class NormReLU(Rectified):
    """relu(batch norm), or relu(batch norm + second input), in training.

    Examples
    --------
    >>> import numpy as np
    >>> one, zero = np.ones(1), np.zeros(1)
    >>> layer = NormReLU(BatchNorm(one, zero, zero, one, eps=0.0))
    >>> layer.forward(np.array([[1.0], [3.0]]), context=Context(training=True))[0]
    array([[0.],
           [1.]])
    """

    kind = "NormReLU"
    inner: BatchNorm

    def __init__(self, inner: BatchNorm, residual: bool = False) -> None:
        super().__init__(inner)
        self.residual = residual
        self.inputs = 2 if residual else 1  # type: ignore[misc]

    def forward(self, *inputs: Array, context: Context = Context()) -> tuple[Array, Any]:
        """Give the rectified values; the cache is that of the batch norm, and they."""
        x, norm = inputs[0], self.inner
        norm.check_values(x)
        y, mean, var = ops.batch_norm_train(
            x,
            self.parameters["weight"],
            self.parameters["bias"],
            eps=norm.eps,
            residual=inputs[1] if self.residual else None,
            rectify=True,
            out=self.borrow_output(context, x),
        )
        return y, (NormCache(x, mean, var, True), self._kept(y))

    def backward(
        self, grad: Array, cache: Any, rule: str = "gradient", context: Context = Context()
    ) -> tuple[Array | tuple[Array, ...] | None, ParameterGradients]:
        """Give the gradients; what the ReLU stops is left out where the sums are made."""
        own, y = cache
        if self.residual:  # the second input wants the masked gradient for itself
            masked = _masked(grad, y, context)
            dx, grads = self.inner.backward(masked, own, rule, context)
            assert isinstance(dx, np.ndarray)
            return (dx, masked), grads
        out = context.array("input gradient", own.x.shape, own.x.dtype)
        dx, dweight, dbias = ops.batch_norm_grad(
            grad,
            own.x,
            self.parameters["weight"],
            own.mean,
            own.var,
            eps=self.inner.eps,
            rectified=y,
            out=out,
        )
        return dx, {"weight": dweight, "bias": dbias}

    def new_statistics(self, cache: Any) -> dict[str, Array]:
        """Those of the batch norm."""
        return self.inner.new_statistics(cache[0])

    def output_shape(self, *shapes: Shape) -> Shape:
        """That of the batch norm."""
        return self.inner.output_shape(shapes[0])


class AddReLU(Rectified):
    """relu(sum), of arrays of one shape.

    Examples
    --------
    >>> import numpy as np
    >>> from convscope.layers.add import Add
    >>> layer = AddReLU(Add())
    >>> y, cache = layer.forward(np.array([1.0, -5.0]), np.array([2.0, 2.0]))
    >>> y, len(layer.backward(y, cache)[0])
    (array([3., 0.]), 2)
    """

    kind = "AddReLU"

    def forward(self, *inputs: Array, context: Context = Context()) -> tuple[Array, Any]:
        """Give the rectified sum; the cache is how many there were, and it."""
        y = ops.add(*inputs, rectify=True, out=self.borrow_output(context, *inputs))
        return y, (len(inputs), self._kept(y))

    def backward(
        self, grad: Array, cache: Any, rule: str = "gradient", context: Context = Context()
    ) -> tuple[Array | tuple[Array, ...] | None, ParameterGradients]:
        """Give every input the same masked gradient."""
        count, y = cache
        return (_masked(grad, y, context),) * count, {}


class PooledReLU(Joined):
    """Max pooling of what a joined layer rectified; it masks the gradient for it, on the smaller map.

    The largest of a window is above zero or the whole window is shut, so it is the same mask.

    Examples
    --------
    >>> import numpy as np
    >>> from convscope.layers.max_pool2d import MaxPool2d
    >>> layer = PooledReLU(MaxPool2d(2))
    >>> y, cache = layer.forward(np.array([[[[0.0, 0.0, 3.0, 0.0], [0.0, 0.0, 0.0, 4.0]]]]))
    >>> layer.backward(np.ones_like(y), cache)[0][0, 0]
    array([[0., 0., 0., 0.],
           [0., 0., 0., 1.]])
    """

    kind = "PooledReLU"
    inner: MaxPool2d

    def forward(self, *inputs: Array, context: Context = Context()) -> tuple[Array, Any]:
        """Give the maxima; the cache is that of the pooling, and they."""
        y, cache = self.inner.forward(*inputs, context=context)
        return y, (*cache, y)

    def backward(
        self, grad: Array, cache: Any, rule: str = "gradient", context: Context = Context()
    ) -> tuple[Array | tuple[Array, ...] | None, ParameterGradients]:
        """Send each gradient that the ReLU lets through to the place of its maximum."""
        switches, shape, y = cache
        out = context.array("input gradient", shape, grad.dtype)
        settings = self.inner.settings()
        return ops.max_pool2d_grad(grad, switches, shape, **settings, rectified=y, out=out), {}
