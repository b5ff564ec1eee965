"""Joining and reshaping."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, cast

import numpy as np

from convscope.errors import DtypeError, InvalidValue
from convscope.ops.activation import axis_of
from convscope.ops.arguments import check_arrays, check_ndim, check_out, check_same_shape, image_shape, whole
from convscope.ops.chooser import get
from convscope.ops.memory import Array
from convscope.ops.settings import flag

__all__ = ["add", "concatenate", "concatenate_grad", "flatten", "flatten_grad"]


def add(*xs: Array, rectify: bool = False, out: Array | None = None) -> Array:
    """Sum arrays of one shape. (Each summand's gradient is the gradient of the sum.)

    `out` is an ndarray of the same shape to write to; it may be the first summand itself.

    Raises
    ------
    InvalidValue
        If there are none, or shapes differ: nothing is stretched to fit.
    DtypeError
        If an array is not float32 or float64, or dtypes are mixed.

    Examples
    --------
    >>> import numpy as np
    >>> add(np.array([1.0, 2.0]), np.array([10.0, 20.0]))
    array([11., 22.])
    """
    _check_several("add", xs)
    for index, x in enumerate(xs):
        check_same_shape("add", f"input {index}", x, xs[0].shape, "input 0")
    check_out("add", out, xs[0].shape, xs[0].dtype, xs[0], in_place=True)
    check_out("add", out, xs[0].shape, xs[0].dtype, *xs[1:])
    return cast(Array, get("add")(*xs, rectify=flag("add", "rectify", rectify), out=out))


def concatenate(xs: Sequence[Array], axis: int = 1, *, out: Array | None = None) -> Array:
    """Join arrays along an axis, the channels unless told otherwise; `out` is where the result is written.

    Raises
    ------
    InvalidValue
        If there are none, or shapes differ along another axis.
    DtypeError
        If an array is not float32 or float64, or dtypes are mixed.

    Examples
    --------
    >>> import numpy as np
    >>> concatenate([np.zeros((1, 2, 4, 4)), np.ones((1, 3, 4, 4))]).shape
    (1, 5, 4, 4)
    """
    xs = _several("concatenate", "xs", xs, "arrays")
    _check_several("concatenate", xs)
    axis = axis_of("concatenate", xs[0], axis)
    for index, x in enumerate(xs):
        size = x.shape[axis] if x.ndim == xs[0].ndim else 0
        wanted = (*xs[0].shape[:axis], size, *xs[0].shape[axis + 1 :])
        check_same_shape("concatenate", f"input {index}", x, wanted, f"input 0 except along axis {axis}")
    joined = (*xs[0].shape[:axis], sum(x.shape[axis] for x in xs), *xs[0].shape[axis + 1 :])
    check_out("concatenate", out, joined, xs[0].dtype, *xs)
    return cast(Array, get("concatenate")(xs, axis=axis, out=out))


def concatenate_grad(grad: Array, sizes: Sequence[int], axis: int = 1) -> list[Array]:
    """Cut the gradient of a joined array into those of its parts, of `sizes` along `axis`.

    Examples
    --------
    >>> import numpy as np
    >>> concatenate_grad(np.array([[1.0, 2.0, 3.0]]), (1, 2))
    [array([[1.]]), array([[2., 3.]])]
    """
    op = "concatenate_grad"
    check_arrays(op, grad=grad)
    axis = axis_of(op, grad, axis)
    parts = tuple(whole(op, "sizes", size, 1) for size in _several(op, "sizes", sizes, "whole numbers"))
    if sum(parts) != grad.shape[axis]:
        raise InvalidValue(
            f"{op}: sizes must sum to the length of axis {axis}; got sizes={parts}, grad.shape={grad.shape}."
        )
    return cast(list[Array], get(op)(grad, parts, axis=axis))


def flatten(x: Array, *, out: Array | None = None) -> Array:
    """Lay each sample out as one row: (N, C, H, W) -> (N, C*H*W), pixels fastest, channels slowest.

    The order is that of the axes, whatever the order in memory is. `out` is where the result is written.

    Examples
    --------
    >>> import numpy as np
    >>> flatten(np.arange(8.0).reshape(1, 2, 2, 2))
    array([[0., 1., 2., 3., 4., 5., 6., 7.]])
    """
    check_arrays("flatten", x=x)
    if x.ndim == 2:
        check_ndim("flatten", "x", x, "N, F")
    else:
        check_ndim("flatten", "x", x, "N, C, H, W")
    check_out("flatten", out, (x.shape[0], int(np.prod(x.shape[1:]))), x.dtype, x)
    return cast(Array, get("flatten")(x, out=out))


def flatten_grad(grad: Array, shape: tuple[int, ...], *, out: Array | None = None) -> Array:
    """Give the gradient (N, C*H*W) the shape (N, C, H, W) that was flattened.

    `out` is where the result is written.

    Examples
    --------
    >>> import numpy as np
    >>> flatten_grad(np.arange(8.0).reshape(1, 8), (1, 2, 2, 2)).shape
    (1, 2, 2, 2)
    """
    op = "flatten_grad"
    check_arrays(op, grad=grad)
    check_ndim(op, "grad", grad, "N, F")
    whole_shape = _flattened(op, shape)
    flat = (whole_shape[0], int(np.prod(whole_shape[1:])))
    check_same_shape(op, "grad", grad, flat, f"the flattened {whole_shape}")
    check_out(op, out, whole_shape, grad.dtype, grad)
    return cast(Array, get(op)(grad, whole_shape, out=out))


def _several(op: str, name: str, values: object, kind: str) -> tuple[Any, ...]:
    """Give a sequence as a tuple; a single array is none, nor is a word."""
    if isinstance(values, Iterable) and not isinstance(values, np.ndarray | str):
        return tuple(values)
    raise DtypeError(f"{op}: {name} must be a sequence of {kind}; got {type(values).__name__}.")


def _flattened(op: str, shape: object) -> tuple[int, ...]:
    """Give the shape of what was flattened, (N, C, H, W) or (N, F)."""
    if isinstance(shape, tuple | list) and len(shape) == 2:
        return whole(op, "shape", shape[0], 0), whole(op, "shape", shape[1], 1)
    return image_shape(op, "shape", shape)


def _check_several(op: str, xs: tuple[Array, ...]) -> None:
    if not xs:
        raise InvalidValue(f"{op}: at least one array is needed; got none.")
    check_arrays(op, **{f"input {index}": x for index, x in enumerate(xs)})
