"""Bare files of weights: named arrays without a graph, for the analysis of kernels."""

from __future__ import annotations

import io
import json
import math
import os
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope.errors import ConvscopeError, FileError
from convscope.formats.pickles import CannotUnpickle, Record, flattened, read_pickle, span

__all__ = ["SUFFIXES", "read_weights"]

# what the parsers of NumPy, zip, JSON and HDF5 raise for a file that is not what it should be
_BROKEN = (
    *(ValueError, KeyError, IndexError, TypeError, AttributeError, EOFError, OverflowError, MemoryError),
    *(NotImplementedError, SyntaxError, RecursionError, RuntimeError),
    *(tokenize.TokenError, zipfile.BadZipFile, zlib.error, struct.error),
)
Arrays = dict[str, NDArray[Any]]
SUFFIXES = (".safetensors", ".npz", ".npy", ".pt", ".pth", ".h5", ".hdf5", ".keras", ".onnx")


def read_weights(path: str | os.PathLike[str], *, max_bytes: int = 4 * 2**30) -> Arrays:
    """Read the arrays of a file by name; small floating types come as float32.

    The suffix says what the file is: .safetensors, .npz, .npy, PyTorch's .pt and .pth, Keras's .h5 (with
    the package h5py), or .onnx, of which the weights are read even where its operators are unknown.
    Convolution kernels of Keras are turned to (C_out, C_in/groups, kH, kW). No code in a file is ever run.

    Parameters
    ----------
    path : str or path
    max_bytes : int
        No array may be larger.

    Returns
    -------
    dict of str to ndarray

    Raises
    ------
    FileError
        If the file is missing, broken, not what its suffix says, or holds more than arrays.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "weights.npz"
    >>> np.savez(path, **{"conv1.weight": np.zeros((8, 3, 5, 5), np.float32)})
    >>> {name: array.shape for name, array in read_weights(path).items()}
    {'conv1.weight': (8, 3, 5, 5)}
    """
    file = Path(path)
    reader = _READERS.get(file.suffix.lower())
    if reader is None:
        known = ", ".join(SUFFIXES)
        raise FileError(f"{file}: weights are read from {known}; got the suffix {file.suffix!r}.")
    try:
        found = reader(file, max_bytes)
    except FileError:
        raise
    except OSError as error:
        raise FileError(f"cannot read {file}: {(error.strerror or str(error)).lower()}.") from error
    except (CannotUnpickle, ConvscopeError) as error:
        raise FileError(f"{file}: {str(error).rstrip('.')}.") from error
    except _BROKEN as error:
        raise FileError(f"{file}: the file is broken: {' '.join(str(error).split())}.") from error
    return {name: _plain(array) for name, array in found.items()}


def _plain(array: NDArray[Any]) -> NDArray[Any]:
    small = array.dtype.kind == "f" and array.dtype not in (np.float32, np.float64)
    native = array.astype(array.dtype.newbyteorder("="), copy=False)
    return native.astype(np.float32) if small else native


def _check_size(name: str, size: int, max_bytes: int) -> None:
    if size > max_bytes:
        raise ConvscopeError(f"{name!r} has {size:,} bytes, more than max_bytes, {max_bytes:,}")


def _read_npy(file: Path, max_bytes: int) -> Arrays:
    return {file.stem: _array(file.read_bytes(), file.stem, max_bytes)}


def _read_npz(file: Path, max_bytes: int) -> Arrays:
    with zipfile.ZipFile(file) as archive:
        found = {}
        for entry in archive.infolist():
            name = entry.filename.removesuffix(".npy")
            _check_size(name, entry.file_size, max_bytes)
            found[name] = _array(archive.read(entry), name, max_bytes)
        return found


