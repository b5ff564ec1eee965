"""Which input cells each output cell of a padded or resized axis reads, and by which weights."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from convscope.ops.memory import Array

__all__ = ["NUMPY_MODES", "Taps", "pad_taps", "resize_taps"]

# For each output cell along an axis: the input cells it reads, and their weights; both (output, taps).
Taps = tuple[Array, Array]

# what numpy.pad calls the modes
NUMPY_MODES = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def pad_taps(size: int, padding: tuple[int, int], mode: str) -> Taps:
    """Say which pixel each cell of a padded axis copies.

    Examples
    --------
    >>> pad_taps(3, (2, 1), "reflect")[0].ravel()
    array([2, 1, 0, 1, 2, 1])
    """
    cells = np.pad(np.arange(size), padding, mode=NUMPY_MODES[mode])[:, None]  # type: ignore[call-overload]  # any of the modes
    return cells, np.ones(cells.shape)


def resize_taps(
    size: int,
    output: int,
    *,
    scale: float | None,
    mode: str,
    coordinates: str,
    rounding: str,
    cubic: float = -0.75,
) -> Taps:
    """Say which input cells an output cell reads, by which weights, along one axis.

    Parameters
    ----------
    size, output : int
        Cells before and after.
    scale : float or None
        New cells for each old one, where that is not output/size.

    Examples
    --------
    Twice as many cells, between whose centres it interpolates:

    >>> cells, weights = resize_taps(3, 6, scale=2, mode="bilinear", coordinates="half_pixel", rounding="")
    >>> weights.round(2).tolist()
    [[1.0, 0.0], [0.75, 0.25], [0.25, 0.75], [0.75, 0.25], [0.25, 0.75], [1.0, 0.0]]
    >>> cells.tolist()
    [[0, 1], [0, 1], [0, 1], [1, 2], [1, 2], [2, 2]]
    """
    places = _places(size, output, scale, coordinates)
    if mode == "nearest":
        cells = np.clip(_ROUND[rounding](places), 0, size - 1).astype(np.int64)[:, None]
        return cells, np.ones(cells.shape)
    if mode == "bilinear":
        places = np.clip(places, 0, size - 1)
    first = np.floor(places)
    part = places - first
    if mode == "bilinear":
        offsets, weights = np.arange(2), np.stack([1 - part, part], axis=1)
    else:
        offsets, weights = np.arange(-1, 3), _cubic_weights(part, cubic)
    return np.clip(first[:, None] + offsets, 0, size - 1).astype(np.int64), weights


def _places(size: int, output: int, scale: float | None, coordinates: str) -> Array:
    """Give the place of each output cell on the input axis, whose cells lie at 0, 1, 2 ..."""
    index = np.arange(output, dtype=np.float64)
    if coordinates == "align_corners":
        return index * (size - 1) / max(output - 1, 1)
    if coordinates == "pytorch_half_pixel" and output == 1:
        return index
    shift = 0.0 if coordinates == "asymmetric" else 0.5
    index += shift
    # multiplied first: a place that is whole comes out whole
    return (index * size / output if scale is None else index / scale) - shift


_ROUND: dict[str, Callable[[Array], Array]] = {
    "floor": np.floor,
    "ceil": np.ceil,
    "round_prefer_floor": lambda places: np.ceil(places - 0.5),
    "round_prefer_ceil": lambda places: np.floor(places + 0.5),
}


def _cubic_weights(part: Array, a: float) -> Array:
    """Keys (1981), Cubic convolution interpolation for digital image processing, equation 8."""

    def near(t: Array) -> Array:
        return ((a + 2) * t - (a + 3)) * t * t + 1

    def far(t: Array) -> Array:
        return ((t - 5) * t + 8) * t * a - 4 * a

    return np.stack([far(1 + part), near(part), near(1 - part), far(2 - part)], axis=1)
