"""Transposed convolution and its gradients.

A transposed convolution is the input gradient of a convolution, used as a layer of its own; so its
input gradient is the convolution, and its weight gradient that of the convolution with
image and gradient exchanged. The active core has all three already.
"""

from __future__ import annotations

from typing import NamedTuple, cast

from convscope.errors import DtypeError, InvalidValue
from convscope.geometry import conv_transpose_output_size
from convscope.geometry.size import transpose_padding
from convscope.ops.arguments import (
    Pads,
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
    whole,
)
from convscope.ops.chooser import get
from convscope.ops.memory import Array, empty_channels_last

__all__ = ["conv_transpose2d", "conv_transpose2d_grad_input", "conv_transpose2d_grad_weight"]

_AXES = ("height", "width")


class _Places(NamedTuple):
    """The settings of the convolution that goes from the output back to the input."""

    stride: tuple[int, int]
    padding: tuple[tuple[int, int], tuple[int, int]]
    dilation: tuple[int, int]
    output: tuple[int, int]  # what the caller gets
    reached: tuple[int, int]  # how much of it any window writes to, from the top left


def conv_transpose2d(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    *,
    stride: Size = 1,
    padding: Pads = 0,
    output_padding: Size = 0,
    dilation: Size = 1,
    groups: int = 1,
    algorithm: str = "auto",
    out: Array | None = None,
) -> Array:
    """Let every pixel write a copy of the kernels, times its value; copies that overlap add up.

    y[n, o, i*s + u*d - p, j*s + v*d - p] += x[n, c, i, j] * weight[c, o, u, v], and the bias once

    Parameters
    ----------
    x : ndarray of shape (N, C_in, H, W), float32 or float64
    weight : ndarray of shape (C_in, C_out/groups, kH, kW)
        As in PyTorch and ONNX: the input channel is first. The same array is the weight of the
        convolution from C_out to C_in channels whose input gradient this is.
    bias : ndarray of shape (C_out,), optional
    stride : int or (rows, columns)
        Output pixels from one copy of the kernel to the next.
    padding : int, (rows, columns), ((top, bottom), (left, right)), "same", "same_lower" or "valid"
        Pixels cut from the borders of the output. "same" gives size * stride.
    output_padding : int or (rows, columns)
        Pixels added at the bottom and right, less than the stride or the dilation: several input
        sizes of a strided convolution give one output size, and this says which to go back to.
    dilation, groups, algorithm, out
        As in `conv2d`.

    Returns
    -------
    ndarray of shape (N, C_out, oH, oW), with oH = (H - 1)*stride - top - bottom + span + output_padding

    Raises
    ------
    InvalidValue
        If C_in is not ``weight.shape[0]`` or no multiple of `groups`, nothing would be left of the output, or
        `output_padding` is too large.
    DtypeError
        If an array is not float32 or float64, or dtypes are mixed.

    References
    ----------
    Dumoulin and Visin (2016), A guide to convolution arithmetic for deep learning, section 4.

    Examples
    --------
    >>> import numpy as np
    >>> x, kernel = np.array([[[[1.0, 10.0]]]]), np.array([[[[1.0, 2.0, 3.0]]]])
    >>> conv_transpose2d(x, kernel, stride=(1, 2))
    array([[[[ 1.,  2., 13., 20., 30.]]]])
    >>> conv_transpose2d(x, kernel, stride=(1, 2), padding=((0, 0), (1, 1)), output_padding=(0, 1))
    array([[[[ 2., 13., 20., 30.]]]])
    """
    op = "conv_transpose2d"
    check_arrays(op, x=x, weight=weight, **given(bias=bias))
    check_ndim(op, "x", x, "N, C, H, W")
    groups = _check_channels(op, x.shape[1], weight, groups)
    channels = weight.shape[1] * groups
    check_length(op, "bias", bias, channels, "output channel")
    places = _places(op, x.shape[2:], weight.shape[2:], stride, padding, output_padding, dilation)
    shape = (x.shape[0], channels, *places.output)
    check_out(op, out, shape, x.dtype, x, weight)
    reached = (*shape[:2], *places.reached)
    settings = _settings(op, weight.shape[2:], places, groups, algorithm)
    if places.reached == places.output:
        y = cast(Array, get("conv2d_grad_input")(x, weight, reached, **settings, out=out))
    else:
        y = empty_channels_last(shape, x.dtype) if out is None else out
        y[...] = 0  # a large output_padding adds pixels that no kernel reaches
        part = get("conv2d_grad_input")(x, weight, reached, **settings)
        y[:, :, : reached[2], : reached[3]] = part
    if bias is not None:
        y += bias[:, None, None]
    return y


