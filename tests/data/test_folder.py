from __future__ import annotations

import io
import os
import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from convscope.data import ImageFolder, Loader
from convscope.data.picture import Form, decode, read_header
from convscope.errors import DtypeError, FileError, InvalidValue
from convscope.network import ImageInput


def picture(height=6, width=5, mode="L", seed=0):
    bands = () if mode == "L" else (3,)
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, *bands), np.uint8)
    return Image.fromarray(pixels)


@pytest.fixture
def pets(tmp_path):
    """Two classes of three grey 6x5 PNG files each, in a folder `pets`."""
    for kind in ("dog", "cat"):
        (tmp_path / "pets" / kind).mkdir(parents=True)
        for number in range(3):
            picture(seed=number + 10 * len(kind)).save(tmp_path / "pets" / kind / f"{number}.png")
    return tmp_path / "pets"


def refused(error, message, *args, **options):
    with pytest.raises(error, match=message) as caught:
        ImageFolder(*args, **options)
    assert "\n" not in str(caught.value)


def png_header(width, height):
    """Give a PNG file that announces a size and has almost no pixels."""

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(bytes(9)))
        + chunk(b"IEND", b"")
    )


def test_classes_are_the_folders_sorted_by_name(pets):
    data = ImageFolder(pets)
    assert data.classes == ("cat", "dog")
    assert data.y.tolist() == [0, 0, 0, 1, 1, 1]
    assert data.image_shape == (1, 6, 5)
    assert repr(data) == "ImageFolder(pets: 6 images 1x6x5, 2 classes)"
    x, y = data.batch([4, 0])
    assert (x.dtype, y.tolist()) == (np.float32, [1, 0])
    for row, index in enumerate((4, 0)):
        pixels = np.asarray(Image.open(data.path(index)))
        np.testing.assert_array_equal(x[row, 0], pixels / np.float32(255))


def test_hidden_files_and_what_is_no_image_are_left_out(pets):
    (pets / ".hidden").mkdir()
    (pets / "notes.txt").write_text("not a class")
    (pets / "cat" / ".DS_Store").write_bytes(b"x")
    (pets / "cat" / "._0.png").write_bytes(b"x")
    (pets / "cat" / "Thumbs.db").write_bytes(b"x")
    (pets / "cat" / "more").mkdir()
    data = ImageFolder(pets)
    assert len(data) == 6
    assert {path.name for path in data.skipped} == {"Thumbs.db", "more"}


def test_folders_that_are_no_data_set(tmp_path, pets):
    refused(FileError, "no such file", tmp_path / "absent")
    refused(FileError, "not a directory", pets / "cat" / "0.png")
    refused(FileError, "two or more classes; got none", pets / "cat")
    (pets / "bird").mkdir()
    refused(FileError, "bird: the class folder is empty", pets)
    (pets / "bird" / "readme.txt").write_text("nothing to see")
    refused(FileError, "bird: the class folder is empty", pets)
    one = tmp_path / "one"
    (one / "only").mkdir(parents=True)
    picture().save(one / "only" / "a.png")
    refused(FileError, "two or more classes; got one, 'only'", one)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"hello, I am text", "not an image"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "not an image"),  # Pillow would start Ghostscript
        (b"\x89PNG\r\n\x1a\n", "cannot read"),
        (b"\x89PNG\r\n\x1a\nrubbish, and more of it", "cannot read"),
        (b"\xff\xd8\xff\xe0 not a jpeg after all", "cannot read"),
        (b"RIFF....WEBPVP8 rubbish", "cannot read"),
        (png_header(100_000, 100_000), r"at most 50000000 pixels; got 100000x100000"),
        (png_header(2**31 - 1, 2**31 - 1), "at most 50000000 pixels"),
        (png_header(12_000, 8_000), "at most 50000000 pixels"),  # of which Pillow would only warn
        (png_header(0, 5), "cannot read"),
    ],
)
def test_what_is_no_image_or_too_large_is_said_at_once(pets, content, message):
    (pets / "cat" / "1.png").write_bytes(content)
    refused(FileError, message, pets)
    with pytest.raises(FileError, match=r"cat.1\.png"):
        ImageFolder(pets)


def test_the_pixel_limit_is_an_argument(pets):
    refused(FileError, "at most 29 pixels; got 5x6", pets, pixel_limit=29)
    assert len(ImageFolder(pets, pixel_limit=30)) == 6


