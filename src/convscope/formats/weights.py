"""Bare files of weights: arrays by name, without a network."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope.errors import FileError

__all__ = ["read_weights"]

Array = NDArray[Any]


def read_weights(path: str | os.PathLike[str]) -> dict[str, Array]:
    """Read the arrays of a .npz, .npy, .safetensors or .onnx file (its initialisers), by name.

    Nothing in the file is executed: no pickle is read. An .onnx file is read for its weights even
    where its graph has operators that convscope does not know; a weight that a node `Conv` reads
    has that node's name.

    Raises
    ------
    FileError
        If the file is missing, of another kind or broken.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "weights.npz"
    >>> np.savez(path, conv=np.zeros((2, 1, 3, 3)))
    >>> {name: array.shape for name, array in read_weights(path).items()}
    {'conv': (2, 1, 3, 3)}
    """
    file = Path(path)
    reader = _READERS.get(file.suffix.lower())
    if reader is None:
        raise FileError(f"{file}: weights are read from {', '.join(_READERS)}; got '{file.suffix}'.")
    try:
        file.open("rb").close()
    except OSError as error:
        raise FileError(f"cannot read {file}: {(error.strerror or str(error)).lower()}.") from error
    return reader(file)


def _npy(file: Path) -> dict[str, Array]:
    try:
        return {file.stem: np.asarray(np.load(file, allow_pickle=False))}
    except (ValueError, EOFError, OSError) as error:
        raise FileError(f"{file}: not a .npy file of numbers: {_reason(error)}.") from error


def _npz(file: Path) -> dict[str, Array]:
    try:
        with np.load(file, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except (ValueError, EOFError, OSError, AttributeError, zipfile.BadZipFile) as error:
        raise FileError(f"{file}: not a .npz file of numbers: {_reason(error)}.") from error


def _safetensors(file: Path) -> dict[str, Array]:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return dict(load_file(file))
    except (SafetensorError, KeyError, ValueError, TypeError) as error:
        raise FileError(f"{file}: not a .safetensors file, or a broken one: {_reason(error)}.") from error


def _onnx(file: Path) -> dict[str, Array]:
    from onnx import numpy_helper

    from convscope.formats.onnx_file import parse_model

    graph = parse_model(file.read_bytes(), file).graph
    # the second input of a convolution is its weight
    read_by = {
        node.input[1]: node.name
        for node in graph.node
        if node.op_type == "Conv" and len(node.input) > 1 and node.name
    }
    try:
        return {read_by.get(w.name, w.name): numpy_helper.to_array(w) for w in graph.initializer}
    except (ValueError, TypeError, KeyError) as error:
        raise FileError(f"{file}: its initialisers are broken: {_reason(error)}.") from error


def _reason(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")


_READERS: dict[str, Callable[[Path], dict[str, Array]]] = {
    ".npz": _npz,
    ".npy": _npy,
    ".safetensors": _safetensors,
    ".onnx": _onnx,
}
