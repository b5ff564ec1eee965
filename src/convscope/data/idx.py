"""IDX files: the format of MNIST and Fashion-MNIST, plain or compressed with gzip.

A file is a magic number (two zero bytes, a code for the type, the number of
axes), the length of each axis as a big-endian uint32, and the values in
big-endian C order. The header is not believed: the file must hold exactly what
it announces, and nothing is allocated that the file cannot fill.
"""

from __future__ import annotations

import gzip
import io
import math
import os
import struct
import sys
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope.data.dataset import Dataset
from convscope.errors import ConvscopeError, FileError

__all__ = ["fashion_mnist", "idx_folder", "mnist", "read_idx"]

_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_GZIP = b"\x1f\x8b"
# DEFLATE cannot compress better than 1032 : 1 (zlib technical details).
_DEFLATE_LIMIT = 1032
_FASHION = (
    "T-shirt", "trouser", "pullover", "dress", "coat",
    "sandal", "shirt", "sneaker", "bag", "ankle boot",
)  # fmt: skip


def read_idx(path: str | os.PathLike[str]) -> NDArray[Any]:
    """Read one IDX file, plain or gzip (told by its content, not its name).

    Parameters
    ----------
    path : str or path
        The file.

    Returns
    -------
    ndarray
        Of the shape and type that the header announces, in the byte order of this machine.

    Raises
    ------
    FileError
        If the file is missing, is not IDX, is truncated, or holds more or less than its header says.

    Examples
    --------
    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "labels-idx1-ubyte"
    >>> _ = file.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 2, 1]))
    >>> read_idx(file)
    array([7, 2, 1], dtype=uint8)
    """
    file = Path(path)
    try:
        size = file.stat().st_size
        with file.open("rb") as raw:
            compressed = raw.read(2) == _GZIP
            raw.seek(0)
            if not compressed:
                return _read(raw, file, at_most=size)
            with gzip.GzipFile(fileobj=raw) as stream:
                return _read(stream, file, at_most=size * _DEFLATE_LIMIT)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise FileError(f"{file}: the gzip file is truncated or broken.") from error
    except FileError:
        raise
    except OSError as error:
        raise FileError(f"cannot read {file}: {(error.strerror or str(error)).lower()}.") from error


def idx_folder(
    folder: str | os.PathLike[str], classes: Sequence[str] = (), name: str = ""
) -> tuple[Dataset, Dataset]:
    """Read a folder with the four files of MNIST, or of a data set in its form.

    The files are `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`, `t10k-images-idx3-ubyte` and
    `t10k-labels-idx1-ubyte`, each with or without `.gz` (a dot before `idx` is accepted too). Bytes
    become float32 from 0 to 1.

    Parameters
    ----------
    folder : str or path
    classes : sequence of str
        Class names; the labels themselves when left out.
    name : str
        The name of the data set; that of the folder when left out.

    Returns
    -------
    train, test : Dataset

    Raises
    ------
    FileError
        If a file is missing or broken, or images and labels do not belong together.
    """
    place = Path(folder)
    if not place.is_dir():
        raise FileError(f"cannot read {place}: it must be a folder of IDX files.")
    train, test = (_read_pair(place, part) for part in ("train", "t10k"))
    known = common_classes(place, train, test, classes)
    try:
        parts = [Dataset(x, y, known, name or place.name) for x, y in (train, test)]
    except ConvscopeError as error:
        raise FileError(f"{place}: {error}") from error
    return parts[0], parts[1]


def common_classes(
    place: Path,
    train: tuple[NDArray[Any], NDArray[np.int64]],
    test: tuple[NDArray[Any], NDArray[np.int64]],
    classes: Sequence[str],
) -> tuple[str, ...]:
    """Give one list of classes for both parts, even where the test part lacks a label."""
    if train[0].shape[1:] != test[0].shape[1:]:
        sizes = f"{train[0].shape} and {test[0].shape}"
        raise FileError(f"{place}: training and test images must have the same size; got {sizes}.")
    count = 1 + max(int(y.max(initial=0)) for _, y in (train, test))
    return tuple(classes) or tuple(str(i) for i in range(count))


