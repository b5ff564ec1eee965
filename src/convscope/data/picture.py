"""One image file to pixels: turned, cropped and resized as `ImageInput` does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope.data.png import Header, plain_png_header
from convscope.pictures import centre_box, opened, orientation, resampling, upright

__all__ = ["RESIZES", "SUFFIXES", "Form", "decode", "read_header"]

SUFFIXES = frozenset(
    (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm")
)
RESIZES = ("bilinear", "bicubic", "nearest", "area")
_GREY = ("1", "L", "LA", "La")


@dataclass(frozen=True)
class Form:
    """What pixels are wanted: `size` (height, width), or None for the image's own; grey or colour."""

    size: tuple[int, int] | None
    channels: str
    crop: str = "centre"
    resize: str = "bilinear"


def read_header(file: str, pixel_limit: int) -> Header:
    """Read what an image file says of itself; no pixel is decoded.

    Raises
    ------
    FileError
        If the file cannot be read, is no image, or announces more than `pixel_limit` pixels.
    """
    quick = plain_png_header(file)
    if quick is not None and quick.size[0] * quick.size[1] <= pixel_limit:
        return quick
    with opened(file, pixel_limit) as picture:
        width, height = picture.size
        if orientation(picture) >= 5:  # to be turned by a quarter
            width, height = height, width
        return Header((height, width), picture.mode in _GREY or picture.mode.startswith("I;16"))


def decode(file: str, form: Form, pixel_limit: int) -> NDArray[np.uint8]:
    """Give the pixels of an image file, (H, W) for grey ("L") or (H, W, 3) for colour ("RGB").

    Raises
    ------
    FileError
        If the file cannot be read, is no image, is truncated, or has more than `pixel_limit` pixels.
    """
    with opened(file, pixel_limit) as picture:
        picture.load()
        return np.asarray(_fitted(_eight_bits(picture), form))


def _eight_bits(picture: Any) -> Any:
    """Turn a picture as its orientation tag says, and give it 8 bits a channel."""
    picture, _ = upright(picture)
    if picture.mode.startswith("I;16"):
        from PIL import Image

        return Image.fromarray((np.asarray(picture) >> 8).astype(np.uint8))
    if picture.mode == "P" and "transparency" in picture.info:
        return picture.convert("RGBA")  # Pillow warns where such a palette goes straight to RGB
    return picture


def _fitted(picture: Any, form: Form) -> Any:
    """Convert, crop and resize, in this order."""
    if picture.mode != form.channels:
        picture = picture.convert(form.channels)
    if form.size is None or picture.size == form.size[::-1]:
        return picture
    height, width = form.size
    if form.crop == "centre":
        picture = picture.crop(centre_box(picture.size, (width, height)))
    return picture.resize((width, height), resampling(form.resize))
