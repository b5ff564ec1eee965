"""Every op in plain NumPy: what convscope computes, to be read.

The convolution is ONE matrix product. `stretch` lays every patch of the input that the
kernel passes over into a column; each filter becomes a row; the product of the two
holds every output cell:

         patches                         columns: one for each output cell
      ┌─┬─┬─┬─┬─┐
      │ │ │ │ │ │  rows: one for each
      │ │ │ │ │ │  value under the kernel
      └─┴─┴─┴─┴─┘  (C * kH * kW)
                                     y = filters @ patches
    filters  ┌─────┐
             ├─────┤  rows: one for each output channel
             └─────┘

Its two gradients are matrix products as well, with the same two matrices, and
`unstretch`, which adds every column back to where it was taken from, is the gradient
of `stretch`.

The functions here get arguments that `convscope.ops` has checked and spelled out:
`stride` and `dilation` as (rows, columns), `padding` as ((top, bottom), (left, right)).
The C++ core has the same functions and must give the same numbers, up to rounding.
Not-a-number and infinity pass through without a warning.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from convscope.geometry import kernel_span, pool_output_size
from convscope.ops.memory import Array, empty_channels_last, empty_result

__all__ = [
    "add",
    "avg_pool2d",
    "avg_pool2d_grad",
    "batch_norm",
    "batch_norm_grad",
    "batch_norm_train",
    "concatenate",
    "concatenate_grad",
    "conv2d",
    "conv2d_grad_bias",
    "conv2d_grad_input",
    "conv2d_grad_weight",
    "dropout",
    "dropout_grad",
    "flatten",
    "flatten_grad",
    "global_avg_pool2d",
    "global_avg_pool2d_grad",
    "linear",
    "linear_grad_bias",
    "linear_grad_input",
    "linear_grad_weight",
    "max_pool2d",
    "max_pool2d_grad",
    "relu",
    "relu_grad",
    "softmax",
    "softmax_cross_entropy",
    "softmax_grad",
    "tanh",
    "tanh_grad",
]

Pair = tuple[int, int]
Pads = tuple[Pair, Pair]

ONE: Pair = (1, 1)
NONE: Pads = ((0, 0), (0, 0))

silent = np.errstate(invalid="ignore", over="ignore", divide="ignore")


# ---------------------------------------------------------------- convolution


def windows(x: Array, kernel_size: Pair, stride: Pair = ONE, dilation: Pair = ONE) -> Array:
    """See (N, C, H, W) as (N, C, oH, oW, kH, kW), without copying: the window of every output cell.

    Examples
    --------
    >>> row = np.arange(5.0).reshape(1, 1, 1, 5)
    >>> windows(row, (1, 3), stride=(1, 2))[0, 0, 0, :, 0]
    array([[0., 1., 2.],
           [2., 3., 4.]])
    """
    span = tuple(kernel_span(k, d) for k, d in zip(kernel_size, dilation, strict=True))
    every = sliding_window_view(x, span, axis=(2, 3))
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
    (c, (kh, kw)), padded = (x.shape[1], kernel_size), np.pad(x, ((0, 0), (0, 0), *padding))
    patches = windows(padded, kernel_size, stride, dilation)  # (N, C, oH, oW, kH, kW)
    return patches.transpose(1, 4, 5, 0, 2, 3).reshape(c * kh * kw, -1)


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
    target = windows_writeable(padded, kernel_size, stride, dilation)
    source = patches.reshape(c, *kernel_size, n, *target.shape[2:4])
    for u in range(kernel_size[0]):
        for v in range(kernel_size[1]):  # windows overlap, but for one tap (u, v) they do not
            target[..., u, v] += source[:, u, v].transpose(1, 0, 2, 3)
    return padded[:, :, top : top + h, left : left + w]


def windows_writeable(x: Array, kernel_size: Pair, stride: Pair, dilation: Pair) -> Array:
    """See `windows`; writing to the view writes to `x`."""
    span = tuple(kernel_span(k, d) for k, d in zip(kernel_size, dilation, strict=True))
    every = sliding_window_view(x, span, axis=(2, 3), writeable=True)
    return every[:, :, :: stride[0], :: stride[1], :: dilation[0], :: dilation[1]]


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
    return _give(y.reshape(-1, n, oh, ow).transpose(1, 0, 2, 3), out)


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
    return _give(
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
    return _give(filters.reshape(grad.shape[1], x.shape[1] // groups, *kernel_size), out, channels_last=False)


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


# ------------------------------------------------------------------- pooling


def pooling_windows(
    x: Array, kernel_size: Pair, stride: Pair, padding: Pads, dilation: Pair, ceil_mode: bool, fill: float
) -> Array:
    """Pad with `fill`, also as far as a last window overhangs in ceil mode, and see the windows."""
    outputs = output_size(x.shape, kernel_size, stride, padding, dilation, ceil_mode)
    reach = [(outputs[a] - 1) * stride[a] + kernel_span(kernel_size[a], dilation[a]) for a in (0, 1)]
    ends = [(padding[a][0], max(padding[a][1], reach[a] - x.shape[2 + a] - padding[a][0])) for a in (0, 1)]
    padded = np.pad(x, ((0, 0), (0, 0), *ends), constant_values=fill)
    return windows(padded, kernel_size, stride, dilation)[:, :, : outputs[0], : outputs[1]]


def max_pool2d(
    x: Array,
    kernel_size: Pair,
    *,
    stride: Pair,
    padding: Pads = NONE,
    dilation: Pair = ONE,
    ceil_mode: bool = False,
    return_indices: bool = False,
    out: Array | None = None,
) -> Array | tuple[Array, Array]:
    """Keep the largest value of each window, and where it lay: row*W + column, the first of equals."""
    settings = (kernel_size, stride, padding, dilation, ceil_mode)
    values = pooling_windows(x, *settings, fill=-np.inf)
    places = np.arange(x.shape[2] * x.shape[3], dtype=np.int32).reshape(1, 1, *x.shape[2:])
    places = pooling_windows(places, *settings, fill=-1)  # -1 is padding
    best = np.full(values.shape[:4], -np.inf, x.dtype)
    indices = np.full(values.shape[:4], -1, np.int32)
    for u in range(kernel_size[0]):
        for v in range(kernel_size[1]):
            value, place = values[..., u, v], places[..., u, v]
            better = (value > best) | np.isnan(value) | (indices < 0)
            better &= place >= 0
            np.copyto(best, value, where=better)
            np.copyto(indices, place, where=better)
    y = _give(best, out)
    return (y, _give(indices, None)) if return_indices else y


def max_pool2d_grad(
    grad: Array, indices: Array, input_shape: tuple[int, ...], *, out: Array | None = None
) -> Array:
    """Send each gradient to the pixel that was the largest of its window."""
    n, c, h, w = input_shape
    dx = np.zeros((n * c, h * w), grad.dtype)
    channel = np.arange(n * c)[:, None]
    cells = grad.shape[2] * grad.shape[3]
    np.add.at(dx, (channel, indices.reshape(n * c, cells)), grad.reshape(n * c, cells))
    return _give(dx.reshape(n, c, h, w), out)


@silent
def avg_pool2d(
    x: Array,
    kernel_size: Pair,
    *,
    stride: Pair,
    padding: Pads = NONE,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    out: Array | None = None,
) -> Array:
    """Average each window; padding counts as zeros, or, without `count_include_pad`, not at all."""
    sums = pooling_windows(x, kernel_size, stride, padding, ONE, ceil_mode, fill=0).sum(axis=(4, 5))
    counts = _counts(x.shape, kernel_size, stride, padding, ceil_mode, count_include_pad)
    return _give(sums / counts.astype(x.dtype), out)


@silent
def avg_pool2d_grad(
    grad: Array,
    input_shape: tuple[int, ...],
    kernel_size: Pair,
    *,
    stride: Pair,
    padding: Pads = NONE,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    out: Array | None = None,
) -> Array:
    """Share each gradient equally among the pixels of its window."""
    counts = _counts(input_shape, kernel_size, stride, padding, ceil_mode, count_include_pad)
    share = grad / counts.astype(grad.dtype)
    (n, c, h, w), (top, _), (left, _) = input_shape, *padding
    rows = max(top + h, (grad.shape[2] - 1) * stride[0] + kernel_size[0])
    columns = max(left + w, (grad.shape[3] - 1) * stride[1] + kernel_size[1])
    padded = np.zeros((n, c, rows, columns), grad.dtype)
    target = windows_writeable(padded, kernel_size, stride, ONE)[:, :, : grad.shape[2], : grad.shape[3]]
    for u in range(kernel_size[0]):
        for v in range(kernel_size[1]):
            target[..., u, v] += share
    return _give(padded[:, :, top : top + h, left : left + w], out)


def _counts(
    shape: tuple[int, ...],
    kernel_size: Pair,
    stride: Pair,
    padding: Pads,
    ceil_mode: bool,
    count_include_pad: bool,
) -> Array:
    """Count what each window averages over; beyond the padding (ceil mode) nothing counts."""
    if count_include_pad:
        ones = np.ones((1, 1, *(shape[2 + a] + sum(padding[a]) for a in (0, 1))), np.int64)
        outputs = output_size(shape, kernel_size, stride, padding, ONE, ceil_mode)
        seen = pooling_windows(ones, kernel_size, stride, NONE, ONE, True, fill=0)
        return seen[:, :, : outputs[0], : outputs[1]].sum(axis=(4, 5))
    ones = np.ones((1, 1, *shape[2:]), np.int64)
    return pooling_windows(ones, kernel_size, stride, padding, ONE, ceil_mode, fill=0).sum(axis=(4, 5))


def global_avg_pool2d(x: Array) -> Array:
    """Average each channel to a single value."""
    return _give(x.mean(axis=(2, 3), keepdims=True, dtype=np.float64).astype(x.dtype), None)


def global_avg_pool2d_grad(grad: Array, input_shape: tuple[int, ...]) -> Array:
    """Share each channel's gradient equally among its pixels."""
    pixels = input_shape[2] * input_shape[3]
    return _give(np.broadcast_to(grad / grad.dtype.type(pixels), input_shape), None)


