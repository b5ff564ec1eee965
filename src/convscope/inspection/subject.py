"""What is inspected: a network, a file, a training run, or bare weights."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from convscope.errors import DtypeError, FileError
from convscope.explain.kernel_tables import convolutions
from convscope.layers.base import Array
from convscope.network import Network
from convscope.training import Run, load_run

__all__ = ["Subject", "open_subject", "open_network_or_weights"]


@dataclass(frozen=True, eq=False)
class Subject:
    """What is inspected.

    Attributes
    ----------
    name : str
    net : Network or None
        None where there are weights without a graph.
    weights : mapping of str to ndarray
        The arrays without a graph; empty where there is a network.
    run : Run or None
    digest : str
        SHA-256 of the file, or of all parameters in their order where it came from none.
    source : str
        Where it came from.
    note : str
        Why it could not be opened as a network, if so.
    """

    name: str
    net: Network | None
    weights: Mapping[str, Array]
    run: Run | None
    digest: str
    source: str
    note: str = ""

    @property
    def kernels(self) -> dict[str, Array]:
        """The weights (C_out, C_in, kH, kW) of its convolutions, by name, in order."""
        if self.net is not None:
            return {n: layer.parameters["weight"] for n, layer in convolutions(self.net).items()}
        return {n: a for n, a in self.weights.items() if a.ndim == 4 and a.size and a.dtype.kind in "fiu"}


# what exporters call a graph that was given no name
_NAMELESS = frozenset(
    ("", "network", "main", "main_graph", "graph", "torch_jit", "torch-jit-export", "tf2onnx")
)


def open_subject(source: Any, opening: Mapping[str, Any] | None = None) -> Subject:
    """Open whatever can be inspected.

    Parameters
    ----------
    source : Network, Run, mapping of str to array, or path
        A path is an .onnx file, a file of weights (.safetensors, .npz, .npy, .pt, .h5), or the folder of
        a training run. An .onnx file whose graph cannot be run gives its weights.
    opening : mapping, optional
        Settings of `convscope.load`, for .onnx files.

    Raises
    ------
    FileError
        If the file cannot be read.
    DtypeError
        If it is none of these.
    """
    if isinstance(source, Network):
        return Subject(source.name or "network", source, {}, None, _digest(source.parameters), "memory")
    if isinstance(source, Run):
        return _of_run(source)
    if isinstance(source, Mapping):
        arrays = {str(name): np.asarray(value) for name, value in source.items()}
        return Subject("weights", None, arrays, None, _digest(arrays), "memory")
    if not isinstance(source, str | os.PathLike):
        raise DtypeError(
            "inspect: it must be a Network, a training run, weights by name, or a path; "
            f"got {type(source).__name__}."
        )
    path = Path(source)
    if path.is_dir():
        return _of_run(load_run(path))
    opened, note = open_network_or_weights(path, opening)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if isinstance(opened, Network):
        name = path.stem if opened.name in _NAMELESS else opened.name
        return Subject(name, opened, {}, None, digest, path.name)
    return Subject(path.stem, None, opened, None, digest, path.name, note)


def open_network_or_weights(
    path: Path, opening: Mapping[str, Any] | None = None
) -> tuple[Network | dict[str, Array], str]:
    """Open a network, or where that cannot be its bare weights; the text says why it cannot.

    Raises
    ------
    FileError
        If neither can be read.
    """
    from convscope.formats import load, read_weights

    if path.suffix.lower() != ".onnx":
        return read_weights(path), ""
    try:
        return load(path, **(opening or {})), ""
    except FileError as error:
        try:
            return read_weights(path), str(error)
        except FileError:
            raise error from None


def _of_run(run: Run) -> Subject:
    digest = hashlib.sha256((run.folder / "network.onnx").read_bytes()).hexdigest()
    return Subject(run.folder.name, run.network, {}, run, digest, f"{run.folder.name}/network.onnx")


def _digest(arrays: Mapping[str, Array]) -> str:
    digest = hashlib.sha256()
    for name, array in arrays.items():
        digest.update(f"{name} {array.shape} {array.dtype}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
