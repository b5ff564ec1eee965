"""Resizing along any axes, with every option there is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from convscope.errors import InvalidValue
from convscope.layers.base import Array, Context, Layer, ParameterGradients, Shape, check_rule
from convscope.ops.interpolate import AxisRule, resize_axes, resize_axes_grad

__all__ = ["ResizeAxes"]


class ResizeAxes(Layer):
    """Interpolation along some axes; `Resize2d` is the fast one for images.

    Parameters
    ----------
    rules : sequence of convscope.ops.interpolate.AxisRule

    Examples
    --------
    >>> import numpy as np
    >>> ResizeAxes([AxisRule(2, 4, 2.0, "linear")]).forward(np.array([[[0.0, 8.0]]]))[0]
    array([[[0., 2., 6., 8.]]])
    """

    kind = "ResizeAxes"

    def __init__(self, rules: Sequence[AxisRule]) -> None:
        super().__init__()
        self.rules = tuple(rules)
        if any(rule.output < 1 or not rule.scale > 0 for rule in self.rules):
            raise InvalidValue(f"{self.kind}: every axis must keep a cell; got {self.rules}.")

    def forward(self, *inputs: Array, context: Context = Context()) -> tuple[Array, Any]:
        """Give the resized array; the cache is the input's shape."""
        (x,) = inputs
        self.output_shape(x.shape)
        y = resize_axes(x, self.rules)
        return (y.copy() if y is x else y), x.shape

    def backward(
        self, grad: Array, cache: Any, rule: str = "gradient", context: Context = Context()
    ) -> tuple[Array | tuple[Array, ...] | None, ParameterGradients]:
        """Give each cell what was taken from it."""
        check_rule(rule)
        return resize_axes_grad(grad, cache, self.rules), {}

    def output_shape(self, *shapes: Shape) -> Shape:
        """The new lengths of the axes."""
        shape = list(shapes[0])
        for rule in self.rules:
            if not 0 <= rule.axis < len(shape):
                raise InvalidValue(f"{self.kind}: axis must be one of {len(shape)}; got {rule.axis}.")
            shape[rule.axis] = rule.output
        return tuple(shape)

    def window(self) -> None:
        """No window slides."""
        return

    def settings(self) -> dict[str, Any]:
        """What differs from the usual, by axis."""
        usual = asdict(replace(AxisRule(0, 1, 1.0)))
        return {
            f"axis {rule.axis}": {k: v for k, v in asdict(rule).items() if k != "axis" and v != usual[k]}
            for rule in self.rules
        }
