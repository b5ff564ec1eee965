"""Every test of the ops that takes the fixture `core` runs once on each core."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from convscope import ops
from cores import CORES, forced_core


@pytest.fixture(params=CORES)
def core(request: pytest.FixtureRequest) -> Iterator[str]:
    """The name of the core that computes during the test."""
    with forced_core(request.param):
        yield request.param


@pytest.fixture
def threads_restored() -> Iterator[None]:
    """Afterwards the compiled core has as many threads as before."""
    before = ops.get_threads()
    yield
    ops.set_threads(before)


@pytest.fixture(autouse=True, scope="session")
def _one_torch_thread() -> None:
    torch.set_num_threads(1)
