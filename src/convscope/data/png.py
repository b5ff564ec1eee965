"""The header of a PNG file, without Pillow: a folder of small images is mostly headers.

A PNG is a signature and chunks: a length, four letters, the data, a checksum. Size and colour are in the
first; only what might hold an orientation asks for more, and is left to Pillow, as is what looks broken.

Reference: PNG specification, third edition (W3C, 2025), sections 5 and 11.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

__all__ = ["Header", "plain_png_header"]

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_FIRST = _SIGNATURE + b"\0\0\0\x0dIHDR"
_READ = 4096  # most small images are no longer
_MOST_CHUNKS = 10_000
# colour types: grey, colour, palette, grey and transparency, colour and transparency; their depths
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
# EXIF, and texts in which some programs hide it
_MAY_TURN = (b"eXIf", b"iTXt", b"zTXt", b"tEXt")


@dataclass(frozen=True)
class Header:
    """What a file says of its image: `size` (height, width) as it is seen, and whether it is grey."""

    size: tuple[int, int]
    grey: bool


def plain_png_header(file: str) -> Header | None:
    """Read the header of a whole PNG file that is not turned; None for everything else.

    Examples
    --------
    >>> import tempfile, os
    >>> from PIL import Image
    >>> path = os.path.join(tempfile.mkdtemp(), "grey.png")
    >>> Image.new("L", (5, 4)).save(path)
    >>> plain_png_header(path)
    Header(size=(4, 5), grey=True)
    """
    try:
        with open(file, "rb", buffering=0) as stream:
            start = stream.read(_READ)
            if not start.startswith(_FIRST) or not _is_plain(start, stream):
                return None
    except OSError:  # whoever opens it next says so
        return None
    width, height = int.from_bytes(start[16:20], "big"), int.from_bytes(start[20:24], "big")
    depth, kind = start[24], start[25]
    if not width or not height or depth not in _DEPTHS.get(kind, ()):
        return None
    return Header((height, width), kind in (0, 4))


def _is_plain(start: bytes, stream: io.FileIO) -> bool:
    """Walk from chunk to chunk: there are pixels, an end, and nothing that might turn the image."""
    place, seen = len(_SIGNATURE), False
    for _ in range(_MOST_CHUNKS):
        chunk = start[place : place + 8]
        if len(chunk) < 8:
            stream.seek(place)
            chunk = stream.read(8)
        name = chunk[4:]
        if name == b"IEND":
            return seen
        if len(chunk) < 8 or name in _MAY_TURN:
            return False
        seen = seen or name == b"IDAT"
        place += 12 + int.from_bytes(chunk[:4], "big")
    return False
