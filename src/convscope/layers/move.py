"""What layers have in common that only move values to other places."""

from __future__ import annotations

from typing import Any, ClassVar

from convscope.layers.base import Array, Context, Layer, ParameterGradients, check_rule
from convscope.ops.moves import move_back

__all__ = ["Move"]


class Move(Layer):
    """A layer whose output values are input values elsewhere; a subclass says where."""

    keeps_places: ClassVar[bool] = False  # a map's pixels stay where they are

    def move(self, x: Array) -> Array:
        """Give the values in their new places, for an array of any type."""
        raise NotImplementedError

    def move_places(self, places: Array) -> Array:
        """Move the numbers of the places; below 0 is nowhere."""
        return self.move(places)

    def forward(self, *inputs: Array, context: Context = Context()) -> tuple[Array, Any]:
        """Give the moved values; the cache is the input's shape."""
        (x,) = inputs
        y = self.move(x)
        return (y.copy() if y.base is not None else y), x.shape

    def backward(
        self, grad: Array, cache: Any, rule: str = "gradient", context: Context = Context()
    ) -> tuple[Array | tuple[Array, ...] | None, ParameterGradients]:
        """Add each gradient to the value it belongs to."""
        check_rule(rule)
        return move_back(grad, cache, self.move_places), {}

    def window(self) -> Any:
        """All of the map, unless the pixels stay in their places."""
        return super().window() if self.keeps_places else None
