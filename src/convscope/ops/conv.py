"""Two-dimensional convolution and its gradients."""

from __future__ import annotations

from typing import cast

from convscope.errors import InvalidValue
from convscope.ops.arguments import (
    Pads,
    Places,
    Size,
    check_algorithm,
    check_arrays,
    check_length,
    check_ndim,
    check_out,
    check_same_shape,
    given,
    image_shape,
    pair,
    place_kernel,
    whole,
)
from convscope.ops.chooser import get
from convscope.ops.memory import Array

__all__ = ["conv2d", "conv2d_grad_bias", "conv2d_grad_input", "conv2d_grad_weight"]


def conv2d(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    *,
    stride: Size = 1,
    padding: Pads = 0,
    dilation: Size = 1,
    groups: int = 1,
    algorithm: str = "auto",
    out: Array | None = None,
) -> Array:
    """Correlate images with filters (the kernel is not flipped).

    y[n, o, i, j] = bias[o] + sum over c, u, v of x[n, c, i*s + u*d - p, j*s + v*d - p] * weight[o, c, u, v]

    A filter has one kernel for each input channel (of its group), one bias, and makes one
    output channel. `convscope.ops.reference` has the whole of it as one matrix product.

    Parameters
    ----------
    x : ndarray of shape (N, C_in, H, W), float32 or float64
        The images. Any strides of memory.
    weight : ndarray of shape (C_out, C_in/groups, kH, kW)
        The filters, of the dtype of `x`.
    bias : ndarray of shape (C_out,), optional
    stride, dilation : int or (rows, columns)
        Pixels from one window to the next, and from one tap of the kernel to the next.
    padding : int, (rows, columns), ((top, bottom), (left, right)), "same", "same_lower" or "valid"
        Zeros around the image, in pixels. "same" gives ceil(size/stride), an odd pixel at the end.
    groups : int
        Cuts the channels into this many independent parts; ``groups=C_in`` is a depthwise convolution.
    algorithm : "auto", "direct" or "winograd"
        How the compiled core may compute. "direct" is the most accurate; "winograd" is for 3x3 kernels with
        stride 1, dilation 1 and groups 1 only, several times faster, off by a few millionths of the largest
        output, and makes not-a-number of the whole tile around an infinite pixel; "auto" chooses between
        them by a fixed rule (`convscope.ops.algorithms`). The reference core has one way for all.
    out : ndarray of shape (N, C_out, oH, oW), optional
        Where to write; it must not share memory with the inputs.

    Returns
    -------
    ndarray of shape (N, C_out, oH, oW), with oH = floor((H + top + bottom - span)/stride) + 1.
        Its memory is channels-last.

    Raises
    ------
    InvalidValue
        If C_in is not ``groups * weight.shape[1]``, C_out not a multiple of `groups`, the bias not one value
        a filter, a kernel larger than the padded image, or "winograd" asked for where it cannot be.
    DtypeError
        If an array is not float32 or float64, or dtypes are mixed.

    References
    ----------
    Dumoulin and Visin (2016), A guide to convolution arithmetic for deep learning, relationship 6.

    Examples
    --------
    Multiply matching positions and add, 1*0 + 25*4 + 3*2 + 7*70:

    >>> import numpy as np
    >>> image = lambda rows: np.array(rows, dtype=np.float64)[None, None]
    >>> conv2d(image([[1, 25], [3, 7]]), image([[0, 4], [2, 70]]))[0, 0]
    array([[596.]])

    One kernel over two slices that share no column, so that the stride is 2:

    >>> conv2d(image([[4, 5, 1, 2], [9, 2, 7, 2]]), image([[1, -5], [-3, 7]]), stride=2)[0, 0]
    array([[-34., -16.]])

    The kernel 1..9 slides over a 4x4 image without padding. (A text prints 146 for the
    first cell, since it multiplies 8 by 1 where the image has 2: the term is 8*2.)

    >>> x = image([[9, 8, 7, 6], [5, 4, 3, 2], [1, 2, 3, 4], [5, 6, 7, 8]])
    >>> kernel = image([[1, 2, 3], [4, 5, 6], [7, 8, 9]])
    >>> conv2d(x, kernel)[0, 0]
    array([[154., 157.],
           [200., 233.]])
    >>> (x[0, 0, :3, :3] * kernel[0, 0]).astype(int).tolist()
    [[9, 16, 21], [20, 20, 18], [7, 16, 27]]

    This is cross-correlation. Convolution in the sense of signal processing turns the kernel
    by 180 degrees first, and is the same only for a kernel that is its own turn:

    >>> from scipy.signal import convolve2d, correlate2d
    >>> y = conv2d(x, kernel)[0, 0]
    >>> np.array_equal(y, correlate2d(x[0, 0], kernel[0, 0], mode="valid"))
    True
    >>> np.array_equal(y, convolve2d(x[0, 0], kernel[0, 0], mode="valid"))
    False
    >>> blur = image([[1, 2, 1], [2, 4, 2], [1, 2, 1]])
    >>> np.array_equal(conv2d(x, blur)[0, 0], convolve2d(x[0, 0], blur[0, 0], mode="valid"))
    True

    A volume of 11x11x4 under filters of 5x5x4 with stride 2, cell by cell. The first
    axis of V is the one that moves along X's first; depth comes last in these slices.

    >>> rng = np.random.default_rng(0)
    >>> X, W0, b0 = rng.normal(size=(11, 11, 4)), rng.normal(size=(5, 5, 4)), 0.5
    >>> V = conv2d(X.transpose(2, 0, 1)[None], W0.transpose(2, 0, 1)[None], np.array([b0]), stride=2)[0, 0]
    >>> bool(np.isclose(V[0, 0], np.sum(X[:5, :5, :] * W0) + b0))
    True
    >>> bool(np.isclose(V[1, 0], np.sum(X[2:7, :5, :] * W0) + b0))
    True
    >>> cells = [[np.sum(X[i : i + 5, j : j + 5, :] * W0) + b0 for j in (0, 2, 4, 6)] for i in (0, 2, 4, 6)]
    >>> np.allclose(V, cells)
    True

    A filter is as deep as its input: it has one kernel for every input channel, not one in all.

    >>> conv2d(np.zeros((1, 3, 8, 8)), np.zeros((16, 3, 5, 5))).shape
    (1, 16, 4, 4)
    >>> conv2d(np.zeros((1, 3, 8, 8)), np.zeros((16, 1, 5, 5)))
    Traceback (most recent call last):
        ...
    convscope.errors.InvalidValue: conv2d: in_channels must be groups * weight.shape[1]; \
got in_channels=3, groups=1, weight.shape=(16, 1, 5, 5).

    Sharing weights saves parameters. AlexNet's first layer has 96 filters of 11x11x3 and 96
    biases; did each of its 55x55x96 cells have weights and a bias of its own, it would be

    >>> filters = np.zeros((96, 3, 11, 11), np.float32)
    >>> y = conv2d(np.zeros((1, 3, 227, 227), np.float32), filters, stride=4)
    >>> shared, unshared = filters.size + 96, y.size * (filters[0].size + 1)
    >>> f"{unshared:,} instead of {shared:,}"
    '105,705,600 instead of 34,944'
    """
    check_arrays("conv2d", x=x, weight=weight, **given(bias=bias))
    check_ndim("conv2d", "x", x, "N, C, H, W")
    places = place("conv2d", x.shape, weight, stride, padding, dilation, groups)
    check_length("conv2d", "bias", bias, weight.shape[0], "filter")
    check_algorithm("conv2d", algorithm, places.kernel, places.stride, places.dilation, groups)
    shape = (x.shape[0], weight.shape[0], *places.output)
    check_out("conv2d", out, shape, x.dtype, x, weight)
    return cast(
        Array,
        get("conv2d")(
            x,
            weight,
            bias,
            stride=places.stride,
            padding=places.padding,
            dilation=places.dilation,
            groups=int(groups),
            algorithm=algorithm,
            out=out,
        ),
    )


