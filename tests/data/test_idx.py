from __future__ import annotations

import gzip
import struct

import numpy as np
import pytest

from convscope.data import fashion_mnist, idx_folder, mnist, read_idx
from convscope.errors import FileError

CODES = {"u1": 8, "i1": 9, ">i2": 11, ">i4": 12, ">f4": 13, ">f8": 14}


def idx_bytes(values: np.ndarray, code: int = 8) -> bytes:
    lengths = struct.pack(f">{values.ndim}I", *values.shape)
    return bytes([0, 0, code, values.ndim]) + lengths + values.tobytes()


def write_four(folder, images=None, labels=None, suffix=""):
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (6, 5, 4), dtype=np.uint8) if images is None else images
    labels = np.array([0, 1, 2, 0, 1, 2], np.uint8) if labels is None else labels
    pack = gzip.compress if suffix else bytes
    for part in ("train", "t10k"):
        (folder / f"{part}-images-idx3-ubyte{suffix}").write_bytes(pack(idx_bytes(images)))
        (folder / f"{part}-labels-idx1-ubyte{suffix}").write_bytes(pack(idx_bytes(labels)))
    return images, labels


@pytest.mark.parametrize("kind", CODES)
@pytest.mark.parametrize("shape", [(5,), (2, 3), (2, 3, 4), (1, 2, 3, 4), (0,)])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_every_type_and_rank_comes_back(tmp_path, kind, shape, pack):
    values = np.arange(np.prod(shape)).reshape(shape).astype(kind)
    file = tmp_path / "file"
    file.write_bytes(pack(idx_bytes(values, CODES[kind])))
    got = read_idx(file)
    np.testing.assert_array_equal(got, values)
    assert got.dtype == np.dtype(kind).newbyteorder("=")


GOOD = idx_bytes(np.arange(12, dtype=np.uint8).reshape(3, 4))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not an IDX file"),
        (b"\0", "not an IDX file"),
        (b"\x89PNG\r\n", "not an IDX file"),
        (b"\0\0\x0a\x01" + GOOD[4:], "not an IDX file"),
        (b"\0\0\x08\0" + GOOD[4:], "not an IDX file"),
        (GOOD[:7], "2 lengths"),
        (GOOD[:-1], "truncated"),
        (GOOD[:13], "truncated"),
        (GOOD + b"\0", "more follows"),
        (b"\0\0\x08\x02" + b"\xff" * 8 + GOOD[12:], "header lies"),
        (b"\0\0\x0e\xff" + b"\xff" * 1020, "header lies"),
    ],
)
def test_broken_files_are_refused(tmp_path, content, message):
    for pack in (bytes, gzip.compress):
        file = tmp_path / "file"
        file.write_bytes(pack(content))
        with pytest.raises(FileError, match=message) as caught:
            read_idx(file)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("keep", [2, 5, 10, 20, 30])
def test_broken_gzip_is_refused(tmp_path, keep):
    whole = gzip.compress(GOOD)
    file = tmp_path / "file.gz"
    file.write_bytes(whole[:keep])
    with pytest.raises(FileError):
        read_idx(file)
    file.write_bytes(whole[:keep] + b"\x55" * 9 + whole[keep + 9 :])
    with pytest.raises(FileError):
        read_idx(file)


def test_every_prefix_of_a_file_is_refused(tmp_path):
    file = tmp_path / "file"
    for end in range(len(GOOD)):
        file.write_bytes(GOOD[:end])
        with pytest.raises(FileError):
            read_idx(file)


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(FileError, match="no such file"):
        read_idx(tmp_path / "absent")
    with pytest.raises(FileError, match="is a directory"):
        read_idx(tmp_path)
    with pytest.raises(FileError, match="folder of IDX files"):
        idx_folder(tmp_path / "absent")
    with pytest.raises(FileError, match="train-images-idx3-ubyte"):
        idx_folder(tmp_path)


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_folder_gives_both_parts(tmp_path, suffix):
    images, labels = write_four(tmp_path, suffix=suffix)
    train, test = idx_folder(tmp_path, ("a", "b", "c"), "things")
    np.testing.assert_array_equal(train.x[:, 0], images.astype(np.float32) / np.float32(255))
    np.testing.assert_array_equal(test.y, labels)
    assert repr(train) == "Dataset(things: 6 images 1x5x4, 3 classes)"


def test_folder_checks_that_the_files_belong_together(tmp_path):
    write_four(tmp_path)
    file = tmp_path / "train-labels-idx1-ubyte"
    file.write_bytes(idx_bytes(np.zeros(5, np.uint8)))
    with pytest.raises(FileError, match="6 images, 5 labels"):
        idx_folder(tmp_path)
    file.write_bytes(idx_bytes(np.full(6, 9, np.uint8)))
    with pytest.raises(FileError, match="from 0 to 2"):
        idx_folder(tmp_path, ("a", "b", "c"))
    file.write_bytes(idx_bytes(np.zeros((6, 1), np.uint8)))
    with pytest.raises(FileError, match="whole numbers"):
        idx_folder(tmp_path)
    write_four(tmp_path)
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(idx_bytes(np.zeros((6, 7, 7), np.uint8)))
    with pytest.raises(FileError, match="the same size"):
        idx_folder(tmp_path)


def test_empty_folder_data_is_refused(tmp_path):
    write_four(tmp_path, np.zeros((0, 5, 4), np.uint8), np.zeros(0, np.uint8))
    with pytest.raises(FileError, match="at least one image"):
        idx_folder(tmp_path)


def test_the_real_files(shared_data):
    for reader, folder in ((mnist, "mnist"), (fashion_mnist, "fashion_mnist")):
        train, test = reader(shared_data / folder)
        assert train.x.shape == (60000, 1, 28, 28)
        assert test.x.shape == (10000, 1, 28, 28)
        assert (train.x.min(), train.x.max()) == (0, 1)
        assert len(train.classes) == 10
        assert set(train.y) == set(range(10))
