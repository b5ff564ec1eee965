"""Batch normalisation: channels brought to a mean and a spread of their own choice."""

from __future__ import annotations

from typing import cast

from convscope.errors import InvalidValue
from convscope.ops.arguments import check_arrays, check_length, check_ndim, check_out, check_same_shape
from convscope.ops.chooser import get
from convscope.ops.memory import Array
from convscope.ops.settings import flag

__all__ = ["batch_norm", "batch_norm_grad", "batch_norm_train"]


def batch_norm(
    x: Array,
    weight: Array,
    bias: Array,
    mean: Array,
    var: Array,
    *,
    eps: float = 1e-5,
    out: Array | None = None,
) -> Array:
    """Normalise with statistics that are given: y = (x - mean)/sqrt(var + eps)*weight + bias.

    Parameters
    ----------
    x : ndarray of shape (N, C, H, W) or (N, C), float32 or float64
    weight, bias, mean, var : ndarray of shape (C,)
        One value for each channel.
    eps : float
        Keeps the root away from 0.
    out : ndarray of the shape of `x`, optional
        May be `x` itself.

    Raises
    ------
    InvalidValue
        If shapes do not agree, or `eps` is negative.
    DtypeError
        If an array is not float32 or float64, or dtypes are mixed.

    References
    ----------
    Ioffe and Szegedy (2015), Batch normalization.

    Examples
    --------
    >>> import numpy as np
    >>> one, zero = np.ones(1), np.zeros(1)
    >>> batch_norm(np.array([[3.0], [5.0]]), 2 * one, zero, 4 * one, one, eps=0)
    array([[-2.],
           [ 2.]])
    """
    op = "batch_norm"
    check_arrays(op, x=x, weight=weight, bias=bias, mean=mean, var=var)
    _check(op, x, eps, weight=weight, bias=bias, mean=mean, var=var)
    check_out(op, out, x.shape, x.dtype, x, in_place=True)
    return cast(Array, get(op)(x, weight, bias, mean, var, eps=float(eps), out=out))


def batch_norm_train(
    x: Array,
    weight: Array,
    bias: Array,
    *,
    eps: float = 1e-5,
    residual: Array | None = None,
    rectify: bool = False,
    out: Array | None = None,
) -> tuple[Array, Array, Array]:
    """Normalise with the statistics of this batch, and give them.

    Parameters
    ----------
    x, weight, bias, eps, out
        As in `batch_norm`.
    residual : ndarray of the shape of `x`, optional
        Added to the result.
    rectify : bool
        Whether `relu` of that is given, all in one pass.

    Returns
    -------
    y : ndarray of the shape of `x`
    mean, var : ndarray of shape (C,)
        The variance is that of the batch, divided by the number of values (not by one less).

    Raises
    ------
    InvalidValue, DtypeError
        As `batch_norm`, and if the batch is empty.

    Examples
    --------
    >>> import numpy as np
    >>> batch_norm_train(np.array([[3.0], [5.0]]), np.ones(1), np.zeros(1), eps=0)
    (array([[-1.], [ 1.]]), array([4.]), array([1.]))
    """
    op = "batch_norm_train"
    check_arrays(op, x=x, weight=weight, bias=bias)
    _check(op, x, eps, weight=weight, bias=bias)
    _refuse_empty(op, x)
    check_out(op, out, x.shape, x.dtype, x, in_place=True)
    if residual is not None:
        check_arrays(op, x=x, residual=residual)
        check_same_shape(op, "residual", residual, x.shape, "x")
        check_out(op, out, x.shape, x.dtype, residual)
    return cast(
        tuple[Array, Array, Array],
        get(op)(
            x, weight, bias, eps=float(eps), residual=residual, rectify=flag(op, "rectify", rectify), out=out
        ),
    )


def batch_norm_grad(
    grad: Array,
    x: Array,
    weight: Array,
    mean: Array,
    var: Array,
    *,
    eps: float = 1e-5,
    training: bool = True,
    rectified: Array | None = None,
    out: Array | None = None,
) -> tuple[Array, Array, Array]:
    """Give the gradients by the input, weight and bias of batch normalisation.

    Parameters
    ----------
    grad : ndarray of the shape of `x`
        Gradient of the loss by the output.
    x, weight, mean, var, eps
        As given to `batch_norm`, or to and by `batch_norm_train`.
    training : bool
        Whether `mean` and `var` are those of `x` and so depend on it.
    rectified : ndarray of the shape of `x`, optional
        The result of `batch_norm_train` with `rectify`: `grad` counts where it is above 0 only.
    out : ndarray of the shape of `x`, optional
        Where `dx` is written.

    Returns
    -------
    dx : ndarray of the shape of `x`
    dweight, dbias : ndarray of shape (C,)

    Raises
    ------
    InvalidValue, DtypeError
        As `batch_norm`.

    Examples
    --------
    In training, what is common to a channel changes nothing:

    >>> import numpy as np
    >>> x = np.array([[3.0], [5.0], [4.0]])
    >>> _, mean, var = batch_norm_train(x, np.ones(1), np.zeros(1))
    >>> dx, _, dbias = batch_norm_grad(np.ones((3, 1)), x, np.ones(1), mean, var)
    >>> np.abs(dx).max() < 1e-12, dbias
    (np.True_, array([3.]))
    """
    op = "batch_norm_grad"
    check_arrays(op, grad=grad, x=x, weight=weight, mean=mean, var=var)
    _check(op, x, eps, weight=weight, mean=mean, var=var)
    check_same_shape(op, "grad", grad, x.shape, "x")
    if training:
        _refuse_empty(op, x)
    check_out(op, out, x.shape, x.dtype, grad, x, weight, mean, var)
    if rectified is not None:
        check_arrays(op, x=x, rectified=rectified)
        check_same_shape(op, "rectified", rectified, x.shape, "x")
        check_out(op, out, x.shape, x.dtype, rectified)
    settings = {"eps": float(eps), "training": flag(op, "training", training), "rectified": rectified}
    return cast(tuple[Array, Array, Array], get(op)(grad, x, weight, mean, var, **settings, out=out))


def _check(op: str, x: Array, eps: float, **vectors: Array) -> None:
    check_ndim(op, "x", x, "N, C" if x.ndim == 2 else "N, C, H, W")
    for name, vector in vectors.items():
        check_length(op, name, vector, x.shape[1], "channel")
    if not eps >= 0:
        raise InvalidValue(f"{op}: eps must not be negative; got eps={eps}.")


def _refuse_empty(op: str, x: Array) -> None:
    if x.size == 0:
        raise InvalidValue(f"{op}: an empty batch has no mean; got x.shape={x.shape}.")
