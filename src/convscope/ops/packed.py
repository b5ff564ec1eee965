"""A convolution that is used often: weights packed once, activation and addition in the same pass."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from convscope.errors import InvalidValue
from convscope.ops.arguments import (
    Pads,
    Size,
    check_algorithm,
    check_arrays,
    check_length,
    check_ndim,
    check_out,
    check_same_shape,
    given,
    pair,
    whole,
)
from convscope.ops.chooser import bind, get
from convscope.ops.conv import check_groups, place
from convscope.ops.memory import Array

__all__ = ["Activation", "PackedConv2d"]

# None, "relu", ("clip", low, high) or ("leaky_relu", slope)
Activation = None | str | tuple[str, float] | tuple[str, float, float]

_MOST_PLANS = 256  # input shapes of which the output size is remembered


class PackedConv2d:
    """activation(conv2d(x, weight, bias) + add), with the weights packed once and kept.

    Parameters
    ----------
    weight : ndarray of shape (C_out, C_in/groups, kH, kW), float32 or float64
        Not copied before it is first needed: leave it as it is.
    bias : ndarray of shape (C_out,), optional
    stride, padding, dilation, groups, algorithm
        As in `convscope.ops.conv2d`.
    activation : None, "relu", ("clip", low, high) or ("leaky_relu", slope)
        What is done to every sum before it is stored. Not-a-number stays what it is.

    Raises
    ------
    InvalidValue, DtypeError
        As `convscope.ops.conv2d`, or for an activation that is none of these.

    Examples
    --------
    >>> import numpy as np
    >>> edges = PackedConv2d(np.array([[[[-1.0, 1.0]]]]), np.array([-1.0]), activation="relu")
    >>> x = np.array([[[[0.0, 5.0, 5.0, 3.0]]]])
    >>> edges(x)
    array([[[[4., 0., 0.]]]])
    >>> edges(x, add=np.full((1, 1, 1, 3), 2.0))
    array([[[[6., 1., 0.]]]])
    """

    def __init__(
        self,
        weight: Array,
        bias: Array | None = None,
        *,
        stride: Size = 1,
        padding: Pads = 0,
        dilation: Size = 1,
        groups: int = 1,
        activation: Activation = None,
        algorithm: str = "auto",
    ) -> None:
        check_arrays("PackedConv2d", weight=weight, **given(bias=bias))
        check_ndim("PackedConv2d", "weight", weight, "C_out, C_in/groups, kH, kW")
        check_length("PackedConv2d", "bias", bias, weight.shape[0], "filter")
        self.groups = whole("PackedConv2d", "groups", groups, 1)
        check_groups("PackedConv2d", self.groups * weight.shape[1], weight.shape[0], self.groups)
        self.weight, self.bias = weight, bias
        self.stride, self.padding, self.dilation = stride, padding, dilation
        self.activation = _checked(activation)
        self.algorithm = algorithm
        steps = pair("PackedConv2d", "stride", stride), pair("PackedConv2d", "dilation", dilation)
        check_algorithm("PackedConv2d", algorithm, weight.shape[2:], *steps, self.groups)
        self._dtype = weight.dtype
        self._plans: dict[tuple[int, ...], tuple[Callable[..., Array], tuple[int, ...]]] = {}
        self._packed: dict[Any, Any] = {}  # what the core keeps, by whatever it finds it by

    def __call__(self, x: Array, *, add: Array | None = None, out: Array | None = None) -> Array:
        """Compute.

        Parameters
        ----------
        x : ndarray of shape (N, C_in, H, W), of the dtype of the weight
        add : ndarray of shape (N, C_out, oH, oW), optional
            Added to the sums before the activation.
        out : ndarray of shape (N, C_out, oH, oW), optional
            Where to write; it must not share memory with `x` or `add`.

        Returns
        -------
        ndarray of shape (N, C_out, oH, oW), channels-last in memory
        """
        plan = self._plans.get(x.shape) if type(x) is np.ndarray and x.dtype == self._dtype else None
        if plan is None:
            plan = self._plan(x)
        run, shape = plan
        if add is not None:
            check_arrays("PackedConv2d", x=x, add=add)
            check_same_shape("PackedConv2d", "add", add, shape, "the result")
        if out is not None:
            check_out("PackedConv2d", out, shape, x.dtype, x, self.weight, *(() if add is None else (add,)))
        return run(x, add, out)

    def bind(self, x: Array, out: Array, *, add: Array | None = None) -> Callable[[], object]:
        """Give a call that computes `out` from what `x` and `add` hold then; they are checked here, once."""
        run, shape = self._plan(x)
        inputs = (x, self.weight) if add is None else (x, self.weight, add)
        check_out("PackedConv2d", out, shape, x.dtype, *inputs)
        if add is not None:
            check_arrays("PackedConv2d", x=x, add=add)
            check_same_shape("PackedConv2d", "add", add, shape, "the result")
        return bind(run, x, add, out)

    def _plan(self, x: Array) -> tuple[Callable[..., Array], tuple[int, ...]]:
        """Check the input, and find what computes images of its shape."""
        check_arrays("PackedConv2d", x=x, weight=self.weight)
        check_ndim("PackedConv2d", "x", x, "N, C, H, W")
        places = place(
            "PackedConv2d", x.shape, self.weight, self.stride, self.padding, self.dilation, self.groups
        )
        shape = (x.shape[0], self.weight.shape[0], *places.output)
        run = get("packed_conv2d")(
            self.weight,
            self.bias,
            x.shape,
            stride=places.stride,
            padding=places.padding,
            dilation=places.dilation,
            groups=self.groups,
            algorithm=self.algorithm,
            activation=self.activation,
            packed=self._packed,
        )
        if len(self._plans) >= _MOST_PLANS:
            self._plans.clear()
        self._plans[x.shape] = run, shape
        return run, shape


def _checked(activation: Activation) -> tuple[str, float, float]:
    """Give an activation as (kind, low, high)."""
    infinity = math.inf
    match activation:
        case None:
            return "none", -infinity, infinity
        case "relu":
            return "clip", 0.0, infinity
        case ("clip", int() | float() as low, int() | float() as high) if low <= high:
            return "clip", float(low), float(high)
        case ("leaky_relu", int() | float() as slope) if not math.isnan(slope):
            return "leaky_relu", float(slope), infinity
    raise InvalidValue(
        "PackedConv2d: activation must be None, 'relu', ('clip', low, high) with low <= high, or "
        f"('leaky_relu', slope); got {activation!r}."
    )
