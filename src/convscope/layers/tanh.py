"""Hyperbolic tangent."""

from __future__ import annotations

from typing import Any

import numpy as np

from convscope import ops
from convscope.errors import InvalidValue
from convscope.layers.base import Array, Context, Layer, ParameterGradients, check_rule

__all__ = ["Tanh"]


class Tanh(Layer):
    """amplitude * tanh(slope * x).

    Parameters
    ----------
    amplitude, slope : float
        LeNet-5 has amplitude 1.7159 and slope 2/3, so that f(1) = 1 and f(-1) = -1.

    Examples
    --------
    >>> import numpy as np
    >>> y, _ = Tanh(amplitude=1.7159, slope=2 / 3).forward(np.array([[-1.0, 0.0, 1.0]]))
    >>> y.round(4)
    array([[-1.,  0.,  1.]])
    """

    kind = "Tanh"

    def __init__(self, *, amplitude: float = 1.0, slope: float = 1.0) -> None:
        super().__init__()
        self.amplitude, self.slope = float(amplitude), float(slope)
        if not (np.isfinite([self.amplitude, self.slope]).all() and self.amplitude * self.slope):
            raise InvalidValue(
                f"Tanh: amplitude and slope must be finite and not 0; got {amplitude} and {slope}."
            )

    def forward(self, *inputs: Array, context: Context = Context()) -> tuple[Array, Any]:
        """Give amplitude * tanh(slope * x); the cache is the bare tanh."""
        (x,) = inputs
        plain = ops.tanh(x if self.slope == 1 else x * x.dtype.type(self.slope))
        return (plain if self.amplitude == 1 else plain * x.dtype.type(self.amplitude)), plain

    def backward(
        self, grad: Array, cache: Any, rule: str = "gradient", context: Context = Context()
    ) -> tuple[Array | tuple[Array, ...] | None, ParameterGradients]:
        """Give grad * amplitude * slope * (1 - tanh squared)."""
        check_rule(rule)
        factor = self.amplitude * self.slope
        dx = ops.tanh_grad(grad, cache)
        return (dx if factor == 1 else dx * dx.dtype.type(factor)), {}

    def settings(self) -> dict[str, Any]:
        """amplitude and slope."""
        return {"amplitude": self.amplitude, "slope": self.slope}
