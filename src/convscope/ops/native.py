"""The ops over the compiled core, with the names and arguments of `convscope.ops.reference`."""

from __future__ import annotations

import os

from convscope import _core
from convscope.errors import InvalidValue

get_threads = _core.get_threads
isa = _core.isa
set_threads = _core.set_threads


def _choose_instruction_set() -> None:
    wish = os.environ.get("CONVSCOPE_ISA", "").strip()
    if not wish:
        return
    try:
        _core.choose_isa(wish)
    except ValueError as error:
        raise InvalidValue(f"CONVSCOPE_ISA: this machine has {error}; got {wish!r}.") from None


_choose_instruction_set()
