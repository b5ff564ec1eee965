"""Batch normalisation."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from convscope import ops
from convscope.errors import InvalidValue
from convscope.layers.arguments import as_parameter, as_vector, same_channels
from convscope.layers.base import Array, Context, Layer, ParameterGradients, Shape, check_rule

__all__ = ["BatchNorm", "NormCache", "as_image"]


def as_image(x: Array) -> Array:
    """See (N, C, any axes) as (N, C, values, 1)."""
    return x.reshape(*x.shape[:2], -1, 1)


class NormCache(NamedTuple):
    """What the backward pass of a normalisation needs."""

    x: Array
    mean: Array
    var: Array
    training: bool


class BatchNorm(Layer):
    """Normalise each channel, then scale and shift it.

    In training the mean and variance are the batch's own, and `new_statistics` gives the
    running ones after it: (1 - momentum) * old + momentum * new, with the unbiased variance,
    as PyTorch does. Otherwise they are the running ones.

    Parameters
    ----------
    weight, bias, running_mean, running_var : ndarrays of shape (C,)
    eps : float
    momentum : float
        The share of a new batch in the running statistics.

    Examples
    --------
    >>> import numpy as np
    >>> norm = BatchNorm(np.ones(1), np.zeros(1), np.zeros(1), np.ones(1), eps=0.0)
    >>> y, cache = norm.forward(np.array([[1.0], [3.0]]), context=Context(training=True))
    >>> y.ravel(), norm.new_statistics(cache)["running_mean"]
    (array([-1.,  1.]), array([0.2]))
    """

    kind = "BatchNorm"
    repeatable = True

    def __init__(
        self,
        weight: Array,
        bias: Array,
        running_mean: Array,
        running_var: Array,
        *,
        eps: float = 1e-5,
        momentum: float = 0.1,
    ) -> None:
        super().__init__()
        weight = as_parameter(self.kind, "weight", weight)
        channels, dtype = weight.size, weight.dtype
        self.parameters["weight"] = as_vector(self.kind, "weight", weight, channels, dtype)
        self.parameters["bias"] = as_vector(self.kind, "bias", bias, channels, dtype)
        self.statistics["running_mean"] = as_vector(self.kind, "running_mean", running_mean, channels, dtype)
        self.statistics["running_var"] = as_vector(self.kind, "running_var", running_var, channels, dtype)
        if not (eps >= 0 and 0 <= momentum <= 1):
            raise InvalidValue(
                f"{self.kind}: eps must be at least 0 and momentum in [0, 1]; "
                f"got eps={eps}, momentum={momentum}."
            )
        self.eps, self.momentum = float(eps), float(momentum)

    def forward(self, *inputs: Array, context: Context = Context()) -> tuple[Array, Any]:
        """Give the normalised input; the cache is (input, mean, variance, training)."""
        (x,) = inputs
        if x.ndim not in (2, 4):
            y, cache = self.forward(as_image(x), context=context._replace(lend=None))
            return y.reshape(x.shape), cache
        weight, bias = self.parameters["weight"], self.parameters["bias"]
        out = self.borrow_output(context, x)
        if context.training:
            self.check_values(x)
            y, mean, var = ops.batch_norm_train(x, weight, bias, eps=self.eps, out=out)
            return y, NormCache(x, mean, var, True)
        mean, var = self.statistics["running_mean"], self.statistics["running_var"]
        y = ops.batch_norm(x, weight, bias, mean, var, eps=self.eps, out=out)
        return y, NormCache(x, mean, var, False)

    def check_values(self, x: Array) -> None:
        """Refuse to measure the variance of single values."""
        if x.size == self.parameters["weight"].size:
            raise InvalidValue(
                f"{self.kind}: training needs more than one value a channel; got an input of {x.shape}."
            )

    def backward(
        self, grad: Array, cache: Any, rule: str = "gradient", context: Context = Context()
    ) -> tuple[Array | tuple[Array, ...] | None, ParameterGradients]:
        """Give the gradients; in training, mean and variance depend on the input too."""
        check_rule(rule)
        if grad.ndim not in (2, 4):
            dx, own = self.backward(as_image(grad), cache, rule, context._replace(lend=None))
            return np.asarray(dx).reshape(grad.shape), own
        out = context.array("input gradient", cache.x.shape, cache.x.dtype)
        dx, dweight, dbias = ops.batch_norm_grad(
            grad,
            cache.x,
            self.parameters["weight"],
            cache.mean,
            cache.var,
            eps=self.eps,
            training=cache.training,
            out=out,
        )
        return dx, {"weight": dweight, "bias": dbias}

    def new_statistics(self, cache: Any) -> dict[str, Array]:
        """Give the running mean and variance after the batch that made `cache`."""
        if not cache.training:
            return {}
        count = cache.x.size // cache.mean.size
        batch = {"running_mean": cache.mean, "running_var": cache.var * (count / (count - 1))}
        return {
            name: ((1 - self.momentum) * old + self.momentum * batch[name]).astype(old.dtype)
            for name, old in self.statistics.items()
        }

    def output_shape(self, *shapes: Shape) -> Shape:
        """The input's shape, (N, C) or (N, C, H, W)."""
        return same_channels(self.kind, self.parameters["weight"].size, shapes[0])

    def settings(self) -> dict[str, Any]:
        """eps and momentum."""
        return {"eps": self.eps, "momentum": self.momentum}
