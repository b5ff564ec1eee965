"""From an image to a network's input: every step right, recorded, and nothing silent."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from convscope.errors import DtypeError, FileError, InvalidValue
from convscope.layers import ReLU
from convscope.network import ImageInput, Network, Node


def picture(height: int = 6, width: int = 8, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_colour_order_mean_and_scale() -> None:
    pixels = picture()
    rule = ImageInput(channels="BGR", mean=(104, 117, 123), scale=(1.0, 0.5, 2.0))
    prepared = rule.prepared(pixels)
    bgr = pixels[:, :, ::-1].astype(np.float32)
    expected = (bgr - np.float32([104, 117, 123])) * np.float32([1, 0.5, 2])
    np.testing.assert_array_equal(prepared.array, expected.transpose(2, 0, 1)[None])
    assert prepared.array.dtype == np.float32
    assert prepared.steps == ("RGB to BGR", "(pixel - (104, 117, 123)) * (1, 0.5, 2)")


def test_every_kind_of_image_gives_the_same(tmp_path) -> None:
    pixels = picture()
    path = tmp_path / "picture.png"
    Image.fromarray(pixels).save(path)
    rule = ImageInput()
    for image in (path, str(path), Image.fromarray(pixels)):
        np.testing.assert_array_equal(rule.prepare(image), rule.prepare(pixels))


def test_an_image_of_the_right_size_is_not_touched() -> None:
    pixels = picture(6, 8)
    rule = ImageInput(size=(6, 8), scale=1.0)
    np.testing.assert_array_equal(rule.prepare(pixels)[0], pixels.transpose(2, 0, 1))
    assert rule.prepared(pixels).steps == ("(pixel - 0) * 1",)


@pytest.mark.parametrize(
    ("size", "wanted", "rows", "columns"),
    [
        ((6, 8), (6, 6), slice(0, 6), slice(1, 7)),
        ((8, 6), (6, 6), slice(1, 7), slice(0, 6)),
        ((7, 4), (4, 4), slice(1, 5), slice(0, 4)),
        ((6, 8), (3, 6), slice(1, 5), slice(0, 8)),
    ],
)
def test_the_centre_crop_keeps_the_proportions(size, wanted, rows, columns) -> None:
    pixels = picture(*size)
    cut = ImageInput(size=wanted, scale=1.0).prepared(pixels)
    plain = ImageInput(size=wanted, scale=1.0, crop="none").prepare(pixels[rows, columns])
    np.testing.assert_array_equal(cut.array, plain)
    assert cut.steps[0].startswith(f"cropped to the centre, from {size[1]}x{size[0]} to ")


def test_resizing_is_pillows_and_recorded() -> None:
    pixels = picture(9, 12)
    for name, rule in [("bilinear", 2), ("bicubic", 3), ("nearest", 0), ("area", 4)]:
        prepared = ImageInput(size=(5, 4), scale=1.0, crop="none", resize=name).prepared(pixels)
        expected = np.asarray(Image.fromarray(pixels).resize((4, 5), rule), np.float32)
        np.testing.assert_array_equal(prepared.array[0], expected.transpose(2, 0, 1))
        assert prepared.steps[0] == f"resized ({name}) from 12x9 to 4x5"


def test_another_size_may_be_refused() -> None:
    with pytest.raises(
        InvalidValue, match=r"must be 4x5 \(width x height\), since resize is 'none'; got 8x6"
    ):
        ImageInput(size=(5, 4), resize="none").prepare(picture())


def test_grey() -> None:
    pixels = picture()
    grey = np.asarray(Image.fromarray(pixels).convert("L"))
    rule = ImageInput(channels="L", scale=1 / 255)
    from_colour, from_grey = rule.prepared(pixels), rule.prepared(grey)
    np.testing.assert_array_equal(from_colour.array, from_grey.array)
    assert from_colour.array.shape == (1, 1, 6, 8)
    assert from_colour.steps[0] == "RGB to L"
    assert len(from_grey.steps) == 1
    assert ImageInput(scale=1.0).prepare(grey).shape == (1, 3, 6, 8)


def test_sixteen_bits_transparency_and_orientation_are_said(tmp_path) -> None:
    deep = Image.fromarray(np.full((2, 3), 0x8001, np.uint16))
    prepared = ImageInput(channels="L", scale=1.0).prepared(deep)
    assert prepared.steps[0] == "16 bits to 8 bits (divided by 256)"
    assert prepared.array.max() == 128
    clear = Image.fromarray(np.dstack([picture(), np.zeros((6, 8), np.uint8)]))
    assert ImageInput().prepared(clear).steps[0] == "RGBA to RGB"
    turned = Image.fromarray(picture())
    exif = turned.getexif()
    exif[0x0112] = 6
    turned.save(tmp_path / "turned.png", exif=exif)
    prepared = ImageInput().prepared(tmp_path / "turned.png")
    assert prepared.array.shape == (1, 3, 8, 6)
    assert prepared.steps[0] == "turned as its orientation tag says"


def test_what_is_no_image_is_refused(tmp_path) -> None:
    text = tmp_path / "text.png"
    text.write_text("not an image")
    whole = tmp_path / "whole.png"
    Image.fromarray(picture(64, 64)).save(whole)
    cut = tmp_path / "cut.png"
    cut.write_bytes(whole.read_bytes()[:2000])
    script = tmp_path / "script.png"
    script.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n")
    huge = tmp_path / "huge.png"
    Image.new("1", (20000, 10001)).save(huge)
    rule = ImageInput()
    for path, message in [
        (tmp_path / "none.png", "no such file"),
        (text, "not an image"),
        (script, "not an image"),  # Pillow would start Ghostscript
        (huge, "at most 200000000 pixels; got 20000x10001"),
        (cut, "cannot read"),
        (tmp_path, "is a directory"),
    ]:
        with pytest.raises(FileError) as refusal:
            rule.prepare(path)
        assert message in str(refusal.value)
        assert "\n" not in str(refusal.value)
    with pytest.raises(DtypeError, match="must be uint8; got int64"):
        rule.prepare(np.zeros((2, 2), int))
    for shape in [(2,), (2, 2, 4), (1, 3, 4, 4), (0, 4, 3)]:
        with pytest.raises(InvalidValue, match=r"must have shape \(H, W\) or \(H, W, 3\)"):
            rule.prepare(np.zeros(shape, np.uint8))
    with pytest.raises(DtypeError, match="a path, a PIL image or a uint8 array; got int"):
        rule.prepare(3)
    with pytest.raises(InvalidValue, match="got mode 'F'"):
        rule.prepare(Image.fromarray(np.zeros((2, 2), np.float32)))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"channels": "RGBA"}, "channels must be one of RGB, BGR, L; got 'RGBA'"),
        ({"crop": "top"}, "crop must be one of centre, none"),
        ({"resize": "lanczos"}, "resize must be one of bilinear"),
        ({"size": (3,)}, "size must be (height, width)"),
        ({"size": (0, 3)}, "each at least 1"),
        ({"mean": (1, 2)}, "mean must be a number or 3 numbers"),
        ({"channels": "L", "scale": (1, 2, 3)}, "scale must be a number or 1 numbers"),
        ({"mean": float("nan")}, "finite"),
        ({"mean": "grey"}, "mean must be a number"),
    ],
)
def test_wrong_settings_are_refused(settings, message: str) -> None:
    with pytest.raises(InvalidValue) as refusal:
        ImageInput(**settings)
    assert message in str(refusal.value)


def test_settings_survive_json() -> None:
    import json

    rule = ImageInput(size=(5, 4), channels="BGR", mean=(1, 2, 3), scale=0.5, crop="none", resize="area")
    assert ImageInput.from_dict(json.loads(json.dumps(rule.to_dict()))) == rule
    assert ImageInput.from_dict({}) == ImageInput()
    with pytest.raises(InvalidValue, match="no setting 'means'; nearest: mean"):
        ImageInput.from_dict({"means": 1})


def test_describe() -> None:
    assert ImageInput().describe() == "RGB, any size, (pixel - 0) * 0.00392157"
    rule = ImageInput(size=(5, 4), channels="L", mean=3, scale=1 / 255)
    assert (
        rule.describe() == "L, 4x5 (width x height), crop centre, resize bilinear, (pixel - 3) * 0.00392157"
    )
    assert rule.describe(picture()).startswith("RGB to L; cropped to the centre, from 8x6 to 5x6")


def relu(shape: tuple[int, int, int] = (3, 6, 8)) -> Network:
    return Network([Node("relu", ReLU(), "input")], shape, input=ImageInput(size=shape[1:], scale=1.0))


def test_a_network_prepares_images_and_records_it() -> None:
    pixels = picture(12, 16)
    activations = relu().run(pixels)
    np.testing.assert_array_equal(activations["input"], relu().input.prepare(pixels))
    assert activations.preparation == ("resized (bilinear) from 16x12 to 8x6", "(pixel - 0) * 1")
    several = relu().run([pixels, picture(6, 8)])
    assert several.output.shape == (2, 3, 6, 8)
    assert relu().predict([pixels, pixels, pixels], batch_size=2).shape == (3, 3, 6, 8)
    double = relu().astype(np.float64).run(pixels)
    assert relu().run(pixels, keep="output").output.dtype == np.float32
    assert double.output.shape == (1, 3, 6, 8)


def test_a_float_array_is_used_untouched() -> None:
    x = np.random.default_rng(0).uniform(-5, 300, (3, 6, 8)).astype(np.float32)
    activations = relu().run(x)
    np.testing.assert_array_equal(activations["input"][0], x)
    assert activations.preparation == ()


def test_images_of_unlike_shape_make_no_batch() -> None:
    net = Network([Node("relu", ReLU(), "input")], (3, 6, 8), input=ImageInput())
    with pytest.raises(InvalidValue, match="all images of a list must have one shape"):
        net.run([picture(6, 8), picture(6, 9)])


def test_googlenets_preparation(shared_data) -> None:
    """The rule of the shared models: a centre square, bilinear, BGR minus a mean."""
    rule = ImageInput(size=(224, 224), channels="BGR", mean=(104, 117, 123), scale=1.0)
    prepared = rule.prepared(shared_data / "photos" / "chelsea.png")
    assert prepared.array.shape == (1, 3, 224, 224)
    assert prepared.steps[:2] == (
        "cropped to the centre, from 451x300 to 300x300 (width x height)",
        "resized (bilinear) from 300x300 to 224x224",
    )
