from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convscope.data import Dataset, ImageFolder, Loader, MappedImages, idx_folder, open_dataset
from convscope.data.mapped import map_idx
from convscope.errors import ConvscopeError, FileError, InvalidValue, UnknownName


def write_idx(folder, pack=bytes, labels=(0, 1, 2, 0), size=(5, 4)):
    random = np.random.default_rng(0)
    folder.mkdir(exist_ok=True)
    end = "" if pack is bytes else ".gz"
    for part in ("train", "t10k"):
        x, y = random.integers(0, 256, (4, *size), np.uint8), np.array(labels, np.uint8)
        for name, values in (("images-idx3", x), ("labels-idx1", y)):
            head = bytes([0, 0, 8, values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape)
            (folder / f"{part}-{name}-ubyte{end}").write_bytes(pack(head + values.tobytes()))
    return folder


def write_images(folder, classes=("cat", "dog"), size=(6, 5)):
    for kind in classes:
        (folder / kind).mkdir(parents=True)
        for number in range(2):
            Image.new("L", size[::-1], 40 * number).save(folder / kind / f"{number}.png")
    return folder


def refused(error, message, source, **options):
    with pytest.raises(error, match=message) as caught:
        open_dataset(source, **options)
    assert "\n" not in str(caught.value)


def test_names():
    train, test = open_dataset("digits")
    assert (len(train), len(test)) == (1198, 599)
    for name in ("lines", "edges"):
        train, test = open_dataset(name, n=30, size=9, seed=2)
        assert (len(train), len(test), train.image_shape) == (30, 15, (1, 9, 9))
        more, same = open_dataset(name, n=31, size=9, seed=2)
        np.testing.assert_array_equal(train.x, more.x[:30])
        np.testing.assert_array_equal(test.x, same.x[:15])
        assert not {row.tobytes() for row in train.x} & {row.tobytes() for row in test.x}


def test_unknown_names_offer_the_nearest():
    refused(UnknownName, "'digit'; nearest: digits", "digit")
    refused(UnknownName, "known: digits, edges, lines", "zzz")
    refused(FileError, "no such file or folder", "no/where")
    refused(FileError, "no such file or folder", "absent.npz")


def test_a_folder_may_bear_a_name(tmp_path, monkeypatch):
    write_images(tmp_path / "digits")
    monkeypatch.chdir(tmp_path)
    assert open_dataset("digits")[0].name == "digits"
    assert isinstance(open_dataset("digits")[0], Dataset)
    assert isinstance(open_dataset("./digits")[0], ImageFolder)
    assert isinstance(open_dataset(Path("digits"))[0], ImageFolder)
    assert open_dataset(Path("lines"))[0].name == "lines"


def test_idx_folders_are_read_or_mapped(tmp_path):
    plain, packed = write_idx(tmp_path / "plain"), write_idx(tmp_path / "packed", gzip.compress)
    whole = idx_folder(plain)
    for folder, memory, kind in (
        (plain, 2**20, Dataset),
        (plain, 4 * 4 * 5 * 4 * 2, Dataset),
        (plain, 4 * 4 * 5 * 4 * 2 - 1, MappedImages),
        (packed, 0, Dataset),
    ):
        for part, expected in zip(open_dataset(folder, memory=memory), whole, strict=True):
            assert type(part) is kind
            x, y = part.batch([3, 1])
            assert type(x) is np.ndarray
            np.testing.assert_array_equal(x, expected.x[[3, 1]])
            np.testing.assert_array_equal(y, expected.y[[3, 1]])
            assert part.classes == expected.classes
    mapped, _ = open_dataset(plain, memory=0, classes=("a", "b", "c"))
    assert repr(mapped) == "MappedImages(plain: 4 images 1x5x4, 3 classes)"
    samples = [batch.samples.tolist() for batch in Loader(mapped, 3, shuffle=False, threads=2).epoch(0)]
    assert samples == [[0, 1, 2], [3]]


def test_broken_idx_folders_are_refused_alike_read_or_mapped(tmp_path):
    folder = write_idx(tmp_path / "idx")
    images = folder / "train-images-idx3-ubyte"
    labels = folder / "train-labels-idx1-ubyte"
    good = images.read_bytes(), labels.read_bytes()
    for memory in (0, 2**20):
        for content in (good[0][:-1], good[0] + b"x", good[0][:9], b"", b"\0\0\x08\3" + b"\xff" * 12):
            images.write_bytes(content)
            refused(FileError, "train-images", folder, memory=memory)
        images.write_bytes(good[0])
        labels.write_bytes(good[1].replace(b"\0\0\0\4", b"\0\0\0\3")[:-1])
        refused(FileError, "4 images, 3 labels", folder, memory=memory)
        labels.write_bytes(good[1])
        refused(FileError, "from 0 to 1", folder, memory=memory, classes=("a", "b"))
        images.rename(folder / "away")
        refused(FileError, "there must be a file train-images-idx3-ubyte", folder, memory=memory)
        (folder / "away").rename(images)


def test_mapping_an_idx_file(tmp_path):
    folder = write_idx(tmp_path / "idx", gzip.compress)
    with pytest.raises(FileError, match="not an IDX file"):
        map_idx(folder / "train-images-idx3-ubyte.gz")
    with pytest.raises(FileError, match="no such file"):
        map_idx(folder / "absent")
    empty = tmp_path / "empty"
    empty.write_bytes(bytes([0, 0, 8, 3]) + struct.pack(">3I", 0, 5, 4))
    assert map_idx(empty).shape == (0, 5, 4)
    with pytest.raises(InvalidValue, match="at least one image"):
        MappedImages(map_idx(empty)[:, None], [])


def test_class_folders_with_and_without_a_test_part(tmp_path):
    train, test = open_dataset(write_images(tmp_path / "plain"))
    assert (repr(train), test) == ("ImageFolder(plain: 4 images 1x6x5, 2 classes)", None)
    assert open_dataset(tmp_path / "plain", size=8)[0].image_shape == (1, 8, 8)
    assert open_dataset(tmp_path / "plain", channels="RGB", size=(8, 9))[0].image_shape == (3, 8, 9)
    both = tmp_path / "both"
    write_images(both / "train", ("a", "b", "c"))
    assert open_dataset(both)[1] is None
    write_images(both / "val", ("c", "a"))
    train, test = open_dataset(both)
    assert train.name == test.name == "both"
    assert test.classes == ("a", "b", "c")
    assert test.y.tolist() == [0, 0, 2, 2]


def test_a_test_part_unlike_the_training_part(tmp_path):
    write_images(tmp_path / "train")
    write_images(tmp_path / "test", size=(9, 9))
    refused(InvalidValue, "one shape, or say size and channels", tmp_path)
    assert open_dataset(tmp_path, size=7)[1].image_shape == (1, 7, 7)
    write_images(tmp_path / "test", ("bird",))
    refused(InvalidValue, "'bird'", tmp_path, size=7)


def test_npz(tmp_path):
    file = tmp_path / "data.npz"
    np.savez(file, x=np.zeros((3, 4, 4, 4), np.uint16), y=[0, 1, 0])
    assert open_dataset(file, scale=9, layout="NHWC")[0].image_shape == (4, 4, 4)
    refused(InvalidValue, "say layout", file)
    other = tmp_path / "data.csv"
    other.write_text("1,2")
    refused(FileError, "a data set is a folder, an .npz file, or one of digits", other)


@pytest.mark.parametrize(
    ("source", "options", "message"),
    [
        ("digits", {"n": 5}, "the digits .digits. does not take n; it takes no options"),
        ("lines", {"scale": 5}, "does not take scale; it takes n, size, seed"),
        ("lines", {"n": 0}, "n must be at least 1"),
        ("lines", {"memory": -1}, "memory must be at least 0"),
    ],
)
def test_options_of_another_kind_are_refused(source, options, message):
    refused(InvalidValue, message, source, **options)


def test_options_of_another_kind_are_refused_for_folders(tmp_path):
    refused(InvalidValue, "folder of IDX files .* does not take size", write_idx(tmp_path / "i"), size=3)
    refused(InvalidValue, "class folders .* does not take scale", write_images(tmp_path / "f"), scale=3)


def test_every_bad_input_is_a_convscope_error(tmp_path):
    (tmp_path / "empty").mkdir()
    refused(ConvscopeError, "two or more classes; got none", tmp_path / "empty")


def test_files_of_the_real_images_give_the_same_batches(shared_data, tmp_path):
    train, _ = open_dataset(shared_data / "fashion_mnist")
    for label in range(10):
        (tmp_path / str(label)).mkdir()
    pixels = np.rint(train.x[:200, 0] * 255).astype(np.uint8)
    for number, (image, label) in enumerate(zip(pixels, train.y, strict=False)):
        Image.fromarray(image).save(tmp_path / str(label) / f"{number:03}.png")
    data = ImageFolder(tmp_path)
    numbers = [int(data.path(index).stem) for index in range(200)]
    np.testing.assert_array_equal(data.batch(range(200))[0], train.x[numbers])
    np.testing.assert_array_equal(data.y, train.y[numbers])
