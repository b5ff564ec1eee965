"""Normalisation of each image by its own mean and variance: by group, by channel, by the last axes."""

from __future__ import annotations

from typing import Any

import numpy as np

from convscope.errors import InvalidValue
from convscope.layers.arguments import as_parameter, as_vector
from convscope.layers.base import Array, Context, Layer, ParameterGradients, Shape, check_rule
from convscope.ops.moments import standardise, standardise_grad
from convscope.ops.moves import stretched_sum

__all__ = ["GroupNorm", "InstanceNorm", "LayerNorm"]


class GroupNorm(Layer):
    """Normalise groups of channels of each image, then scale and shift each channel.

    Parameters
    ----------
    weight, bias : ndarrays of shape (C,)
    groups : int
    eps : float

    Examples
    --------
    >>> norm = GroupNorm(np.ones(2), np.zeros(2), groups=1, eps=0.0)
    >>> norm.forward(np.array([[[1.0], [3.0]]]))[0].ravel()
    array([-1.,  1.])
    """

    kind = "GroupNorm"

    def __init__(self, weight: Array, bias: Array, *, groups: int, eps: float = 1e-5) -> None:
        super().__init__()
        weight = as_parameter(self.kind, "weight", weight)
        self.parameters["weight"] = as_vector(self.kind, "weight", weight, weight.size, weight.dtype)
        self.parameters["bias"] = as_vector(self.kind, "bias", bias, weight.size, weight.dtype)
        self.groups, self.eps = int(groups), float(eps)
        if self.groups < 1 or weight.size % self.groups or not self.eps >= 0:
            raise InvalidValue(
                f"{self.kind}: groups must divide the channels and eps be at least 0; "
                f"got {groups} of {weight.size}, eps={eps}."
            )

    def forward(self, *inputs: Array, context: Context = Context()) -> tuple[Array, Any]:
        """Give the normalised input; the cache is (before scaling, 1 / deviation, shape by group)."""
        (x,) = inputs
        grouped = (x.shape[0], self.groups, -1)
        normal, factor = standardise(np.ascontiguousarray(x).reshape(grouped), (2,), self.eps)
        normal = normal.reshape(x.shape)
        by_channel = (-1, *(1,) * (x.ndim - 2))
        weight, bias = (self.parameters[name].reshape(by_channel) for name in ("weight", "bias"))
        return normal * weight + bias, (normal, factor)

    def backward(
        self, grad: Array, cache: Any, rule: str = "gradient", context: Context = Context()
    ) -> tuple[Array | tuple[Array, ...] | None, ParameterGradients]:
        """Give the gradients; mean and variance depend on the input too."""
        check_rule(rule)
        normal, factor = cache
        others = (0, *range(2, grad.ndim))
        own: ParameterGradients = {}
        if context.wants_parameters:
            own = {"weight": (grad * normal).sum(axis=others), "bias": grad.sum(axis=others)}
        scaled = grad * self.parameters["weight"].reshape(-1, *(1,) * (grad.ndim - 2))
        grouped = (grad.shape[0], self.groups, -1)
        dx = standardise_grad(scaled.reshape(grouped), normal.reshape(grouped), factor, (2,))
        return dx.reshape(grad.shape), own

    def output_shape(self, *shapes: Shape) -> Shape:
        """The input's shape, if it has the channels."""
        channels = self.parameters["weight"].size
        if len(shapes[0]) < 2 or shapes[0][1] != channels:
            raise InvalidValue(f"{self.kind}: the input must have {channels} channels; got {shapes[0]}.")
        return shapes[0]

    def window(self) -> None:
        """Every output depends on the whole map."""
        return

    def settings(self) -> dict[str, Any]:
        """groups and eps."""
        return {"groups": self.groups, "eps": self.eps}


class InstanceNorm(GroupNorm):
    """Normalise each channel of each image: a group norm with one channel a group.

    Examples
    --------
    >>> InstanceNorm(np.ones(1), np.zeros(1), eps=0.0).forward(np.array([[[1.0, 3.0]]]))[0]
    array([[[-1.,  1.]]])
    """

    kind = "InstanceNorm"

    def __init__(self, weight: Array, bias: Array, *, eps: float = 1e-5) -> None:
        super().__init__(weight, bias, groups=int(np.size(weight)), eps=eps)

    def settings(self) -> dict[str, Any]:
        """eps."""
        return {"eps": self.eps}


class LayerNorm(Layer):
    """Normalise over all axes from `axis` on, then scale and shift.

    Parameters
    ----------
    weight : ndarray
        Of the shape of these axes, or one that stretches to it.
    bias : ndarray, optional
    axis : int
    eps : float

    Examples
    --------
    >>> LayerNorm(np.ones(2), np.zeros(2), eps=0.0).forward(np.array([[1.0, 3.0]]))[0]
    array([[-1.,  1.]])
    """

    kind = "LayerNorm"

    def __init__(
        self, weight: Array, bias: Array | None = None, *, axis: int = -1, eps: float = 1e-5
    ) -> None:
        super().__init__()
        self.parameters["weight"] = as_parameter(self.kind, "weight", weight)
        if bias is not None:
            self.parameters["bias"] = as_parameter(self.kind, "bias", bias, weight.dtype)
        self.axis, self.eps = int(axis), float(eps)

    def forward(self, *inputs: Array, context: Context = Context()) -> tuple[Array, Any]:
        """Give the normalised input; the cache is (before scaling, 1 / deviation)."""
        (x,) = inputs
        normal, factor = standardise(x, self._axes(x.ndim), self.eps)
        y = normal * self.parameters["weight"]
        if "bias" in self.parameters:
            y = y + self.parameters["bias"]
        return y, (normal, factor)

    def backward(
        self, grad: Array, cache: Any, rule: str = "gradient", context: Context = Context()
    ) -> tuple[Array | tuple[Array, ...] | None, ParameterGradients]:
        """Give the gradients; mean and variance depend on the input too."""
        check_rule(rule)
        normal, factor = cache
        own: ParameterGradients = {}
        if context.wants_parameters:
            own["weight"] = stretched_sum(grad * normal, self.parameters["weight"].shape)
            if "bias" in self.parameters:
                own["bias"] = stretched_sum(grad, self.parameters["bias"].shape)
        scaled = grad * self.parameters["weight"]
        return standardise_grad(scaled, normal, factor, self._axes(grad.ndim)), own

    def output_shape(self, *shapes: Shape) -> Shape:
        """The input's shape, if the weight stretches to it."""
        shape = shapes[0]
        for array in self.parameters.values():
            try:
                fits = np.broadcast_shapes(shape, array.shape) == shape
            except ValueError:
                fits = False
            if not fits or not -len(shape) <= self.axis < len(shape):
                raise InvalidValue(
                    f"{self.kind}: weight and bias must stretch to the input from axis {self.axis} on; "
                    f"got {array.shape} and {shape}."
                )
        return shape

    def window(self) -> None:
        """Every output depends on all of the axes."""
        return

    def settings(self) -> dict[str, Any]:
        """axis and eps."""
        return {"axis": self.axis, "eps": self.eps}

    def _axes(self, rank: int) -> tuple[int, ...]:
        return tuple(range(self.axis % rank, rank))
