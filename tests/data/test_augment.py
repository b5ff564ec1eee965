from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes

from convscope.data import Augment
from convscope.errors import DtypeError, InvalidValue, UnknownName

ALL = Augment(flip="both", shift=2, crop=0.6, cutout=3, fill=0.5)


def images(shape, dtype=np.float32):
    return np.random.default_rng(0).random(shape).astype(dtype)


@settings(max_examples=60, deadline=None)
@given(
    shape=array_shapes(min_dims=4, max_dims=4, min_side=3, max_side=7),
    dtype=st.sampled_from([np.float32, np.float64]),
    seed=st.integers(0, 9),
    epoch=st.integers(0, 9),
    augment=st.builds(
        Augment,
        flip=st.sampled_from(["none", "horizontal", "vertical", "both"]),
        shift=st.integers(0, 2),
        crop=st.floats(0.1, 1),
        cutout=st.integers(0, 3),
        fill=st.floats(0, 1, width=32),
    ),
)
def test_an_image_changes_alike_in_any_batch_and_stays_in_range(shape, dtype, seed, epoch, augment):
    x = images(shape, dtype)
    before, ids = x.copy(), np.arange(len(x)) * 7
    changed = augment.apply(x, seed=seed, epoch=epoch, samples=ids)
    np.testing.assert_array_equal(x, before)
    assert (changed.shape, changed.dtype) == (x.shape, x.dtype)
    assert 0 <= changed.min() <= changed.max() <= 1
    order = np.random.default_rng(seed).permutation(len(x))
    again = augment.apply(x[order], seed=seed, epoch=epoch, samples=ids[order])
    np.testing.assert_array_equal(again, changed[order])


def test_all_channels_of_an_image_change_alike():
    x = np.repeat(images((9, 1, 8, 8)), 3, axis=1)
    changed = ALL.apply(x, seed=0, epoch=0, samples=np.arange(9))
    np.testing.assert_array_equal(changed[:, 0], changed[:, 2])


def test_seed_epoch_and_sample_each_matter():
    x = np.repeat(images((1, 1, 9, 9)), 2, axis=0)
    first, second = ALL.apply(x, seed=0, epoch=0, samples=[0, 1])
    assert not np.array_equal(first, second)
    for seed, epoch in ((1, 0), (0, 1)):
        assert not np.array_equal(first, ALL.apply(x, seed=seed, epoch=epoch, samples=[0, 1])[0])


def test_without_a_setting_nothing_happens():
    x = images((4, 1, 5, 5))
    np.testing.assert_array_equal(Augment().apply(x, seed=0, epoch=0, samples=range(4)), x)


@pytest.mark.parametrize(("flip", "axis"), [("horizontal", 3), ("vertical", 2)])
def test_about_half_are_mirrored(flip, axis):
    x = images((400, 1, 3, 4))
    changed = Augment(flip=flip).apply(x, seed=1, epoch=0, samples=range(400))
    mirrored = (changed == np.flip(x, axis)).all(axis=(1, 2, 3))
    assert np.all(mirrored | (changed == x).all(axis=(1, 2, 3)))
    assert 160 < mirrored.sum() < 240  # four standard deviations


def test_both_mirrors_each_axis_independently():
    x = np.tile(np.arange(4.0).reshape(1, 1, 2, 2), (400, 1, 1, 1))
    changed = Augment(flip="both").apply(x, seed=1, epoch=0, samples=range(400))
    corners, counts = np.unique(changed[:, 0, 0, 0], return_counts=True)
    assert corners.tolist() == [0, 1, 2, 3]
    assert counts.min() > 65


def test_a_shift_is_whole_pixels_with_fill_from_outside():
    x = images((200, 1, 6, 7)) + 1
    changed = Augment(shift=2, fill=-1).apply(x, seed=2, epoch=0, samples=range(200))
    seen = set()
    for one, other in zip(x[:, 0], changed[:, 0], strict=True):
        padded = np.pad(one, 2, constant_values=-1)
        moves = [
            (i, j) for i in range(5) for j in range(5) if np.array_equal(padded[i : i + 6, j : j + 7], other)
        ]
        assert len(moves) == 1
        seen |= set(moves)
    assert len(seen) == 25


def test_a_cutout_covers_one_square():
    changed = Augment(cutout=3, fill=9).apply(np.zeros((300, 2, 8, 8)), seed=0, epoch=0, samples=range(300))
    sizes = set()
    for image in changed:
        np.testing.assert_array_equal(image[0], image[1])
        rows, columns = np.nonzero(image[0])
        height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
        assert len(rows) == height * width
        sizes.add((int(height), int(width)))
    assert sizes == {(2, 2), (2, 3), (3, 2), (3, 3)}  # the centre is a pixel, so at most one row is outside


def test_a_crop_keeps_a_ramp_a_ramp():
    """On a linear ramp bilinear stretching is exact: its slope is the side of the window."""
    ramp = np.tile(np.arange(32.0), (50, 1, 32, 1))
    for x in (ramp, ramp.transpose(0, 1, 3, 2)):
        changed = Augment(crop=0.5).apply(x, seed=0, epoch=0, samples=range(50))
        flat = changed if x is ramp else changed.transpose(0, 1, 3, 2)
        slopes = np.diff(flat[:, 0, 0, 2:-2], axis=1)
        np.testing.assert_allclose(slopes, slopes[:, :1].repeat(slopes.shape[1], 1), atol=1e-12)
        assert 0.5 <= slopes.min() < 0.6
        assert 0.9 < slopes.max() < 1
        assert flat.min() >= 0
        assert flat.max() <= 31


def test_settings_go_through_json_and_back():
    assert Augment.from_dict(json.loads(json.dumps(ALL.to_dict()))) == ALL


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"flp": "both"}, UnknownName, "'flp'; nearest: flip"),
        ({"flip": "diagonal"}, InvalidValue, "flip must be one of"),
        ({"shift": -1}, InvalidValue, "shift must be at least 0"),
        ({"shift": 1.5}, DtypeError, "shift must be a whole number"),
        ({"cutout": -1}, InvalidValue, "cutout"),
        ({"crop": 0}, InvalidValue, "crop must be above 0"),
        ({"crop": 1.1}, InvalidValue, "at most 1"),
        ({"crop": float("nan")}, InvalidValue, "crop must be"),
        ({"crop": "half"}, DtypeError, "crop must be a number"),
        ({"fill": float("inf")}, InvalidValue, "fill must be finite"),
    ],
)
def test_wrong_settings(settings, error, message):
    with pytest.raises(error, match=message) as caught:
        Augment.from_dict(settings)
    assert "\n" not in str(caught.value)


def test_images_that_are_too_small_and_samples_that_do_not_match():
    with pytest.raises(InvalidValue, match="cutout must be at most 4"):
        Augment(cutout=5).apply(images((2, 1, 4, 9)), seed=0, epoch=0, samples=[0, 1])
    with pytest.raises(InvalidValue, match="N samples"):
        Augment(shift=1).apply(images((2, 1, 4, 9)), seed=0, epoch=0, samples=[0])