def mnist(folder: str | os.PathLike[str]) -> tuple[Dataset, Dataset]:
    """Read MNIST (60,000 and 10,000 handwritten digits, 28 by 28) from a folder of its four files.

    References
    ----------
    LeCun, Bottou, Bengio & Haffner (1998), Gradient-based learning applied to document recognition.
    """
    return idx_folder(folder, tuple("0123456789"), "MNIST")


def fashion_mnist(folder: str | os.PathLike[str]) -> tuple[Dataset, Dataset]:
    """Read Fashion-MNIST (60,000 and 10,000 pictures of clothing, 28 by 28) from a folder of its four files.

    References
    ----------
    Xiao, Rasul & Vollgraf (2017), Fashion-MNIST: a novel image dataset, arXiv:1708.07747.
    """
    return idx_folder(folder, _FASHION, "Fashion-MNIST")


def _read(stream: io.BufferedIOBase, file: Path, at_most: int) -> NDArray[Any]:
    """Read header and values; `at_most` bounds the bytes that the stream can possibly give."""
    shape, dtype = read_header(stream, file)
    announced = math.prod(shape) * dtype.itemsize
    if announced > at_most or math.prod(n for n in shape if n) > sys.maxsize // 8:
        raise FileError(
            f"{file}: truncated, or its header lies; it announces {announced} bytes for shape {shape}, "
            f"more than the file can hold."
        )
    values = np.empty(math.prod(shape), dtype)
    got = _fill(stream, values)
    if got < announced:
        raise FileError(f"{file}: truncated; shape {shape} needs {announced} bytes, got {got}.")
    if stream.read(1):
        raise FileError(f"{file}: its header lies; more follows than the {announced} bytes of shape {shape}.")
    return values.reshape(shape).astype(dtype.newbyteorder("="), copy=False)


def read_header(stream: io.BufferedIOBase, file: Path) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Read shape and type of the values, which follow in the stream."""
    magic = stream.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in _TYPES or magic[3] == 0:
        raise FileError(
            f"{file}: not an IDX file; it must begin with 0, 0, a type, a number of axes; got {list(magic)}."
        )
    header = stream.read(4 * magic[3])
    if len(header) < 4 * magic[3]:
        raise FileError(f"{file}: truncated; {magic[3]} lengths must follow, got {len(header)} bytes.")
    return struct.unpack(f">{magic[3]}I", header), np.dtype(_TYPES[magic[2]])


def _fill(stream: io.BufferedIOBase, values: NDArray[Any]) -> int:
    """Read into `values` until it is full or the stream ends; give the number of bytes."""
    if values.size == 0:
        return 0
    view = values.view("u1").data
    got = 0
    while got < len(view):
        count = stream.readinto(view[got:])
        if not count:
            break
        got += count
    return got


def _read_pair(folder: Path, part: str) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Read the images and labels of one part, "train" or "t10k"."""
    image_file, label_file = find_pair(folder, part)
    x, y = check_pair(image_file, read_idx(image_file), label_file, read_idx(label_file))
    return np.divide(x, 255, dtype=np.float32), y


def check_pair(
    image_file: Path, images: NDArray[Any], label_file: Path, labels: NDArray[Any]
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Give images (N, C, H, W) and labels (N,) if that is what the two files hold."""
    if images.ndim not in (3, 4) or images.dtype != np.uint8:
        got = f"{images.dtype} {images.shape}"
        raise FileError(f"{image_file}: images must be bytes (N, H, W) or (N, C, H, W); got {got}.")
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        got = f"{labels.dtype} {labels.shape}"
        raise FileError(f"{label_file}: labels must be whole numbers (N,); got {got}.")
    return images if images.ndim == 4 else images[:, None], labels.astype(np.int64)


def find_pair(folder: Path, part: str) -> tuple[Path, Path]:
    """Give the files of images and of labels of one part, "train" or "t10k"."""
    return _find(folder, f"{part}-images", "idx3-ubyte"), _find(folder, f"{part}-labels", "idx1-ubyte")


def _find(folder: Path, stem: str, kind: str) -> Path:
    names = [f"{stem}{dot}{kind}{suffix}" for dot in "-." for suffix in ("", ".gz")]
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise FileError(f"{folder}: there must be a file {names[0]} or {names[1]}.")
