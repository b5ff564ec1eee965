"""A convolution that is used often: weights packed once; addition, activation, pooling in the same pass."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, cast

import numpy as np

from convscope.errors import DtypeError, InvalidValue
from convscope.ops.arguments import (
    Pads,
    Size,
    check_algorithm,
    check_arrays,
    check_length,
    check_ndim,
    check_out,
    check_pool_windows,
    check_same_shape,
    given,
    pair,
    place_kernel,
    whole,
)
from convscope.ops.chooser import bind, get
from convscope.ops.conv import check_groups, place
from convscope.ops.memory import Array

__all__ = ["Activation", "PackedConv2d", "conv2d_pooled_grad_weight"]

# None, "relu", ("clip", low, high) or ("leaky_relu", slope)
Activation = None | str | tuple[str, float] | tuple[str, float, float]

_MOST_PLANS = 256  # input shapes of which the output size is remembered


class PackedConv2d:
    """activation(conv2d(x, weight, bias) + add), perhaps pooled, with the weights packed once and kept.

    Parameters
    ----------
    weight : ndarray of shape (C_out, C_in/groups, kH, kW), float32 or float64
        Not copied before it is first needed: leave it as it is.
    bias : ndarray of shape (C_out,), optional
    stride, padding, dilation, groups, algorithm
        As in `convscope.ops.conv2d`.
    activation : None, "relu", ("clip", low, high) or ("leaky_relu", slope)
        What is done to every sum before it is stored. Not-a-number stays what it is.
    pool : int, (rows, columns) or mapping
        Of every window of so many results, side by side, the largest alone is stored; rows and columns
        that fill no window are left out. Or what `convscope.ops.max_pool2d` takes, for windows that overlap:
        ``{"kernel_size": 3, "stride": 2}``. The results are those of that op to the bit (but for the sign of
        zeros, where no places are asked for); they are pooled while they are in the cache.

    Raises
    ------
    InvalidValue, DtypeError
        As `convscope.ops.conv2d`, or for an activation that is none of these, or for windows that are larger
        than the result.

    Examples
    --------
    >>> import numpy as np
    >>> edges = PackedConv2d(np.array([[[[-1.0, 1.0]]]]), np.array([-1.0]), activation="relu")
    >>> x = np.array([[[[0.0, 5.0, 5.0, 3.0]]]])
    >>> edges(x)
    array([[[[4., 0., 0.]]]])
    >>> edges(x, add=np.full((1, 1, 1, 3), 2.0))
    array([[[[6., 1., 0.]]]])
    >>> PackedConv2d(np.array([[[[-1.0, 1.0]]]]), pool=(1, 3))(x)
    array([[[[5.]]]])
    >>> PackedConv2d(np.array([[[[-1.0, 1.0]]]]), pool={"kernel_size": (1, 2), "stride": 1})(x)
    array([[[[5., 0.]]]])
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
        pool: Size | Mapping[str, Any] = 1,
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
        self.pool = _pooling(pool)
        self.algorithm = algorithm
        steps = pair("PackedConv2d", "stride", stride), pair("PackedConv2d", "dilation", dilation)
        check_algorithm("PackedConv2d", algorithm, weight.shape[2:], *steps, self.groups)
        self._dtype = weight.dtype
        self._plans: dict[tuple[int, ...], tuple[Callable[..., Array], tuple[int, ...]]] = {}
        self._packed: dict[Any, Any] = {}  # what the core keeps, by whatever it finds it by

    def __call__(
        self,
        x: Array,
        *,
        add: Array | None = None,
        out: Array | None = None,
        out_indices: Array | None = None,
    ) -> Array:
        """Compute.

        Parameters
        ----------
        x : ndarray of shape (N, C_in, H, W), of the dtype of the weight
        add : ndarray of shape (N, C_out, oH, oW), optional
            Added to the sums before the activation; not together with `pool`.
        out : ndarray of shape (N, C_out, oH, oW), optional
            Where to write; it must not share memory with `x` or `add`.
        out_indices : ndarray of int32, of the shape of the result, optional
            Where to write, with `pool`, the place of each maximum among the results: row * oW + column.

        Returns
        -------
        ndarray of shape (N, C_out, oH, oW), or of the pooled shape, channels-last in memory
        """
        plan = self._plans.get(x.shape) if type(x) is np.ndarray and x.dtype == self._dtype else None
        if plan is None:
            plan = self._plan(x)
        run, shape = plan
        self._check_add(x, add, shape)
        if out is not None:
            check_out("PackedConv2d", out, shape, x.dtype, x, self.weight, *(() if add is None else (add,)))
        if out_indices is None:
            return run(x, add, out)
        if self.pool is None:
            raise InvalidValue("PackedConv2d: out_indices are places of maxima; set pool, or leave them out.")
        check_out("PackedConv2d", out_indices, shape, np.dtype(np.int32), x, self.weight)
        return run(x, add, out, out_indices)

    def bind(self, x: Array, out: Array, *, add: Array | None = None) -> Callable[[], object]:
        """Give a call that computes `out` from what `x` and `add` hold then; they are checked here, once."""
        run, shape = self._plan(x)
        inputs = (x, self.weight) if add is None else (x, self.weight, add)
        check_out("PackedConv2d", out, shape, x.dtype, *inputs)
        self._check_add(x, add, shape)
        return bind(run, x, add, out)

    def _check_add(self, x: Array, add: Array | None, shape: tuple[int, ...]) -> None:
        if add is None:
            return
        if self.pool is not None:
            raise InvalidValue("PackedConv2d: add cannot be had together with pool; add, then pool.")
        check_arrays("PackedConv2d", x=x, add=add)
        check_same_shape("PackedConv2d", "add", add, shape, "the result")

    def _plan(self, x: Array) -> tuple[Callable[..., Array], tuple[int, ...]]:
        """Check the input, and find what computes images of its shape."""
        check_arrays("PackedConv2d", x=x, weight=self.weight)
        check_ndim("PackedConv2d", "x", x, "N, C, H, W")
        places = place(
            "PackedConv2d", x.shape, self.weight, self.stride, self.padding, self.dilation, self.groups
        )
        pool = None
        if self.pool is not None:
            pool = place_kernel("PackedConv2d, pool", places.output, **self.pool)
            check_pool_windows("PackedConv2d, pool", places.output, pool)
        shape = (x.shape[0], self.weight.shape[0], *(places if pool is None else pool).output)
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
            pool=pool,
            packed=self._packed,
        )
        if len(self._plans) >= _MOST_PLANS:
            self._plans.clear()
        self._plans[x.shape] = run, shape
        return run, shape


