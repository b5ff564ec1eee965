"""Calls bound to their arrays, which go straight to the kernel; several of them in one go."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from itertools import groupby
from typing import Any

import numpy as np

from convscope import _core
from convscope.ops.arguments import Places
from convscope.ops.memory import Array
from convscope.ops.native.arrays import NHWC, flatten, in_place, nhwc, turned
from convscope.ops.native.convolution import Packed, run_packed
from convscope.ops.native.pointwise import relu
from convscope.ops.native.pooling import global_avg_pool2d, max_pool2d
from convscope.ops.native.windows import Pads, Pair


class Bound(partial[object]):
    """A call of one kernel, and nothing besides."""


def joined(calls: Iterable[Callable[[], object]]) -> list[Callable[[], object]]:
    """Give as few calls as do the same: between kernels that follow each other there is no Python."""
    found: list[Callable[[], object]] = []
    for are_kernels, some in groupby(calls, lambda call: isinstance(call, Bound)):
        run = list(some)
        found.extend([_core.Recorded(run, True)] if are_kernels else run)
    return found


def run_groups(
    calls: list[list[Callable[[], object]]],
    groups: int,
    inputs: list[tuple[Array, list[Array]]],
    outputs: list[tuple[Array, list[Array]]],
) -> bool:
    """See `convscope.ops.chooser.run_groups`."""
    able = all(
        batch.dtype == own[0].dtype
        and len(batch) >= groups * len(own[0])
        and _plain(own[0]).flags.c_contiguous
        for batch, own in (*inputs, *outputs)
    )
    if able:
        given = [_group_input(batch, own) for batch, own in inputs]
        taken = [(_plain(result), [*map(_plain, own)]) for result, own in outputs]
        _core.Recorded.run_groups(calls, groups, given, taken)
    return able


def _group_input(batch: Array, own: list[Array]) -> tuple[Array, list[Array], int]:
    """Give an input of a whole batch, and of a group on each worker, as the core wants it."""
    memory = [*map(_plain, own)]
    if batch.ndim == 4 and batch.shape[1] > 1 and batch.flags.c_contiguous and batch.dtype.char in "fd":
        return batch, memory, batch.shape[1]
    return (nhwc(batch) if batch.ndim == 4 else np.ascontiguousarray(batch)), memory, 1


def _plain(array: Array) -> Array:
    """See an array in the order of its memory."""
    return array.transpose(NHWC) if array.ndim == 4 else array


def recorded(call: Callable[[], object]) -> Callable[[], None]:
    """Make a call, and give one that makes its kernels again, with the same arrays, and does nothing else."""
    return _core.Recorded([call], False)


def bind(function: Callable[..., object], *args: Any, **kwargs: Any) -> Callable[[], object] | None:
    """Give a call of an op of this core on these very arrays that goes straight to the kernel.

    None where an array would have to be copied first, and for ops that have none.
    """
    if isinstance(function, partial):
        args = (*function.args, *args)
        function = function.func
    direct = _BOUND.get(function)
    return None if direct is None else direct(*args, **kwargs)


def _bound_packed(
    packed: Packed, shape: tuple[int, ...], pool: Places | None, x: Array, add: Array | None, out: Array
) -> Callable[[], object] | None:
    """`out` may be some channels of a channels-last image, unless something is added or pooled."""
    seen, more, y = in_place(x), None if add is None else in_place(add), out.transpose(NHWC)
    if pool is not None:
        fits = seen is not None and y.flags.c_contiguous
        return Bound(packed.pooled, seen, shape[1:3], *pool[:4], y, None) if fits else None
    image, row, pixel, one = y.strides
    among_others = one == y.itemsize and row == pixel * shape[2] and image == row * shape[1] and add is None
    if seen is None or (more is None and add is not None) or not (among_others or y.flags.c_contiguous):
        return None
    return Bound(packed, seen, more, y)


def _bound_max_pool2d(
    x: Array, kernel_size: Pair, *, stride: Pair, padding: Pads, dilation: Pair, ceil_mode: bool, out: Array
) -> Callable[[], object] | None:
    seen, y = in_place(x), in_place(out)
    if seen is None or y is None:
        return None
    return Bound(_core.max_pool2d, seen, y, None, kernel_size, stride, padding, dilation)


def _bound_relu(x: Array, *, out: Array) -> Callable[[], object] | None:
    if x.ndim == 4:
        seen, y = in_place(x), in_place(out)
    else:
        seen, y = (array if array.flags.c_contiguous else None for array in (x, out))
    return None if seen is None or y is None else Bound(_core.relu, seen, y)


def _bound_global_avg_pool2d(x: Array, *, out: Array) -> Callable[[], object] | None:
    seen, y = in_place(x), in_place(out)
    if seen is None or y is None:
        return None
    n, h, w, c = seen.shape
    return Bound(_core.channel_sums, seen, y, n, c, float(h * w))


def _bound_flatten(x: Array, *, out: Array) -> Callable[[], object] | None:
    pair = turned(x, out)
    return None if pair is None else Bound(_core.interleave, *pair)


_BOUND: dict[Callable[..., object], Callable[..., Callable[[], object] | None]] = {
    run_packed: _bound_packed,
    max_pool2d: _bound_max_pool2d,
    flatten: _bound_flatten,
    relu: _bound_relu,
    global_avg_pool2d: _bound_global_avg_pool2d,
}
