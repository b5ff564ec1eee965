"""Filtering any image with any kernel, without silent rescaling."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from convscope.errors import DtypeError, InvalidValue
from convscope.kernels.classics import bank
from convscope.kernels.grid import Array
from convscope.result import Result

__all__ = ["FilteredImage", "filter_image"]


@dataclass(frozen=True)
class FilteredImage(Result):
    """A filtered image: the exact values, and grey levels for the eye.

    Attributes
    ----------
    values : ndarray of shape (H, W) or (H, W, 3), float64
        What the filter gives, in the image's own units (0 to 255 for uint8).
    shown : ndarray, uint8
        The values as grey levels or colours, by the rule that `mapping` states.
    mapping : str
        How values became grey levels.
    kernel : str
        Which kernel.
    """

    values: Array = field(repr=False)
    shown: Array = field(repr=False)
    mapping: str
    kernel: str


def filter_image(image: Any, kernel: Any, *, channels: str = "RGB") -> FilteredImage:
    """Filter an image with a classic or learned kernel (correlation; borders are mirrored; same size).

    Parameters
    ----------
    image : array_like of shape (H, W) or (H, W, 3), or a PIL image
        Grey or RGB, uint8 or floating point; values are used as they are.
    kernel : str, or array_like of shape (kH, kW) or (3, kH, kW)
        A name of the bank, one kernel (applied to each colour), or a filter over
        three colours (which makes one grey result).
    channels : "RGB" or "BGR"
        Order of a filter's three channels.

    Returns
    -------
    FilteredImage
        If the kernel's weights sum to its DC gain and the result stays within
        the image's range, grey levels are the values; a kernel whose sum is 0
        is shown with 0 as middle grey and one factor for both signs.

    Raises
    ------
    InvalidValue
        If the shapes do not fit, or a value is not finite.
    DtypeError
        If the image or kernel does not hold real numbers.

    Examples
    --------
    >>> ramp = np.tile(np.arange(5.0), (4, 1))
    >>> filter_image(ramp, "sobel-x").values[1].tolist()
    [4.0, 8.0, 8.0, 8.0, 4.0]
    """
    pixels = _image(image)
    weights, name = _kernel(kernel)
    if weights.ndim == 3:
        if pixels.ndim == 2:
            pixels = np.repeat(pixels[:, :, None], 3, axis=2)
        order = {"RGB": (0, 1, 2), "BGR": (2, 1, 0)}.get(channels)
        if order is None:
            raise InvalidValue(f'filter_image: channels must be "RGB" or "BGR"; got {channels!r}.')
        values = sum((_correlate(pixels[:, :, c], weights[i]) for i, c in enumerate(order)), np.zeros(1))
    elif pixels.ndim == 3:
        values = np.stack([_correlate(pixels[:, :, c], weights) for c in range(3)], axis=2)
    else:
        values = _correlate(pixels, weights)
    whole = 255.0 if np.asarray(image).dtype == np.uint8 else float(max(1.0, np.abs(pixels).max()))
    shown, mapping = _grey(np.asarray(values), whole, float(np.abs(weights.sum()) / np.abs(weights).sum()))
    return FilteredImage(np.asarray(values), shown, mapping, name)


def _image(image: Any) -> Array:
    array = np.asarray(image)
    if array.dtype.kind not in "fiub":
        raise DtypeError(f"filter_image: the image must hold real numbers; got dtype {array.dtype}.")
    if array.ndim == 3 and array.shape[2] == 4:
        raise InvalidValue("filter_image: the image has an alpha channel; convert it to RGB first.")
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] != 3) or array.size == 0:
        raise InvalidValue(f"filter_image: an image is (H, W) or (H, W, 3); got shape {array.shape}.")
    array = array.astype(float)
    if not np.isfinite(array).all():
        raise InvalidValue("filter_image: the image has NaN or infinite values.")
    return array


def _kernel(kernel: Any) -> tuple[Array, str]:
    if isinstance(kernel, str):
        classic = bank[kernel]
        return classic.array, classic.name
    array = np.asarray(kernel)
    if array.dtype.kind not in "fiub":
        raise DtypeError(f"filter_image: the kernel must hold real numbers; got dtype {array.dtype}.")
    array = array.astype(float)
    if array.ndim == 3 and array.shape[0] == 1:
        array = array[0]
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[0] != 3) or array.size == 0:
        raise InvalidValue(
            f"filter_image: a kernel is (kH, kW) or (3, kH, kW); got shape {array.shape}. "
            "A deeper filter works on feature maps, not on an image."
        )
    if not np.isfinite(array).all() or not np.abs(array).any():
        raise InvalidValue("filter_image: the kernel must be finite and not all zeros.")
    return array, "x".join(str(s) for s in array.shape)


def _correlate(plane: Array, weights: Array) -> Array:
    from scipy.ndimage import correlate

    # scipy puts the middle of an even side after its centre; origin moves it to (k - 1) // 2
    origin = [-1 if side % 2 == 0 else 0 for side in weights.shape]
    return np.asarray(correlate(plane, weights, mode="reflect", origin=origin))


def _grey(values: Array, whole: float, gain: float) -> tuple[Array, str]:
    """Give grey levels and say how they came about."""
    low, high = float(values.min()), float(values.max())
    span = f"values {low:.4g} to {high:.4g}"
    if gain >= 0.1:
        if low >= -1e-9 and high <= whole * (1 + 1e-9):
            levels, how = values * (255 / whole), f"grey = value * 255 / {whole:.4g}"
        else:
            clipped = float(((values < 0) | (values > whole)).mean())
            levels = values * (255 / whole)
            how = f"grey = value * 255 / {whole:.4g}, clipped to 0..255 ({100 * clipped:.2g} % of the values)"
    else:
        largest = max(abs(low), abs(high)) or 1.0
        levels = 127.5 + values * (127.5 / largest)
        how = f"grey = 127.5 + value * 127.5 / {largest:.4g}: 0 is middle grey"
    shown = np.clip(np.rint(levels), 0, 255).astype(np.uint8)
    return shown, f"{how}; {span}"
