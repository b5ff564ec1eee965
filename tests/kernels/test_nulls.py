"""Nulls are computed, kept, and made again when damaged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from convscope.errors import InvalidValue
from convscope.kernels import nulls


@pytest.fixture
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CONVSCOPE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("CONVSCOPE_NULL_SAMPLES", "200")
    return tmp_path / "cache"


def test_a_null_is_kept_and_read_again(fresh: Path) -> None:
    first = nulls.null_for(3, 3)
    (file,) = fresh.glob("null-3x3-c1-n200-*.npz")
    nulls._null.cache_clear()
    second = nulls.null_for(3, 3)
    assert first is not second
    assert all(np.array_equal(first.scores[name], second.scores[name]) for name in first.scores)
    assert np.array_equal(first.calibration, second.calibration)
    assert file.exists()


@pytest.mark.parametrize("damage", [b"", b"not a zip file", None])
def test_a_damaged_file_is_made_again(fresh: Path, damage: bytes | None) -> None:
    first = nulls.null_for(3, 3)
    (file,) = fresh.glob("*.npz")
    file.write_bytes(file.read_bytes()[:500] if damage is None else damage)
    nulls._null.cache_clear()
    assert np.array_equal(nulls.null_for(3, 3).scores["statistic"], first.scores["statistic"])
    assert nulls._read(file, 200) is not None


def test_a_folder_that_cannot_be_written_only_costs_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("CONVSCOPE_CACHE", str(tmp_path / "file"))
    monkeypatch.setenv("CONVSCOPE_NULL_SAMPLES", "150")
    assert nulls.null_for(3, 3).samples == 150


def test_wrong_sample_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONVSCOPE_NULL_SAMPLES", "many")
    with pytest.raises(InvalidValue, match="CONVSCOPE_NULL_SAMPLES"):
        nulls.null_for(3, 3)


def test_p_values_never_reach_zero() -> None:
    null = nulls.null_for(3, 3)
    p = null.p_value("statistic", np.array([-1e9, 1e9]))
    assert p.tolist() == [1.0, 1 / (null.samples + 1)]


def test_the_cache_follows_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CONVSCOPE_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert nulls.cache_folder() == Path("/somewhere/convscope")
