"""Branches side by side."""

from __future__ import annotations

from typing import Any

import numpy as np

from convscope import ops
from convscope.errors import InvalidValue
from convscope.layers.base import Array, Context, Layer, ParameterGradients, Shape, check_rule
from convscope.ops.arguments import whole

__all__ = ["Concatenate"]


class Concatenate(Layer):
    """The inputs one after the other, by default along the channels.

    Examples
    --------
    >>> import numpy as np
    >>> Concatenate().forward(np.zeros((1, 2, 4, 4)), np.zeros((1, 3, 4, 4)))[0].shape
    (1, 5, 4, 4)
    """

    kind = "Concatenate"
    inputs = None

    def __init__(self, axis: int = 1) -> None:
        super().__init__()
        self.axis = whole(self.kind, "axis", axis, -64)

    def forward(self, *inputs: Array, context: Context = Context()) -> tuple[Array, Any]:
        """Give all inputs as one array; the cache is their sizes along the axis."""
        out = self.borrow_output(context, *inputs)
        y = ops.concatenate(inputs, axis=self.axis, out=out)
        return y, tuple(x.shape[self.axis] for x in inputs)

    def backward(
        self, grad: Array, cache: Any, rule: str = "gradient", context: Context = Context()
    ) -> tuple[Array | tuple[Array, ...] | None, ParameterGradients]:
        """Give every input its part of the gradient."""
        check_rule(rule)
        if context.lend is None:
            return tuple(ops.concatenate_grad(grad, cache, axis=self.axis)), {}
        ends = np.cumsum(cache)[:-1]
        parts = []
        for i, part in enumerate(np.split(grad, ends, axis=self.axis)):
            own = context.lend(f"input gradient {i}", part.shape, part.dtype, True)
            np.copyto(own, part)
            parts.append(own)
        return tuple(parts), {}

    def output_shape(self, *shapes: Shape) -> Shape:
        """The sizes along the axis add up; the others must agree."""
        axis = self.axis % len(shapes[0])
        rest = {shape[:axis] + shape[axis + 1 :] for shape in shapes}
        if len(rest) != 1:
            raise InvalidValue(
                f"Concatenate: all inputs must agree but along axis {self.axis}; "
                f"got {', '.join(map(str, shapes))}."
            )
        total = sum(shape[axis] for shape in shapes)
        return (*shapes[0][:axis], total, *shapes[0][axis + 1 :])

    def settings(self) -> dict[str, Any]:
        """axis."""
        return {"axis": self.axis}
