"""Pooling: one number for each window of each channel."""

from __future__ import annotations

from typing import Literal, cast, overload

import numpy as np

from convscope.errors import DtypeError
from convscope.ops.arguments import (
    Pads,
    Places,
    Size,
    check_arrays,
    check_ndim,
    check_out,
    check_pool_windows,
    check_same_shape,
    given,
    image_shape,
    place_kernel,
)
from convscope.ops.chooser import get
from convscope.ops.memory import Array
from convscope.ops.settings import flag

__all__ = [
    "avg_pool2d",
    "avg_pool2d_grad",
    "global_avg_pool2d",
    "global_avg_pool2d_grad",
    "max_pool2d",
    "max_pool2d_grad",
]


@overload
def max_pool2d(
    x: Array,
    kernel_size: Size,
    *,
    stride: Size | None = None,
    padding: Pads = 0,
    dilation: Size = 1,
    ceil_mode: bool = False,
    return_indices: Literal[False] = False,
    out: Array | None = None,
) -> Array: ...


@overload
def max_pool2d(
    x: Array,
    kernel_size: Size,
    *,
    stride: Size | None = None,
    padding: Pads = 0,
    dilation: Size = 1,
    ceil_mode: bool = False,
    return_indices: Literal[True],
    out: Array | None = None,
    out_indices: Array | None = None,
) -> tuple[Array, Array]: ...


def max_pool2d(
    x: Array,
    kernel_size: Size,
    *,
    stride: Size | None = None,
    padding: Pads = 0,
    dilation: Size = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
    out: Array | None = None,
    out_indices: Array | None = None,
) -> Array | tuple[Array, Array]:
    """Keep the largest value of each window.

    Parameters
    ----------
    x : ndarray of shape (N, C, H, W), float32 or float64
    kernel_size, stride, dilation : int or (rows, columns)
        In pixels; `stride` is the kernel size unless given.
    padding : int, (rows, columns), ((top, bottom), (left, right)), "same", "same_lower" or "valid"
        Padding never wins, whatever the values are.
    ceil_mode : bool
        Round the output size up. A last window that would start in the padding after the image is dropped.
    return_indices : bool
        Also say where the largest value lay.
    out : ndarray of shape (N, C, oH, oW), optional
    out_indices : int32 ndarray of the same shape, optional

    Returns
    -------
    y : ndarray of shape (N, C, oH, oW)
    indices : int32 ndarray of the same shape, with `return_indices`
        ``row*W + column`` in its channel; the first of equal values. NaN is larger than any number.

    Raises
    ------
    InvalidValue
        If the kernel is larger than the padded image, or a window would see padding only.
    DtypeError
        If `x` is not float32 or float64.

    Examples
    --------
    2x2 max pooling drops 75 % of the values:

    >>> import numpy as np
    >>> x = np.array([[[[9.0, 8, 7, 6], [5, 4, 3, 2], [1, 2, 3, 4], [5, 6, 7, 8]]]])
    >>> y, indices = max_pool2d(x, 2, return_indices=True)
    >>> y[0, 0].tolist(), indices[0, 0].tolist()
    ([[9.0, 7.0], [6.0, 8.0]], [[0, 2], [13, 15]])
    """
    op = "max_pool2d"
    places = _places(op, x, kernel_size, stride, padding, dilation, ceil_mode)
    shape = (*x.shape[:2], *places.output)
    check_out(op, out, shape, x.dtype, x)
    check_out(op, out_indices, shape, np.dtype(np.int32), x)
    return cast(
        Array,
        get(op)(
            x,
            places.kernel,
            stride=places.stride,
            padding=places.padding,
            dilation=places.dilation,
            ceil_mode=bool(ceil_mode),
            return_indices=flag(op, "return_indices", return_indices),
            out=out,
            out_indices=out_indices,
        ),
    )


