"""Small nulls in a folder of their own, computed once for all tests of the kernels."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def small_nulls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CONVSCOPE_CACHE", str(tmp_path_factory.mktemp("nulls")))
        patch.setenv("CONVSCOPE_NULL_SAMPLES", "500")
        yield
