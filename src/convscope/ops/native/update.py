"""What a training step ends with: the loss and the new weights; and whether weights have changed."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from convscope import _core
from convscope.ops.memory import Array
from convscope.ops.native.arrays import flat


def softmax_cross_entropy(logits: Array, labels: Array) -> tuple[float, Array]:
    """See `convscope.ops.softmax_cross_entropy`."""
    losses, grad = np.empty(len(labels), logits.dtype), np.empty(logits.shape, logits.dtype)
    _core.cross_entropy(flat(logits), np.ascontiguousarray(labels, np.int64), losses, grad)
    return float(np.mean(losses, dtype=np.float64)), grad


def sgd_step(
    weight: Array,
    grad: Array,
    velocity: Array | None,
    *,
    rate: float,
    momentum: float,
    nesterov: bool,
    decay: float,
) -> None:
    """See `convscope.ops.sgd_step`."""
    if not (weight.flags.c_contiguous and (velocity is None or velocity.flags.c_contiguous)):
        from convscope.ops import reference

        settings = {"rate": rate, "momentum": momentum, "decay": decay}
        reference.sgd_step(weight, grad, velocity, nesterov=nesterov, **settings)
        return
    _core.sgd(weight, flat(grad), velocity, rate, momentum, decay, nesterov)


def adam_step(
    weight: Array,
    grad: Array,
    first: Array,
    second: Array,
    *,
    rate: float,
    beta1: float,
    beta2: float,
    eps: float,
    step: int,
    decay: float,
    shrink: float,
) -> None:
    """See `convscope.ops.adam_step`."""
    if not all(array.flags.c_contiguous for array in (weight, first, second)):
        from convscope.ops import reference

        reference.adam_step(
            weight, grad, first, second,
            rate=rate, beta1=beta1, beta2=beta2, eps=eps, step=step, decay=decay, shrink=shrink,
        )  # fmt: skip
        return
    scale = 1 / math.sqrt(1 - beta2**step)
    rate /= 1 - beta1**step
    _core.adam(weight, flat(grad), first, second, rate, beta1, beta2, scale, eps, decay, shrink)


def fingerprint(arrays: Sequence[Array], addresses: Array, sizes: Array) -> int:
    """Give a number for what the arrays hold, which lie at these addresses."""
    return _core.fingerprint(addresses, sizes)
