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

from convscope.formats.conversion import convert, save_weights
from convscope.formats.files import load, save
from convscope.formats.torch_in import from_torch
from convscope.formats.torch_out import to_torch
from convscope.formats.weights import read_weights

__all__ = ["convert", "from_torch", "load", "read_weights", "save", "save_weights", "to_torch"]
