"""Networks as files and modules: ONNX and PyTorch, in and out; and bare files of weights.

Examples
--------
>>> import pathlib, tempfile
>>> import convscope as cs
>>> net = cs.models.lenet5()
>>> path = pathlib.Path(tempfile.mkdtemp()) / "lenet.onnx"
>>> cs.save(net, path)
>>> list(cs.load(path).nodes) == list(net.nodes)
True
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

# public name -> the module it lives in, which is imported when the name is first used
_HOMES = {
    "convert": "conversion",
    "from_torch": "torch_in",
    "load": "files",
    "read_weights": "weights",
    "save": "files",
    "save_weights": "conversion",
    "to_torch": "torch_out",
}

__all__ = ["convert", "from_torch", "load", "read_weights", "save", "save_weights", "to_torch"]

if TYPE_CHECKING:
    from convscope.formats.conversion import convert, save_weights
    from convscope.formats.files import load, save
    from convscope.formats.torch_in import from_torch
    from convscope.formats.torch_out import to_torch
    from convscope.formats.weights import read_weights


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'convscope.formats' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"convscope.formats.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
