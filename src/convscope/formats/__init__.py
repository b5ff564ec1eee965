"""Networks as files: ONNX, in and out.

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

from convscope.formats.files import load, save
from convscope.formats.weights import read_weights

__all__ = ["load", "read_weights", "save"]
