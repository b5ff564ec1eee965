"""The p-norm over windows and normalisation by neighbouring channels, in plain NumPy."""

from __future__ import annotations

import numpy as np

from convscope.geometry import kernel_span
from convscope.ops.memory import Array, give, own, silent
from convscope.ops.reference.convolution import Pads, Pair, windows
from convscope.ops.reference.pooling import pooling_windows

__all__ = [
    "global_max_pool2d",
    "global_max_pool2d_grad",
    "local_response_norm",
    "local_response_norm_grad",
    "lp_pool2d",
    "lp_pool2d_grad",
]


@silent
def lp_pool2d(
    x: Array, kernel_size: Pair, *, p: float, stride: Pair, padding: Pads, dilation: Pair, ceil_mode: bool
) -> Array:
    """(sum of |x|**p)**(1/p) of each window; padding counts as zeros."""
    powers = pooling_windows(np.abs(x) ** p, kernel_size, stride, padding, dilation, ceil_mode, fill=0)
    return give(powers.sum(axis=(4, 5)) ** (1 / p), None)


@silent
def lp_pool2d_grad(
    grad: Array,
    x: Array,
    y: Array,
    kernel_size: Pair,
    *,
    p: float,
    stride: Pair,
    padding: Pads,
    dilation: Pair,
    ceil_mode: bool,
) -> Array:
    """dx = sign(x) * |x|**(p-1) * (sum over its windows of grad / y**(p-1)); a window of zeros gives 0."""
    share = np.where(y > 0, grad / y ** (p - 1), grad.dtype.type(0))
    (n, c, h, w), (top, _), (left, _) = x.shape, *padding
    reach = [(y.shape[2 + a] - 1) * stride[a] + kernel_span(kernel_size[a], dilation[a]) for a in (0, 1)]
    padded = np.zeros((n, c, max(top + h, reach[0]), max(left + w, reach[1])), grad.dtype)
    target = windows(padded, kernel_size, stride, dilation, writeable=True)
    target = target[:, :, : y.shape[2], : y.shape[3]]
    for u in range(kernel_size[0]):
        for v in range(kernel_size[1]):
            target[..., u, v] += share
    return give(np.sign(x) * np.abs(x) ** (p - 1) * padded[:, :, top : top + h, left : left + w], None)


def global_max_pool2d(x: Array) -> Array:
    """The largest value of each channel."""
    return give(x.max(axis=(2, 3), keepdims=True), None)


@silent
def global_max_pool2d_grad(grad: Array, x: Array) -> Array:
    """The first pixel that is the largest of its channel gets the gradient."""
    n, c, h, w = x.shape
    dx = np.zeros((n, c, h * w), grad.dtype)
    best = np.ascontiguousarray(x).reshape(n, c, h * w).argmax(axis=2)
    np.put_along_axis(dx, best[..., None], grad.reshape(n, c, 1), axis=2)
    return give(dx.reshape(x.shape), None)


@silent
def local_response_norm(x: Array, size: int, *, alpha: float, beta: float, k: float) -> Array:
    """y = x / (k + alpha/size * sum of squares of `size` neighbouring channels)**beta."""
    return own(x / _scale(x, size, alpha, k) ** beta)


@silent
def local_response_norm_grad(
    grad: Array, x: Array, size: int, *, alpha: float, beta: float, k: float
) -> Array:
    """A channel's gradient has a part of its own, and one from each channel it is a neighbour of.

    With D the scale, y[c] = x[c] * D[c]**-beta and D[j] = k + alpha/size * (... + x[c]**2 + ...):

    dx[c] = grad[c] * D[c]**-beta - 2*alpha*beta/size * x[c] * sum over j of grad[j]*x[j]*D[j]**(-beta-1)
    """
    scale = _scale(x, size, alpha, k)
    direct = grad / scale**beta
    before, after = (size - 1) // 2, size // 2
    through = _sum_of_channels(direct * x / scale, after, before)  # whose neighbour c is: the other way round
    return own(direct - 2 * alpha * beta / size * x * through)


def _scale(x: Array, size: int, alpha: float, k: float) -> Array:
    return k + alpha / size * _sum_of_channels(x * x, (size - 1) // 2, size // 2)


def _sum_of_channels(x: Array, before: int, after: int) -> Array:
    """Sum the channels from c - before to c + after, as far as there are any."""
    channels = x.shape[1]
    total = np.zeros_like(x)
    for offset in range(max(-before, 1 - channels), min(after, channels - 1) + 1):
        low, high = max(0, -offset), channels - max(0, offset)
        total[:, low:high] += x[:, low + offset : high + offset]
    return total
