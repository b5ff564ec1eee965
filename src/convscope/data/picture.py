"""One image file to pixels: opened warily, turned, cropped and resized as `ImageInput` does.

The kind is told by the first bytes, from a short list: Pillow would also start Ghostscript for what
calls itself PostScript. The header is looked at before a pixel is decoded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope.data.png import Header, plain_png_header
from convscope.errors import ConvscopeError, FileError
from convscope.pictures import centre_box, orientation, resampling, upright

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
    with _opened(file, pixel_limit) as picture:
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
    with _opened(file, pixel_limit) as picture:
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


@contextmanager
def _opened(file: str, pixel_limit: int) -> Iterator[Any]:
    """Give the image of a file whose header was read and found in order."""
    try:
        with open(file, "rb") as stream:
            reader = _reader(stream.read(16), file)
            stream.seek(0)
            picture = reader(stream, file)
            if picture.width * picture.height > pixel_limit:
                raise FileError(
                    f"{file}: an image must have at most {pixel_limit} pixels; got {picture.width}x"
                    f"{picture.height} (width x height); raise pixel_limit if it is meant to be that large."
                )
            if picture.mode in ("I", "F"):
                raise FileError(f"{file}: an image must have 8 or 16 bits a channel; got 32.")
            yield picture
    except ConvscopeError:
        raise
    # Decoders of broken files raise whatever they stumble over: OSError, SyntaxError, struct.error ...
    except Exception as error:
        reason = (getattr(error, "strerror", None) or str(error) or type(error).__name__).lower()
        raise FileError(f"cannot read {file}: {reason.splitlines()[0].rstrip('.')}.") from error


def _reader(start: bytes, file: str) -> Callable[[Any, str], Any]:
    for magic, reader in _readers():
        if start.startswith(magic):
            return reader
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        from PIL.WebPImagePlugin import WebPImageFile

        return WebPImageFile
    what = "the file is empty" if not start else f"it begins with {start[:8]!r}"
    raise FileError(f"cannot read {file}: not an image of a kind that is read here; {what}.")


@cache
def _readers() -> tuple[tuple[bytes, Callable[[Any, str], Any]], ...]:
    """Pair first bytes and Pillow's reader; `Image.open` would warn of, not refuse, a huge image."""
    from PIL import BmpImagePlugin, GifImagePlugin, JpegImagePlugin, PngImagePlugin, PpmImagePlugin
    from PIL.TiffImagePlugin import TiffImageFile

    return (
        (b"\x89PNG\r\n\x1a\n", PngImagePlugin.PngImageFile),
        (b"\xff\xd8\xff", JpegImagePlugin.JpegImageFile),
        (b"BM", BmpImagePlugin.BmpImageFile),
        (b"GIF8", GifImagePlugin.GifImageFile),
        (b"II*\0", TiffImageFile),
        (b"MM\0*", TiffImageFile),
        *((b"P%d" % digit, PpmImagePlugin.PpmImageFile) for digit in range(1, 7)),
    )
