"""Small changes that leave the class as it is, drawn anew for every image in every epoch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope.data.keyed import Keyed
from convscope.data.source import check_whole
from convscope.errors import DtypeError, InvalidValue, UnknownName, nearest_names

__all__ = ["Augment"]

_FLIPS = ("none", "horizontal", "vertical", "both")
Images = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Augment:
    """Crop, flip, shift and cut out, in this order; what happens depends on (seed, epoch, sample) only.

    Parameters
    ----------
    flip : {"none", "horizontal", "vertical", "both"}
        Mirror left and right ("horizontal"), top and bottom ("vertical"), or each independently
        ("both"), in half of the cases.
    shift : int
        Move by up to so many pixels along each axis; what comes in from outside is `fill`.
    crop : float
        Cut out a window of the image's proportions and stretch it (bilinearly) to the whole: its sides
        are `crop` to 1 times those of the image, at any place. 1 leaves the image as it is.
    cutout : int
        Cover a square of so many pixels a side with `fill`; its centre is any pixel, so that a part may
        be outside.
    fill : float

    References
    ----------
    DeVries & Taylor (2017), Improved regularization of convolutional neural networks with cutout.

    Examples
    --------
    >>> augment = Augment(flip="horizontal", shift=2)
    >>> x = np.random.default_rng(0).random((3, 1, 8, 8), np.float32)
    >>> changed = augment.apply(x, seed=0, epoch=1, samples=[5, 6, 7])
    >>> alone = augment.apply(x[2:], seed=0, epoch=1, samples=[7])
    >>> np.array_equal(changed[2:], alone)
    True
    >>> Augment.from_dict(augment.to_dict()) == augment
    True
    """

    flip: str = "none"
    shift: int = 0
    crop: float = 1.0
    cutout: int = 0
    fill: float = 0.0

    def __post_init__(self) -> None:
        if self.flip not in _FLIPS:
            raise InvalidValue(f"Augment: flip must be one of {', '.join(_FLIPS)}; got {self.flip!r}.")
        for name in ("shift", "cutout"):
            object.__setattr__(self, name, check_whole(getattr(self, name), name, "Augment", 0))
        for name in ("crop", "fill"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float | np.floating | np.integer):
                raise DtypeError(f"Augment: {name} must be a number; got {value!r}.")
            object.__setattr__(self, name, float(value))
        if not 0 < self.crop <= 1:
            raise InvalidValue(f"Augment: crop must be above 0 and at most 1; got {self.crop:g}.")
        if not np.isfinite(self.fill):
            raise InvalidValue(f"Augment: fill must be finite; got {self.fill:g}.")

    def apply(self, x: Images, *, seed: int, epoch: int, samples: Any) -> Images:
        """Give the images (N, C, H, W), changed as (seed, epoch, samples[n]) says; `x` stays as it is.

        Raises
        ------
        InvalidValue
            If there is not one sample number for each image, or a shift or cutout exceeds the image.
        """
        ids = np.asarray(samples, np.int64)
        if x.ndim != 4 or ids.shape != (len(x),):
            raise InvalidValue(
                f"Augment: there must be images (N, C, H, W) and N samples; got {x.shape} and {ids.shape}."
            )
        self.check(x.shape[1:])
        random = Keyed(seed, epoch, ids)
        if self.crop < 1:
            x = self._cropped(x, random)
        if self.flip != "none" or self.shift:
            x = self._moved(x, random)
        return self._covered(x, random) if self.cutout else x

    def check(self, image_shape: tuple[int, ...]) -> None:
        """Refuse images (C, H, W) that are smaller than a shift or cutout."""
        for name, most in (("shift", min(image_shape[1:]) - 1), ("cutout", min(image_shape[1:]))):
            if getattr(self, name) > most:
                raise InvalidValue(
                    f"Augment: {name} must be at most {most} for images of shape {image_shape}; "
                    f"got {getattr(self, name)}."
                )

    def to_dict(self) -> dict[str, Any]:
        """Give the settings as plain Python, for a recipe."""
        return asdict(self)

    @classmethod
    def from_dict(cls, settings: Mapping[str, Any]) -> Augment:
        """Take the settings back.

        Raises
        ------
        UnknownName
            If a setting has a name that does not exist; the nearest are offered.
        """
        known = [field.name for field in fields(cls)]
        for name in settings:
            if name not in known:
                raise UnknownName(f"Augment: there is no setting {name!r}; {nearest_names(name, known)}.")
        return cls(**settings)

    def _cropped(self, x: Images, random: Keyed) -> Images:
        """Stretch a window of each image to the whole, one axis after the other."""
        side = random.between("augment.crop", self.crop, 1.0)
        for axis, key in ((2, "augment.crop.row"), (3, "augment.crop.column")):
            size = x.shape[axis]
            first = random.fraction(key) * (1 - side) * size
            # Pixel i covers [i, i + 1) and lies at its middle.
            at = first[:, None] + (np.arange(size) + 0.5) * side[:, None] - 0.5
            x = _between(x, np.clip(at, 0, size - 1), axis)
        return x

    def _moved(self, x: Images, random: Keyed) -> Images:
        """Mirror and move: output pixel i is pixel i - shift of the mirrored image, or `fill`."""
        outside = np.zeros((len(x), 1, *x.shape[2:]), bool)
        for axis, way in ((2, "vertical"), (3, "horizontal")):
            size = x.shape[axis]
            at = np.arange(size) - random.whole(f"augment.shift.{way}", -self.shift, self.shift)[:, None]
            outside |= _along((at < 0) | (at >= size), axis)
            if self.flip in (way, "both"):
                mirrored = random.fraction(f"augment.flip.{way}") < 0.5
                at = np.where(mirrored[:, None], size - 1 - at, at)
            x = np.take_along_axis(x, _along(np.clip(at, 0, size - 1), axis), axis)
        return np.where(outside, x.dtype.type(self.fill), x) if self.shift else x

    def _covered(self, x: Images, random: Keyed) -> Images:
        covered = np.ones((len(x), 1, *x.shape[2:]), bool)
        for axis, key in ((2, "augment.cutout.row"), (3, "augment.cutout.column")):
            first = random.whole(key, 0, x.shape[axis] - 1)[:, None] - self.cutout // 2
            at = np.arange(x.shape[axis])
            covered &= _along((at >= first) & (at < first + self.cutout), axis)
        return np.where(covered, x.dtype.type(self.fill), x)


def _between(x: Images, at: NDArray[np.float64], axis: int) -> Images:
    """Give the values at fractional places (N, size) along an axis, by linear interpolation."""
    below = np.minimum(np.floor(at).astype(np.int64), x.shape[axis] - 1)
    above = np.minimum(below + 1, x.shape[axis] - 1)
    share = _along((at - below).astype(x.dtype), axis)
    low, high = (np.take_along_axis(x, _along(index, axis), axis) for index in (below, above))
    values: Images = low + (high - low) * share
    return values


def _along(values: NDArray[Any], axis: int) -> NDArray[Any]:
    """Give (N, size) as (N, 1, size, 1) for the rows or (N, 1, 1, size) for the columns."""
    return values[:, None, :, None] if axis == 2 else values[:, None, None, :]
