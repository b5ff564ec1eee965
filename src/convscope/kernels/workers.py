"""Work shared out over the cores; NumPy lets go of the interpreter in what takes long here."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

__all__ = ["on_all_cores", "workers"]

_Item = TypeVar("_Item")
_Value = TypeVar("_Value")


def workers() -> int:
    """Give the number of threads: CONVSCOPE_THREADS, or the cores this process may use."""
    chosen = os.environ.get("CONVSCOPE_THREADS", "")
    if chosen.isdigit() and int(chosen) > 0:
        return int(chosen)
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def on_all_cores(function: Callable[[_Item], _Value], items: Iterable[_Item]) -> list[_Value]:
    """Apply a function to each item, in threads; results are in the order of the items.

    Examples
    --------
    >>> on_all_cores(abs, [-1, 2, -3])
    [1, 2, 3]
    """
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it has no types

    # small matrix products gain nothing from BLAS threads, which would fight with ours
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(workers()) as pool:
        return list(pool.map(function, items))
