"""Exact answers for every classic kernel."""

from __future__ import annotations

import numpy as np
import pytest

from convscope.errors import InvalidValue, UnknownName
from convscope.kernels import bank, verdict
from convscope.kernels.classics import bank_for


@pytest.mark.parametrize("key", list(bank))
def test_every_classic_kernel_is_recognised(key: str) -> None:
    classic = bank[key]
    found = verdict(classic.array)
    assert found.family == classic.family
    assert found.classic is not None
    assert found.classic.angle < 1e-3
    # some names share one kernel: outline is the Laplacian of 8, Robinson E is Sobel x
    assert np.allclose(np.abs(_unit(bank[found.classic.key].array) * _unit(classic.array)).sum(), 1)
    assert found.confidence > 0.9


def _unit(a: np.ndarray) -> np.ndarray:
    return a.ravel() / np.linalg.norm(a)


def test_sobel_x_in_every_detail() -> None:
    found = verdict([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    assert (found.family, found.derivative_order, found.moment_order) == ("edge", 1, 1)
    assert found.orientation == pytest.approx(90, abs=1e-3)
    assert found.direction == pytest.approx(0, abs=1e-3)
    assert (found.classic.name, found.classic.angle) == ("Sobel x", 0)
    assert found.separable_rank == 1
    assert "[1 2 1] x [-1 0 1]" in found.sentence
    assert found.dc_gain == 0
    assert found.even_share == pytest.approx(0, abs=1e-6)
    assert found.symmetry == "odd"
    assert found.passband == "band-pass"


@pytest.mark.parametrize(
    ("key", "orientation", "direction"),
    [
        ("sobel-y", 0, 90),
        ("prewitt-x", 90, 0),
        ("scharr-y", 0, 90),
        ("roberts-1", 45, 135),
        ("kirsch-ne", 135, 45),
        ("robinson-sw", 135, 225),
        ("line-horizontal", 0, None),
        ("line-45", 45, None),
        ("emboss", 45, 315),
    ],
)
def test_angles_of_classics(key: str, orientation: float, direction: float | None) -> None:
    found = verdict(bank[key].array)
    assert abs((found.orientation - orientation + 90) % 180 - 90) < 1
    if direction is None:
        assert found.direction is None
    else:
        assert abs((found.direction - direction + 180) % 360 - 180) < 1


@pytest.mark.parametrize(
    ("key", "passband", "order"),
    [
        ("identity", "all-pass", None),
        ("box", "low-pass", 0),
        ("gaussian", "low-pass", 0),
        ("laplacian-4", "high-pass", 2),
        ("line-vertical", "high-pass", 2),
    ],
)
def test_passband_and_order_of_classics(key: str, passband: str, order: int | None) -> None:
    found = verdict(bank[key].array)
    assert (found.passband, found.derivative_order) == (passband, order)


def test_emboss_says_that_it_has_a_constant() -> None:
    assert "plus a constant" in verdict(bank["emboss"].array).sentence
    assert "plus a constant" not in verdict(bank["sobel-x"].array).sentence


@pytest.mark.parametrize("size", [5, 7])
def test_classics_exist_at_other_sizes(size: int) -> None:
    for key in ("identity", "box", "gaussian", "binomial", "sobel-x", "prewitt-y", "log", "dog", "unsharp"):
        kernel = bank[key].at(size)
        assert kernel.shape == (size, size)
        assert verdict(kernel).family == bank[key].family


def test_angles_turn_counter_clockwise() -> None:
    turned = verdict(bank["sobel-x"].at(5, angle=30))
    assert turned.direction == pytest.approx(30, abs=1)
    assert verdict(bank["motion-blur"].at(5, angle=45)).orientation == pytest.approx(45, abs=1)


def test_errors_name_what_is_there() -> None:
    with pytest.raises(UnknownName, match=r"nearest: .*sobel"):
        bank["sobell-x"]
    with pytest.raises(InvalidValue, match="does not exist at 5 x 5"):
        bank["scharr-x"].at(5)
    with pytest.raises(InvalidValue, match="quarters only"):
        bank["emboss"].at(angle=30)
    with pytest.raises(InvalidValue, match="cannot be turned"):
        bank["box"].at(angle=30)


def test_every_kernel_has_a_formula_and_a_source() -> None:
    assert all(classic.formula and classic.source for classic in bank.values())


def test_turned_atoms_share_a_group() -> None:
    _, keys, groups = bank_for(3, 3)
    assert groups[keys.index("sobel-x")] == groups[keys.index("sobel-y")]
    assert groups[keys.index("sobel-x")] != groups[keys.index("prewitt-x")]
