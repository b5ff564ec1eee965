"""Images that stay on disk in one file, read through a memory map."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from convscope.data.dataset import Dataset, as_indices
from convscope.data.idx import check_pair, common_classes, find_pair, idx_folder, read_header, read_idx
from convscope.data.source import Labels, describe
from convscope.errors import FileError, InvalidValue

__all__ = ["MappedImages", "idx_folder_within", "map_idx"]

_GZIP = b"\x1f\x8b"


class MappedImages:
    """Images held as bytes, in memory or mapped from a file; a batch of them becomes float32 from 0 to 1.

    Parameters
    ----------
    pixels : uint8 ndarray or memmap of shape (N, C, H, W)
    y : ndarray of shape (N,), integers
    classes : sequence of str
    name : str

    Examples
    --------
    >>> data = MappedImages(np.full((4, 1, 2, 2), 255, np.uint8), [0, 1, 0, 1], ("a", "b"), "white")
    >>> data
    MappedImages(white: 4 images 1x2x2, 2 classes)
    >>> float(data.batch([2])[0].min())
    1.0
    """

    dtype = np.dtype(np.float32)

    def __init__(
        self, pixels: NDArray[np.uint8], y: ArrayLike, classes: Sequence[str] = (), name: str = "data"
    ) -> None:
        if pixels.ndim != 4 or pixels.dtype != np.uint8 or not pixels.size:
            raise InvalidValue(
                f"{name}: there must be at least one image and one pixel, as bytes (N, C, H, W); "
                f"got {pixels.dtype} {pixels.shape}."
            )
        # What a data set in memory says of its labels holds here too; zeros stand in for the pixels.
        stand_in = Dataset(np.zeros((len(pixels), 1, 1, 1), np.float32), np.asarray(y), tuple(classes), name)
        self._pixels = np.asarray(pixels)  # a batch of a memmap would be a memmap too
        self.y, self.classes, self.name = stand_in.y, stand_in.classes, name
        _, channels, height, width = pixels.shape
        self.image_shape = (channels, height, width)

    def __len__(self) -> int:
        return len(self._pixels)

    def __repr__(self) -> str:
        return describe(self)

    def batch(
        self, indices: ArrayLike, out: NDArray[np.floating[Any]] | None = None
    ) -> tuple[NDArray[np.floating[Any]], Labels]:
        """Give the images (n, C, H, W) and labels (n,) at `indices`."""
        chosen = as_indices(indices, len(self), self.name)
        return np.divide(self._pixels[chosen], 255, out=out, dtype=np.float32), self.y[chosen]


def map_idx(path: str | os.PathLike[str]) -> NDArray[Any]:
    """Map an uncompressed IDX file into memory; the array is read-only and read as it is used.

    Raises
    ------
    FileError
        As `read_idx`; and if the file is compressed.
    """
    file = Path(path)
    try:
        with file.open("rb") as stream:
            shape, dtype = read_header(stream, file)
            start, size = stream.tell(), file.stat().st_size
        announced = start + math.prod(shape) * dtype.itemsize
        if announced != size:
            raise FileError(
                f"{file}: truncated, or its header lies; shape {shape} needs {announced} bytes, got {size}."
            )
        if not math.prod(shape):
            return np.empty(shape, dtype)
        return np.memmap(file, dtype, "r", start, shape)
    except FileError:
        raise
    except OSError as error:
        raise FileError(f"cannot read {file}: {(error.strerror or str(error)).lower()}.") from error


def idx_folder_within(
    folder: str | os.PathLike[str], classes: Sequence[str] = (), name: str = "", *, memory: int
) -> tuple[Dataset | MappedImages, Dataset | MappedImages]:
    """Read a folder as `idx_folder` does, but map images that exceed `memory` bytes as float32.

    Compressed files cannot be mapped and are read whole.

    Raises
    ------
    FileError
        If a file is missing or broken, or images and labels do not belong together.
    """
    place = Path(folder)
    pairs = [find_pair(place, part) for part in ("train", "t10k")]
    if any(_compressed(images) for images, _ in pairs):
        return idx_folder(place, classes, name)
    mapped = [check_pair(images, map_idx(images), labels, read_idx(labels)) for images, labels in pairs]
    if sum(4 * x.size for x, _ in mapped) <= memory:
        return idx_folder(place, classes, name)
    known = common_classes(place, mapped[0], mapped[1], classes)
    try:
        train, test = (MappedImages(x, y, known, name or place.name) for x, y in mapped)
    except (InvalidValue, TypeError) as error:
        raise FileError(f"{place}: {error}") from error
    return train, test


def _compressed(file: Path) -> bool:
    try:
        with file.open("rb") as stream:
            return stream.read(2) == _GZIP
    except OSError as error:
        raise FileError(f"cannot read {file}: {(error.strerror or str(error)).lower()}.") from error
