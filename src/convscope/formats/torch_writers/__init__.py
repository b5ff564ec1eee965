"""How each layer becomes a function of PyTorch tensors, one module a family.

A row of a table is a function of the layer and its inputs' shapes; it gives the function that a submodule
calls. Adding a layer is adding such a row.
"""

from __future__ import annotations

from collections.abc import Mapping

from convscope.formats.torch_writers.maker import Maker
from convscope.formats.torch_writers.moves import MOVES
from convscope.formats.torch_writers.values import VALUES
from convscope.formats.torch_writers.windows import WINDOWS

__all__ = ["WRITERS"]

WRITERS: Mapping[str, Maker] = {**WINDOWS, **MOVES, **VALUES}