def max_pool2d_grad(
    grad: Array,
    indices: Array,
    input_shape: tuple[int, ...],
    *,
    kernel_size: Size | None = None,
    stride: Size | None = None,
    padding: Pads = 0,
    dilation: Size = 1,
    ceil_mode: bool = False,
    rectified: Array | None = None,
    out: Array | None = None,
) -> Array:
    """Give the gradient of a loss by the input of `max_pool2d`: each goes to the pixel that won.

    Parameters
    ----------
    grad : ndarray of shape (N, C, oH, oW)
    indices : int32 ndarray of the same shape
        As `max_pool2d` gives them.
    input_shape : (N, C, H, W)
    kernel_size, stride, padding, dilation, ceil_mode
        As `max_pool2d` had them: windows that do not overlap are faster. Without a kernel size any pixel may
        have won anywhere.
    rectified : ndarray of the shape of `grad`, optional
        The pooled values of a ReLU: the gradient is that of its input, zero where they are not above zero.
    out : ndarray of shape (N, C, H, W), optional

    Raises
    ------
    InvalidValue
        If shapes do not agree, or an index lies outside the image.
    DtypeError
        If `grad` is not float32 or float64, or `indices` not int32.

    Examples
    --------
    >>> import numpy as np
    >>> max_pool2d_grad(np.array([[[[5.0]]]]), np.array([[[[2]]]], np.int32), (1, 1, 2, 2))[0, 0]
    array([[0., 0.],
           [5., 0.]])
    """
    op = "max_pool2d_grad"
    check_arrays(op, grad=grad, **given(rectified=rectified))
    check_ndim(op, "grad", grad, "N, C, oH, oW")
    shape = image_shape(op, "input_shape", input_shape)
    if not isinstance(indices, np.ndarray) or indices.dtype != np.int32:
        raise DtypeError(f"{op}: indices must be int32, as max_pool2d gives them.")
    check_same_shape(op, "indices", indices, grad.shape, "grad")
    if rectified is not None:
        check_same_shape(op, "rectified", rectified, grad.shape, "grad")
    output: tuple[int, ...] = grad.shape[2:]
    windows: dict[str, object] = {}
    if kernel_size is not None:
        *kernel, output, _ = _place(op, shape, kernel_size, stride, padding, dilation, ceil_mode)
        windows = dict(zip(("kernel_size", "stride", "padding", "dilation"), kernel, strict=True))
    check_same_shape(op, "grad", grad, (*shape[:2], *output), "the output")
    check_out(op, out, shape, grad.dtype, grad)
    return cast(Array, get(op)(grad, indices, shape, **windows, rectified=rectified, out=out))


def avg_pool2d(
    x: Array,
    kernel_size: Size,
    *,
    stride: Size | None = None,
    padding: Pads = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    out: Array | None = None,
) -> Array:
    """Average each window.

    Parameters
    ----------
    x, kernel_size, stride, padding, ceil_mode, out
        As in `max_pool2d`.
    count_include_pad : bool
        Whether padding counts as zeros; if not, windows average the pixels of the image only. Positions
        beyond the padding, which `ceil_mode` may reach, never count.

    Raises
    ------
    InvalidValue, DtypeError
        As `max_pool2d`.

    Examples
    --------
    >>> import numpy as np
    >>> avg_pool2d(np.array([[[[1.0, 3.0, 5.0, 7.0]]]]), (1, 2))
    array([[[[2., 6.]]]])
    >>> x = np.full((1, 1, 1, 2), 4.0)
    >>> avg_pool2d(x, (1, 2), padding=(0, 1)).tolist()
    [[[[2.0, 2.0]]]]
    >>> avg_pool2d(x, (1, 2), padding=(0, 1), count_include_pad=False).tolist()
    [[[[4.0, 4.0]]]]
    """
    op = "avg_pool2d"
    places = _places(op, x, kernel_size, stride, padding, 1, ceil_mode)
    check_out(op, out, (*x.shape[:2], *places.output), x.dtype, x)
    return cast(
        Array,
        get(op)(
            x,
            places.kernel,
            stride=places.stride,
            padding=places.padding,
            ceil_mode=bool(ceil_mode),
            count_include_pad=flag(op, "count_include_pad", count_include_pad),
            out=out,
        ),
    )


