from __future__ import annotations

import threading
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convscope import ops
from convscope.data import Augment, Dataset, Loader, Subset, split
from convscope.data.keyed import Keyed
from convscope.data.source import describe
from convscope.errors import DtypeError, InvalidValue

FLIP = Augment(flip="horizontal", shift=1)


def numbered(count, dtype=np.float32):
    """Give images of 2x3 pixels, each filled with its own number."""
    x = np.broadcast_to(np.arange(count, dtype=dtype).reshape(-1, 1, 1, 1), (count, 1, 2, 3))
    return Dataset(x, np.arange(count) % 3, name="numbers")


class Slow:
    """A source whose first batches take longest, and which counts how many batches exist at once."""

    name, classes, image_shape, dtype = "slow", ("a", "b", "c"), (1, 2, 3), np.dtype(np.float32)

    def __init__(self, count):
        self._data, self.y = numbered(count), np.arange(count) % 3
        self.begun, self._lock = 0, threading.Lock()

    def __len__(self):
        return len(self._data)

    def batch(self, indices, out=None):
        with self._lock:
            self.begun += 1
            delay = 0.004 / self.begun
        time.sleep(delay)
        return self._data.batch(indices, out)


@settings(max_examples=40, deadline=None)
@given(
    count=st.integers(1, 50),
    batch_size=st.integers(1, 60),
    seed=st.integers(0, 2**70),
    threads=st.integers(0, 4),
    ahead=st.integers(0, 3),
    epoch=st.integers(0, 5),
    reuse=st.booleans(),
    data=st.data(),
)
def test_an_epoch_is_every_image_once_the_same_for_any_threads_and_from_any_batch(
    count, batch_size, seed, threads, ahead, epoch, reuse, data
):
    source = numbered(count)
    loader = Loader(source, batch_size, seed=seed, augment=FLIP, threads=threads, ahead=ahead)
    expected = list(Loader(source, batch_size, seed=seed, augment=FLIP, threads=0).epoch(epoch))
    assert len(loader) == len(expected)
    assert sorted(np.concatenate([batch.samples for batch in expected])) == list(range(count))
    start = data.draw(st.integers(0, len(loader)))
    got = 0
    for batch, wanted in zip(loader.epoch(epoch, start, reuse=reuse), expected[start:], strict=True):
        for one, other in zip(batch, wanted, strict=True):
            np.testing.assert_array_equal(one, other)
        np.testing.assert_array_equal(batch.y, batch.samples % 3)
        got += 1
    assert got == len(expected) - start


def test_images_belong_to_their_samples():
    for batch in Loader(numbered(23), 5, seed=3).epoch(1):
        np.testing.assert_array_equal(batch.x[:, 0, 1, 2], batch.samples)


def test_the_order_is_that_of_fit_and_another_in_every_epoch_and_for_every_seed():
    loader = Loader(numbered(200), seed=5)
    order = loader.order(2)
    everyone = np.arange(200)
    drawn = ops.Randomness(5, 2, everyone).uniform("shuffle", (200,))
    np.testing.assert_array_equal(order, np.argsort(drawn, kind="stable"))
    assert not np.array_equal(order, loader.order(3))
    assert not np.array_equal(order, Loader(numbered(200), seed=6).order(2))
    np.testing.assert_array_equal(Loader(numbered(200), shuffle=False).order(2), everyone)


def test_whole_and_between_stay_within_and_reach_their_ends():
    random = Keyed(0, 0, np.arange(3000))
    whole = random.whole("a", -2, 2)
    assert np.bincount(whole + 2).min() > 500
    assert set(whole) == {-2, -1, 0, 1, 2}
    between = random.between("b", 0.25, 0.5)
    assert 0.25 <= between.min() < 0.26
    assert 0.49 < between.max() < 0.5