def _array(content: bytes, name: str, max_bytes: int) -> NDArray[Any]:
    """Read a .npy file; the header must not ask for more than there is."""
    stream = io.BytesIO(content)
    version = np.lib.format.read_magic(stream)
    if version == (1, 0):
        shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
    else:
        shape, _, dtype = np.lib.format.read_array_header_2_0(stream)
    size = math.prod(shape) * dtype.itemsize
    _check_size(name, size, max_bytes)
    if dtype.hasobject:
        raise ConvscopeError(f"{name!r} is a pickle, and no code is run")
    if size > len(content):
        raise ConvscopeError(f"{name!r} is cut off: {shape} of {dtype} needs {size:,} bytes")
    return np.load(io.BytesIO(content), allow_pickle=False)  # type: ignore[no-any-return]  # an array, since no pickle


_SAFETENSORS = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1",
    "U8": "u1", "BOOL": "?", "BF16": "bf16",
}  # fmt: skip


def _read_safetensors(file: Path, max_bytes: int) -> Arrays:
    """Eight bytes say how long the header is, a JSON of names, types, shapes and places; then the values."""
    content = file.read_bytes()
    length = int.from_bytes(content[:8], "little")
    if len(content) < 8 or length > len(content) - 8:
        raise ConvscopeError("not a safetensors file, or a truncated one")
    header = json.loads(content[8 : 8 + length])
    values = memoryview(content)[8 + length :]
    found = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        first, last = (int(n) for n in entry["data_offsets"])
        if entry["dtype"] not in _SAFETENSORS or not 0 <= first <= last <= len(values):
            raise ConvscopeError(f"{name!r} has an unknown type or lies outside the file")
        _check_size(name, last - first, max_bytes)
        found[name] = _values(values[first:last], _SAFETENSORS[entry["dtype"]]).reshape(
            _shape(entry["shape"])
        )
    return found


def _shape(lengths: Any) -> tuple[int, ...]:
    shape = tuple(int(n) for n in lengths)
    if min(shape, default=0) < 0:  # numpy would take -1 for "whatever is left"
        raise ConvscopeError(f"a shape must not be negative; got {shape}")
    return shape


def _values(content: Any, dtype: str) -> NDArray[Any]:
    """Give bytes as numbers; bfloat16 is the upper half of a float32."""
    if dtype == "bf16":
        return (np.frombuffer(content, "<u2").astype(np.uint32) << 16).view(np.float32)
    return np.frombuffer(content, dtype).copy()


def _read_torch(file: Path, max_bytes: int) -> Arrays:
    with file.open("rb") as stream:
        start = stream.read(4)
    if start.startswith(b"PK"):
        return _read_torch_zip(file, max_bytes)
    return _read_torch_old(file.read_bytes(), max_bytes)


def _read_torch_zip(file: Path, max_bytes: int) -> Arrays:
    """Since PyTorch 1.6: a zip with one pickle, and a file for each storage."""
    with zipfile.ZipFile(file) as archive:
        entries = {entry.filename: entry for entry in archive.infolist()}
        pickles = [name for name in entries if name == "data.pkl" or name.endswith("/data.pkl")]
        if len(pickles) != 1:
            raise ConvscopeError("not a PyTorch file: it has no data.pkl")
        folder = pickles[0].removesuffix("data.pkl")
        _check_size(pickles[0], entries[pickles[0]].file_size, max_bytes)
        value, _ = read_pickle(archive.read(pickles[0]))

        def storage(record: Record) -> bytes:
            name = f"{folder}data/{record.storage.key}"
            if name not in entries:
                raise ConvscopeError(f"the storage {record.storage.key!r} is missing")
            _check_size(name, entries[name].file_size, max_bytes)
            return archive.read(name)

        return _tensors(flattened(value), storage, max_bytes)


