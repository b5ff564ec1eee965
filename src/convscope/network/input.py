"""How an image becomes a network's input."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from convscope.errors import DtypeError, InvalidValue, nearest_names
from convscope.layers.base import Array, Shape
from convscope.pictures import PIXEL_LIMIT, centre_box, opened, resampling, upright

__all__ = ["ImageInput", "Prepared", "as_batch"]

_UNSAID = math.nan  # compared by identity: a NaN that someone says is refused
_CHANNELS = {"RGB": 3, "BGR": 3, "L": 1}
_CROPS = ("centre", "none")
_RESIZES = ("bilinear", "bicubic", "nearest", "area", "none")


@dataclass(frozen=True, eq=False)
class Prepared:
    """An image as a network takes it, and what was done to it.

    Attributes
    ----------
    array : ndarray of shape (1, C, H, W), float32
    steps : tuple of str
        What was done, in order, each with its numbers.
    """

    array: Array
    steps: tuple[str, ...]


@dataclass(frozen=True)
class ImageInput:
    """The rule by which an image becomes the input: crop, resize, channel order, (pixel - mean) * scale.

    Parameters
    ----------
    size : (H, W), optional
        Pixels the network wants; None takes any size as it is.
    channels : {"RGB", "BGR", "L"}
        The order of the channels; "L" is grey.
    mean, scale : float or one for each channel, in the order of `channels`
        The input is (pixel - mean) * scale, where a pixel is 0 to 255. Without a mean the scale is 1/255
        unless said; with one it must be said, since networks differ: 1 where only the mean was
        subtracted, 1/255 or one over the standard deviation where pixels were divided too.
    crop : {"centre", "none"}
        "centre" cuts out the largest centred rectangle of the wanted proportions before
        resizing; "none" stretches the whole image.
    resize : {"bilinear", "bicubic", "nearest", "area", "none"}
        How the size is changed; "none" refuses an image of another size.

    Examples
    --------
    >>> rule = ImageInput(size=(4, 4), channels="L", scale=1 / 255)
    >>> image = np.full((4, 6), 255, np.uint8)
    >>> rule.prepare(image).shape, float(rule.prepare(image).max())
    ((1, 1, 4, 4), 1.0)
    >>> rule.describe(image)
    'cropped to the centre, from 6x4 to 4x4 (width x height); (pixel - 0) * 0.00392157'

    What PyTorch's `Normalize` says for pixels from 0 to 1:

    >>> ImageInput.normalized(0.5, 0.25, channels="L").describe()
    'L, any size, (pixel - 127.5) * 0.0156863'
    """

    size: tuple[int, int] | None = None
    channels: str = "RGB"
    mean: float | tuple[float, ...] = 0.0
    scale: float | tuple[float, ...] = _UNSAID
    crop: str = "centre"
    resize: str = "bilinear"

    def __post_init__(self) -> None:
        _one_of("channels", self.channels, tuple(_CHANNELS))
        _one_of("crop", self.crop, _CROPS)
        _one_of("resize", self.resize, _RESIZES)
        if self.size is not None:
            object.__setattr__(self, "size", _checked_size(self.size))
        object.__setattr__(self, "mean", self._by_channel("mean", self.mean))
        if self.scale is _UNSAID:
            if np.any(self.mean):
                raise InvalidValue(
                    f"ImageInput: with a mean the scale must be said; got mean={_text(self.mean)} and no "
                    "scale: 1 if pixels from 0 to 255 only lose the mean, 1/255 if they are divided too; a "
                    "mean and std of pixels from 0 to 1 are given together."
                )
            object.__setattr__(self, "scale", 1 / 255)
        object.__setattr__(self, "scale", self._by_channel("scale", self.scale))

    @classmethod
    def normalized(
        cls, mean: float | Sequence[float], std: float | Sequence[float], **settings: Any
    ) -> ImageInput:
        """Give the rule (pixel - mean) / std, as most networks of PyTorch have it.

        Parameters
        ----------
        mean, std : float or one for each channel
            Of pixels from 0 to 1; if any of them is above 1, of pixels from 0 to 255.
        **settings
            The others of `ImageInput`.

        Examples
        --------
        >>> rule = ImageInput.normalized((0.485, 0.456, 0.406), (0.229, 0.224, 0.225), size=(224, 224))
        >>> rule.describe()
        'RGB, 224x224 (width x height), crop centre, resize bilinear,
        (pixel - (123.675, 116.28, 103.53)) * (0.0171248, 0.017507, 0.0174292)'
        """
        try:
            means, deviations = np.asarray(mean, np.float64), np.asarray(std, np.float64)
        except (TypeError, ValueError):
            means = deviations = np.zeros(1)
        if not (np.isfinite(means).all() and np.isfinite(deviations).all() and (deviations > 0).all()):
            raise InvalidValue(
                f"ImageInput: mean and std must be numbers, std above 0; got {mean!r} and {std!r}."
            )
        white = 1.0 if max(np.abs(means).max(initial=0), deviations.max(initial=0)) > 1 else 255.0
        found = {"mean": means * white, "scale": 1 / (deviations * white)}
        return cls(**{name: v.tolist() for name, v in found.items()}, **settings)

    @property
    def channel_count(self) -> int:
        """3 for colour, 1 for grey."""
        return _CHANNELS[self.channels]

    def prepare(self, image: Any) -> Array:
        """Give the image as a float32 array (1, C, H, W); see `prepared`."""
        return self.prepared(image).array

    def describe(self, image: Any = None) -> str:
        """Say what is done to `image`; without one, to images in general."""
        if image is not None:
            return "; ".join(self.prepared(image).steps)
        height, width = self.size or (0, 0)
        size = f"{width}x{height} (width x height), crop {self.crop}, resize {self.resize}"
        return f"{self.channels}, {size if self.size else 'any size'}, {self._arithmetic()}"

    def prepared(self, image: Any) -> Prepared:
        """Prepare an image and record every step.

        Parameters
        ----------
        image : path, PIL image, or uint8 ndarray of shape (H, W) or (H, W, 3)
            A transparent image loses its transparency; a picture's orientation tag is followed.

        Raises
        ------
        FileError
            If the file is missing or no image.
        InvalidValue, DtypeError
            If it is no image, or of another size and `resize` is "none".
        """
        picture, steps = _as_picture(image)
        mode = "L" if self.channels == "L" else "RGB"
        if picture.mode != mode:
            steps.append(f"{picture.mode} to {mode}")
            picture = picture.convert(mode)
        picture = self._fit(picture, steps)
        pixels = np.asarray(picture, np.float32)
        pixels = pixels[None] if mode == "L" else pixels.transpose(2, 0, 1)
        if self.channels == "BGR":
            steps.append("RGB to BGR")
            pixels = pixels[::-1]
        steps.append(self._arithmetic())
        mean, scale = (np.asarray(v, np.float32).reshape(-1, 1, 1) for v in (self.mean, self.scale))
        return Prepared(np.ascontiguousarray((pixels - mean) * scale)[None], tuple(steps))

    def pixels(self, array: Array) -> Array:
        """Turn a prepared array back into a picture: uint8 (H, W, 3), or (H, W) for "L".

        Parameters
        ----------
        array : ndarray of shape (C, H, W)
            As `prepare` gives it, without the batch axis; values outside 0 to 255 are clipped.

        Examples
        --------
        >>> rule = ImageInput(channels="BGR", mean=(104, 117, 123), scale=1.0)
        >>> image = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
        >>> bool((rule.pixels(rule.prepare(image)[0]) == image).all())
        True
        """
        mean, scale = (np.asarray(v, np.float64).reshape(-1, 1, 1) for v in (self.mean, self.scale))
        divisor = np.where(scale == 0, 1, scale)  # a scale of 0 leaves nothing to turn back: the mean
        pixels: Array = np.clip(np.rint(np.asarray(array, np.float64) / divisor + mean), 0, 255)
        pixels = pixels.astype(np.uint8)
        if self.channels == "L":
            return np.asarray(pixels[0])
        ordered = pixels[::-1] if self.channels == "BGR" else pixels
        return np.ascontiguousarray(ordered.transpose(1, 2, 0))

    def to_dict(self) -> dict[str, Any]:
        """Give the settings as plain Python, for JSON."""
        return {f.name: _plain(getattr(self, f.name)) for f in fields(self)}

    @classmethod
    def from_dict(cls, settings: Mapping[str, Any]) -> ImageInput:
        """Take the settings back; unknown names are refused. A `std` is taken as by `normalized`.

        Examples
        --------
        >>> rule = ImageInput(size=(227, 227), channels="BGR", mean=(104, 117, 123), scale=1.0)
        >>> ImageInput.from_dict(rule.to_dict()) == rule
        True
        """
        known = [f.name for f in fields(cls)]
        for name in settings:
            if name not in (*known, "std"):
                raise InvalidValue(f"ImageInput: there is no setting {name!r}; {nearest_names(name, known)}.")
        values: dict[str, Any] = {n: tuple(v) if isinstance(v, list) else v for n, v in settings.items()}
        if "std" not in values:
            return cls(**values)
        if "scale" in values:
            raise InvalidValue("ImageInput: say either scale or std, not both.")
        return cls.normalized(values.pop("mean", 0.0), values.pop("std"), **values)

    def _by_channel(self, name: str, value: Any) -> float | tuple[float, ...]:
        try:
            values = np.asarray(value, np.float64)
        except (TypeError, ValueError):
            values = np.array(np.nan)
        if values.shape not in ((), (self.channel_count,)) or not np.isfinite(values).all():
            raise InvalidValue(
                f"ImageInput: {name} must be a number or {self.channel_count} numbers, finite; got {value!r}."
            )
        return float(values) if values.ndim == 0 else tuple(values.tolist())

    def _arithmetic(self) -> str:
        return f"(pixel - {_text(self.mean)}) * {_text(self.scale)}"

    def _fit(self, picture: Any, steps: list[str]) -> Any:
        """Crop and resize to `size`, if there is one."""
        if self.size is None or picture.size == self.size[::-1]:
            return picture
        height, width = self.size
        if self.resize == "none":
            raise InvalidValue(
                f"ImageInput: the image must be {width}x{height} (width x height), since resize is 'none'; "
                f"got {picture.width}x{picture.height}."
            )
        if self.crop == "centre":
            box = centre_box(picture.size, (width, height))
            if box != (0, 0, *picture.size):
                before = f"{picture.width}x{picture.height}"
                picture = picture.crop(box)
                after = f"{picture.width}x{picture.height}"
                steps.append(f"cropped to the centre, from {before} to {after} (width x height)")
        if picture.size != (width, height):
            steps.append(f"resized ({self.resize}) from {picture.width}x{picture.height} to {width}x{height}")
            picture = picture.resize((width, height), resampling(self.resize))
        return picture


def as_batch(
    x: Any, rule: ImageInput | None, shape: Shape, dtype: np.dtype[Any]
) -> tuple[Array, tuple[str, ...]]:
    """Give `x` as a batch of `dtype`, and what was done to it: nothing for a float array.

    Parameters
    ----------
    x : ndarray, path, PIL image, or a list of images
    rule : ImageInput, optional
        The network's; needed for everything but float arrays.
    shape : tuple of int
        The network's input without the batch axis.
    dtype : dtype
        The network's.
    """
    if isinstance(x, list | tuple) and x:
        batches, steps = zip(*(as_batch(image, rule, shape, dtype) for image in x), strict=True)
        if len({batch.shape[1:] for batch in batches}) != 1:
            raise InvalidValue("Network.run: all images of a list must have one shape.")
        return np.concatenate(batches), tuple(dict.fromkeys(step for one in steps for step in one))
    if isinstance(x, np.ndarray) and x.dtype != np.uint8:
        return _as_float_batch(x, shape, dtype), ()
    if rule is None:
        raise InvalidValue(
            "Network.run: this network does not say how images are prepared (net.input is None), so it "
            f"takes a float array of shape {shape} or (N, {', '.join(map(str, shape))}); got {_kind(x)}; "
            "set net.input to an ImageInput, write [input] into a .toml file beside the model, or say "
            "--mean, --scale and so on where the command line takes them."
        )
    prepared = rule.prepared(x)
    return prepared.array.astype(dtype, copy=False), prepared.steps


def _as_float_batch(x: Array, shape: Shape, dtype: np.dtype[Any]) -> Array:
    if x.dtype != dtype:
        raise DtypeError(
            f"Network.run: the input must be {dtype} like the parameters; got {x.dtype}: "
            f"use x.astype('{dtype}')."
        )
    batch = x[None] if x.ndim == len(shape) else x
    if batch.ndim != len(shape) + 1 or (len(shape) == 1 and batch.shape[1:] != shape):
        raise InvalidValue(
            f"Network.run: the input must have shape {shape} or (N, {', '.join(map(str, shape))}); "
            f"got {x.shape}."
        )
    if 0 in batch.shape:
        raise InvalidValue(f"Network.run: the input must hold at least one value; got shape {x.shape}.")
    return batch


def _as_picture(image: Any) -> tuple[Any, list[str]]:
    """Open or wrap `image` as a PIL image of 8 bits a channel."""
    from PIL import Image

    steps: list[str] = []
    if isinstance(image, str | os.PathLike):
        image = _open(Path(image))
    elif isinstance(image, np.ndarray):
        if image.dtype != np.uint8:
            raise DtypeError(f"ImageInput: an image array must be uint8; got {image.dtype}.")
        if image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] != 3) or 0 in image.shape:
            raise InvalidValue(
                f"ImageInput: an image array must have shape (H, W) or (H, W, 3); got {image.shape}."
            )
        return Image.fromarray(image), steps
    if not isinstance(image, Image.Image):
        raise DtypeError(f"ImageInput: an image is a path, a PIL image or a uint8 array; got {_kind(image)}.")
    turned, changed = upright(image)
    if changed:
        steps.append("turned as its orientation tag says")
    if turned.mode.startswith("I;16"):
        steps.append("16 bits to 8 bits (divided by 256)")
        turned = Image.fromarray((np.asarray(turned) >> 8).astype(np.uint8))
    if turned.mode in ("I", "F"):
        raise InvalidValue(
            f"ImageInput: an image must have 8 or 16 bits a channel; got mode {turned.mode!r}: "
            "give a float array."
        )
    return turned, steps


def _open(path: Path) -> Any:
    with opened(path, PIXEL_LIMIT) as picture:
        picture.load()
        return picture


def _checked_size(size: Any) -> tuple[int, ...]:
    try:
        found = tuple(int(length) for length in size)
    except (TypeError, ValueError, OverflowError):
        found = ()
    if len(found) != 2 or min(found) < 1:
        raise InvalidValue(f"ImageInput: size must be (height, width), each at least 1; got {size!r}.")
    if found[0] * found[1] > PIXEL_LIMIT:
        raise InvalidValue(f"ImageInput: size must be at most {PIXEL_LIMIT} pixels; got {size!r}.")
    return found


def _one_of(name: str, value: Any, known: tuple[str, ...]) -> None:
    if value not in known:
        raise InvalidValue(f"ImageInput: {name} must be one of {', '.join(known)}; got {value!r}.")


def _kind(x: Any) -> str:
    if isinstance(x, np.ndarray):
        return f"{x.dtype} of shape {x.shape}"
    return f"{str(x)!r}" if isinstance(x, str | os.PathLike) else type(x).__name__


def _text(value: float | tuple[float, ...]) -> str:
    if isinstance(value, tuple):
        return "(" + ", ".join(f"{v:g}" for v in value) + ")"
    return f"{value:g}"


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
