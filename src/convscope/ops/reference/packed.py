"""A convolution with what comes after it, in plain NumPy: one step after the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from convscope.ops.arguments import Places
from convscope.ops.memory import Array, give, silent
from convscope.ops.reference.convolution import NONE, ONE, Pads, Pair, conv2d, conv2d_grad_weight
from convscope.ops.reference.pooling import max_pool2d, max_pool2d_grad

__all__ = ["conv2d_pooled_grad_weight", "packed_conv2d"]


def packed_conv2d(
    weight: Array,
    bias: Array | None,
    shape: tuple[int, ...],
    *,
    stride: Pair,
    padding: Pads,
    dilation: Pair,
    groups: int,
    algorithm: str,
    activation: tuple[str, float, float],
    pool: Places | None,
    packed: dict[int, object],
) -> Callable[..., Array]:
    """See `convscope.ops.PackedConv2d`: the steps one after the other, with nothing packed."""
    kind, low, high = activation

    @silent
    def run(x: Array, add: Array | None, out: Array | None, out_indices: Array | None = None) -> Array:
        settings: dict[str, Any] = {
            "stride": stride,
            "padding": padding,
            "dilation": dilation,
            "groups": groups,
        }
        y = conv2d(x, weight, bias, algorithm=algorithm, **settings)
        if add is not None:
            y += add
        if kind == "clip":
            np.clip(y, low, high, out=y)
        elif kind == "leaky_relu":
            np.multiply(y, y.dtype.type(low), out=y, where=y < 0)
        if pool is not None:
            pooled = max_pool2d(
                y,
                pool.kernel,
                stride=pool.stride,
                padding=pool.padding,
                dilation=pool.dilation,
                ceil_mode=pool.ceil_mode,
                return_indices=True,
                out=out,
                out_indices=out_indices,
            )
            return pooled[0]
        return y if out is None else give(y, out)

    return run


def conv2d_pooled_grad_weight(
    x: Array,
    grad: Array,
    rectified: Array,
    indices: Array,
    kernel_size: Pair,
    size: Pair,
    *,
    pool: Pair,
    stride: Pair = ONE,
    padding: Pads = NONE,
    dilation: Pair = ONE,
    groups: int = 1,
    algorithm: str = "auto",
    out: Array | None = None,
) -> Array:
    """Send each gradient to its place, then as for any gradient."""
    shape = (*grad.shape[:2], *size)
    spread = max_pool2d_grad(grad, indices, shape, kernel_size=pool, stride=pool, rectified=rectified)
    return conv2d_grad_weight(
        x,
        spread,
        kernel_size,
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
        algorithm=algorithm,
        out=out,
    )