@pytest.mark.parametrize("kind", ["png", "jpg", "bmp", "webp", "tif", "ppm", "gif"])
def test_a_truncated_image_is_refused_when_it_is_decoded(pets, kind):
    file = pets / "cat" / f"9.{kind}"
    picture(40, 50, "RGB").save(file)
    whole = file.read_bytes()
    assert ImageFolder(pets, size=(6, 5), channels="L").batch([3])[0].shape == (1, 1, 6, 5)
    for share in (0.3, 0.6, 0.9):
        file.write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(FileError, match=rf"9\.{kind}") as caught:
            ImageFolder(pets, size=(6, 5), channels="L").batch([3])
        assert "\n" not in str(caught.value)


def test_files_that_cannot_be_read(pets):
    (pets / "cat" / "link.png").symlink_to(pets / "nowhere.png")
    refused(FileError, "link.png: no such file", pets)
    (pets / "cat" / "link.png").unlink()
    data = ImageFolder(pets)
    (pets / "cat" / "0.png").unlink()
    with pytest.raises(FileError, match=r"0\.png: no such file"):
        data.batch([0])
    picture(9, 9).save(pets / "cat" / "1.png")
    with pytest.raises(FileError, match=r"must still be \(1, 6, 5\); got \(1, 9, 9\)"):
        data.batch([1])


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_named_pipe_does_not_block(pets):
    os.mkfifo(pets / "cat" / "pipe.png")
    assert [path.name for path in ImageFolder(pets).skipped] == ["pipe.png"]


def test_different_sizes_are_refused_or_resized_as_said(pets):
    picture(12, 20).save(pets / "dog" / "odd.png")
    refused(InvalidValue, r"say size=.*6x5 .*cat.0\.png, and 12x20, dog.odd\.png", pets)
    assert ImageFolder(pets, size=(8, 7)).batch(range(7))[0].shape == (7, 1, 8, 7)


def test_grey_among_colour_is_refused_or_converted_as_said(pets):
    picture(mode="RGB").save(pets / "dog" / "odd.png")
    refused(InvalidValue, r"say channels='L' or 'RGB'.*got 1 colour among 7, as dog.odd\.png", pets)
    assert ImageFolder(pets, channels="L").image_shape == (1, 6, 5)
    x, _ = ImageFolder(pets, channels="RGB").batch([0])
    np.testing.assert_array_equal(x[0, 0], x[0, 2])


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"size": 5}, InvalidValue, "size must be"),
        ({"size": (5, 0)}, InvalidValue, "width must be at least 1"),
        ({"size": (5.5, 3)}, DtypeError, "height must be a whole number"),
        ({"channels": "BGR"}, InvalidValue, "channels must be one of"),
        ({"crop": "left"}, InvalidValue, "crop must be one of"),
        ({"resize": "best"}, InvalidValue, "resize must be one of"),
        ({"memory": -1}, InvalidValue, "memory must be at least 0"),
        ({"pixel_limit": 0}, InvalidValue, "pixel_limit"),
        ({"classes": ("cat", "dgo")}, InvalidValue, "'dog' .nearest: dgo"),
    ],
)
def test_wrong_arguments(pets, options, error, message):
    refused(error, message, pets, **options)


def test_given_classes_keep_their_order_and_may_lack_images(pets):
    data = ImageFolder(pets, classes=("dog", "bird", "cat"))
    assert data.y.tolist() == [0, 0, 0, 2, 2, 2]
    assert data.path(0).parent.name == "dog"


