"""Many values to one: reductions along any axes, and the place of the largest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from convscope.errors import InvalidValue
from convscope.layers.base import Array, Context, Layer, ParameterGradients, Shape, check_rule
from convscope.ops import reduction

__all__ = ["ArgMax", "Reduce"]


class Reduce(Layer):
    """The mean, sum, extreme or norm along some axes.

    Parameters
    ----------
    how : "mean", "sum", "max", "min" or "norm"
    axes : sequence of int
        Empty: all of them.
    keepdims : bool
        Whether the axes stay, with length 1.
    p : float
        Of the norm.

    Examples
    --------
    >>> Reduce("mean", (2, 3)).forward(np.arange(4.0).reshape(1, 1, 2, 2))[0]
    array([[[[1.5]]]])
    """

    kind = "Reduce"

    def __init__(self, how: str, axes: Sequence[int] = (), *, keepdims: bool = True, p: float = 2) -> None:
        super().__init__()
        if how not in reduction.HOW or p <= 0:
            raise InvalidValue(
                f"{self.kind}: how must be one of {', '.join(reduction.HOW)} and p above 0; got {how!r}, {p}."
            )
        self.how, self.axes, self.keepdims, self.p = (
            how,
            tuple(int(a) for a in axes),
            bool(keepdims),
            float(p),
        )

    def forward(self, *inputs: Array, context: Context = Context()) -> tuple[Array, Any]:
        """Give the reduced array; the cache is the input and the output with all axes."""
        (x,) = inputs
        shape = self.output_shape(x.shape)
        y = reduction.reduce(x, self.how, self._axes(x.ndim), self.p)
        return y.reshape(shape), (x, y)

    def backward(
        self, grad: Array, cache: Any, rule: str = "gradient", context: Context = Context()
    ) -> tuple[Array | tuple[Array, ...] | None, ParameterGradients]:
        """Share each gradient out over what was reduced."""
        check_rule(rule)
        x, y = cache
        axes = self._axes(x.ndim)
        return reduction.reduce_grad(grad.reshape(y.shape), x, y, self.how, axes, self.p), {}

    def output_shape(self, *shapes: Shape) -> Shape:
        """The axes with length 1, or without them."""
        axes = self._axes(len(shapes[0]))
        if self.keepdims:
            return tuple(1 if a in axes else n for a, n in enumerate(shapes[0]))
        return tuple(n for a, n in enumerate(shapes[0]) if a not in axes)

    def window(self) -> Any:
        """One pixel if rows and columns stay, else all of the map."""
        return super().window() if self.axes and set(self.axes) <= {1, -3} else None

    def settings(self) -> dict[str, Any]:
        """how, axes, keepdims, and p of a norm."""
        power = {"p": self.p} if self.how == "norm" else {}
        return {"how": self.how, "axes": self.axes, "keepdims": self.keepdims, **power}

    def _axes(self, rank: int) -> tuple[int, ...]:
        if any(not -rank <= a < rank for a in self.axes):
            raise InvalidValue(f"{self.kind}: axes must be of {rank} axes; got {self.axes}.")
        return tuple(sorted({a % rank for a in self.axes})) or tuple(range(rank))


class ArgMax(Layer):
    """The place of the largest value along an axis, as a number of the network's type; its gradient is 0.

    Parameters
    ----------
    axis : int
    keepdims : bool
    last : bool
        Which of equal ones.

    Examples
    --------
    >>> ArgMax(1).forward(np.array([[1.0, 5.0, 5.0]]))[0]
    array([[1.]])
    """

    kind = "ArgMax"

    def __init__(self, axis: int = 1, *, keepdims: bool = True, last: bool = False) -> None:
        super().__init__()
        self.axis, self.keepdims, self.last = int(axis), bool(keepdims), bool(last)

    def forward(self, *inputs: Array, context: Context = Context()) -> tuple[Array, Any]:
        """Give the places; the cache is the input's shape."""
        (x,) = inputs
        shape = self.output_shape(x.shape)
        length = x.shape[self.axis]
        place = length - 1 - np.flip(x, self.axis).argmax(self.axis) if self.last else x.argmax(self.axis)
        return place.astype(x.dtype).reshape(shape), x.shape

    def backward(
        self, grad: Array, cache: Any, rule: str = "gradient", context: Context = Context()
    ) -> tuple[Array | tuple[Array, ...] | None, ParameterGradients]:
        """Nothing passes a step."""
        check_rule(rule)
        return np.zeros(cache, grad.dtype), {}

    def output_shape(self, *shapes: Shape) -> Shape:
        """The axis with length 1, or without it."""
        shape = shapes[0]
        if not -len(shape) <= self.axis < len(shape):
            raise InvalidValue(f"{self.kind}: axis must be one of {len(shape)}; got {self.axis}.")
        axis = self.axis % len(shape)
        return (*shape[:axis], *((1,) if self.keepdims else ()), *shape[axis + 1 :])

    def window(self) -> Any:
        """One pixel if it is a channel's number, else all of the map."""
        return super().window() if self.axis in (1, -3) else None

    def settings(self) -> dict[str, Any]:
        """axis, keepdims, last."""
        return {"axis": self.axis, "keepdims": self.keepdims, "last": self.last}
