"""Keeping values between two limits."""

from __future__ import annotations

import math
from typing import Any

from convscope import ops
from convscope.errors import InvalidValue
from convscope.layers.base import Array, Context, ParameterGradients, check_rule
from convscope.layers.elementwise import Rectifier
from convscope.ops.settings import number

__all__ = ["Clip"]


class Clip(Rectifier):
    """Values kept to [low, high]; `Clip(0, 6)` is the ReLU6 of mobile networks.

    If `low` is 0 this is a rectifier: the rule "deconvnet" lets positive gradients pass, and
    "guided" those of them where the input was between the limits.

    Parameters
    ----------
    low, high : float
        Infinite: no limit.

    Examples
    --------
    >>> import numpy as np
    >>> Clip(0, 6).forward(np.array([[-2.0, 3.0, 9.0]]))[0]
    array([[0., 3., 6.]])
    """

    kind = "Clip"

    def __init__(self, low: float = -math.inf, high: float = math.inf) -> None:
        super().__init__()
        self.low = number(self.kind, "low", low, infinite=True)
        self.high = number(self.kind, "high", high, infinite=True)
        if self.low > self.high:
            raise InvalidValue(f"{self.kind}: low must not be larger than high; got low={low}, high={high}.")

    def forward(self, *inputs: Array, context: Context = Context()) -> tuple[Array, Any]:
        """Give the nearest values within the limits; the cache is the input."""
        (x,) = inputs
        return ops.clip(x, self.low, self.high, out=self.borrow_output(context, x)), x

    def backward(
        self, grad: Array, cache: Any, rule: str = "gradient", context: Context = Context()
    ) -> tuple[Array | tuple[Array, ...] | None, ParameterGradients]:
        """Let through what the rule lets through."""
        check_rule(rule)
        if rule != "gradient":
            return super().backward(grad, cache, rule, context)
        out = context.array("input gradient", cache.shape, cache.dtype)
        return ops.clip_grad(grad, cache, self.low, self.high, out=out), {}

    def differentiate(self, grad: Array, kept: Array) -> Array:
        """1 between the limits, else 0."""
        return ops.clip_grad(grad, kept, self.low, self.high)

    def rectify(self, grad: Array, rule: str) -> Array:
        """The positive part: an upper limit of values is none of gradients."""
        return ops.relu(grad) if self.low == 0 else super().rectify(grad, rule)

    def settings(self) -> dict[str, Any]:
        """low and high."""
        return {"low": self.low, "high": self.high}