def conv_transpose2d_grad_input(
    grad: Array,
    weight: Array,
    input_shape: tuple[int, ...],
    *,
    stride: Size = 1,
    padding: Pads = 0,
    output_padding: Size = 0,
    dilation: Size = 1,
    groups: int = 1,
    algorithm: str = "auto",
    out: Array | None = None,
) -> Array:
    """Give the gradient of a loss by the input of `conv_transpose2d`: a convolution of the gradient.

    Parameters
    ----------
    grad : ndarray of shape (N, C_out, oH, oW)
        Gradient of the loss by the output.
    weight : ndarray of shape (C_in, C_out/groups, kH, kW)
    input_shape : (N, C_in, H, W)
    stride, padding, output_padding, dilation, groups, algorithm, out
        As in `conv_transpose2d`.

    Returns
    -------
    ndarray of shape (N, C_in, H, W)

    Raises
    ------
    InvalidValue, DtypeError
        As `conv_transpose2d`, and if `grad` is not of the shape of the output.

    Examples
    --------
    >>> import numpy as np
    >>> grad, kernel = np.ones((1, 1, 1, 5)), np.array([[[[1.0, 2.0, 3.0]]]])
    >>> conv_transpose2d_grad_input(grad, kernel, (1, 1, 1, 2), stride=(1, 2))
    array([[[[6., 6.]]]])
    """
    op = "conv_transpose2d_grad_input"
    check_arrays(op, grad=grad, weight=weight)
    check_ndim(op, "grad", grad, "N, C_out, oH, oW")
    shape = image_shape(op, "input_shape", input_shape)
    groups = _check_channels(op, shape[1], weight, groups)
    places = _places(op, shape[2:], weight.shape[2:], stride, padding, output_padding, dilation)
    check_same_shape(op, "grad", grad, (shape[0], weight.shape[1] * groups, *places.output), "the output")
    check_out(op, out, shape, grad.dtype, grad, weight)
    settings = _settings(op, weight.shape[2:], places, groups, algorithm)
    grad = grad[:, :, : places.reached[0], : places.reached[1]]
    return cast(Array, get("conv2d")(grad, weight, None, **settings, out=out))


