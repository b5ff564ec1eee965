"""Generated kernels of known family, and random ones that have none. Seeds are named."""

from __future__ import annotations

import numpy as np
import pytest

from convscope.kernels import generate, judge
from convscope.kernels.calibration import counted, right
from convscope.kernels.families import SPATIAL

SEED = 42


def _hits(family: str, size: int, channels: int, draws: int) -> tuple[np.ndarray, np.ndarray]:
    drawn = generate(family, size, draws, channels=channels, seed=SEED)
    table = judge(drawn.weight, "RGB" if channels == 3 else None)
    zero = np.zeros(draws)
    higher = np.maximum(
        table.columns.get("gaussian-3:explained", zero), table.columns.get("gaussian-4:explained", zero)
    )
    keep = counted(drawn)
    return right(drawn, table.columns["family"], higher)[keep], table.columns["confidence"][keep]


def _families(size: int, channels: int) -> list[str]:
    held = [f for f in SPATIAL if size > 3 or f not in ("higher-derivative", "gabor")]
    held += ["mixture"] if size > 3 else []
    return held + (["colour-contrast", "colour-blob"] if channels == 3 else [])


@pytest.mark.parametrize(
    ("size", "channels", "share"),
    [
        (3, 1, 0.95),
        (5, 1, 0.97),
        pytest.param(3, 3, 0.95, marks=pytest.mark.slow),
        pytest.param(7, 3, 0.97, marks=pytest.mark.slow),
        pytest.param(11, 1, 0.97, marks=pytest.mark.slow),
    ],
)
def test_family_is_right(size: int, channels: int, share: float) -> None:
    results = [_hits(f, size, channels, 30) for f in _families(size, channels)]
    hits = np.concatenate([r[0] for r in results])
    assert hits.mean() >= share
    confidence = np.concatenate([r[1] for r in results])
    bins = np.minimum((confidence * 10).astype(int), 9)
    error = sum(
        (bins == b).mean() * abs(confidence[bins == b].mean() - hits[bins == b].mean())
        for b in np.unique(bins)
    )
    assert error <= 0.05


@pytest.mark.parametrize("size", [3, 5])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("kind", ["Gaussian", "uniform"])
def test_random_kernels_are_noise(size: int, channels: int, kind: str) -> None:
    random = np.random.default_rng(SEED)
    shape = (1500, channels, size, size)
    weight = random.normal(size=shape) if kind == "Gaussian" else random.uniform(-1, 1, size=shape)
    named = ~np.isin(judge(weight).family, ["noise", "mixture"])
    # the small null of the tests (500) puts its 1.2 % point within .5 % (one standard error),
    # 1,500 kernels measure the rate within .3 %
    assert named.mean() <= 0.02 + 2 * (0.005**2 + 0.003**2) ** 0.5


@pytest.mark.slow
def test_angles_wavelengths_and_orders_at_seven() -> None:
    for family in ("edge", "line", "gabor"):
        drawn = generate(family, 7, 60, seed=SEED)
        table = judge(drawn.weight)
        good = table.family == family
        off = np.abs((table.columns["orientation"] - drawn.orientation + 90) % 180 - 90)[good]
        assert np.mean(off < 5) >= 0.97
        if family == "gabor":
            waves = np.abs(table.columns["gabor:wavelength"] / drawn.wavelength - 1)[good & counted(drawn)]
            assert np.mean(waves < 0.1) >= 0.97
        else:
            assert np.mean(table.columns["derivative_order"] == drawn.order) >= 0.97


def test_generated_noise_level_is_as_stated() -> None:
    drawn = generate("edge", 9, 200, noise_db=20, seed=SEED)
    error = ((drawn.weight - drawn.clean) ** 2).sum((1, 2, 3)) / (drawn.clean**2).sum((1, 2, 3))
    assert error.mean() == pytest.approx(0.01, rel=0.05)


def _with_noise(kernel: np.ndarray, random: np.random.Generator) -> np.ndarray:
    noise = random.normal(size=kernel.shape)
    return kernel / np.linalg.norm(kernel) + 0.1 * noise / np.linalg.norm(noise)


@pytest.mark.parametrize("sigma", [0.8, 1.5, 4.0])
def test_a_saddle_of_any_width_off_the_middle_is_seen_at_three(sigma: float) -> None:
    random = np.random.default_rng(SEED)
    y, x = np.mgrid[1:-2:-1, -1:2]
    weight = []
    for _ in range(60):
        phi, (cx, cy) = random.uniform(0, np.pi), random.uniform(-0.25, 0.25, 2)
        u = (x - cx) * np.cos(phi) + (y - cy) * np.sin(phi)
        v = (y - cy) * np.cos(phi) - (x - cx) * np.sin(phi)
        weight.append(_with_noise(u * v * np.exp(-(u**2 + v**2) / (2 * sigma**2)), random))
    assert np.mean(judge(np.stack(weight)[:, None]).family == "saddle") >= 0.95


@pytest.mark.parametrize("size", [3, 5])
def test_random_kernels_without_a_mean_are_noise(size: int) -> None:
    random = np.random.default_rng(SEED)
    weight = random.normal(size=(1500, 1, size, size))
    weight -= weight.mean(axis=(2, 3), keepdims=True)
    named = ~np.isin(judge(weight).family, ["noise", "mixture"])
    # as above: the small null of the tests and the sample each have a standard error
    assert named.mean() <= 0.02 + 2 * (0.005**2 + 0.003**2) ** 0.5


def test_two_lines_across_each_other_are_a_mixture() -> None:
    random = np.random.default_rng(SEED)
    y, x = np.mgrid[3:-4:-1, -3:4]
    weight = []
    for _ in range(40):
        first = random.uniform(0, np.pi)
        parts = []
        for phi in (first, first + random.uniform(0.25, 0.75) * np.pi):
            u = x * np.cos(phi) + y * np.sin(phi) - random.uniform(-0.25, 0.25)
            v = y * np.cos(phi) - x * np.sin(phi)
            part = (1 - u**2) * np.exp(-(u**2) / 2 - v**2 / 8)
            parts.append(part / np.linalg.norm(part))
        weight.append(_with_noise(parts[0] + parts[1], random))
    table = judge(np.stack(weight)[:, None])
    # two lines a good way apart; near each other or at right angles a single shape may explain them
    hard = table.columns["explained"] < 0.9
    assert hard.sum() >= 10
    assert np.mean(table.family[hard] == "mixture") >= 0.95
