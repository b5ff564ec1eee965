"""The quick header of a PNG says what Pillow says, or nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from convscope.data.picture import read_header
from convscope.data.png import Header, plain_png_header

PIXELS = np.arange(9 * 7, dtype=np.uint8).reshape(7, 9)


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGB", "RGBA", "I;16"])
def test_modes(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "image.png"
    if mode == "I;16":
        Image.fromarray(PIXELS.astype(np.uint16) * 256).save(path)
    else:
        Image.fromarray(PIXELS).convert(mode).save(path)
    assert plain_png_header(str(path)) == Header((7, 9), mode in ("1", "L", "LA", "I;16"))


def test_many_chunks_of_pixels(tmp_path: Path) -> None:
    """More than are read at first."""
    path = tmp_path / "large.png"
    noise = np.random.default_rng(0).integers(0, 256, (300, 200, 3), np.uint8)
    Image.fromarray(noise).save(path)
    assert path.stat().st_size > 4096
    assert plain_png_header(str(path)) == Header((300, 200), False)


@pytest.mark.parametrize("after", [False, True])
def test_what_may_be_turned_is_left_to_pillow(tmp_path: Path, after: bool) -> None:
    path = tmp_path / "turned.png"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(PIXELS).save(path, exif=exif)
    if after:  # the chunk may also stand behind the pixels
        content = path.read_bytes()
        place = content.index(b"eXIf") - 4
        length = 12 + int.from_bytes(content[place : place + 4], "big")
        chunk, end = content[place : place + length], content.index(b"IEND") - 4
        path.write_bytes(content[:place] + content[place + length : end] + chunk + content[end:])
    assert plain_png_header(str(path)) is None
    assert read_header(str(path), 10**6) == Header((9, 7), True)


def test_a_text_is_left_to_pillow(tmp_path: Path) -> None:
    path = tmp_path / "text.png"
    info = PngImagePlugin.PngInfo()
    info.add_text("Author", "me")
    Image.fromarray(PIXELS).save(path, pnginfo=info)
    assert plain_png_header(str(path)) is None
    assert read_header(str(path), 10**6) == Header((7, 9), True)


def test_anything_else_is_left_to_pillow(tmp_path: Path) -> None:
    whole = tmp_path / "whole.png"
    Image.fromarray(PIXELS).save(whole)
    content = whole.read_bytes()
    path = tmp_path / "broken.png"
    for length in range(len(content) - 12 + 7):  # without a whole name of the last chunk
        path.write_bytes(content[:length])
        assert plain_png_header(str(path)) is None
    for place, value in ((24, 3), (25, 9), (17, 0), (19, 0)):
        broken = bytearray(content)
        broken[place] = value
        path.write_bytes(broken)
        assert (plain_png_header(str(path)) is None) == (place != 17)
    assert plain_png_header(str(tmp_path / "nowhere.png")) is None
    Image.fromarray(PIXELS).save(tmp_path / "photo.jpg")
    assert plain_png_header(str(tmp_path / "photo.jpg")) is None
