from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import convscope as cs
from convscope.data import Dataset
from convscope.errors import DtypeError, InvalidValue

X = np.zeros((4, 1, 2, 2), np.float32)
Y = np.array([0, 1, 0, 1])


def test_digits_are_complete_and_shared_out_evenly():
    data = cs.data.digits()
    assert data.x.shape == (1797, 1, 8, 8)
    assert data.x.dtype == np.float32
    assert data.classes == tuple("0123456789")
    train, test = data.split(1 / 3, seed=3)
    assert len(train) + len(test) == 1797
    assert len(test) == 599
    share = np.bincount(test.y) / np.bincount(data.y)
    assert np.all(np.abs(share - 1 / 3) < 1 / np.bincount(data.y))


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 30), min_size=1, max_size=6),
    share=st.floats(0.1, 0.9),
    seed=st.integers(0, 2**32 - 1),
)
def test_split_is_a_partition_in_proportion(sizes, share, seed):
    y = np.repeat(np.arange(len(sizes)), sizes)
    total = round(share * len(y))
    if not 0 < total < len(y):
        return
    x = np.arange(len(y), dtype=np.float64).reshape(-1, 1, 1, 1)  # each image is its own index
    rest, part = Dataset(x, y).split(share, seed)
    ids = np.concatenate([rest.x.ravel(), part.x.ravel()])
    assert sorted(ids) == list(range(len(y)))
    assert len(part) == total
    counts = np.bincount(part.y, minlength=len(sizes))
    assert np.all(np.abs(counts - share * np.array(sizes)) < 1 + 1e-9)
    again = Dataset(x, y).split(share, seed)[1]
    np.testing.assert_array_equal(part.x, again.x)


def test_split_depends_on_the_seed():
    data = cs.data.digits()
    assert not np.array_equal(data.split(0.5, 0)[1].x, data.split(0.5, 1)[1].x)


@pytest.mark.parametrize("share", [0, 1, -0.5, 1.5, float("nan"), 0.01, 0.99])
def test_split_refuses_an_empty_part(share):
    with pytest.raises(InvalidValue, match="share"):
        Dataset(X, Y).split(share)


def test_labels_become_int64_and_classes_get_names():
    data = Dataset(X, np.array([0, 2, 1, 0], np.uint8))
    assert data.y.dtype == np.int64
    assert data.classes == ("0", "1", "2")
    assert repr(data) == "Dataset(data: 4 images 1x2x2, 3 classes)"


@pytest.mark.parametrize(
    ("x", "y", "error", "message"),
    [
        (X.astype(np.uint8), Y, DtypeError, r"uint8; divide"),
        (X.astype(np.int64), Y, DtypeError, "int64"),
        (X[:, 0], Y, InvalidValue, "add the channel axis"),
        (X[:0], Y[:0], InvalidValue, "at least one image"),
        (X, Y[:3], InvalidValue, "4 images, 3 labels"),
        (X, Y.astype(float), DtypeError, "float64"),
        (X, np.eye(4, dtype=int), InvalidValue, "one-hot"),
        (X, np.array([0, 1, -1, 0]), InvalidValue, "-1 at index 2"),
        (X, np.array([0, 1, 7, 0]), InvalidValue, "from 0 to 1, for 2 classes; got 7 at index 2"),
    ],
)
def test_wrong_data_is_refused_in_one_line(x, y, error, message):
    with pytest.raises(error, match=message) as caught:
        Dataset(x, y, ("a", "b"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_pixels_that_are_not_numbers_are_found(value):
    x = X.copy()
    x[2, 0, 1, 0] = value
    with pytest.raises(InvalidValue, match="image 2, channel 0, row 1, column 0"):
        Dataset(x, Y)


def test_take_gives_rows_by_index_or_mask():
    data = Dataset(np.arange(4.0).reshape(4, 1, 1, 1), Y)
    assert data.take([3, 0]).x.ravel().tolist() == [3, 0]
    assert data.take(data.y == 1).x.ravel().tolist() == [1, 3]
    with pytest.raises(InvalidValue, match="at least one index"):
        data.take([])
