"""Sign, scale, flips and quarter turns change the verdict only as they must."""

from __future__ import annotations

import numpy as np
import pytest

from convscope.kernels import generate, judge
from convscope.kernels.families import SPATIAL

SIZE = 5
FAMILIES = [f for f in SPATIAL if f != "identity"]


def _tables(family: str, change: str):
    drawn = generate(family, SIZE, 40, seed=5)
    changed = {
        "sign": lambda w: -w,
        "scale": lambda w: w * 37.5,
        "quarter": lambda w: np.rot90(w, axes=(2, 3)),
        "flip": lambda w: w[:, :, :, ::-1],
    }[change](drawn.weight)
    return judge(drawn.weight), judge(np.ascontiguousarray(changed))


@pytest.mark.parametrize("change", ["sign", "scale", "quarter", "flip"])
@pytest.mark.parametrize("family", FAMILIES)
def test_family_and_measures_stay(family: str, change: str) -> None:
    before, after = _tables(family, change)
    # grids of angles are not symmetric under a flip, so a rare draw on a boundary may move
    assert np.mean(before.family == after.family) >= 0.95
    for name in ("centroid", "anisotropy", "even_share", "low", "high", "dc_gain"):
        assert np.allclose(before.columns[name], after.columns[name], atol=2e-3), name
    same = before.family == after.family
    change_of_fit = np.abs(before.columns["explained"] - after.columns["explained"])[same]
    assert np.median(change_of_fit) < 1e-3


@pytest.mark.parametrize(
    ("change", "turn", "mirror"), [("sign", 0, 1), ("quarter", 90, 1), ("flip", 180, -1)]
)
@pytest.mark.parametrize("family", ["edge", "line", "gabor"])
def test_orientation_follows(family: str, change: str, turn: float, mirror: int) -> None:
    before, after = _tables(family, change)
    both = (before.family == family) & (after.family == family)
    expected = mirror * before.columns["orientation"][both] + turn
    off = np.abs((after.columns["orientation"][both] - expected + 90) % 180 - 90)
    assert np.mean(off < 1) > 0.95


@pytest.mark.parametrize(
    ("change", "turn", "mirror"), [("sign", 180, 1), ("quarter", 90, 1), ("flip", 180, -1)]
)
def test_direction_follows(change: str, turn: float, mirror: int) -> None:
    before, after = _tables("edge", change)
    both = (before.family == "edge") & (after.family == "edge")
    expected = mirror * before.columns["direction"][both] + turn
    off = np.abs((after.columns["direction"][both] - expected + 180) % 360 - 180)
    assert np.mean(off < 1) > 0.95
