"""Putting pixels around an image."""

from __future__ import annotations

from typing import Any

from convscope import ops
from convscope.layers.arguments import need_4d
from convscope.layers.base import Array, Context, Layer, ParameterGradients, Shape, Window, check_rule
from convscope.ops.pad import check_widths, pad_mode, pad_widths
from convscope.ops.settings import number

__all__ = ["Pad2d"]


class Pad2d(Layer):
    """Pixels around each map; see `convscope.ops.pad2d`.

    Parameters
    ----------
    padding : int, (rows, columns) or ((top, bottom), (left, right))
    mode : "constant", "reflect", "replicate" (or "edge"), "circular" (or "wrap")
    value : float
        For "constant".

    Examples
    --------
    >>> import numpy as np
    >>> Pad2d((0, 1), mode="reflect").forward(np.array([[[[1.0, 2.0, 3.0]]]]))[0]
    array([[[[2., 1., 2., 3., 2.]]]])
    """

    kind = "Pad2d"

    def __init__(self, padding: Any, *, mode: str = "constant", value: float = 0.0) -> None:
        super().__init__()
        self.padding = pad_widths(self.kind, padding)
        self.mode = pad_mode(self.kind, mode)
        self.value = number(self.kind, "value", value, infinite=True)

    def forward(self, *inputs: Array, context: Context = Context()) -> tuple[Array, Any]:
        """Give the larger map; nothing is remembered."""
        (x,) = inputs
        return ops.pad2d(x, self.padding, mode=self.mode, value=self.value), None

    def backward(
        self, grad: Array, cache: Any, rule: str = "gradient", context: Context = Context()
    ) -> tuple[Array | tuple[Array, ...] | None, ParameterGradients]:
        """Give each pixel the gradients of all its copies."""
        check_rule(rule)
        return ops.pad2d_grad(grad, self.padding, mode=self.mode), {}

    def output_shape(self, *shapes: Shape) -> Shape:
        """(N, C, H, W) to (N, C, top + H + bottom, left + W + right)."""
        n, channels, rows, columns = need_4d(self.kind, shapes[0])
        check_widths(self.kind, self.mode, self.padding, (rows, columns))
        return n, channels, rows + sum(self.padding[0]), columns + sum(self.padding[1])

    def window(self) -> tuple[Window, Window]:
        """One pixel; those around the map lie in the padding, whatever they are copies of."""
        rows, columns = self.padding
        return Window(padding=rows), Window(padding=columns)

    def settings(self) -> dict[str, Any]:
        """padding, mode, value."""
        return {"padding": self.padding, "mode": self.mode, "value": self.value}
