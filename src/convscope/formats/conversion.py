"""From one kind of file to another: networks to ONNX, weights to safetensors or NumPy."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope.errors import FileError, InvalidValue
from convscope.files import write_bytes
from convscope.formats.files import load, save
from convscope.formats.weights import read_weights

__all__ = ["TARGETS", "convert", "save_weights"]

TARGETS = (".onnx", ".safetensors", ".npz")


def convert(source: str | os.PathLike[str], target: str | os.PathLike[str], **settings: Any) -> None:
    """Write what is in one file as another kind of file; the suffixes say which.

    A network (.onnx) becomes ONNX as `save` writes it, with the input rule and class names of a TOML file
    beside it; to .safetensors or .npz go the weights of any file that `read_weights` reads.

    Parameters
    ----------
    source, target : str or path
    **settings
        For `load`: input_shape, max_bytes, input, classes.

    Raises
    ------
    FileError, InvalidValue
        If the source cannot be read, the target cannot be written, or weights alone should become a network.

    Examples
    --------
    >>> import tempfile
    >>> import convscope as cs
    >>> folder = Path(tempfile.mkdtemp())
    >>> cs.save(cs.models.small_cnn(), folder / "net.onnx")
    >>> convert(folder / "net.onnx", folder / "weights.npz")
    >>> len(read_weights(folder / "weights.npz")) == len(read_weights(folder / "net.onnx"))
    True
    """
    source, target = Path(source), Path(target)
    suffix = target.suffix.lower()
    if suffix not in TARGETS:
        raise InvalidValue(f"convert: the target must be {', '.join(TARGETS)}; got {target.name!r}.")
    if suffix != ".onnx":
        save_weights(read_weights(source), target)
    elif source.suffix.lower() == ".onnx":
        save(load(source, **settings), target)
    else:
        raise InvalidValue(
            f"convert: a file of weights has no graph, so it cannot become a network; got {source.name!r}. "
            "Targets for weights are .safetensors and .npz."
        )


def save_weights(arrays: Mapping[str, NDArray[Any]], path: str | os.PathLike[str]) -> None:
    """Write named arrays as .safetensors or .npz, whole or not at all.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "w.safetensors"
    >>> save_weights({"conv1.weight": np.ones((1, 1, 3, 3))}, path)
    >>> read_weights(path)["conv1.weight"].shape
    (1, 1, 3, 3)
    """
    suffix = Path(path).suffix.lower()
    whole = {name: np.array(array, order="C") for name, array in arrays.items()}
    if suffix == ".safetensors":
        from safetensors import SafetensorError
        from safetensors.numpy import save as to_bytes

        try:
            content = to_bytes(whole)
        except SafetensorError as error:  # such as complex128, which the format does not have
            raise FileError(f"cannot write {path}: {error}; .npz holds every kind of number.") from error
    elif suffix == ".npz":
        stream = io.BytesIO()
        np.savez(stream, **whole)  # type: ignore[arg-type]  # any name is a keyword
        content = stream.getvalue()
    else:
        raise FileError(f"weights are written as .safetensors or .npz; got {Path(path).name!r}.")
    write_bytes(path, content)
