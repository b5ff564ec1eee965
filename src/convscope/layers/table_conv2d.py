"""Convolution with a table of connections."""

from __future__ import annotations

from typing import Any

import numpy as np

from convscope.errors import InvalidValue
from convscope.layers.base import Array, Context, ParameterGradients, Shape
from convscope.layers.conv2d import Conv2d

__all__ = ["TableConv2d"]


class TableConv2d(Conv2d):
    """A convolution in which each filter sees only some input channels.

    The weight is stored whole, with zeros where nothing is connected; those zeros never
    change and are not counted as parameters. LeNet-5 joins its second convolution to the
    first so (LeCun et al. 1998, table I).

    Parameters
    ----------
    weight : ndarray of shape (C_out, C_in, kH, kW)
    bias : ndarray of shape (C_out,), optional
    connections : ndarray of bool, shape (C_out, C_in)
        Which input channels each filter sees.
    **settings
        stride, padding and dilation of `Conv2d`.

    Examples
    --------
    >>> import numpy as np
    >>> table = np.array([[True, False], [True, True]])
    >>> layer = TableConv2d(np.ones((2, 2, 3, 3)), np.zeros(2), connections=table)
    >>> layer.parameter_count()  # three kernels of nine and two biases
    29
    """

    kind = "TableConv2d"

    def __init__(
        self, weight: Array, bias: Array | None = None, *, connections: Array, **settings: Any
    ) -> None:
        super().__init__(weight, bias, **settings)
        self.connections = np.array(connections, dtype=bool)
        weight = self.parameters["weight"]
        if self.groups != 1 or self.connections.shape != weight.shape[:2]:
            raise InvalidValue(
                f"{self.kind}: connections must have shape (C_out, C_in) and groups be 1; "
                f"got connections.shape={self.connections.shape}, weight.shape={weight.shape}."
            )
        self._mask = self.connections[:, :, None, None].astype(weight.dtype)
        self.parameters["weight"] = weight * self._mask

    def backward(
        self, grad: Array, cache: Any, rule: str = "gradient", context: Context = Context()
    ) -> tuple[Array | tuple[Array, ...] | None, ParameterGradients]:
        """As `Conv2d`, with no gradient where nothing is connected."""
        grad_input, grads = super().backward(grad, cache, rule, context)
        if "weight" in grads:
            grads["weight"] *= self._mask
        return grad_input, grads

    def multiply_adds(self, *shapes: Shape) -> int:
        """As `Conv2d`, connected channels only."""
        return super().multiply_adds(*shapes) * int(self.connections.sum()) // self.connections.size

    def parameter_count(self) -> int:
        """Count the connected weights and the biases."""
        height, width = self.kernel_size
        connected = int(self.connections.sum()) * height * width
        return connected + (len(self.connections) if "bias" in self.parameters else 0)

    def settings(self) -> dict[str, Any]:
        """As `Conv2d`, and the table of connections."""
        return {**super().settings(), "connections": self.connections.tolist()}