# -------------------------------------------------------------------- linear


@silent
def linear(x: Array, weight: Array, bias: Array | None = None) -> Array:
    """y = x @ weight.T + bias."""
    y = x @ weight.T
    return y if bias is None else y + bias


@silent
def linear_grad_input(grad: Array, weight: Array) -> Array:
    """dx = grad @ weight."""
    return np.asarray(grad @ weight)


@silent
def linear_grad_weight(x: Array, grad: Array) -> Array:
    """dweight = grad.T @ x."""
    return np.asarray(grad.T @ x)


def linear_grad_bias(grad: Array) -> Array:
    """dbias = the sum of grad over the samples."""
    return np.asarray(grad.sum(axis=0, dtype=np.float64), grad.dtype)


# ------------------------------------------------------- batch normalisation


@silent
def batch_norm(
    x: Array, weight: Array, bias: Array, mean: Array, var: Array, *, eps: float, out: Array | None = None
) -> Array:
    """y = (x - mean) / sqrt(var + eps) * weight + bias, channel by channel."""
    scale = weight / np.sqrt(var + var.dtype.type(eps))
    return _give((x - _channels(mean, x)) * _channels(scale, x) + _channels(bias, x), out)


@silent
def batch_norm_train(
    x: Array, weight: Array, bias: Array, *, eps: float, out: Array | None = None
) -> tuple[Array, Array, Array]:
    """Normalise by the mean and the (biased) variance of this batch, and give both."""
    axes = _all_but_channels(x)
    mean = x.mean(axis=axes, dtype=np.float64)
    var = np.square(x - _channels(mean, x)).mean(axis=axes).astype(x.dtype)
    mean = mean.astype(x.dtype)
    return batch_norm(x, weight, bias, mean, var, eps=eps, out=out), mean, var