def conv2d_grad_input(
    grad: Array,
    weight: Array,
    input_shape: tuple[int, ...],
    *,
    stride: Size = 1,
    padding: Pads = 0,
    dilation: Size = 1,
    groups: int = 1,
    algorithm: str = "auto",
    out: Array | None = None,
) -> Array:
    """Give the gradient of a loss by the input of `conv2d`, from that by its output.

    Parameters
    ----------
    grad : ndarray of shape (N, C_out, oH, oW)
        Gradient of the loss by the output.
    weight : ndarray of shape (C_out, C_in/groups, kH, kW)
    input_shape : (N, C_in, H, W)
        Needed because several input sizes may give one output size.
    stride, padding, dilation, groups, algorithm, out
        As in `conv2d`.

    Returns
    -------
    ndarray of shape (N, C_in, H, W)

    Raises
    ------
    InvalidValue, DtypeError
        As `conv2d`, and if `grad` is not of the shape of the output.

    Examples
    --------
    Each pixel collects the weights of all windows it is in:

    >>> import numpy as np
    >>> conv2d_grad_input(np.ones((1, 1, 1, 3)), np.array([[[[1.0, 10.0]]]]), (1, 1, 1, 4))
    array([[[[ 1., 11., 11., 10.]]]])
    """
    op = "conv2d_grad_input"
    check_arrays(op, grad=grad, weight=weight)
    check_ndim(op, "grad", grad, "N, C_out, oH, oW")
    shape = image_shape(op, "input_shape", input_shape)
    places = place(op, shape, weight, stride, padding, dilation, groups)
    check_same_shape(op, "grad", grad, (shape[0], weight.shape[0], *places.output), "the output")
    check_algorithm(op, algorithm, places.kernel, places.stride, places.dilation, groups)
    check_out(op, out, shape, grad.dtype, grad, weight)
    return cast(
        Array,
        get(op)(
            grad,
            weight,
            shape,
            stride=places.stride,
            padding=places.padding,
            dilation=places.dilation,
            groups=int(groups),
            algorithm=algorithm,
            out=out,
        ),
    )


