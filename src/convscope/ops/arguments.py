"""Checking arguments once and spelling them out, so that no core has to.

Every function here takes the name of the op first, for its messages.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from convscope.errors import DtypeError, InvalidValue
from convscope.geometry import pool_output_size, resolve_padding
from convscope.ops.algorithms import obstacle
from convscope.ops.memory import Array
from convscope.ops.settings import flag, word

__all__ = [
    "ALGORITHMS",
    "Pads",
    "Places",
    "Size",
    "check_algorithm",
    "check_arrays",
    "check_length",
    "check_ndim",
    "check_out",
    "check_pixels",
    "check_pool_windows",
    "check_same_shape",
    "given",
    "image_shape",
    "pair",
    "place_kernel",
    "whole",
]

Size = int | tuple[int, int]
Pads = int | tuple[int, int] | tuple[tuple[int, int], tuple[int, int]] | str

ALGORITHMS = ("auto", "direct", "winograd")
_FLOATS = frozenset((np.dtype(np.float32), np.dtype(np.float64)))
_AXES = ("height", "width")
_MOST = 2**63 - 1  # what a core can count to


class Places(NamedTuple):
    """Where a kernel goes on an image: every setting spelled out, and the output size."""

    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[tuple[int, int], tuple[int, int]]
    dilation: tuple[int, int]
    output: tuple[int, int]
    ceil_mode: bool = False  # how the output size was rounded


def given(**arrays: Array | None) -> dict[str, Array]:
    """Leave out what is None: arrays that need not be given."""
    return {name: array for name, array in arrays.items() if array is not None}


def check_arrays(op: str, **arrays: Array) -> None:
    """Refuse anything but NumPy arrays of one dtype, float32 or float64.

    Raises
    ------
    DtypeError
    """
    first = ""
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray):
            raise DtypeError(f"{op}: {name} must be a NumPy array; got {type(array).__name__}.")
        if array.dtype not in _FLOATS:
            hint = f"; {name}.astype(np.float32) would do" if array.dtype.kind in "biufc" else ""
            raise DtypeError(
                f"{op}: {name} must be float32 or float64 in native byte order; got {array.dtype.str}{hint}."
            )
        if not first:
            first, dtype = name, array.dtype
        elif array.dtype != dtype:
            raise DtypeError(
                f"{op}: {first} and {name} must have one dtype; got {dtype.name} and {array.dtype.name}."
            )


def check_ndim(op: str, name: str, array: Array, axes: str) -> None:
    """Refuse an array whose number of axes is not that of `axes`, "N, C, H, W" for example."""
    if array.ndim != axes.count(",") + 1:
        raise InvalidValue(f"{op}: {name} must have the axes ({axes}); got {name}.shape={array.shape}.")
    if 0 in array.shape[axes.startswith("N") :]:
        raise InvalidValue(f"{op}: only the batch may be of size 0; got {name}.shape={array.shape}.")


def check_length(op: str, name: str, array: Array | None, length: int, meaning: str) -> None:
    """Refuse a vector that does not have one value for each `meaning`; None is passed over."""
    if array is not None and array.shape != (length,):
        raise InvalidValue(
            f"{op}: {name} must have one value for each {meaning}, {length}; got {name}.shape={array.shape}."
        )


def check_same_shape(op: str, name: str, array: Array, shape: Sequence[int], meaning: str) -> None:
    """Refuse an array whose shape is not that of `meaning`."""
    if array.shape != tuple(shape):
        raise InvalidValue(
            f"{op}: {name} must have the shape of {meaning}, {tuple(shape)}; got {name}.shape={array.shape}."
        )


def check_pixels(op: str, indices: Array, pixels: int) -> None:
    """Refuse places (row * W + column) outside an image of so many pixels."""
    if indices.size and (indices.min() < 0 or indices.max() >= pixels):
        raise InvalidValue(
            f"{op}: indices must be from 0 to H*W - 1 = {pixels - 1}; got {indices.min()} to {indices.max()}."
        )


def check_out(
    op: str,
    out: Array | None,
    shape: tuple[int, ...],
    dtype: np.dtype[np.generic],
    *inputs: Array,
    in_place: bool = False,
) -> None:
    """Refuse an `out` of another shape or dtype, not writable, or sharing memory with an input.

    With `in_place`, `out` may be an input itself.
    """
    if out is None:
        return
    if not isinstance(out, np.ndarray) or out.dtype != dtype:
        raise DtypeError(
            f"{op}: out must be a NumPy array of {dtype}; got {getattr(out, 'dtype', type(out))}."
        )
    if out.shape != shape:
        raise InvalidValue(
            f"{op}: out must have the shape of the result, {shape}; got out.shape={out.shape}."
        )
    if not out.flags.writeable:
        raise InvalidValue(f"{op}: out must be writable; got a read-only array.")
    for array in inputs:
        if not np.may_share_memory(out, array):
            continue
        itself = in_place and array.strides == out.strides and array.ctypes.data == out.ctypes.data
        if not itself and _share(out, array):
            raise InvalidValue(f"{op}: out must not share memory with an input; give an array of its own.")


def _share(a: Array, b: Array) -> bool:
    try:
        return np.shares_memory(a, b, max_work=10_000)  # type: ignore[arg-type]
    except np.exceptions.TooHardError:
        return True


def check_algorithm(
    op: str,
    algorithm: str,
    kernel: tuple[int, int],
    stride: tuple[int, int],
    dilation: tuple[int, int],
    groups: int,
) -> None:
    """Refuse an unknown algorithm, or one that cannot compute this."""
    word(op, "algorithm", algorithm, ALGORITHMS)
    if algorithm == "winograd":
        why_not = obstacle(kernel, stride, dilation, groups)
        if why_not is not None:
            raise InvalidValue(
                f"{op}: algorithm='winograd' cannot compute this: {why_not}; 'auto' takes it where it can."
            )


def whole(op: str, name: str, value: object, least: int) -> int:
    """Give `value` as an int of at least `least`."""
    try:
        if isinstance(value, bool | np.bool_):
            raise TypeError
        number = operator.index(value)  # type: ignore[arg-type]  # what is no number is the error caught
    except TypeError:
        raise DtypeError(f"{op}: {name} must be a whole number; got {value!r}.") from None
    if number < least:
        raise InvalidValue(f"{op}: {name} must be at least {least}; got {name}={number}.")
    if number > _MOST:
        raise InvalidValue(f"{op}: {name} must be less than 2**63; got {name}={number}.")
    return number


def pair(op: str, name: str, value: object, least: int = 1) -> tuple[int, int]:
    """Give one number or (rows, columns) as (rows, columns)."""
    if isinstance(value, tuple | list):
        if len(value) != 2:
            raise InvalidValue(f"{op}: {name} must be one number or (rows, columns); got {value!r}.")
        return whole(op, name, value[0], least), whole(op, name, value[1], least)
    number = whole(op, name, value, least)
    return number, number


def image_shape(op: str, name: str, shape: object) -> tuple[int, int, int, int]:
    """Give a shape (N, C, H, W) as ints, of which only N may be 0."""
    if not isinstance(shape, tuple | list) or len(shape) != 4:
        raise InvalidValue(f"{op}: {name} must be (N, C, H, W); got {shape!r}.")
    n = whole(op, name, shape[0], 0)
    c, h, w = (whole(op, name, s, 1) for s in shape[1:])
    return n, c, h, w


def place_kernel(
    op: str,
    image: tuple[int, ...],
    kernel_size: object,
    *,
    stride: object = 1,
    padding: object = 0,
    dilation: object = 1,
    ceil_mode: bool = False,
) -> Places:
    """Spell out the settings of a convolution or pooling over an image of (height, width) pixels.

    Raises
    ------
    InvalidValue
        If the kernel is larger than the padded image.
    """
    settings = (op, image, kernel_size, stride, padding, dilation, flag(op, "ceil_mode", ceil_mode))
    return _placed_before(*settings) if _plain(settings[2:6]) else _place_kernel(*settings)


def _plain(values: tuple[object, ...]) -> bool:
    """Say whether settings can be looked up: 1.0 and True would find what was kept for 1."""
    for value in values:
        kind = type(value)
        if kind is tuple:
            if not _plain(value):  # type: ignore[arg-type]
                return False
        elif kind is not int and kind is not str:
            return False
    return True


def _place_kernel(
    op: str,
    image: tuple[int, ...],
    kernel_size: object,
    stride: object,
    padding: object,
    dilation: object,
    ceil_mode: bool,
) -> Places:
    kernel = pair(op, "kernel_size", kernel_size)
    strides = pair(op, "stride", stride)
    dilations = pair(op, "dilation", dilation)
    paddings = _padding_of_axes(op, padding)
    found = []
    for axis in (0, 1):
        settings = (kernel[axis], strides[axis], paddings[axis], dilations[axis])
        try:
            found.append(_place_axis(image[axis], *settings, ceil_mode))
        except InvalidValue as error:
            message = str(error).removeprefix("geometry: ")
            raise InvalidValue(f"{op}: along the {_AXES[axis]}, {message}") from None
    (rows, oh), (columns, ow) = found
    return Places(kernel, strides, (rows, columns), dilations, (oh, ow), ceil_mode)


# A network asks the same few questions at every step.
_placed_before = lru_cache(maxsize=1024)(_place_kernel)


def _place_axis(
    size: int, kernel: int, stride: int, padding: tuple[int, int] | str, dilation: int, ceil_mode: bool
) -> tuple[tuple[int, int], int]:
    """Give the padding in pixels and the output size."""
    pads = resolve_padding(padding, size, kernel, stride, dilation)
    outputs = pool_output_size(
        size, kernel, stride=stride, padding=pads, dilation=dilation, ceil_mode=ceil_mode
    )
    return pads, outputs


def _padding_of_axes(op: str, padding: object) -> tuple[tuple[int, int] | str, tuple[int, int] | str]:
    if isinstance(padding, str):
        return padding, padding
    if isinstance(padding, tuple | list):
        if len(padding) == 2:
            rows, columns = padding
            return _padding_of_axis(op, rows), _padding_of_axis(op, columns)
        raise InvalidValue(
            f"{op}: padding must be a number, (rows, columns), ((top, bottom), (left, right)), "
            f"'same', 'same_lower' or 'valid'; got {padding!r}."
        )
    return (_padding_of_axis(op, padding),) * 2


def _padding_of_axis(op: str, padding: object) -> tuple[int, int] | str:
    return padding if isinstance(padding, str) else pair(op, "padding", padding, 0)


def check_pool_windows(op: str, image: tuple[int, ...], places: Places) -> None:
    """Refuse a pooling of which a window would see padding only: it has no largest value and no mean."""
    for axis in (0, 1):
        size, kernel, stride = image[axis], places.kernel[axis], places.stride[axis]
        padding, dilation = places.padding[axis], places.dilation[axis]
        blind = _blind_window(size, kernel, stride, padding[0], dilation, places.output[axis])
        if blind is not None:
            raise InvalidValue(
                f"{op}: every window must see at least one pixel; along the {_AXES[axis]}, {size}, "
                f"window {blind} sees padding only, with kernel_size={kernel}, stride={stride}, "
                f"padding={padding}, dilation={dilation}."
            )


@lru_cache(maxsize=1024)
def _blind_window(
    size: int, kernel: int, stride: int, before: int, dilation: int, outputs: int
) -> int | None:
    """Give the first window that sees no pixel; those that start inside the image see their first."""
    leading = range(min(outputs, -(-before // stride)))
    trailing = range(min(outputs, -(-(size + before) // stride)), outputs)
    suspects: list[int] = [*leading, *trailing]
    for index in suspects:
        first = index * stride - before
        tap = max(0, -(first // dilation))  # the first that is not before the image
        if tap >= kernel or first + tap * dilation >= size:
            return index
    return None