@silent
def batch_norm_grad(
    grad: Array, x: Array, weight: Array, mean: Array, var: Array, *, eps: float, training: bool
) -> tuple[Array, Array, Array]:
    """Differentiate; in training, mean and variance depend on x as well."""
    axes = _all_but_channels(x)
    inverse = 1 / np.sqrt(var + var.dtype.type(eps))
    normalised = (x - _channels(mean, x)) * _channels(inverse, x)
    dbias = grad.sum(axis=axes, dtype=np.float64).astype(x.dtype)
    dweight = (grad * normalised).sum(axis=axes, dtype=np.float64).astype(x.dtype)
    if training:
        values = x.dtype.type(x.size // x.shape[1])
        grad = grad - _channels(dbias / values, x) - normalised * _channels(dweight / values, x)
    return _give(grad * _channels(weight * inverse, x), None), dweight, dbias


def _channels(values: Array, x: Array) -> Array:
    """Shape one value a channel so that it spreads over x."""
    return values.reshape(1, -1, *(1,) * (x.ndim - 2))


def _all_but_channels(x: Array) -> tuple[int, ...]:
    return (0, *range(2, x.ndim))


# --------------------------------------------------- activations and the loss


def relu(x: Array, *, out: Array | None = None) -> Array:
    """max(x, 0)."""
    return np.maximum(x, x.dtype.type(0), out=empty_result(x.shape, x.dtype) if out is None else out)


def relu_grad(grad: Array, y: Array) -> Array:
    """Let the gradient through where the output is above 0."""
    return _give(np.where(y > 0, grad, grad.dtype.type(0)), None)


def tanh(x: Array) -> Array:
    """Hyperbolic tangent."""
    return np.tanh(x, out=empty_result(x.shape, x.dtype))


@silent
def tanh_grad(grad: Array, y: Array) -> Array:
    """tanh' = 1 - tanh**2."""
    return _give(grad * (1 - y * y), None)


@silent
def softmax(x: Array, axis: int = 1) -> Array:
    """exp(x) / sum of exp(x); the largest x is subtracted first, so that nothing overflows."""
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return _give(e / e.sum(axis=axis, keepdims=True), None)


@silent
def softmax_grad(grad: Array, y: Array, axis: int = 1) -> Array:
    """dx = y * (grad - sum of grad*y)."""
    return _give(y * (grad - (grad * y).sum(axis=axis, keepdims=True)), None)


@silent
def softmax_cross_entropy(logits: Array, labels: Array) -> tuple[float, Array]:
    """Mean over the samples of -log(softmax of the right class), and its gradient: (softmax - one hot)/N."""
    n, rows = len(labels), np.arange(len(labels))
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_sum = np.log(np.exp(shifted).sum(axis=1))
    loss = float(np.mean(log_sum - shifted[rows, labels], dtype=np.float64))
    grad = np.exp(shifted - log_sum[:, None])
    grad[rows, labels] -= 1
    return loss, grad / grad.dtype.type(n)


# ------------------------------------------------- joining, shaping, dropping


@silent
def add(*xs: Array) -> Array:
    """Sum arrays of one shape, from the first to the last."""
    y = empty_result(xs[0].shape, xs[0].dtype)
    np.copyto(y, xs[0])
    for x in xs[1:]:
        y += x
    return y


def concatenate(xs: tuple[Array, ...], axis: int = 1) -> Array:
    """Join arrays along an axis."""
    return _give(np.concatenate(xs, axis=axis), None)


def concatenate_grad(grad: Array, sizes: tuple[int, ...], axis: int = 1) -> list[Array]:
    """Cut a gradient at the places where arrays were joined."""
    return [_give(part, None) for part in np.split(grad, np.cumsum(sizes)[:-1], axis=axis)]


def flatten(x: Array) -> Array:
    """(N, C, H, W) -> (N, C*H*W), the channel slowest, whatever the memory order."""
    return np.ascontiguousarray(x).reshape(x.shape[0], -1)


def flatten_grad(grad: Array, shape: tuple[int, ...]) -> Array:
    """Give the gradient the shape from before."""
    return _give(grad.reshape(shape), None)


@silent
def dropout(x: Array, p: float, mask: Array) -> Array:
    """Zero what the mask does not keep; scale the rest by 1/(1 - p), so that the mean stays."""
    return _give(np.where(mask, x * x.dtype.type(1 / (1 - p)), x.dtype.type(0)), None)


def dropout_grad(grad: Array, p: float, mask: Array) -> Array:
    """The same, since it is linear."""
    return dropout(grad, p, mask)


def _give(y: Array, out: Array | None, channels_last: bool = True) -> Array:
    """Copy a result into `out`, or into the memory order of results; never give a view."""
    if out is None:
        if y.ndim == 4 and channels_last:
            out = empty_channels_last(y.shape, y.dtype)
        else:
            return np.array(y, order="C")
    np.copyto(out, y)
    return out
