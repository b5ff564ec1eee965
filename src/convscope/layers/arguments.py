"""Checking what layers are made of."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from convscope import geometry
from convscope.errors import DtypeError, InvalidValue
from convscope.layers.base import Array, Shape, Window

__all__ = [
    "Padding",
    "as_parameter",
    "as_vector",
    "need_4d",
    "output_size",
    "pair",
    "paddings",
    "same_channels",
    "windows",
]

Padding = str | tuple[tuple[int, int], tuple[int, int]]


def as_parameter(who: str, name: str, value: Any, dtype: np.dtype[Any] | None = None) -> Array:
    """Take `value` as a parameter: a floating point array, of `dtype` if one is given."""
    array = np.asarray(value)
    if array.dtype not in (np.float32, np.float64):
        raise DtypeError(f"{who}: {name} must be float32 or float64; got {array.dtype}.")
    if dtype is not None and array.dtype != dtype:
        raise DtypeError(f"{who}: {name} must be {dtype} like the weight; got {array.dtype}.")
    return array


def as_vector(who: str, name: str, value: Any, length: int, dtype: np.dtype[Any]) -> Array:
    """Take `value` as a parameter with one number for each of `length` channels."""
    array = as_parameter(who, name, value, dtype)
    if array.shape != (length,):
        raise InvalidValue(f"{who}: {name} must have shape ({length},); got {array.shape}.")
    return array


def pair(who: str, name: str, value: Any, least: int = 1) -> tuple[int, int]:
    """Take an int or a pair of ints, (height, width)."""
    items = _both(value)
    if len(items) != 2 or not all(_is_whole(v) and v >= least for v in items):
        raise InvalidValue(
            f"{who}: {name} must be an int of at least {least} or a pair of them; got {value!r}."
        )
    return int(items[0]), int(items[1])


def paddings(who: str, value: Any) -> Padding:
    """Take any form of padding; give a word or ((top, bottom), (left, right))."""
    if isinstance(value, str):
        if value == "valid":
            return (0, 0), (0, 0)
        if value not in ("same", "same_lower"):
            raise InvalidValue(
                f"{who}: padding must be 'same', 'same_lower', 'valid' or numbers; got {value!r}."
            )
        return value
    items = _both(value)
    if len(items) != 2:
        raise InvalidValue(
            f"{who}: padding must be an int, (height, width) or ((top, bottom), (left, right)); "
            f"got {value!r}."
        )
    return pair(who, "padding", items[0], 0), pair(who, "padding", items[1], 0)


def _both(value: Any) -> tuple[Any, ...]:
    """Give one setting for both axes, or the several it is."""
    return tuple(value) if isinstance(value, tuple | list | np.ndarray) else (value, value)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


# A layer's settings are of the right types already, and asked for at every step.
output_size = lru_cache(maxsize=4096)(geometry.conv_output_size)


def windows(
    kernel: tuple[int, int],
    stride: tuple[int, int],
    padding: Padding,
    dilation: tuple[int, int] = (1, 1),
    ceil_mode: bool = False,
) -> tuple[Window, Window]:
    """Pair up the settings of both axes."""
    by_axis = (padding, padding) if isinstance(padding, str) else padding
    rows, columns = (
        Window(kernel[axis], stride[axis], by_axis[axis], dilation[axis], ceil_mode) for axis in (0, 1)
    )
    return rows, columns


def need_4d(who: str, shape: Shape) -> tuple[int, int, int, int]:
    """Refuse a shape that is not (N, C, H, W)."""
    if len(shape) != 4:
        raise InvalidValue(f"{who}: the input must have shape (N, C, H, W); got {tuple(shape)}.")
    n, c, h, w = shape
    return n, c, h, w


def same_channels(who: str, channels: int, shape: Shape) -> Shape:
    """Refuse a shape that is not (N, channels) or (N, channels, any spatial axes)."""
    if len(shape) < 2 or shape[1] != channels:
        raise InvalidValue(
            f"{who}: the input must have shape (N, {channels}) or (N, {channels}, H, W); got {tuple(shape)}."
        )
    return shape
