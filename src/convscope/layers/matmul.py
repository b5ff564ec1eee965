"""The matrix product of two computed arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from convscope.errors import InvalidValue
from convscope.layers.base import Array, Context, Layer, ParameterGradients, Shape, check_rule
from convscope.ops.moves import stretched_sum

__all__ = ["MatMul"]


class MatMul(Layer):
    """a @ b, as NumPy's matmul; `Linear` is the one with trainable weights.

    Examples
    --------
    >>> MatMul().forward(np.array([[1.0, 2.0]]), np.array([[3.0], [4.0]]))[0]
    array([[11.]])
    """

    kind = "MatMul"
    inputs = 2

    def forward(self, *inputs: Array, context: Context = Context()) -> tuple[Array, Any]:
        """Give the product; the cache is the inputs."""
        a, b = inputs
        self.output_shape(a.shape, b.shape)
        return np.asarray(np.matmul(a, b)), inputs

    def backward(
        self, grad: Array, cache: Any, rule: str = "gradient", context: Context = Context()
    ) -> tuple[Array | tuple[Array, ...] | None, ParameterGradients]:
        """Give grad @ b' and a' @ grad."""
        check_rule(rule)
        a, b = cache
        rows = a[None] if a.ndim == 1 else a
        columns = b[:, None] if b.ndim == 1 else b
        if b.ndim == 1:
            grad = grad[..., None]
        if a.ndim == 1:
            grad = grad[..., None, :]
        by_a = stretched_sum(grad @ columns.swapaxes(-1, -2), rows.shape).reshape(a.shape)
        by_b = stretched_sum(rows.swapaxes(-1, -2) @ grad, columns.shape).reshape(b.shape)
        return (by_a, by_b), {}

    def output_shape(self, *shapes: Shape) -> Shape:
        """(..., n, k) times (..., k, m) is (..., n, m)."""
        a, b = shapes
        if not a or not b or a[-1] != b[-2 if len(b) > 1 else 0]:
            raise InvalidValue(f"{self.kind}: (..., n, k) times (..., k, m) is needed; got {a} and {b}.")
        try:
            front = np.broadcast_shapes(a[:-2], b[:-2])
        except ValueError:
            raise InvalidValue(f"{self.kind}: the front axes must stretch; got {a} and {b}.") from None
        return (*front, *a[-2:-1], *(b[-1:] if len(b) > 1 else ()))

    def multiply_adds(self, *shapes: Shape) -> int:
        """k products for each output."""
        return int(np.prod(self.output_shape(*shapes))) * shapes[0][-1]

    def window(self) -> None:
        """Every output has seen a whole row."""
        return
