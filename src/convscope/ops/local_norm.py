"""Normalisation by neighbouring channels."""

from __future__ import annotations

from typing import cast

from convscope.ops.arguments import check_arrays, check_ndim, check_same_shape, whole
from convscope.ops.chooser import get
from convscope.ops.memory import Array
from convscope.ops.settings import number

__all__ = ["local_response_norm", "local_response_norm_grad"]


def local_response_norm(
    x: Array, size: int, *, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Array:
    """Divide each value by what is in the neighbouring channels at the same place.

    y[c] = x[c] / (k + alpha/size * sum of x[j]**2 over j from c - (size-1)//2 to c + size//2)**beta

    Parameters
    ----------
    x : ndarray of shape (N, C, H, W) or (N, C), float32 or float64
    size : int
        Neighbouring channels, the channel itself included.
    alpha, beta, k : float
        `k` must be greater than 0 and `alpha` at least 0, so that the base is positive.

    Raises
    ------
    InvalidValue
        If a setting is out of range.
    DtypeError
        If `x` is not float32 or float64.

    Notes
    -----
    As in ONNX. For an odd `size` PyTorch agrees; for an even one PyTorch takes the additional channel
    from before, not from after. AlexNet's paper multiplies the sum by alpha without dividing by size.

    References
    ----------
    Krizhevsky, Sutskever and Hinton (2012), ImageNet classification with deep convolutional neural
    networks, section 3.3.

    Examples
    --------
    >>> import numpy as np
    >>> local_response_norm(np.array([[1.0, 2.0, 3.0]]), 3, alpha=3.0, beta=1.0)
    array([[0.16666667, 0.13333333, 0.21428571]])
    """
    op = "local_response_norm"
    check_arrays(op, x=x)
    return cast(Array, get(op)(x, **_settings(op, x, size, alpha, beta, k)))


def local_response_norm_grad(
    grad: Array, x: Array, size: int, *, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Array:
    """Give the gradient by the input of `local_response_norm`.

    Parameters
    ----------
    grad, x : ndarrays of one shape
        Gradient by the output, and the input.
    size, alpha, beta, k
        As in `local_response_norm`.

    Examples
    --------
    >>> import numpy as np
    >>> local_response_norm_grad(np.array([[1.0]]), np.array([[2.0]]), 1, alpha=1.0, beta=1.0).round(3)
    array([[-0.12]])
    """
    op = "local_response_norm_grad"
    check_arrays(op, grad=grad, x=x)
    check_same_shape(op, "grad", grad, x.shape, "x")
    return cast(Array, get(op)(grad, x, **_settings(op, x, size, alpha, beta, k)))


def _settings(op: str, x: Array, size: int, alpha: float, beta: float, k: float) -> dict[str, int | float]:
    """Check the settings; beyond twice the channels a neighbourhood has nothing to add but its share."""
    check_ndim(op, "x", x, "N, C" if x.ndim == 2 else "N, C, H, W")
    size = whole(op, "size", size, 1)
    near = min(size, 2 * x.shape[1])
    return {
        "size": near,
        "alpha": number(op, "alpha", alpha, least=0) * (near / size),
        "beta": number(op, "beta", beta),
        "k": number(op, "k", k, above=0),
    }