@pytest.mark.parametrize(("threads", "ahead"), [(1, 0), (2, 0), (2, 2), (3, 1)])
def test_no_more_batches_are_under_way_than_agreed(threads, ahead):
    source = Slow(40)
    for taken, _ in enumerate(Loader(source, 2, threads=threads, ahead=ahead).epoch(0), start=1):
        time.sleep(0.002)
        assert source.begun - taken <= threads + ahead


def test_stopping_early_ends_the_threads():
    before = threading.active_count()
    batches = Loader(Slow(400), 2, threads=3).epoch(0)
    next(batches)
    assert threading.active_count() > before
    batches.close()
    assert threading.active_count() == before


def test_nothing_is_read_before_the_first_batch_is_asked_for():
    source = Slow(10)
    Loader(source, 2, threads=2).epoch(0)
    assert source.begun == 0


def test_reused_batches_lie_in_few_places():
    loader = Loader(Slow(60), 2, threads=2, ahead=1, augment=FLIP)
    places = {batch.x.__array_interface__["data"][0] for batch in loader.epoch(0, reuse=True)}
    assert len(places) <= 4  # two threads, one ahead, one with the consumer


def test_float64_stays():
    assert next(Loader(numbered(4, np.float64), 4, augment=FLIP).epoch(0)).x.dtype == np.float64


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"batch_size": 0}, InvalidValue, "batch_size must be at least 1"),
        ({"batch_size": 2.5}, DtypeError, "batch_size must be a whole number"),
        ({"seed": -1}, InvalidValue, "seed"),
        ({"threads": -1}, InvalidValue, "threads"),
        ({"ahead": -1}, InvalidValue, "ahead"),
        ({"augment": Augment(shift=2)}, InvalidValue, "shift must be at most 1"),
    ],
)
def test_wrong_arguments(options, error, message):
    with pytest.raises(error, match=message):
        Loader(numbered(4), **options)


def test_wrong_epoch_and_start():
    loader = Loader(numbered(4), 2)
    assert list(loader.epoch(0, start=2)) == []
    with pytest.raises(InvalidValue, match="start must be from 0 to 2; got 3"):
        loader.epoch(0, start=3)
    with pytest.raises(InvalidValue, match="epoch must be at least 0"):
        loader.epoch(-1)


def test_batch_of_a_dataset_and_of_a_subset():
    data = numbered(6)
    part = Subset(data, [5, 1, 3])
    assert describe(part) == repr(part) == "Subset(numbers: 3 images 1x2x3, 3 classes)"
    x, y = part.batch([2, 0])
    assert (x[:, 0, 0, 0].tolist(), y.tolist()) == ([3, 5], [0, 2])
    room = np.empty((2, 1, 2, 3), np.float32)
    for source in (data, Dataset(np.ascontiguousarray(data.x), data.y)):
        got, _ = source.batch([4, 2], room)
        assert got is room
        assert room[:, 0, 0, 0].tolist() == [4, 2]
    assert part.batch([])[0].shape == (0, 1, 2, 3)


@pytest.mark.parametrize(
    ("indices", "error", "message"),
    [
        ([6], InvalidValue, "from 0 to 5; got 6"),
        ([-1], InvalidValue, "from 0 to 5; got -1"),
        ([0.5], DtypeError, "float64"),
        ([[0]], InvalidValue, "vector"),
    ],
)
def test_wrong_indices(indices, error, message):
    with pytest.raises(error, match=message):
        numbered(6).batch(indices)
    with pytest.raises(error, match=message):
        Subset(numbered(6), indices)


def test_an_empty_subset_is_refused():
    with pytest.raises(InvalidValue, match="at least one index"):
        Subset(numbered(3), [])


def test_split_of_a_stream_is_that_of_a_dataset():
    data = numbered(50)
    for one, other in zip(split(Slow(50), 0.3, 4), data.split(0.3, 4), strict=True):
        np.testing.assert_array_equal(one.batch(range(len(one)))[0], other.x)
