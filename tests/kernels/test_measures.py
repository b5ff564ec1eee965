"""Spectrum, symmetry and moments on kernels whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from convscope.kernels import PASSBANDS, bank, power_spectrum, verdict
from convscope.kernels.grid import Grid
from convscope.kernels.moments import moment_order, normalised_moments
from convscope.kernels.spectrum import spectrum
from convscope.kernels.symmetry import SYMMETRIES, even_share, symmetry


def _flat(key: str, size: int | None = None) -> np.ndarray:
    return bank[key].at(size).reshape(1, -1)


def test_spectrum_agrees_with_the_fast_fourier_transform() -> None:
    random = np.random.default_rng(0)
    kernel = random.normal(size=(5, 7))
    found = spectrum(kernel.reshape(1, -1), 5, 7)
    power = power_spectrum(kernel)
    f = np.fft.fftshift(np.fft.fftfreq(32))
    radius = np.hypot(f[:, None], f[None])
    assert found.centroid[0] == pytest.approx((power * radius).sum() / power.sum(), rel=1e-5)
    assert found.low[0] == pytest.approx(power[radius < 0.125].sum() / power.sum(), rel=1e-4)
    assert found.high[0] == pytest.approx(power[radius > 0.25].sum() / power.sum(), rel=1e-4)
    assert found.low[0] + found.middle[0] + found.high[0] == pytest.approx(1, abs=1e-5)
    assert found.dc_gain[0] == pytest.approx(abs(kernel.sum()) / np.abs(kernel).sum(), rel=1e-5)
    assert radius.ravel()[power.argmax()] == pytest.approx(found.peak_frequency[0])
    # Parseval: the mean power is the energy
    assert power.mean() == pytest.approx((kernel**2).sum())


def test_anisotropy_of_stripes_and_of_rings() -> None:
    stripes = np.cos(np.pi * np.arange(9) / 2)[None].repeat(9, 0)
    assert spectrum(stripes.reshape(1, -1), 9, 9).anisotropy[0] > 0.8
    assert spectrum(_flat("log", 9), 9, 9).anisotropy[0] < 1e-5


def test_bandwidth_in_octaves() -> None:
    assert verdict(bank["gaussian"].at(5)).bandwidth is None
    narrow, wide = verdict(bank["gabor-even"].at(7)), verdict(bank["sobel-x"].array)
    assert 0.3 < narrow.bandwidth < 1.5
    assert wide.bandwidth is None or wide.bandwidth > narrow.bandwidth


def test_band_stop_passes_both_ends() -> None:
    kernel = np.zeros((1, 5, 5))
    kernel[0, [0, 2, 2, 4, 2], [2, 0, 4, 2, 2]] = 1, 1, 1, 1, 4  # high at 0 and at half, low at a quarter
    found = spectrum(kernel.reshape(1, -1), 5, 5)
    assert PASSBANDS[int(found.passband[0])] in ("low-pass", "band-stop")


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("laplacian-4", "square"),
        ("line-horizontal", "mirrored"),
        ("line-45", "even"),
        ("sobel-x", "odd"),
        ("kirsch-n", "one mirror"),
    ],
)
def test_symmetry_classes(key: str, expected: str) -> None:
    kernel = _flat(key)
    assert SYMMETRIES[symmetry(kernel, 3, 3)[0]] == expected


def test_even_and_odd_shares_add_up() -> None:
    random = np.random.default_rng(1)
    kernel = random.normal(size=(4, 25))
    even = (kernel + kernel[:, ::-1]) / 2
    assert np.allclose(even_share(kernel), (even**2).sum(1) / (kernel**2).sum(1))


@pytest.mark.parametrize(
    ("key", "order"),
    [("box", 0), ("sobel-x", 1), ("laplacian-8", 2), ("line-45", 2), ("frei-chen-6", 2), ("frei-chen-7", 4)],
)
def test_moment_order(key: str, order: int) -> None:
    assert moment_order(_flat(key), Grid(3, 3))[0] == order


def test_moments_vanish_below_the_order() -> None:
    moments = normalised_moments(_flat("frei-chen-7"), Grid(3, 3))[0]
    assert np.allclose(moments[:4], 0)
    assert moments[4] > 0.5
