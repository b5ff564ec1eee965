"""How many threads make batches ahead of the training."""

from __future__ import annotations

from convscope import ops
from convscope.data import Dataset, Source

__all__ = ["loader_threads"]


def loader_threads(data: Source, augmented: bool = False) -> int:
    """Give as many threads as the ops use; none for what lies ready in memory.

    Examples
    --------
    >>> import convscope as cs
    >>> loader_threads(cs.data.digits())
    0
    """
    return 0 if isinstance(data, Dataset) and not augmented else ops.get_threads()
