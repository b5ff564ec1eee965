"""Sums and rectifiers."""

from __future__ import annotations

from convscope import _core
from convscope.ops.memory import Array
from convscope.ops.native.arrays import channels_last, like, shaped


def relu(x: Array, *, out: Array | None = None) -> Array:
    """See `convscope.ops.relu`."""
    y = like(x, out)
    _core.relu(channels_last(x), y)
    return shaped(y, out)


def relu_grad(grad: Array, y: Array, *, out: Array | None = None) -> Array:
    """See `convscope.ops.relu_grad`."""
    dx = like(y, out)
    _core.relu_grad(channels_last(grad), channels_last(y), dx)
    return shaped(dx, out)


def add(*xs: Array, rectify: bool = False, out: Array | None = None) -> Array:
    """See `convscope.ops.add`."""
    if len(xs) == 1:
        from convscope.ops import reference

        return reference.add(*xs, rectify=rectify, out=out)
    y, total = like(xs[0], out), channels_last(xs[0])
    for place, x in enumerate(xs[1:], 2):
        _core.add(total, channels_last(x), y, rectify and place == len(xs))
        total = y
    return shaped(y, out)