def conv2d_pooled_grad_weight(
    x: Array,
    grad: Array,
    rectified: Array,
    indices: Array,
    kernel_size: Size,
    *,
    pool: Size,
    stride: Size = 1,
    padding: Pads = 0,
    dilation: Size = 1,
    groups: int = 1,
    algorithm: str = "auto",
    out: Array | None = None,
) -> Array:
    """Give the gradient of a loss by the filters of a convolution with ReLU that was pooled.

    As `conv2d_grad_weight` of what `max_pool2d_grad` gives, to the bit; but for few channels the gradient at
    the convolution's result, most of which is zero, is never stored.

    Parameters
    ----------
    x : ndarray of shape (N, C_in, H, W)
    grad, rectified : ndarray of shape (N, C_out, pH, pW)
        Gradient of the loss by the pooled values, and those values.
    indices : int32 ndarray of that shape
        The places of the maxima, as `PackedConv2d` gives them; what is no place of its window counts as zero.
    kernel_size : int or (kH, kW)
    pool : int or (rows, columns)
    stride, padding, dilation, groups, algorithm, out
        As in `conv2d`.

    Returns
    -------
    ndarray of shape (C_out, C_in/groups, kH, kW), C-contiguous

    Raises
    ------
    InvalidValue, DtypeError
        If shapes do not agree, or `indices` are not int32.

    Examples
    --------
    >>> import numpy as np
    >>> x, grad, place = np.array([[[[1.0, 2.0, 3.0, 4.0]]]]), np.ones((1, 1, 1, 2)), np.array([[[[1, 2]]]])
    >>> conv2d_pooled_grad_weight(x, grad, grad, place.astype(np.int32), 1, pool=(1, 2))
    array([[[[5.]]]])
    """
    op = "conv2d_pooled_grad_weight"
    check_arrays(op, x=x, grad=grad, rectified=rectified)
    check_ndim(op, "x", x, "N, C, H, W")
    check_ndim(op, "grad", grad, "N, C_out, pH, pW")
    if not isinstance(indices, np.ndarray) or indices.dtype != np.int32:
        raise DtypeError(f"{op}: indices must be int32, as PackedConv2d gives them.")
    check_groups(op, x.shape[1], grad.shape[1], groups)
    kernel, windows = pair(op, "kernel_size", kernel_size), pair(op, "pool", pool)
    places = place_kernel(op, x.shape[2:], kernel, stride=stride, padding=padding, dilation=dilation)
    rows, columns = (size // step for size, step in zip(places.output, windows, strict=True))
    check_same_shape(op, "grad", grad, (x.shape[0], grad.shape[1], rows, columns), "the pooled output")
    check_same_shape(op, "rectified", rectified, grad.shape, "grad")
    check_same_shape(op, "indices", indices, grad.shape, "grad")
    check_algorithm(op, algorithm, places.kernel, places.stride, places.dilation, groups)
    check_out(op, out, (grad.shape[1], x.shape[1] // groups, *kernel), x.dtype, x, grad)
    return cast(
        Array,
        get(op)(
            x,
            grad,
            rectified,
            indices,
            kernel,
            places.output,
            pool=windows,
            stride=places.stride,
            padding=places.padding,
            dilation=places.dilation,
            groups=int(groups),
            algorithm=algorithm,
            out=out,
        ),
    )


def _pooling(pool: Size | Mapping[str, Any]) -> dict[str, Any] | None:
    """Give the settings of max pooling; None for windows of one result."""
    if not isinstance(pool, Mapping):
        size = pair("PackedConv2d", "pool", pool)
        return None if size == (1, 1) else {"kernel_size": size, "stride": size}
    known = ("kernel_size", "stride", "padding", "dilation", "ceil_mode")
    if "kernel_size" not in pool or not set(pool) <= set(known):
        raise InvalidValue(
            f"PackedConv2d: pool must have a kernel_size, and of {', '.join(known[1:])} what is wanted; "
            f"got {', '.join(map(str, pool)) or 'nothing'}."
        )
    return {**pool, "stride": pool["kernel_size"] if pool.get("stride") is None else pool["stride"]}


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
