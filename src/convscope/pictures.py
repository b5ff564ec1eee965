"""What every way of opening a picture needs: a wary reader, orientation, its middle, ways of resizing.

Pillow is imported where it is used, since `import convscope` must cost next to nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from convscope.errors import ConvscopeError, FileError

__all__ = ["PIXEL_LIMIT", "centre_box", "opened", "orientation", "resampling", "upright"]

PIXEL_LIMIT = 200_000_000  # of an image that is opened on its own

_ORIENTATION = 0x0112  # the tag of EXIF
# where Pillow keeps what a file says of it, apart from a TIFF's own tags
_TAGS = ("exif", "Raw profile type exif", "XML:com.adobe.xmp", "xmp")
_METHODS = {
    2: "FLIP_LEFT_RIGHT",
    3: "ROTATE_180",
    4: "FLIP_TOP_BOTTOM",
    5: "TRANSPOSE",
    6: "ROTATE_270",
    7: "TRANSVERSE",
    8: "ROTATE_90",
}


def orientation(picture: Any) -> int:
    """Give the orientation from 1 to 8 that a PIL image's tag says, 1 where it says nothing sensible.

    A broken tag is no reason not to see the picture: then it is as it stands.
    """
    try:
        said = picture.getexif().get(_ORIENTATION, 1)
    # Pillow's reader of broken tags raises whatever it stumbles over: SyntaxError, struct.error ...
    except Exception:
        return 1
    return said if said in _METHODS else 1


def upright(picture: Any) -> tuple[Any, bool]:
    """Turn a PIL image as its orientation tag says, and say whether that did anything."""
    picture.load()
    if not hasattr(picture, "tag_v2") and not any(key in picture.info for key in _TAGS):
        return picture, False  # asking for tags that are not there costs a tenth of decoding a small image
    method = _METHODS.get(orientation(picture))
    if method is None:
        return picture, False
    from PIL.Image import Transpose

    return picture.transpose(Transpose[method]), True


def centre_box(size: tuple[int, int], wanted: tuple[int, int]) -> tuple[int, int, int, int]:
    """Give the largest centred box of the wanted proportions: left, top, right, bottom.

    Examples
    --------
    >>> centre_box((6, 4), (1, 1))
    (1, 0, 5, 4)
    """
    width, height = size
    box_width = min(width, max(1, round(height * wanted[0] / wanted[1])))
    box_height = min(height, max(1, round(width * wanted[1] / wanted[0])))
    left, top = (width - box_width) // 2, (height - box_height) // 2
    return left, top, left + box_width, top + box_height


def resampling(resize: str) -> Any:
    """Give Pillow's word for "bilinear", "bicubic", "nearest" or "area"."""
    from PIL.Image import Resampling

    return {
        "bilinear": Resampling.BILINEAR,
        "bicubic": Resampling.BICUBIC,
        "nearest": Resampling.NEAREST,
        "area": Resampling.BOX,
    }[resize]


@contextmanager
def opened(file: str | os.PathLike[str], pixel_limit: int) -> Iterator[Any]:
    """Give the PIL image of a file whose header was read and found in order; its pixels are not decoded yet.

    The kind is told by the first bytes, from a short list: Pillow would also start Ghostscript for what
    calls itself PostScript. A header that announces more than `pixel_limit` pixels is refused.

    Raises
    ------
    FileError
        If the file cannot be read, is no image, or is too large; also for whatever goes wrong while the
        caller decodes the image given.
    """
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


def _reader(start: bytes, file: str | os.PathLike[str]) -> Callable[[Any, Any], Any]:
    for magic, reader in _readers():
        if start.startswith(magic):
            return reader
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        from PIL.WebPImagePlugin import WebPImageFile

        return WebPImageFile
    what = "the file is empty" if not start else f"it begins with {start[:8]!r}"
    raise FileError(f"cannot read {file}: not an image of a kind that is read here; {what}.")


@cache
def _readers() -> tuple[tuple[bytes, Callable[[Any, Any], Any]], ...]:
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
