"""A scale and a shift for each channel."""

from __future__ import annotations

from typing import Any

import numpy as np

from convscope import ops
from convscope.layers.arguments import as_parameter, as_vector, same_channels
from convscope.layers.base import Array, Context, Layer, ParameterGradients, Shape, check_rule
from convscope.layers.batch_norm import NormCache, as_image

__all__ = ["ChannelScale"]


class ChannelScale(Layer):
    """y = weight[c] * x + bias[c]: a trainable coefficient and bias for each channel.

    Parameters
    ----------
    weight, bias : ndarrays of shape (C,)

    Examples
    --------
    >>> import numpy as np
    >>> ChannelScale(np.array([2.0]), np.array([1.0])).forward(np.array([[3.0]]))[0]
    array([[7.]])
    """

    kind = "ChannelScale"

    def __init__(self, weight: Array, bias: Array) -> None:
        super().__init__()
        weight = as_parameter(self.kind, "weight", weight)
        self.parameters["weight"] = as_vector(self.kind, "weight", weight, weight.size, weight.dtype)
        self.parameters["bias"] = as_vector(self.kind, "bias", bias, weight.size, weight.dtype)

    def forward(self, *inputs: Array, context: Context = Context()) -> tuple[Array, Any]:
        """Give the scaled input; the cache is (input, 0, 1, False)."""
        # A scale and shift is a batch norm of mean 0, variance 1 and eps 0.
        (x,) = inputs
        if x.ndim not in (2, 4):
            y, cache = self.forward(as_image(x), context=context._replace(lend=None))
            return y.reshape(x.shape), cache
        weight, bias = self.parameters["weight"], self.parameters["bias"]
        cache = NormCache(x, np.zeros_like(weight), np.ones_like(weight), False)
        out = self.borrow_output(context, x)
        return ops.batch_norm(x, weight, bias, cache.mean, cache.var, eps=0.0, out=out), cache

    def backward(
        self, grad: Array, cache: Any, rule: str = "gradient", context: Context = Context()
    ) -> tuple[Array | tuple[Array, ...] | None, ParameterGradients]:
        """Give weight * grad, and the sums of grad * x and grad by channel."""
        check_rule(rule)
        if grad.ndim not in (2, 4):
            dx, own = self.backward(as_image(grad), cache, rule, context._replace(lend=None))
            return np.asarray(dx).reshape(grad.shape), own
        weight = self.parameters["weight"]
        out = context.array("input gradient", cache.x.shape, cache.x.dtype)
        dx, dweight, dbias = ops.batch_norm_grad(
            grad, cache.x, weight, cache.mean, cache.var, eps=0.0, training=False, out=out
        )
        return dx, {"weight": dweight, "bias": dbias}

    def output_shape(self, *shapes: Shape) -> Shape:
        """The input's shape, (N, C) or (N, C, H, W)."""
        return same_channels(self.kind, self.parameters["weight"].size, shapes[0])
