"""The convolution in plain NumPy: ONE matrix product.

`stretch` lays every patch of the input that the kernel passes over into a column, and
each filter is laid out as a row. The product of the two holds every output cell:

                 o o o o o o   a column for each output cell (N * oH * oW),
                 o o o o o o   a row for each value under the kernel (C * kH * kW):
                 o o o o o o   the stretched patches
                 o o o o o o
                      @
      f f f f    y y y y y y   a row for each filter
      f f f f    y y y y y y

                 y = filters @ patches

    conv2d               y        = filters @ patches
    conv2d_grad_weight   dfilters = dy @ patches.T
    conv2d_grad_input    dpatches = filters.T @ dy, and `unstretch` adds every
                         column back to where `stretch` took it from

With groups there is one such product for each group of channels.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from convscope.geometry import kernel_span, pool_output_size
from convscope.ops.memory import Array, give, silent

__all__ = [
    "NONE",
    "ONE",
    "Pads",
    "Pair",
    "conv2d",
    "conv2d_grad_bias",
    "conv2d_grad_input",
    "conv2d_grad_weight",
    "output_size",
    "stretch",
    "unstretch",
    "windows",
]

Pair = tuple[int, int]
Pads = tuple[Pair, Pair]

ONE: Pair = (1, 1)
NONE: Pads = ((0, 0), (0, 0))


def windows(
    x: Array, kernel_size: Pair, stride: Pair = ONE, dilation: Pair = ONE, writeable: bool = False
) -> Array:
    """See (N, C, H, W) as (N, C, oH, oW, kH, kW), without copying: the window of every output cell.

    Writing to the view, if `writeable`, writes to `x`.

    Examples
    --------
    >>> row = np.arange(5.0).reshape(1, 1, 1, 5)
    >>> windows(row, (1, 3), stride=(1, 2))[0, 0, 0, :, 0]
    array([[0., 1., 2.],
           [2., 3., 4.]])
    """
    span = tuple(kernel_span(k, d) for k, d in zip(kernel_size, dilation, strict=True))
    every = sliding_window_view(x, span, axis=(2, 3), writeable=writeable)
    return every[:, :, :: stride[0], :: stride[1], :: dilation[0], :: dilation[1]]


def stretch(
    x: Array, kernel_size: Pair, *, stride: Pair = ONE, padding: Pads = NONE, dilation: Pair = ONE
) -> Array:
    """Lay every patch under the kernel into a column: (N, C, H, W) -> (C*kH*kW, N*oH*oW).

    Known elsewhere as im2col.

    Examples
    --------
    AlexNet's first layer, 96 filters of 11x11x3 at stride 4 over a 227x227 image. A column has
    F*F*C values, the size of a filter (and not A*B*C, the size of the image):

    >>> rng = np.random.default_rng(0)
    >>> image, filters = rng.normal(size=(1, 3, 227, 227)), rng.normal(size=(96, 3, 11, 11))
    >>> patches = stretch(image, (11, 11), stride=(4, 4))
    >>> patches.shape, filters.reshape(96, -1).shape
    ((363, 3025), (96, 363))
    >>> y = (filters.reshape(96, -1) @ patches).reshape(1, 96, 55, 55)

    It is the direct sum, here of one cell:

    >>> bool(np.isclose(y[0, 7, 20, 30], np.sum(image[0, :, 80:91, 120:131] * filters[7])))
    True

    and it holds each input value seven times on average, since windows overlap:

    >>> round(patches.size / image.size, 1)
    7.1
    """
    padded = np.pad(x, ((0, 0), (0, 0), *padding))
    patches = windows(padded, kernel_size, stride, dilation)  # (N, C, oH, oW, kH, kW)
    return patches.transpose(1, 4, 5, 0, 2, 3).reshape(x.shape[1] * kernel_size[0] * kernel_size[1], -1)


def unstretch(
    patches: Array,
    input_shape: tuple[int, ...],
    kernel_size: Pair,
    *,
    stride: Pair = ONE,
    padding: Pads = NONE,
    dilation: Pair = ONE,
) -> Array:
    """Add every column back to where `stretch` took it from: (C*kH*kW, N*oH*oW) -> (N, C, H, W).

    Known elsewhere as col2im.

    Examples
    --------
    >>> x = np.ones((1, 1, 3, 3))
    >>> unstretch(stretch(x, (2, 2)), x.shape, (2, 2))[0, 0]  # how often each value is used
    array([[1., 2., 1.],
           [2., 4., 2.],
           [1., 2., 1.]])
    """
    (n, c, h, w), (top, bottom), (left, right) = input_shape, *padding
    padded = np.zeros((n, c, top + h + bottom, left + w + right), patches.dtype)
    target = windows(padded, kernel_size, stride, dilation, writeable=True)
    source = patches.reshape(c, *kernel_size, n, *target.shape[2:4])
    for u in range(kernel_size[0]):
        for v in range(kernel_size[1]):  # windows overlap, but for one tap (u, v) they do not
            target[..., u, v] += source[:, u, v].transpose(1, 0, 2, 3)
    return padded[:, :, top : top + h, left : left + w]


@silent
def conv2d(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    *,
    stride: Pair = ONE,
    padding: Pads = NONE,
    dilation: Pair = ONE,
    groups: int = 1,
    algorithm: str = "auto",
    out: Array | None = None,
) -> Array:
    """Correlate images with filters: one matrix product (for each group of channels)."""
    n, kernel_size = x.shape[0], weight.shape[2:]
    patches = stretch(x, kernel_size, stride=stride, padding=padding, dilation=dilation)
    filters = weight.reshape(groups, weight.shape[0] // groups, -1)
    y = filters @ patches.reshape(groups, filters.shape[2], -1)  # (groups, O/groups, N*oH*oW)
    if bias is not None:
        y += bias.reshape(groups, -1, 1)
    oh, ow = output_size(x.shape, kernel_size, stride, padding, dilation)
    return give(y.reshape(weight.shape[0], n, oh, ow).transpose(1, 0, 2, 3), out)


@silent
def conv2d_grad_input(
    grad: Array,
    weight: Array,
    input_shape: tuple[int, ...],
    *,
    stride: Pair = ONE,
    padding: Pads = NONE,
    dilation: Pair = ONE,
    groups: int = 1,
    algorithm: str = "auto",
    out: Array | None = None,
) -> Array:
    """y = filters @ patches, so the gradient of the patches is filters.T @ grad."""
    filters = weight.reshape(groups, weight.shape[0] // groups, -1)
    patches = filters.transpose(0, 2, 1) @ _rows(grad, groups)
    return give(
        unstretch(patches, input_shape, weight.shape[2:], stride=stride, padding=padding, dilation=dilation),
        out,
    )


@silent
def conv2d_grad_weight(
    x: Array,
    grad: Array,
    kernel_size: Pair,
    *,
    stride: Pair = ONE,
    padding: Pads = NONE,
    dilation: Pair = ONE,
    groups: int = 1,
    algorithm: str = "auto",
    out: Array | None = None,
) -> Array:
    """y = filters @ patches, so the gradient of the filters is grad @ patches.T."""
    patches = stretch(x, kernel_size, stride=stride, padding=padding, dilation=dilation)
    patches = patches.reshape(groups, patches.shape[0] // groups, -1)
    filters = _rows(grad, groups) @ patches.transpose(0, 2, 1)
    return give(filters.reshape(grad.shape[1], x.shape[1] // groups, *kernel_size), out, channels_last=False)


@silent
def conv2d_grad_bias(grad: Array) -> Array:
    """Sum the gradient over all cells that the bias was added to."""
    return np.asarray(grad.sum(axis=(0, 2, 3), dtype=np.float64), grad.dtype)


def output_size(
    shape: tuple[int, ...],
    kernel_size: tuple[int, ...],
    stride: Pair,
    padding: Pads,
    dilation: Pair = ONE,
    ceil_mode: bool = False,
) -> Pair:
    """Give (oH, oW) of a convolution or pooling of an (N, C, H, W) input."""
    rows, columns = (
        pool_output_size(
            shape[2 + a],
            kernel_size[a],
            stride=stride[a],
            padding=padding[a],
            dilation=dilation[a],
            ceil_mode=ceil_mode,
        )
        for a in (0, 1)
    )
    return rows, columns


def _rows(grad: Array, groups: int) -> Array:
    """(N, O, oH, oW) -> (groups, O/groups, N*oH*oW), the layout of filters @ patches."""
    return grad.transpose(1, 0, 2, 3).reshape(groups, grad.shape[1] // groups, -1)
