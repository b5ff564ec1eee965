"""Dropout."""

from __future__ import annotations

from typing import cast

import numpy as np
import numpy.typing as npt

from convscope.errors import DtypeError, InvalidValue
from convscope.ops.arguments import check_arrays, check_out, check_same_shape
from convscope.ops.chooser import get
from convscope.ops.memory import Array
from convscope.ops.settings import number
from convscope.randomness import Randomness

__all__ = ["dropout", "dropout_grad", "dropout_mask"]


def dropout_mask(shape: tuple[int, ...], p: float, random: Randomness, key: str) -> npt.NDArray[np.bool_]:
    """Say which values to keep: each with probability 1 - p.

    Parameters
    ----------
    shape : (N, ...)
    p : float in [0, 1)
        Probability that a value is dropped.
    random : Randomness
        A row of the mask depends only on its seed, its epoch and the sample.
    key : str
        The name of the node.

    Examples
    --------
    >>> import numpy as np
    >>> random = Randomness(seed=0, epoch=0, samples=np.arange(100))
    >>> mask = dropout_mask((100, 100), 0.25, random, "drop")
    >>> round(float(mask.mean()), 2)
    0.75
    """
    return random.uniform(key, shape) >= _probability("dropout_mask", p)


def dropout(x: Array, p: float, mask: npt.NDArray[np.bool_], *, out: Array | None = None) -> Array:
    """Zero what `mask` does not keep, and multiply the rest by 1/(1 - p) so that the mean stays.

    `out` is an ndarray of the same shape to write to.

    Raises
    ------
    InvalidValue
        If `p` is not in [0, 1), or `mask` not of the shape of `x`.
    DtypeError
        If `x` is not float32 or float64, or `mask` not bool.

    References
    ----------
    Srivastava et al. (2014), Dropout: a simple way to prevent neural networks from overfitting.

    Examples
    --------
    >>> import numpy as np
    >>> dropout(np.array([1.0, 2.0]), 0.5, np.array([True, False]))
    array([2., 0.])
    """
    p = _checked("dropout", "x", x, p, mask)
    check_out("dropout", out, x.shape, x.dtype, x)
    return cast(Array, get("dropout")(x, p, mask, out=out))


def dropout_grad(grad: Array, p: float, mask: npt.NDArray[np.bool_], *, out: Array | None = None) -> Array:
    """Give the gradient by the input of `dropout`: the same mask and factor.

    Examples
    --------
    >>> import numpy as np
    >>> dropout_grad(np.array([1.0, 1.0]), 0.5, np.array([True, False]))
    array([2., 0.])
    """
    p = _checked("dropout_grad", "grad", grad, p, mask)
    check_out("dropout_grad", out, grad.shape, grad.dtype, grad)
    return cast(Array, get("dropout_grad")(grad, p, mask, out=out))


def _checked(op: str, name: str, x: Array, p: float, mask: npt.NDArray[np.bool_]) -> float:
    """Refuse arrays that do not go together; give `p`."""
    check_arrays(op, **{name: x})
    if not isinstance(mask, np.ndarray) or mask.dtype != np.bool_:
        raise DtypeError(f"{op}: mask must be an array of bool; got {getattr(mask, 'dtype', type(mask))}.")
    check_same_shape(op, "mask", mask, x.shape, name)
    return _probability(op, p)


def _probability(op: str, p: object) -> float:
    value = number(op, "p", p)
    if not 0 <= value < 1:
        raise InvalidValue(f"{op}: p must be at least 0 and less than 1; got p={p}.")
    return value