def avg_pool2d_grad(
    grad: Array,
    input_shape: tuple[int, ...],
    kernel_size: Size,
    *,
    stride: Size | None = None,
    padding: Pads = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    out: Array | None = None,
) -> Array:
    """Give the gradient of a loss by the input of `avg_pool2d`: shared equally in each window.

    Parameters
    ----------
    grad : ndarray of shape (N, C, oH, oW)
    input_shape : (N, C, H, W)
    kernel_size, stride, padding, ceil_mode, count_include_pad, out
        As in `avg_pool2d`.

    Raises
    ------
    InvalidValue, DtypeError
        As `avg_pool2d`, and if `grad` is not of the shape of the output.

    Examples
    --------
    >>> import numpy as np
    >>> avg_pool2d_grad(np.array([[[[2.0, 6.0]]]]), (1, 1, 1, 4), (1, 2))
    array([[[[1., 1., 3., 3.]]]])
    """
    op = "avg_pool2d_grad"
    check_arrays(op, grad=grad)
    check_ndim(op, "grad", grad, "N, C, oH, oW")
    shape = image_shape(op, "input_shape", input_shape)
    places = _place(op, shape, kernel_size, stride, padding, 1, ceil_mode)
    check_same_shape(op, "grad", grad, (*shape[:2], *places.output), "the output")
    check_out(op, out, shape, grad.dtype, grad)
    return cast(
        Array,
        get(op)(
            grad,
            shape,
            places.kernel,
            stride=places.stride,
            padding=places.padding,
            ceil_mode=bool(ceil_mode),
            count_include_pad=flag(op, "count_include_pad", count_include_pad),
            out=out,
        ),
    )


def global_avg_pool2d(x: Array, *, out: Array | None = None) -> Array:
    """Average each channel: (N, C, H, W) -> (N, C, 1, 1).

    `out` is where the result is written.

    Examples
    --------
    >>> import numpy as np
    >>> global_avg_pool2d(np.arange(8.0).reshape(1, 2, 2, 2)).ravel()
    array([1.5, 5.5])
    """
    check_arrays("global_avg_pool2d", x=x)
    check_ndim("global_avg_pool2d", "x", x, "N, C, H, W")
    check_out("global_avg_pool2d", out, (*x.shape[:2], 1, 1), x.dtype, x)
    return cast(Array, get("global_avg_pool2d")(x, out=out))


def global_avg_pool2d_grad(grad: Array, input_shape: tuple[int, ...], *, out: Array | None = None) -> Array:
    """Give the gradient of a loss by the input of `global_avg_pool2d`, of `input_shape` (N, C, H, W).

    `out` is where the result is written.

    Examples
    --------
    >>> import numpy as np
    >>> global_avg_pool2d_grad(np.full((1, 1, 1, 1), 4.0), (1, 1, 2, 2))[0, 0]
    array([[1., 1.],
           [1., 1.]])
    """
    op = "global_avg_pool2d_grad"
    check_arrays(op, grad=grad)
    shape = image_shape(op, "input_shape", input_shape)
    check_same_shape(op, "grad", grad, (*shape[:2], 1, 1), "the output")
    check_out(op, out, shape, grad.dtype, grad)
    return cast(Array, get(op)(grad, shape, out=out))


def _places(
    op: str,
    x: Array,
    kernel_size: Size,
    stride: Size | None,
    padding: Pads,
    dilation: Size,
    ceil_mode: bool,
) -> Places:
    check_arrays(op, x=x)
    check_ndim(op, "x", x, "N, C, H, W")
    return _place(op, x.shape, kernel_size, stride, padding, dilation, ceil_mode)


def _place(
    op: str,
    shape: tuple[int, ...],
    kernel_size: Size,
    stride: Size | None,
    padding: Pads,
    dilation: Size,
    ceil_mode: bool,
) -> Places:
    places = place_kernel(
        op,
        shape[2:],
        kernel_size,
        stride=kernel_size if stride is None else stride,
        padding=padding,
        dilation=dilation,
        ceil_mode=ceil_mode,
    )
    check_pool_windows(op, shape[2:], places)
    return places
