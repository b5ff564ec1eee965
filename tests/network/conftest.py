"""Tests that take the fixture `core` run once on each core."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cores import CORES, forced_core


@pytest.fixture(params=CORES)
def core(request: pytest.FixtureRequest) -> Iterator[str]:
    """The name of the core that computes during the test."""
    with forced_core(request.param):
        yield request.param


@pytest.fixture
def native_core() -> Iterator[None]:
    """The compiled core computes: the other one makes arrays in between, NumPy's."""
    with forced_core("native"):
        yield
