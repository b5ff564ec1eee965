"""Angles lie where they are said to lie, and kernels without one have none."""

from __future__ import annotations

import numpy as np
import pytest

from convscope.kernels import bank, judge, verdict


def test_a_direction_just_below_a_full_turn_is_zero() -> None:
    assert verdict(bank["sobel-x"].at(7)).direction == 0
    south = verdict(bank["kirsch-s"].array)
    assert south.orientation == pytest.approx(0, abs=0.2)  # not 179.9
    assert south.direction == pytest.approx(270, abs=0.2)


@pytest.mark.parametrize("key", ["sobel-x", "prewitt-y", "kirsch-se", "line-horizontal", "frei-chen-6"])
@pytest.mark.parametrize("size", [3, 5, 7])
def test_angles_are_in_range(key: str, size: int) -> None:
    if bank[key].native == (3, 3) and size > 3 and key in ("kirsch-se", "frei-chen-6"):
        pytest.skip("exists at 3x3 only")
    kernel = bank[key].at(size)
    table = judge(np.stack([kernel, -kernel, kernel.T, -kernel.T])[:, None])
    for name, full in (("orientation", 180), ("direction", 360), ("gaussian-1:direction", 360)):
        angles = table.columns[name]
        assert not np.any(angles < 0)
        assert not np.any(angles >= full)


@pytest.mark.parametrize(
    ("kernel", "orientation", "direction"),
    [
        ([[1, -2, 1]], 90, None),
        ([[1], [-2], [1]], 0, None),
        ([[-1, 0, 1]], 90, 0),
        ([[1, 0, -1]], 90, 180),
        ([[1], [0], [-1]], 0, 90),
        ([[-1], [0], [1]], 0, 270),
    ],
)
def test_one_row_or_column_has_the_only_angle_it_can_have(
    kernel: list[list[float]], orientation: float, direction: float | None
) -> None:
    found = verdict(kernel)
    assert (found.orientation, found.direction) == (orientation, direction)


def test_a_spectrum_without_a_preferred_direction_has_no_angle() -> None:
    assert verdict(bank["frei-chen-7"].array).orientation is None
    third = verdict(bank["frei-chen-3"].array).orientation
    assert third == pytest.approx(135, abs=0.1)
