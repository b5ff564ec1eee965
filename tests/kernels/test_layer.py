"""The view of a layer: CNN Filter DB measures, findings, duplicates."""

from __future__ import annotations

import numpy as np
import pytest

from convscope.kernels import bank, judge
from convscope.kernels.duplicates import find_duplicates
from convscope.kernels.layer import orthogonality, sparsity, variance_entropy, variance_entropy_threshold


def _finding(table, name: str):
    return next(f for f in table.layer.findings if f.name == name)


def test_random_kernels_have_the_entropy_of_random_kernels() -> None:
    random = np.random.default_rng(0)
    weight = random.normal(size=(64, 16, 3, 3))
    assert variance_entropy(weight) == pytest.approx(np.log10(9), abs=0.01)
    assert variance_entropy(weight) > variance_entropy_threshold(64 * 16) - 0.01
    one_pattern = np.multiply.outer(random.normal(size=(64, 16)), bank["sobel-x"].array)
    assert variance_entropy(one_pattern) == pytest.approx(0, abs=1e-6)


def test_orthogonality_against_all_pairs() -> None:
    random = np.random.default_rng(1)
    weight = random.normal(size=(9, 2, 3, 3))
    unit = weight.reshape(9, -1) / np.linalg.norm(weight.reshape(9, -1), axis=1)[:, None]
    pairs = np.abs(unit @ unit.T)[~np.eye(9, dtype=bool)]
    assert orthogonality(weight) == pytest.approx(1 - pairs.mean(), abs=1e-6)
    assert orthogonality(np.eye(4).reshape(4, 1, 2, 2)) == 1


def test_sparsity_counts_kernels_not_filters() -> None:
    weight = np.zeros((2, 2, 3, 3))
    weight[0, 0] = 1
    weight[1, 1] = 0.009
    assert sparsity(weight) == 0.75


def test_duplicates_with_sign_and_shift() -> None:
    random = np.random.default_rng(2)
    core = random.normal(size=(5, 5))
    kernels = np.zeros((4, 1, 9, 9))
    kernels[0, 0, 2:7, 2:7] = core
    kernels[1, 0, 2:7, 2:7] = -2 * core
    kernels[2, 0, 3:8, 1:6] = core
    kernels[3, 0] = random.normal(size=(9, 9))
    found = find_duplicates(kernels, np.ones(4, bool))
    assert found.of.tolist() == [-1, 0, 0, -1]
    assert found.cosine[1] == pytest.approx(-1, abs=1e-5)
    assert found.shift[2].tolist() == [1, -1]


def test_duplicates_agree_with_all_pairs() -> None:
    random = np.random.default_rng(3)
    weight = random.normal(size=(1500, 1, 2, 2))
    found = find_duplicates(weight, np.ones(1500, bool))
    unit = weight.reshape(1500, -1)
    unit = unit / np.linalg.norm(unit, axis=1)[:, None]
    originals: list[int] = []
    for i in range(1500):
        near = [j for j in originals if abs(unit[i] @ unit[j]) > 0.9]
        assert (found.of[i] >= 0) == bool(near) or abs(max(abs(unit[originals] @ unit[i])) - 0.9) < 1e-5
        if near:
            assert found.of[i] == near[0]
        else:
            originals.append(i)


def test_findings_have_numbers_thresholds_and_sources() -> None:
    random = np.random.default_rng(4)
    table = judge(random.normal(size=(30, 1, 3, 3)), stride=2)
    for finding in table.layer.findings:
        assert finding.text
        assert finding.source
        assert finding.advice
        assert np.isfinite(finding.value)
    assert _finding(table, "like random initialisation").found
    assert _finding(table, "aliasing").found


def test_findings_see_what_was_planted() -> None:
    weight = np.stack([bank["sobel-x"].array, -bank["sobel-x"].array, bank["sobel-y"].array * 0])[:, None]
    table = judge(weight)
    assert _finding(table, "dead filters").value == 1
    assert _finding(table, "duplicate filters").found
    loud = np.stack([bank["sobel-x"].array * s for s in (1, 1, 1, 9)])[:, None]
    assert _finding(judge(loud), "dominating filters").found


def test_coverage_adds_up_to_the_filters() -> None:
    table = judge(np.stack([bank[k].array for k in ("sobel-x", "sobel-y", "box", "line-45")])[:, None])
    layer = table.layer
    assert layer.coverage.sum() == pytest.approx(4)
    assert layer.orientations[[0, 3, 6]].tolist() == [1, 1, 1]
