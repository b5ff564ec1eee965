"""The dense layer: one matrix product, and its gradients, which are matrix products as well."""

from __future__ import annotations

from typing import cast

from convscope.errors import InvalidValue
from convscope.ops.arguments import check_arrays, check_length, check_ndim, check_out, check_same_shape, given
from convscope.ops.chooser import get
from convscope.ops.memory import Array

__all__ = ["linear", "linear_grad_bias", "linear_grad_input", "linear_grad_weight"]


def linear(x: Array, weight: Array, bias: Array | None = None, *, out: Array | None = None) -> Array:
    """Combine features linearly: y = x @ weight.T + bias.

    Parameters
    ----------
    x : ndarray of shape (N, F), float32 or float64
    weight : ndarray of shape (O, F)
    bias : ndarray of shape (O,), optional
    out : ndarray of shape (N, O), optional
        Where the result is written.

    Returns
    -------
    ndarray of shape (N, O)

    Raises
    ------
    InvalidValue
        If shapes do not agree.
    DtypeError
        If an array is not float32 or float64, or dtypes are mixed.

    Examples
    --------
    >>> import numpy as np
    >>> linear(np.array([[1.0, 2.0]]), np.array([[3.0, 4.0], [0.0, 1.0]]), np.array([0.5, 0.0]))
    array([[11.5,  2. ]])
    """
    op = "linear"
    check_arrays(op, x=x, weight=weight, **given(bias=bias))
    check_ndim(op, "x", x, "N, F")
    check_ndim(op, "weight", weight, "O, F")
    if x.shape[1] != weight.shape[1]:
        raise InvalidValue(
            f"{op}: the features of x must be those of weight; "
            f"got x.shape={x.shape}, weight.shape={weight.shape}."
        )
    check_length(op, "bias", bias, weight.shape[0], "output")
    check_out(op, out, (x.shape[0], weight.shape[0]), x.dtype, x, weight)
    return cast(Array, get(op)(x, weight, bias, out=out))


def linear_grad_input(grad: Array, weight: Array, *, out: Array | None = None) -> Array:
    """Give the gradient by the input of `linear`: grad (N, O) @ weight (O, F).

    Examples
    --------
    >>> import numpy as np
    >>> linear_grad_input(np.array([[1.0, 2.0]]), np.array([[3.0, 4.0], [0.0, 1.0]]))
    array([[3., 6.]])
    """
    op = "linear_grad_input"
    check_arrays(op, grad=grad, weight=weight)
    check_ndim(op, "grad", grad, "N, O")
    check_ndim(op, "weight", weight, "O, F")
    check_same_shape(op, "grad", grad, (grad.shape[0], weight.shape[0]), "the output")
    check_out(op, out, (grad.shape[0], weight.shape[1]), grad.dtype, grad, weight)
    return cast(Array, get(op)(grad, weight, out=out))


def linear_grad_weight(x: Array, grad: Array, *, out: Array | None = None) -> Array:
    """Give the gradient by the weights of `linear`: grad (N, O) transposed @ x (N, F).

    Examples
    --------
    >>> import numpy as np
    >>> linear_grad_weight(np.array([[1.0, 2.0]]), np.array([[10.0]]))
    array([[10., 20.]])
    """
    op = "linear_grad_weight"
    check_arrays(op, x=x, grad=grad)
    check_ndim(op, "x", x, "N, F")
    check_ndim(op, "grad", grad, "N, O")
    check_same_shape(op, "grad", grad, (x.shape[0], grad.shape[1]), "the output")
    check_out(op, out, (grad.shape[1], x.shape[1]), x.dtype, x, grad)
    return cast(Array, get(op)(x, grad, out=out))


def linear_grad_bias(grad: Array) -> Array:
    """Give the gradient by the bias of `linear`: the sum of (N, O) over the samples.

    Examples
    --------
    >>> import numpy as np
    >>> linear_grad_bias(np.ones((3, 2)))
    array([3., 3.])
    """
    check_arrays("linear_grad_bias", grad=grad)
    check_ndim("linear_grad_bias", "grad", grad, "N, O")
    return cast(Array, get("linear_grad_bias")(grad))
