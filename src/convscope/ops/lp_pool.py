"""Pooling by the p-norm, and the largest value of a whole map."""

from __future__ import annotations

from typing import Any, cast

from convscope.ops.arguments import Pads, Size, check_arrays, check_ndim, check_same_shape, place_kernel
from convscope.ops.chooser import get
from convscope.ops.memory import Array
from convscope.ops.settings import number

__all__ = ["global_max_pool2d", "global_max_pool2d_grad", "lp_pool2d", "lp_pool2d_grad"]


def lp_pool2d(
    x: Array,
    kernel_size: Size,
    *,
    p: float = 2,
    stride: Size | None = None,
    padding: Pads = 0,
    dilation: Size = 1,
    ceil_mode: bool = False,
) -> Array:
    """Give the p-norm of each window: (sum of |x|**p)**(1/p).

    Between the sum (p = 1, of values that are positive) and the largest (p to infinity).

    Parameters
    ----------
    x : ndarray of shape (N, C, H, W), float32 or float64
    kernel_size, stride, dilation : int or (rows, columns)
        In pixels; `stride` is the kernel size unless given.
    p : float
        Greater than 0. Below 1 it is no norm, and its gradient is infinite where a value is 0.
    padding : int, (rows, columns), ((top, bottom), (left, right)), "same", "same_lower" or "valid"
        Padding counts as zeros.
    ceil_mode : bool
        Round the output size up. A last window that would start in the padding after the image is dropped.

    Returns
    -------
    ndarray of shape (N, C, oH, oW)

    Raises
    ------
    InvalidValue
        If the kernel is larger than the padded image, or `p` is not above 0.
    DtypeError
        If `x` is not float32 or float64.

    Notes
    -----
    As in ONNX. PyTorch's ``lp_pool2d`` sums x**p without the absolute value: for an odd `p` it differs
    where values are negative.

    Examples
    --------
    >>> import numpy as np
    >>> lp_pool2d(np.array([[[[3.0, -4.0], [0.0, 0.0]]]]), 2)
    array([[[[5.]]]])
    """
    op = "lp_pool2d"
    check_arrays(op, x=x)
    check_ndim(op, "x", x, "N, C, H, W")
    kernel, settings, _ = _settings(op, x, kernel_size, p, stride, padding, dilation, ceil_mode)
    return cast(Array, get(op)(x, kernel, **settings))


def lp_pool2d_grad(
    grad: Array,
    x: Array,
    y: Array,
    kernel_size: Size,
    *,
    p: float = 2,
    stride: Size | None = None,
    padding: Pads = 0,
    dilation: Size = 1,
    ceil_mode: bool = False,
) -> Array:
    """Give the gradient by the input of `lp_pool2d`: grad * sign(x) * (|x|/y)**(p - 1), over all windows.

    A window of zeros gives 0.

    Parameters
    ----------
    grad, y : ndarrays of shape (N, C, oH, oW)
        Gradient by the output, and the output.
    x : ndarray of shape (N, C, H, W)
    kernel_size, p, stride, padding, dilation, ceil_mode
        As in `lp_pool2d`.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.array([[[[3.0, -4.0]]]])
    >>> lp_pool2d_grad(np.ones((1, 1, 1, 1)), x, lp_pool2d(x, (1, 2)), (1, 2))
    array([[[[ 0.6, -0.8]]]])
    """
    op = "lp_pool2d_grad"
    check_arrays(op, grad=grad, x=x, y=y)
    check_ndim(op, "x", x, "N, C, H, W")
    kernel, settings, output = _settings(op, x, kernel_size, p, stride, padding, dilation, ceil_mode)
    check_same_shape(op, "grad", grad, (*x.shape[:2], *output), "the output")
    check_same_shape(op, "y", y, grad.shape, "the output")
    return cast(Array, get(op)(grad, x, y, kernel, **settings))


def global_max_pool2d(x: Array) -> Array:
    """Keep the largest value of each channel: (N, C, H, W) -> (N, C, 1, 1). NaN is larger than any number.

    Examples
    --------
    >>> import numpy as np
    >>> global_max_pool2d(np.array([[[[3.0, 7.0], [5.0, 1.0]]]]))
    array([[[[7.]]]])
    """
    check_arrays("global_max_pool2d", x=x)
    check_ndim("global_max_pool2d", "x", x, "N, C, H, W")
    return cast(Array, get("global_max_pool2d")(x))


def global_max_pool2d_grad(grad: Array, x: Array) -> Array:
    """Give the gradient by the input of `global_max_pool2d`: the first of the largest pixels gets it.

    Examples
    --------
    >>> import numpy as np
    >>> global_max_pool2d_grad(np.full((1, 1, 1, 1), 2.0), np.array([[[[3.0, 7.0, 7.0]]]]))
    array([[[[0., 2., 0.]]]])
    """
    op = "global_max_pool2d_grad"
    check_arrays(op, grad=grad, x=x)
    check_ndim(op, "x", x, "N, C, H, W")
    check_same_shape(op, "grad", grad, (*x.shape[:2], 1, 1), "the output")
    return cast(Array, get(op)(grad, x))


def _settings(
    op: str,
    x: Array,
    kernel_size: Size,
    p: float,
    stride: Size | None,
    padding: Pads,
    dilation: Size,
    ceil_mode: bool,
) -> tuple[tuple[int, int], dict[str, Any], tuple[int, int]]:
    places = place_kernel(
        op,
        x.shape[2:],
        kernel_size,
        stride=kernel_size if stride is None else stride,
        padding=padding,
        dilation=dilation,
        ceil_mode=ceil_mode,
    )
    settings = {
        "p": number(op, "p", p, above=0),
        "stride": places.stride,
        "padding": places.padding,
        "dilation": places.dilation,
        "ceil_mode": bool(ceil_mode),
    }
    return places.kernel, settings, places.output
