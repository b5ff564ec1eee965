"""Values that are the same for every image, and values rounded to another type's."""

from __future__ import annotations

from typing import Any

import numpy as np

from convscope.errors import InvalidValue
from convscope.layers.arguments import as_parameter
from convscope.layers.base import Array, Context, Layer, ParameterGradients, Shape, check_rule

__all__ = ["Cast", "Constant"]


class Constant(Layer):
    """An array of the file, with no inputs; training leaves it as it is.

    Parameters
    ----------
    value : ndarray
        Kept in `statistics`.

    Examples
    --------
    >>> Constant(np.array([[7.0]])).forward()[0]
    array([[7.]])
    """

    kind = "Constant"
    inputs = 0

    def __init__(self, value: Array) -> None:
        super().__init__()
        self.statistics["value"] = as_parameter(self.kind, "value", value)

    def forward(self, *inputs: Array, context: Context = Context()) -> tuple[Array, Any]:
        """Give the value."""
        return self.statistics["value"].copy(), None

    def backward(
        self, grad: Array, cache: Any, rule: str = "gradient", context: Context = Context()
    ) -> tuple[Array | tuple[Array, ...] | None, ParameterGradients]:
        """There is nothing before it."""
        check_rule(rule)
        return (), {}

    def output_shape(self, *shapes: Shape) -> Shape:
        """The value's shape."""
        return self.statistics["value"].shape


class Cast(Layer):
    """Values as another type would hold them, still computed in the network's own.

    Parameters
    ----------
    to : "float", "int" or "bool"
        Integers lose what is behind the point; bool is 0 or 1.

    Examples
    --------
    >>> Cast("int").forward(np.array([[-1.5, 2.7]]))[0]
    array([[-1.,  2.]])
    """

    kind = "Cast"

    def __init__(self, to: str = "float") -> None:
        super().__init__()
        if to not in ("float", "int", "bool"):
            raise InvalidValue(f"{self.kind}: to must be float, int or bool; got {to!r}.")
        self.to = to

    def forward(self, *inputs: Array, context: Context = Context()) -> tuple[Array, Any]:
        """Give the rounded values."""
        (x,) = inputs
        if self.to == "float":
            return x.copy(), None
        return np.trunc(x) if self.to == "int" else (x != 0).astype(x.dtype), None

    def backward(
        self, grad: Array, cache: Any, rule: str = "gradient", context: Context = Context()
    ) -> tuple[Array | tuple[Array, ...] | None, ParameterGradients]:
        """Nothing passes a step."""
        check_rule(rule)
        return (grad if self.to == "float" else np.zeros_like(grad)), {}

    def settings(self) -> dict[str, Any]:
        """to."""
        return {"to": self.to}
