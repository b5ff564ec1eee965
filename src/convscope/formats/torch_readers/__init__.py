"""How each operation of PyTorch becomes layers, one module a family.

The operations are those of `torch.export` ("aten"). A row of a table is a small function of the reader,
the operation and its arguments by name; one that works in place ("add_") is read like the other. Adding an
operation is adding such a row.
"""

from __future__ import annotations

from collections.abc import Mapping

from convscope.formats.torch_readers.moves import MOVES
from convscope.formats.torch_readers.reductions import REDUCTIONS
from convscope.formats.torch_readers.row import BATCH, Row
from convscope.formats.torch_readers.values import VALUES
from convscope.formats.torch_readers.windows import WINDOWS

__all__ = ["BATCH", "READERS"]

READERS: Mapping[str, Row] = {**WINDOWS, **MOVES, **REDUCTIONS, **VALUES}