def conv_transpose2d_grad_weight(
    x: Array,
    grad: Array,
    kernel_size: Size,
    *,
    stride: Size = 1,
    padding: Pads = 0,
    output_padding: Size = 0,
    dilation: Size = 1,
    groups: int = 1,
    algorithm: str = "auto",
    out: Array | None = None,
) -> Array:
    """Give the gradient of a loss by the weight of `conv_transpose2d`. (By the bias: `conv2d_grad_bias`.)

    Parameters
    ----------
    x : ndarray of shape (N, C_in, H, W)
    grad : ndarray of shape (N, C_out, oH, oW)
        Gradient of the loss by the output.
    kernel_size : int or (kH, kW)
    stride, padding, output_padding, dilation, groups, algorithm, out
        As in `conv_transpose2d`.

    Returns
    -------
    ndarray of shape (C_in, C_out/groups, kH, kW), C-contiguous

    Raises
    ------
    InvalidValue, DtypeError
        As `conv_transpose2d`, and if `grad` is not of the shape of the output.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.array([[[[1.0, 10.0]]]])
    >>> conv_transpose2d_grad_weight(x, np.ones((1, 1, 1, 5)), (1, 3), stride=(1, 2))
    array([[[[11., 11., 11.]]]])
    """
    op = "conv_transpose2d_grad_weight"
    check_arrays(op, x=x, grad=grad)
    check_ndim(op, "x", x, "N, C, H, W")
    check_ndim(op, "grad", grad, "N, C_out, oH, oW")
    groups = whole(op, "groups", groups, 1)
    if x.shape[1] % groups or grad.shape[1] % groups:
        raise InvalidValue(
            f"{op}: groups must divide in_channels and out_channels; "
            f"got groups={groups}, in_channels={x.shape[1]}, out_channels={grad.shape[1]}."
        )
    kernel = pair(op, "kernel_size", kernel_size)
    places = _places(op, x.shape[2:], kernel, stride, padding, output_padding, dilation)
    check_same_shape(op, "grad", grad, (x.shape[0], grad.shape[1], *places.output), "the output")
    check_out(op, out, (x.shape[1], grad.shape[1] // groups, *kernel), x.dtype, x, grad)
    grad = grad[:, :, : places.reached[0], : places.reached[1]]
    settings = _settings(op, kernel, places, groups, algorithm)
    return cast(Array, get("conv2d_grad_weight")(grad, x, kernel, **settings, out=out))


def _settings(
    op: str, kernel: tuple[int, ...], places: _Places, groups: int, algorithm: str
) -> dict[str, object]:
    check_algorithm(op, algorithm, (kernel[0], kernel[1]), places.stride, places.dilation, groups)
    return {
        "stride": places.stride,
        "padding": places.padding,
        "dilation": places.dilation,
        "groups": groups,
        "algorithm": algorithm,
    }


def _check_channels(op: str, in_channels: int, weight: Array, groups: int) -> int:
    check_ndim(op, "weight", weight, "C_in, C_out/groups, kH, kW")
    groups = whole(op, "groups", groups, 1)
    if in_channels != weight.shape[0]:
        raise InvalidValue(
            f"{op}: in_channels must be weight.shape[0]; "
            f"got in_channels={in_channels}, weight.shape={weight.shape}."
        )
    if in_channels % groups:
        raise InvalidValue(
            f"{op}: groups must divide in_channels; got groups={groups}, in_channels={in_channels}."
        )
    return groups


def _places(
    op: str,
    image: tuple[int, ...],
    kernel: tuple[int, ...],
    stride: Size,
    padding: Pads,
    output_padding: Size,
    dilation: Size,
) -> _Places:
    strides, dilations = pair(op, "stride", stride), pair(op, "dilation", dilation)
    extras = pair(op, "output_padding", output_padding, 0)
    by_axis = padding if isinstance(padding, tuple | list) else (padding, padding)
    if len(by_axis) != 2:
        raise InvalidValue(
            f"{op}: padding must be a number, (rows, columns), ((top, bottom), (left, right)), "
            f"'same', 'same_lower' or 'valid'; got {padding!r}."
        )
    axes = [
        _axis(op, a, image[a], kernel[a], strides[a], by_axis[a], extras[a], dilations[a]) for a in (0, 1)
    ]
    pads, outputs, reached = zip(*axes, strict=True)
    return _Places(strides, (pads[0], pads[1]), dilations, (outputs[0], outputs[1]), (reached[0], reached[1]))


def _axis(
    op: str, axis: int, size: int, kernel: int, stride: int, padding: object, extra: int, dilation: int
) -> tuple[tuple[int, int], int, int]:
    """Give the padding of the convolution along one axis, the output size, and how far kernels reach."""
    if isinstance(padding, list):
        padding = tuple(padding)
    settings = {"stride": stride, "padding": padding, "dilation": dilation, "output_padding": extra}
    try:
        output = conv_transpose_output_size(size, kernel, **settings)  # type: ignore[arg-type]
        before, after = transpose_padding(size, kernel, stride, padding, dilation, extra)  # type: ignore[arg-type]
    except (InvalidValue, DtypeError) as error:
        message = str(error).removeprefix("geometry: ")
        raise type(error)(f"{op}: along the {_AXES[axis]}, {message}") from None
    # output_padding takes back what was cut; what is more lies beyond the last kernel, where
    # the convolution drops it by itself as long as it is less than a stride
    beyond = max(0, extra - after)
    beyond = beyond if beyond >= stride else 0
    if output - beyond < 1:
        raise InvalidValue(
            f"{op}: along the {_AXES[axis]}, padding must leave a pixel that the kernel reaches; "
            f"got padding=({before}, {after}), output_padding={extra}."
        )
    return (before, max(0, after - extra)), output, output - beyond