MODES = {
    "1": lambda: picture(20, 30).convert("1"),
    "L": lambda: picture(20, 30),
    "LA": lambda: picture(20, 30).convert("LA"),
    "RGB": lambda: picture(20, 30, "RGB"),
    "RGBA": lambda: picture(20, 30, "RGB").convert("RGBA"),
    "P": lambda: picture(20, 30, "RGB").convert("P"),
    "I;16": lambda: Image.fromarray(np.arange(600, dtype=np.uint16).reshape(20, 30) * 100),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("channels", ["L", "RGB"])
@pytest.mark.parametrize(
    ("crop", "resize"), [("centre", "bilinear"), ("none", "area"), ("centre", "nearest")]
)
def test_pixels_are_those_that_a_network_prepares(tmp_path, mode, channels, crop, resize):
    for kind in ("a", "b"):
        (tmp_path / kind).mkdir()
        MODES[mode]().save(tmp_path / kind / "0.png")
    data = ImageFolder(tmp_path, size=(9, 9), channels=channels, crop=crop, resize=resize)
    prepared = ImageInput.from_dict(data.input_settings()).prepare(data.path(0))
    # x / 255 and x * (1 / 255) differ by one rounding
    np.testing.assert_allclose(data.batch([0])[0], prepared, rtol=2**-22, atol=0)


def test_an_orientation_tag_is_followed(pets):
    exif = Image.Exif()
    exif[0x0112] = 6
    for kind in ("cat", "dog"):
        for number in range(3):
            picture(5, 6).save(pets / kind / f"{number}.png", exif=exif)
    data = ImageFolder(pets)
    assert data.image_shape == (1, 6, 5)
    x, _ = data.batch([0])
    np.testing.assert_array_equal(x[0, 0] * np.float32(255), np.rot90(np.asarray(picture(5, 6)), -1))


def test_a_transparent_palette_and_32_bits(pets):
    paletted = picture(mode="RGB").convert("P")
    paletted.info["transparency"] = bytes(range(256))
    paletted.save(pets / "cat" / "0.png")
    data = ImageFolder(pets, channels="RGB")
    assert data.batch([0])[0].shape == (1, 3, 6, 5)
    Image.fromarray(np.zeros((6, 5), np.float32)).save(pets / "cat" / "0.tif")
    refused(FileError, "8 or 16 bits a channel; got 32", pets, channels="RGB")


def test_a_text_bomb_in_a_png_is_refused(pets):
    info = PngImagePlugin.PngInfo()
    info.add_text("comment", "a" * (2 * PngImagePlugin.MAX_TEXT_CHUNK), zip=True)
    picture().save(pets / "cat" / "0.png", pnginfo=info)
    refused(FileError, "0.png", pets)


@pytest.mark.parametrize("memory", [0, 30, 95, 10_000])
def test_kept_pixels_are_those_of_the_files(pets, memory):
    expected, _ = ImageFolder(pets).batch(range(6))
    data = ImageFolder(pets, memory=memory)
    for _ in range(2):
        np.testing.assert_array_equal(data.batch([5, 0, 3, 0])[0], expected[[5, 0, 3, 0]])
    np.testing.assert_array_equal(data.batch(range(6))[0], expected)
    for file in pets.rglob("*.png"):
        file.unlink()
    kept = min(memory // 30, 6)  # 30 bytes an image
    np.testing.assert_array_equal(data.batch(range(kept))[0], expected[:kept])
    if kept < 6:
        with pytest.raises(FileError):
            data.batch([kept])


def test_a_folder_is_split_without_reading(pets):
    data = ImageFolder(pets)
    for file in pets.rglob("*.png"):
        file.unlink()
    rest, part = data.split(1 / 3)
    assert (len(rest), sorted(part.y)) == (4, [0, 1])


def test_a_broken_file_comes_to_light_at_its_batch(pets):
    data = ImageFolder(pets)
    file = pets / "dog" / "2.png"
    file.write_bytes(file.read_bytes()[:60])
    for threads in (0, 1, 3):
        batches = Loader(data, 2, shuffle=False, threads=threads).epoch(0)
        assert [next(batches).samples.tolist() for _ in range(2)] == [[0, 1], [2, 3]]
        with pytest.raises(FileError, match=r"dog.2\.png"):
            next(batches)


def file_of(kind):
    stream = io.BytesIO()
    picture(7, 9, "RGB").save(stream, kind)
    return stream.getvalue()


FILES = {kind: file_of(kind) for kind in ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM")}


@pytest.fixture(scope="module")
def damaged(tmp_path_factory):
    return tmp_path_factory.mktemp("damaged") / "image.png"


@settings(max_examples=300, deadline=None)
@given(kind=st.sampled_from(sorted(FILES)), data=st.data())
def test_a_damaged_file_gives_pixels_or_one_clear_line(damaged, kind, data):
    content = bytearray(FILES[kind])
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    damaged.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    message = ""
    try:
        header = read_header(str(damaged), 100_000)
        pixels = decode(str(damaged), Form((4, 5), "RGB"), 100_000)
    except FileError as error:
        message = str(error)
    if message:
        assert str(damaged) in message
        assert "\n" not in message
    else:
        assert pixels.shape == (4, 5, 3)
        assert header.size[0] * header.size[1] <= 100_000


def test_no_more_is_held_than_a_few_batches(tmp_path):
    for kind in ("a", "b"):
        (tmp_path / kind).mkdir()
        for number in range(30):
            picture(200, 200, seed=number).save(tmp_path / kind / f"{number}.bmp")
    loader = Loader(ImageFolder(tmp_path), 2, threads=2, ahead=1)
    batch = 2 * 200 * 200 * (1 + 4)  # bytes, and float32
    tracemalloc.start()
    try:
        for _ in loader.epoch(0):
            pass
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 6 * batch  # of 30: one in each thread, one ahead, one with the consumer, and small things
