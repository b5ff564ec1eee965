"""The verdict on one kernel and on a layer: fields, edge cases, errors."""

from __future__ import annotations

import json

import numpy as np
import pytest

from convscope.errors import DtypeError, InvalidValue
from convscope.kernels import FAMILIES, PASSBANDS, bank, judge, verdict


def test_zeros_are_dead() -> None:
    found = verdict(np.zeros((3, 3)))
    assert found.family == "dead"
    assert found.sentence == "Dead: all weights are zero."
    assert found.classic is None


def test_in_a_table_a_hundredth_of_the_largest_is_dead() -> None:
    weight = np.stack([bank["sobel-x"].array, 0.004 * bank["sobel-x"].array, 0.9 * bank["box"].array])[
        :, None
    ]
    assert judge(weight).family.tolist() == ["edge", "dead", "smoothing"]
    assert verdict(0.004 * bank["sobel-x"].array).family == "edge"


def test_one_by_one_is_pointwise() -> None:
    found = verdict(np.array([[[2.0]], [[-1.0]]]))
    assert (found.family, found.passband) == ("pointwise", "all-pass")
    assert found.dc_gain == pytest.approx(1 / 3)
    assert "pointwise" in found.sentence.lower()


@pytest.mark.parametrize("shape", [(2, 2), (1, 3), (5, 1), (3, 4)])
def test_any_shape_is_judged(shape: tuple[int, int]) -> None:
    random = np.random.default_rng(0)
    found = verdict(random.normal(size=shape))
    assert found.family in FAMILIES
    assert found.passband in PASSBANDS
    json.dumps(found.to_dict(), allow_nan=False)


@pytest.mark.slow
@pytest.mark.parametrize("size", [21, 31])
def test_large_kernels(size: int) -> None:
    assert verdict(bank["sobel-x"].at(size)).family == "edge"
    assert verdict(bank["gaussian"].at(size)).family == "smoothing"


def test_whole_numbers_and_half_precision_are_converted() -> None:
    expected = verdict(bank["sobel-x"].array)
    for dtype in (np.int8, np.int64, np.float16, np.float32):
        assert verdict(bank["sobel-x"].array.astype(dtype)).sentence == expected.sentence


@pytest.mark.parametrize("scale", [1e-30, 1e-6, 1e6, 1e30])
def test_scale_changes_only_the_norm(scale: float) -> None:
    random = np.random.default_rng(1)
    kernel = random.normal(size=(5, 5))
    one, other = verdict(kernel), verdict(kernel * scale)
    assert other.norm == pytest.approx(one.norm * scale)
    assert one.family == other.family
    assert other.explained == pytest.approx(one.explained, abs=1e-4)
    assert other.centroid == pytest.approx(one.centroid, abs=1e-5)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.float64(3), "must not be empty"),
        (np.zeros((0, 3)), "must not be empty"),
        (np.zeros(3), "a kernel is"),
        (np.zeros((1, 1, 3, 3)), "a kernel is"),
        (np.full((3, 3), np.nan), "must be finite"),
        (np.full((3, 3), np.inf), "must be finite"),
        (np.ones((32, 3)), "1 to 31"),
    ],
)
def test_bad_arrays_are_refused(array: np.ndarray, message: str) -> None:
    with pytest.raises(InvalidValue, match=message):
        verdict(array)


def test_other_dtypes_are_refused() -> None:
    with pytest.raises(DtypeError, match="real numbers"):
        verdict(np.ones((3, 3), complex))
    with pytest.raises(DtypeError, match="real numbers"):
        verdict(np.array([["a"]]))


def test_channels_and_stride_must_fit() -> None:
    with pytest.raises(InvalidValue, match="needs filters of 3 channels; got 1"):
        verdict(np.ones((3, 3)), channels="RGB")
    with pytest.raises(InvalidValue, match='"RGB", "BGR" or None'):
        verdict(np.ones((3, 3, 3)), channels="rgb")
    with pytest.raises(InvalidValue, match="stride"):
        verdict(np.ones((3, 3)), stride=0)
    with pytest.raises(InvalidValue, match=r"\(K, C, kH, kW\)"):
        judge(np.ones((3, 3)))


def test_stride_decides_what_aliases() -> None:
    kernel = bank["checkerboard"].array
    assert verdict(kernel).aliased == 0
    assert verdict(kernel, stride=2).aliased > 0.8


def test_table_is_a_sequence() -> None:
    weight = np.stack([bank["sobel-x"].array, bank["box"].array, bank["laplacian-4"].array])[:, None]
    table = judge(weight, node="conv1")
    assert len(table) == 3
    assert [v.family for v in table] == ["edge", "smoothing", "centre-surround"]
    assert [v.family for v in table[1:]] == ["smoothing", "centre-surround"]
    assert table[-1].family == "centre-surround"
    assert table.counts == {"edge": 1, "smoothing": 1, "centre-surround": 1}
    with pytest.raises(IndexError):
        table[3]
    whole = table.to_dict()
    assert whole["node"] == "conv1"
    assert len(whole["verdicts"]) == 3
    json.dumps(whole, allow_nan=False)


def test_rows_do_not_depend_on_their_batch() -> None:
    random = np.random.default_rng(2)
    weight = random.normal(size=(300, 1, 3, 3))
    table = judge(weight)
    for i in (0, 150, 299):
        alone = verdict(weight[i, 0])
        assert table[i].family == alone.family
        assert table[i].explained == pytest.approx(alone.explained, abs=1e-4)


def test_dead_layer_and_layer_of_one() -> None:
    table = judge(np.zeros((4, 2, 3, 3)))
    assert table.counts == {"dead": 4}
    assert table.layer.sparsity == 1
    assert judge(np.ones((1, 1, 3, 3))).layer.counts == {"smoothing": 1}


def test_fits_hold_physical_parameters() -> None:
    found = verdict(bank["gabor-even"].at(7))
    fit = found.fits["gabor"]
    assert fit.wavelength == pytest.approx(3.5, rel=0.03)
    assert fit.angle == pytest.approx(90, abs=0.5)
    assert fit.sigma == pytest.approx(1.4, rel=0.1)
    assert abs(fit.phase) < 5
    assert fit.explained > 0.98
    assert fit.p_value == pytest.approx(1 / 501)
    assert set(found.fits) >= {"gaussian-0", "gaussian-4", "log", "dog"}


def test_null_size_is_stated() -> None:
    assert verdict(bank["sobel-x"].array).null_samples == 500
