"""Dropout."""

from __future__ import annotations

from typing import Any

from convscope import ops
from convscope.errors import InvalidValue
from convscope.layers.base import Array, Context, Layer, ParameterGradients, check_rule
from convscope.ops.settings import number

__all__ = ["Dropout"]


class Dropout(Layer):
    """In training, set a share p of the values to 0 and scale the others by 1 / (1 - p).

    Which values go depends on the seed, the epoch, the sample and the node's name only, so
    neither the batch size nor the number of threads changes it. Outside training, identity.

    Parameters
    ----------
    p : float in [0, 1)

    Examples
    --------
    >>> import numpy as np
    >>> x = np.ones((2, 3))
    >>> Dropout(0.5).forward(x)[0] is x
    True
    """

    kind = "Dropout"

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        self.p = number("Dropout", "p", p)
        if not 0 <= self.p < 1:
            raise InvalidValue(f"Dropout: p must be at least 0 and below 1; got {p}.")

    def forward(self, *inputs: Array, context: Context = Context()) -> tuple[Array, Any]:
        """Give what remains; the cache is the mask, or None where nothing was dropped."""
        (x,) = inputs
        if not context.training or self.p == 0:
            return x, None
        if context.random is None:
            raise InvalidValue(
                "Dropout: training needs a source of randomness; give rng, an int seed, to run."
            )
        mask = ops.dropout_mask(x.shape, self.p, context.random, context.name)
        return ops.dropout(x, self.p, mask, out=self.borrow_output(context, x)), mask

    def backward(
        self, grad: Array, cache: Any, rule: str = "gradient", context: Context = Context()
    ) -> tuple[Array | tuple[Array, ...] | None, ParameterGradients]:
        """Let through what was let through."""
        check_rule(rule)
        if cache is None:
            return grad, {}
        out = context.array("input gradient", grad.shape, grad.dtype)
        return ops.dropout_grad(grad, self.p, cache, out=out), {}

    def settings(self) -> dict[str, Any]:
        """p."""
        return {"p": self.p}
