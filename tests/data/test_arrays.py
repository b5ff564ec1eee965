from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convscope.data import read_npz
from convscope.errors import ConvscopeError, FileError, InvalidValue

Y = np.array([0, 1, 0])


def bytes_of(*shape):
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def npz(tmp_path, **arrays):
    file = tmp_path / "data.npz"
    np.savez_compressed(file, **arrays)
    return file


def refused(error, message, file, **options):
    with pytest.raises(error, match=message) as caught:
        read_npz(file, **options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("shape", "layout", "expected"),
    [
        ((3, 4, 5), None, (1, 4, 5)),
        ((3, 1, 4, 5), None, (1, 4, 5)),
        ((3, 3, 4, 5), None, (3, 4, 5)),
        ((3, 4, 5, 3), None, (3, 4, 5)),
        ((3, 4, 5, 1), None, (1, 4, 5)),
        ((3, 3, 4, 3), "NCHW", (3, 4, 3)),
        ((3, 3, 4, 3), "NHWC", (3, 3, 4)),
        ((3, 2, 4, 5), "NCHW", (2, 4, 5)),
        ((3, 2, 4, 5), "NHWC", (5, 2, 4)),
    ],
)
def test_shapes(tmp_path, shape, layout, expected):
    x = bytes_of(*shape)
    train, test = read_npz(npz(tmp_path, x=x, y=Y), layout=layout)
    assert test is None
    assert train.image_shape == expected
    assert train.x.dtype == np.float32
    last = layout == "NHWC" or (layout is None and len(shape) == 4 and shape[3] in (1, 3))
    first = x.transpose(0, 3, 1, 2) if last else x.reshape(3, *expected)
    np.testing.assert_array_equal(train.x, first / np.float32(255))


@pytest.mark.parametrize("shape", [(3, 3, 4, 3), (3, 1, 1, 1), (3, 2, 4, 5)])
def test_a_shape_that_does_not_tell_is_refused(tmp_path, shape):
    refused(InvalidValue, "say layout='NCHW' or layout='NHWC'", npz(tmp_path, x=bytes_of(*shape), y=Y))


@pytest.mark.parametrize("shape", [(3,), (3, 4), (3, 1, 1, 4, 5)])
def test_other_ranks_are_refused(tmp_path, shape):
    refused(FileError, "x must have shape", npz(tmp_path, x=bytes_of(*shape), y=Y))


def test_scales(tmp_path):
    x = np.arange(12).reshape(3, 2, 2)
    assert read_npz(npz(tmp_path, x=x.astype(np.uint8), y=Y), scale=11)[0].x.max() == 1
    assert read_npz(npz(tmp_path, x=x.astype(np.uint16), y=Y), scale=11)[0].x.max() == 1
    refused(InvalidValue, "divided, as scale=65535", npz(tmp_path, x=x.astype(np.uint16), y=Y))
    for kind in (np.float16, np.float32, np.float64):
        train, _ = read_npz(npz(tmp_path, x=x.astype(kind), y=Y))
        np.testing.assert_array_equal(train.x[:, 0], x)
        assert train.x.dtype == np.float32
    for wrong in (0, -1, np.nan, np.inf):
        refused(InvalidValue, "scale must be", npz(tmp_path, x=x, y=Y), scale=wrong)
    refused(InvalidValue, "layout must be", npz(tmp_path, x=x, y=Y), layout="CHWN")


def test_test_part_and_class_names(tmp_path):
    parts = {
        "x_train": bytes_of(3, 4, 5),
        "y_train": Y[:, None],
        "x_test": bytes_of(2, 4, 5),
        "y_test": [2, 0],
    }
    file = npz(tmp_path, **parts)
    train, test = read_npz(file)
    assert (len(train), len(test)) == (3, 2)
    assert train.classes == test.classes == ("0", "1", "2")
    assert read_npz(file, classes=("a", "b", "c"))[0].classes == ("a", "b", "c")
    named = npz(tmp_path, x=bytes_of(3, 4, 5), y=Y, classes=np.array(["cat", "dog"]))
    assert read_npz(named)[0].classes == ("cat", "dog")
    assert read_npz(named, classes=("a", "b"), name="pets")[0].name == "pets"
    refused(FileError, "the same shape", npz(tmp_path, **{**parts, "x_test": bytes_of(2, 5, 5)}))