def _read_torch_old(content: bytes, max_bytes: int) -> Arrays:
    """Before: five pickles (magic, protocol, system, the data, the storages' keys), then the storages."""
    parts, place = [], 0
    for _ in range(5):
        value, used = read_pickle(content[place:])
        parts.append(value)
        place += used
    if parts[0] != 0x1950A86A20F9469CFC6C:
        raise ConvscopeError("not a PyTorch file: it has no magic number")
    records = flattened(parts[3])
    types = {record.storage.key: record.storage for record in records.values()}
    storages: dict[str, bytes] = {}
    for key in parts[4]:
        count = int.from_bytes(content[place : place + 8], "little")
        size = count * _item_size(types[key].dtype) if key in types else 0
        if key not in types or place + 8 + size > len(content):
            raise ConvscopeError(f"the storage {key!r} is cut off")
        storages[str(key)] = content[place + 8 : place + 8 + size]
        place += 8 + size
    return _tensors(records, lambda record: storages.get(record.storage.key, b""), max_bytes)


def _item_size(dtype: str) -> int:
    return 2 if dtype == "bf16" else np.dtype(dtype).itemsize


def _tensors(records: Mapping[str, Record], storage: Callable[[Record], bytes], max_bytes: int) -> Arrays:
    """See each storage with a tensor's shape and strides, and copy what is seen."""
    found: Arrays = {}
    for name, record in records.items():
        _check_size(name, math.prod(record.shape) * _item_size(record.storage.dtype), max_bytes)
        values = _values(storage(record), record.storage.dtype)
        if span(record) > len(values):
            raise ConvscopeError(f"{name!r} reaches beyond its storage of {len(values)} values")
        strides = tuple(step * values.itemsize for step in record.strides)
        seen = np.lib.stride_tricks.as_strided(values[record.offset :], record.shape, strides)
        found[name] = np.array(seen, order="C")
    return found


def _read_keras(file: Path, max_bytes: int) -> Arrays:
    try:
        import h5py
    except ImportError as error:
        raise FileError(f"{file}: reading HDF5 needs h5py: pip install 'convscope[keras]'.") from error
    if file.suffix == ".keras":
        with zipfile.ZipFile(file) as archive:
            name = "model.weights.h5"
            _check_size(name, archive.getinfo(name).file_size, max_bytes)
            stream: Any = io.BytesIO(archive.read(name))
    else:
        stream = io.BytesIO(file.read_bytes())
    with h5py.File(stream, "r") as store:
        found = {}
        for name, dataset in _datasets(store, h5py):
            _check_size(name, dataset.size * dataset.dtype.itemsize, max_bytes)
            if dataset.dtype.kind in "fiu" and dataset.external is None and not dataset.is_virtual:
                found[name] = _turned(name, np.asarray(dataset[()]))
        return found


def _datasets(store: Any, h5py: Any) -> Iterator[tuple[str, Any]]:
    """List the data sets; links out of the file are not followed."""
    for key in store:
        if not isinstance(store.get(key, getlink=True), h5py.HardLink):
            continue
        item = store[key]
        if isinstance(item, h5py.Dataset):
            yield item.name.strip("/"), item
        elif isinstance(item, h5py.Group):
            yield from _datasets(item, h5py)


def _turned(name: str, array: NDArray[Any]) -> NDArray[Any]:
    """Keras keeps kernels as (kH, kW, C_in, C_out); depthwise ones as (kH, kW, C, multiplier)."""
    if array.ndim != 4:
        return array
    if "depthwise" in name:
        rows, columns, channels, multiplier = array.shape
        moved = array.transpose(2, 3, 0, 1).reshape(channels * multiplier, 1, rows, columns)
        return np.ascontiguousarray(moved)
    return np.ascontiguousarray(array.transpose(3, 2, 0, 1))


def _read_onnx(file: Path, max_bytes: int) -> Arrays:
    from convscope.formats.onnx_file import parse_model
    from convscope.formats.onnx_graph import read_constants

    return read_constants(parse_model(file.read_bytes(), file).graph, file)


_READERS: dict[str, Callable[[Path, int], Arrays]] = {
    ".safetensors": _read_safetensors,
    ".npz": _read_npz,
    ".npy": _read_npy,
    ".pt": _read_torch,
    ".pth": _read_torch,
    ".h5": _read_keras,
    ".hdf5": _read_keras,
    ".keras": _read_keras,
    ".onnx": _read_onnx,
}
