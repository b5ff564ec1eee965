"""Making images larger and smaller."""

from __future__ import annotations

import math
from typing import Any, NamedTuple, cast

from convscope.errors import InvalidValue
from convscope.ops.arguments import check_arrays, check_ndim, image_shape, pair
from convscope.ops.chooser import get
from convscope.ops.memory import Array
from convscope.ops.settings import number, word
from convscope.ops.taps import Taps, resize_taps

__all__ = ["COORDINATES", "RESIZE_MODES", "ROUNDINGS", "resize2d", "resize2d_grad", "resized_size"]

RESIZE_MODES = ("nearest", "bilinear", "cubic")
COORDINATES = ("half_pixel", "align_corners", "asymmetric", "pytorch_half_pixel")
ROUNDINGS = ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")


class _Axis(NamedTuple):
    output: int
    scale: float | None


def resize2d(
    x: Array,
    size: object = None,
    *,
    scale: object = None,
    mode: str = "bilinear",
    coordinates: str = "half_pixel",
    rounding: str = "round_prefer_floor",
) -> Array:
    """Resize each image by interpolation, without smoothing it first.

    Parameters
    ----------
    x : ndarray of shape (N, C, H, W), float32 or float64
    size : int or (rows, columns), optional
        In pixels.
    scale : float or (rows, columns), optional
        Instead of `size`: new pixels for each old one; the size is floored.
    mode : "nearest", "bilinear" or "cubic"
        "cubic" is that of Keys with a = -0.75.
    coordinates : "half_pixel", "align_corners", "asymmetric" or "pytorch_half_pixel"
        Where pixel i of the result lies on the image, by ONNX's names: (i + 1/2)/scale - 1/2;
        i*(H - 1)/(oH - 1), corners on corners; i/scale, the corner of pixel 0 stays;
        half_pixel, but 0 for a result of one pixel.
    rounding : "round_prefer_floor", "round_prefer_ceil", "floor" or "ceil"
        Which pixel is the nearest (ONNX's nearest_mode).

    Returns
    -------
    ndarray of shape (N, C, oH, oW)

    Raises
    ------
    InvalidValue
        If not exactly one of `size` and `scale` is given, a word is unknown, or nothing would be left.
    DtypeError
        If `x` is not float32 or float64.

    Notes
    -----
    PyTorch's ``interpolate`` is, for mode "nearest", coordinates="asymmetric" with rounding="floor";
    for "nearest-exact", "half_pixel" with "round_prefer_ceil"; and for "bilinear" and "bicubic",
    "half_pixel" or, with ``align_corners=True``, "align_corners".

    Examples
    --------
    >>> import numpy as np
    >>> x = np.array([[[[0.0, 8.0]]]])
    >>> resize2d(x, (1, 4))
    array([[[[0., 2., 6., 8.]]]])
    >>> resize2d(x, (1, 4), mode="nearest")
    array([[[[0., 0., 8., 8.]]]])
    >>> resize2d(x, (1, 5), coordinates="align_corners")
    array([[[[0., 2., 4., 6., 8.]]]])
    """
    op = "resize2d"
    check_arrays(op, x=x)
    check_ndim(op, "x", x, "N, C, H, W")
    rows, columns = _taps(op, (x.shape[2], x.shape[3]), size, scale, mode, coordinates, rounding)
    return cast(Array, get(op)(x, rows, columns))


def resize2d_grad(
    grad: Array,
    input_shape: tuple[int, ...],
    *,
    scale: object = None,
    mode: str = "bilinear",
    coordinates: str = "half_pixel",
    rounding: str = "round_prefer_floor",
) -> Array:
    """Give the gradient by the input of `resize2d`: each pixel gets what was taken from it.

    Parameters
    ----------
    grad : ndarray of shape (N, C, oH, oW)
    input_shape : (N, C, H, W)
    scale
        If `resize2d` was given it.
    mode, coordinates, rounding
        As in `resize2d`.

    Examples
    --------
    >>> import numpy as np
    >>> resize2d_grad(np.ones((1, 1, 1, 4)), (1, 1, 1, 2))
    array([[[[2., 2.]]]])
    """
    op = "resize2d_grad"
    check_arrays(op, grad=grad)
    check_ndim(op, "grad", grad, "N, C, oH, oW")
    shape = image_shape(op, "input_shape", input_shape)
    size = None if scale is not None else (grad.shape[2], grad.shape[3])
    rows, columns = _taps(op, shape[2:], size, scale, mode, coordinates, rounding)
    output = (*shape[:2], len(rows[0]), len(columns[0]))
    if grad.shape != output:
        raise InvalidValue(
            f"{op}: grad must have the shape of the output, {output}; got grad.shape={grad.shape}."
        )
    return cast(Array, get(op)(grad, shape[2:], rows, columns))


def resized_size(
    op: str, image: tuple[int, int], size: object = None, scale: object = None
) -> tuple[int, int]:
    """Give (rows, columns) of a resized image, from `size` or `scale`."""
    rows, columns = _axes(op, image, size, scale)
    return rows.output, columns.output


def _axes(op: str, image: tuple[int, ...], size: object, scale: object) -> tuple[_Axis, _Axis]:
    if (size is None) == (scale is None):
        raise InvalidValue(f"{op}: either size or scale must be given; got size={size!r}, scale={scale!r}.")
    if size is not None:
        rows, columns = pair(op, "size", size)
        return _Axis(rows, None), _Axis(columns, None)
    both: Any = scale if isinstance(scale, tuple | list) else (scale, scale)
    if len(both) != 2:
        raise InvalidValue(f"{op}: scale must be one number or (rows, columns); got {scale!r}.")
    by_axis = []
    for length, value in zip(image, both, strict=True):
        factor = number(op, "scale", value, above=0)
        output = math.floor(length * factor)
        if output < 1:
            raise InvalidValue(f"{op}: scale must leave a pixel; got scale={factor:g} of {length} pixels.")
        by_axis.append(_Axis(output, factor))
    return by_axis[0], by_axis[1]


def _taps(
    op: str,
    image: tuple[int, ...],
    size: object,
    scale: object,
    mode: str,
    coordinates: str,
    rounding: str,
) -> tuple[Taps, Taps]:
    check_words(op, mode, coordinates, rounding)
    rows, columns = (
        resize_taps(
            length, axis.output, scale=axis.scale, mode=mode, coordinates=coordinates, rounding=rounding
        )
        for length, axis in zip(image, _axes(op, image, size, scale), strict=True)
    )
    return rows, columns


def check_words(op: str, mode: str, coordinates: str, rounding: str) -> None:
    """Refuse words that mean nothing here."""
    for name, value, known in (
        ("mode", mode, RESIZE_MODES),
        ("coordinates", coordinates, COORDINATES),
        ("rounding", rounding, ROUNDINGS),
    ):
        word(op, name, value, known)