X = np.zeros((3, 2, 2), np.float32)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"images": X, "y": Y}, "arrays x and y .or x_train and y_train.; got"),
        ({"x": X}, "arrays x and y"),
        ({"x": X, "y": Y[:2]}, "3 images, 2 labels"),
        ({"x": X, "y": Y - 1}, "must not be negative"),
        ({"x": X, "y": Y * 10**12}, "labels must be below 1,000,000; got [0-9]*000 at index"),
        ({"x": X, "y": Y, "x_test": X, "y_test": Y * 10**12}, "labels must be below 1,000,000; got"),
        ({"x": X, "y": Y * 0.5}, "y must be whole numbers; got float64"),
        ({"x": X, "y": Y, "classes": np.array(["only"])}, "from 0 to 0, for 1 classes; got 1 at index 1"),
        ({"x": X, "y": Y, "classes": np.array([1, 2])}, "vector of texts"),
        ({"x": X * np.nan, "y": Y}, "pixels must be finite; got nan"),
        ({"x": np.full((3, 2, 2), 1e300), "y": Y}, "pixels must be finite; got inf"),
        ({"x": X[:0], "y": Y[:0]}, "at least one image"),
        ({"x": X.astype(complex), "y": Y}, "real numbers"),
        ({"x": np.array([["a"]]), "y": Y}, "x must have shape"),
        ({"x": X, "y": np.array([0, "a", None], object)}, "pickle; refused"),
    ],
)
def test_wrong_arrays_are_refused_in_one_line(tmp_path, arrays, message):
    refused(FileError, message, npz(tmp_path, **arrays))


def test_no_pickle_is_executed(tmp_path):
    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "sprung"), "w"))

    file = tmp_path / "data.npz"
    np.savez(file, x=X, y=np.array([Trap(), 1, 2], object))
    refused(FileError, "pickle", file)
    assert not (tmp_path / "sprung").exists()


def test_files_that_are_no_archive(tmp_path):
    refused(FileError, "no such file", tmp_path / "absent.npz")
    refused(FileError, "is a directory", tmp_path)
    file = tmp_path / "data.npz"
    for content in (b"", b"PK\3\4rubbish", b"x" * 100):
        file.write_bytes(content)
        refused(FileError, "not a whole .npz file", file)


@pytest.mark.parametrize("write", [np.savez, np.savez_compressed])
def test_truncated_and_damaged_archives(tmp_path, write):
    file = tmp_path / "data.npz"
    write(file, x=bytes_of(3, 40, 50), y=Y)
    whole = file.read_bytes()
    for end in range(0, len(whole), 301):
        file.write_bytes(whole[:end])
        refused(FileError, "not a whole .npz file", file)
    file.write_bytes(whole[:2000] + bytes(9) + whole[2009:])
    refused(FileError, "data.npz", file)


def test_a_header_that_lies_is_refused_before_anything_is_allocated(tmp_path):
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        stream, {"descr": "|u1", "fortran_order": False, "shape": (3, 2**30, 2**30)}
    )
    labels = io.BytesIO()
    np.save(labels, Y)
    file = tmp_path / "data.npz"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("x.npy", stream.getvalue() + bytes(12))
        archive.writestr("y.npy", labels.getvalue())
    refused(FileError, "header lies", file)
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("x.npy", b"not an array")
        archive.writestr("y.npy", labels.getvalue())
    refused(FileError, "not a whole", file)


@pytest.fixture(scope="module")
def damaged(tmp_path_factory):
    return tmp_path_factory.mktemp("damaged") / "data.npz"


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_a_damaged_file_gives_images_or_one_clear_line(damaged, data):
    np.savez(damaged, x=bytes_of(3, 4, 5), y=Y)
    content = bytearray(damaged.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    damaged.write_bytes(content)
    message = ""
    try:
        train, _ = read_npz(damaged)
    except ConvscopeError as error:
        message = str(error)
    if message:
        assert str(damaged) in message
        assert "\n" not in message
    else:
        assert len(train) == 3