def conv2d_grad_weight(
    x: Array,
    grad: Array,
    kernel_size: Size,
    *,
    stride: Size = 1,
    padding: Pads = 0,
    dilation: Size = 1,
    groups: int = 1,
    algorithm: str = "auto",
    out: Array | None = None,
) -> Array:
    """Give the gradient of a loss by the filters of `conv2d`, from that by its output.

    Parameters
    ----------
    x : ndarray of shape (N, C_in, H, W)
    grad : ndarray of shape (N, C_out, oH, oW)
        Gradient of the loss by the output.
    kernel_size : int or (kH, kW)
        Needed because several kernel sizes may give one output size.
    stride, padding, dilation, groups, algorithm, out
        As in `conv2d`.

    Returns
    -------
    ndarray of shape (C_out, C_in/groups, kH, kW), C-contiguous

    Raises
    ------
    InvalidValue, DtypeError
        As `conv2d`, and if `grad` is not of the shape of the output.

    Examples
    --------
    Each weight collects all pixels it is multiplied with:

    >>> import numpy as np
    >>> x = np.array([[[[1.0, 2.0, 3.0, 4.0]]]])
    >>> conv2d_grad_weight(x, np.ones((1, 1, 1, 3)), (1, 2))
    array([[[[6., 9.]]]])
    """
    op = "conv2d_grad_weight"
    check_arrays(op, x=x, grad=grad)
    check_ndim(op, "x", x, "N, C, H, W")
    check_ndim(op, "grad", grad, "N, C_out, oH, oW")
    check_groups(op, x.shape[1], grad.shape[1], groups)
    kernel = pair(op, "kernel_size", kernel_size)
    places = place_kernel(op, x.shape[2:], kernel, stride=stride, padding=padding, dilation=dilation)
    check_same_shape(op, "grad", grad, (x.shape[0], grad.shape[1], *places.output), "the output")
    check_algorithm(op, algorithm, places.kernel, places.stride, places.dilation, groups)
    check_out(op, out, (grad.shape[1], x.shape[1] // groups, *kernel), x.dtype, x, grad)
    return cast(
        Array,
        get(op)(
            x,
            grad,
            kernel,
            stride=places.stride,
            padding=places.padding,
            dilation=places.dilation,
            groups=int(groups),
            algorithm=algorithm,
            out=out,
        ),
    )


def conv2d_grad_bias(grad: Array) -> Array:
    """Give the gradient by the bias of `conv2d`: the sum of (N, C_out, oH, oW) for each output channel.

    Returns
    -------
    ndarray of shape (C_out,)

    Examples
    --------
    >>> import numpy as np
    >>> conv2d_grad_bias(np.ones((2, 3, 4, 5)))
    array([40., 40., 40.])
    """
    check_arrays("conv2d_grad_bias", grad=grad)
    check_ndim("conv2d_grad_bias", "grad", grad, "N, C_out, oH, oW")
    return cast(Array, get("conv2d_grad_bias")(grad))


def check_groups(op: str, in_channels: int, out_channels: int, groups: int) -> None:
    """Refuse channels that cannot be cut into this many equal groups."""
    groups = whole(op, "groups", groups, 1)
    if in_channels % groups or out_channels % groups:
        raise InvalidValue(
            f"{op}: groups must divide in_channels and out_channels; "
            f"got groups={groups}, in_channels={in_channels}, out_channels={out_channels}."
        )


def place(
    op: str, shape: tuple[int, ...], weight: Array, stride: Size, padding: Pads, dilation: Size, groups: int
) -> Places:
    """Spell out where filters go on images of `shape` (N, C, H, W), or refuse what does not fit."""
    check_ndim(op, "weight", weight, "C_out, C_in/groups, kH, kW")
    groups = whole(op, "groups", groups, 1)
    if shape[1] != groups * weight.shape[1]:
        raise InvalidValue(
            f"{op}: in_channels must be groups * weight.shape[1]; "
            f"got in_channels={shape[1]}, groups={groups}, weight.shape={weight.shape}."
        )
    check_groups(op, shape[1], weight.shape[0], groups)
    return place_kernel(op, shape[2:], weight.shape[2:], stride=stride, padding=padding, dilation=dilation)
