"""Activations: one number in, one number out (softmax: a row in, a row out)."""

from __future__ import annotations

from typing import cast

import numpy as np

from convscope.errors import InvalidValue
from convscope.ops.arguments import check_arrays, check_out, check_same_shape
from convscope.ops.chooser import get
from convscope.ops.memory import Array

__all__ = ["relu", "relu_grad", "softmax", "softmax_grad", "tanh", "tanh_grad"]


def relu(x: Array, *, out: Array | None = None) -> Array:
    """Keep what is positive: max(x, 0). NaN stays NaN.

    Parameters
    ----------
    x : ndarray of any shape, float32 or float64
    out : ndarray of the same shape, optional
        May be `x` itself.

    Raises
    ------
    DtypeError
        If `x` is not float32 or float64.

    Examples
    --------
    >>> import numpy as np
    >>> relu(np.array([-2.0, 3.0]))
    array([0., 3.])
    """
    check_arrays("relu", x=x)
    check_out("relu", out, x.shape, x.dtype, x, in_place=True)
    return cast(Array, get("relu")(x, out=out))


def relu_grad(grad: Array, y: Array, *, out: Array | None = None) -> Array:
    """Let the gradient through where the output `y` of `relu` is above 0 (at 0 it is taken as 0).

    `out` is an ndarray of the same shape to write to; it may be `grad` itself.

    Examples
    --------
    >>> import numpy as np
    >>> relu_grad(np.array([5.0, 7.0]), np.array([0.0, 3.0]))
    array([0., 7.])
    """
    _check_pair("relu_grad", grad, y)
    check_out("relu_grad", out, y.shape, y.dtype, grad, in_place=True)
    return cast(Array, get("relu_grad")(grad, y, out=out))


def tanh(x: Array) -> Array:
    """Squash to (-1, 1).

    Examples
    --------
    >>> import numpy as np
    >>> tanh(np.array([0.0, 100.0]))
    array([0., 1.])
    """
    check_arrays("tanh", x=x)
    return cast(Array, get("tanh")(x))


def tanh_grad(grad: Array, y: Array) -> Array:
    """Give the gradient by the input of `tanh`, from its output `y`: grad*(1 - y**2).

    Examples
    --------
    >>> import numpy as np
    >>> tanh_grad(np.array([2.0, 2.0]), np.array([0.0, 0.5]))
    array([2. , 1.5])
    """
    _check_pair("tanh_grad", grad, y)
    return cast(Array, get("tanh_grad")(grad, y))


def softmax(x: Array, axis: int = 1) -> Array:
    """Turn scores into shares of 1: exp(x) / sum of exp(x) along `axis`.

    Raises
    ------
    InvalidValue
        If there is no such axis.
    DtypeError
        If `x` is not float32 or float64.

    Examples
    --------
    >>> import numpy as np
    >>> softmax(np.array([[1000.0, 1000.0 + np.log(3)]])).round(3)
    array([[0.25, 0.75]])
    """
    check_arrays("softmax", x=x)
    return cast(Array, get("softmax")(x, axis=axis_of("softmax", x, axis)))


def softmax_grad(grad: Array, y: Array, axis: int = 1) -> Array:
    """Give the gradient by the input of `softmax`, from its output `y`: y*(grad - sum of grad*y).

    Examples
    --------
    >>> import numpy as np
    >>> softmax_grad(np.array([[1.0, 0.0]]), np.array([[0.25, 0.75]]))
    array([[ 0.1875, -0.1875]])
    """
    _check_pair("softmax_grad", grad, y)
    return cast(Array, get("softmax_grad")(grad, y, axis=axis_of("softmax_grad", y, axis)))


def axis_of(op: str, x: Array, axis: int) -> int:
    """Give an axis counted from the front, and refuse one that is not there or is empty."""
    if isinstance(axis, bool) or not isinstance(axis, int | np.integer) or not -x.ndim <= axis < x.ndim:
        raise InvalidValue(
            f"{op}: axis must be one of the {x.ndim} axes; got axis={axis!r}, shape={x.shape}."
        )
    if x.shape[axis] == 0:
        raise InvalidValue(f"{op}: axis {axis} must not be empty; got shape={x.shape}.")
    return int(axis) % x.ndim


def _check_pair(op: str, grad: Array, y: Array) -> None:
    check_arrays(op, grad=grad, y=y)
    check_same_shape(op, "grad", grad, y.shape, "y")
