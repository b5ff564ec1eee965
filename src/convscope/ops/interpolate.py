"""Resizing along any axis, with every option of ONNX's Resize: a matrix of weights for each axis.

`resize2d` is the fast way for images; this one is the general one (antialias, regions of interest,
axes other than rows and columns).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from convscope.errors import InvalidValue
from convscope.ops.memory import Array

__all__ = ["AxisRule", "resize_axes", "resize_axes_grad", "weights"]


@dataclass(frozen=True)
class AxisRule:
    """How one axis is resized: `scale` new cells for each old one, `output` of them in all.

    Attributes
    ----------
    mode : "nearest", "linear" or "cubic"
    coordinates, rounding
        ONNX's coordinate_transformation_mode and nearest_mode.
    antialias, exclude_outside : bool
    cubic_a : float
        The parameter of the cubic kernel.
    region : (first, last), optional
        In parts of the axis, for "tf_crop_and_resize".
    extrapolation : float
        What is outside the region.
    """

    axis: int
    output: int
    scale: float
    mode: str = "nearest"
    coordinates: str = "half_pixel"
    rounding: str = "round_prefer_floor"
    antialias: bool = False
    exclude_outside: bool = False
    cubic_a: float = -0.75
    region: tuple[float, float] = (0.0, 1.0)
    extrapolation: float = 0.0


def resize_axes(x: Array, rules: Sequence[AxisRule]) -> Array:
    """Resize along one axis after the other.

    Examples
    --------
    >>> resize_axes(np.array([[0.0, 8.0]]), [AxisRule(1, 4, 2.0, "linear")])
    array([[0., 2., 6., 8.]])
    """
    for rule in rules:
        matrix, outside = weights(x.shape[rule.axis], rule)
        y = np.moveaxis(np.tensordot(matrix.astype(x.dtype), x, axes=(1, rule.axis)), 0, rule.axis)
        if outside.any():
            np.moveaxis(y, rule.axis, 0)[outside] = rule.extrapolation
        x = np.ascontiguousarray(y)
    return x


def resize_axes_grad(grad: Array, shape: tuple[int, ...], rules: Sequence[AxisRule]) -> Array:
    """Give each cell what was taken from it.

    Examples
    --------
    >>> resize_axes_grad(np.ones((1, 4)), (1, 2), [AxisRule(1, 4, 2.0, "linear")])
    array([[2., 2.]])
    """
    for rule in reversed(rules):
        matrix, outside = weights(shape[rule.axis], rule)
        matrix[outside] = 0
        back = np.tensordot(matrix.T.astype(grad.dtype), grad, axes=(1, rule.axis))
        grad = np.ascontiguousarray(np.moveaxis(back, 0, rule.axis))
    return grad


def weights(size: int, rule: AxisRule) -> tuple[Array, Array]:
    """Give the matrix (outputs, inputs), and which outputs lie outside the region.

    Examples
    --------
    >>> weights(2, AxisRule(0, 4, 2.0, "linear"))[0]
    array([[1.  , 0.  ],
           [0.75, 0.25],
           [0.25, 0.75],
           [0.  , 1.  ]])
    """
    places = _places(size, rule)
    outside = np.zeros(rule.output, bool)
    if rule.coordinates == "tf_crop_and_resize":
        outside = (places < 0) | (places > size - 1)
    matrix = np.zeros((rule.output, size))
    for row, place in enumerate(places):
        for cell, weight in _taps(float(place), rule):
            inside = 0 <= cell < size
            if inside or not rule.exclude_outside:
                matrix[row, min(max(cell, 0), size - 1)] += weight
        total = matrix[row].sum()
        if (rule.exclude_outside or rule.antialias) and total:
            matrix[row] /= total
    return matrix, outside


def _places(size: int, rule: AxisRule) -> Array:
    """Where on the input each output cell lies."""
    i, scale, output = np.arange(rule.output, dtype=np.float64), rule.scale, rule.output
    word = rule.coordinates
    if word == "half_pixel":
        return (i + 0.5) / scale - 0.5
    if word == "half_pixel_symmetric":  # the middle of the input stays in the middle
        adjusted = output / (scale * size)
        return size / 2 * (1 - adjusted) + (i + 0.5) / scale - 0.5
    if word == "pytorch_half_pixel":
        return (i + 0.5) / scale - 0.5 if output > 1 else np.zeros(output)
    if word == "align_corners":
        length = max(scale * size, 1)  # before it is floored
        return i * (size - 1) / (length - 1) if output > 1 else np.zeros(output)
    if word == "asymmetric":
        return i / scale
    if word == "tf_half_pixel_for_nn":
        return (i + 0.5) / scale
    if word == "tf_crop_and_resize":
        first, last = rule.region
        if output == 1:
            return np.full(1, 0.5 * (first + last) * (size - 1))
        return first * (size - 1) + i * (last - first) * (size - 1) / (output - 1)
    raise InvalidValue(f"resize: the coordinates must be one that ONNX knows; got {word!r}.")


def _taps(place: float, rule: AxisRule) -> list[tuple[int, float]]:
    """The cells one output reads, and their weights."""
    if rule.mode == "nearest":
        return [(_nearest(place, rule.rounding), 1.0)]
    stretch = min(rule.scale, 1.0) if rule.antialias else 1.0
    reach = (1 if rule.mode == "linear" else 2) / stretch
    cells = range(math.floor(place - reach) + 1, math.ceil(place + reach))
    kernel = _linear if rule.mode == "linear" else _cubic
    return [(cell, kernel(abs(place - cell) * stretch, rule.cubic_a)) for cell in cells]


def _linear(distance: float, a: float) -> float:
    return max(0.0, 1 - distance)


def _cubic(distance: float, a: float) -> float:
    """Keys (1981)."""
    if distance <= 1:
        return ((a + 2) * distance - (a + 3)) * distance**2 + 1
    return a * (((distance - 5) * distance + 8) * distance - 4) if distance < 2 else 0.0


def _nearest(place: float, rounding: str) -> int:
    if rounding == "floor":
        return math.floor(place)
    if rounding == "ceil":
        return math.ceil(place)
    if rounding == "round_prefer_ceil":
        return math.floor(place + 0.5)
    return math.ceil(place - 0.5)
