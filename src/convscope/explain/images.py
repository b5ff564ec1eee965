"""Any number of images for a network, read a batch at a time."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from convscope.data.picture import SUFFIXES
from convscope.data.source import Source
from convscope.errors import DtypeError, FileError, InvalidValue
from convscope.network import Network

__all__ = ["Images", "open_images"]

Array = NDArray[Any]


class Images(Protocol):
    """Images in the form that a network takes.

    Attributes
    ----------
    name : str
    """

    name: str

    def __len__(self) -> int: ...
    def batch(self, indices: Sequence[int]) -> Array:
        """Give the images (n, C, H, W) at `indices`."""

    def label(self, index: int) -> str:
        """Name an image: its file, else its number."""


def open_images(net: Network, images: Any, who: str) -> Images:
    """Take images of any kind.

    Parameters
    ----------
    net : Network
    images : ndarray, source, path or list of paths
        An array (N, C, H, W) or a source of `convscope.data` is used untouched. A folder gives every image
        in it and in the folders within, sorted by name; files are prepared by `net.input`.
    who : str
        Who asks, for messages.

    Raises
    ------
    DtypeError, InvalidValue, FileError
        If there is no image, or the images are not fit for the network.
    """
    if isinstance(images, np.ndarray):
        return _InArray(net, images, who)
    if isinstance(images, str | os.PathLike):
        path = Path(images)
        return _InFiles(net, _listed(path) if path.is_dir() else [path], path.name, who)
    if isinstance(images, list | tuple):
        if not images or not all(isinstance(one, str | os.PathLike) for one in images):
            raise DtypeError(
                f"{who}: a list of images must be one of paths, at least one; got {len(images)} entries."
            )
        return _InFiles(net, [Path(one) for one in images], f"{len(images)} files", who)
    if hasattr(images, "batch") and hasattr(images, "image_shape"):
        return _InSource(net, images, who)
    raise DtypeError(
        f"{who}: images must be an array (N, C, H, W), a data set, a folder or a list of paths; "
        f"got {type(images).__name__}."
    )


class _InArray:
    def __init__(self, net: Network, x: Array, who: str) -> None:
        if x.dtype != net.dtype:
            raise DtypeError(f"{who}: images must be {net.dtype} like the network; got {x.dtype}.")
        if x.ndim != 4 or x.size == 0:
            raise InvalidValue(f"{who}: images must have shape (N, C, H, W), at least one; got {x.shape}.")
        self._x, self.name = x, "images"

    def __len__(self) -> int:
        return len(self._x)

    def batch(self, indices: Sequence[int]) -> Array:
        first, last = indices[0], indices[-1]
        if last - first + 1 == len(indices):  # in turn: no copy
            return self._x[first : last + 1]
        return self._x[list(indices)]

    def label(self, index: int) -> str:
        return str(index)


class _InSource:
    def __init__(self, net: Network, source: Source, who: str) -> None:
        if source.dtype != net.dtype:
            raise DtypeError(f"{who}: images must be {net.dtype} like the network; got {source.dtype}.")
        self._source, self.name = source, source.name

    def __len__(self) -> int:
        return len(self._source)

    def batch(self, indices: Sequence[int]) -> Array:
        return self._source.batch(np.asarray(indices))[0]

    def label(self, index: int) -> str:
        path = getattr(self._source, "path", None)
        return str(index if path is None else path(index))


class _InFiles:
    def __init__(self, net: Network, paths: list[Path], name: str, who: str) -> None:
        if net.input is None:
            raise InvalidValue(
                f"{who}: this network does not say how files become its input (net.input is None); set "
                "net.input to an ImageInput, or write [input] into a .toml file beside the model."
            )
        self._rule, self._paths, self._dtype, self.name = net.input, paths, net.dtype, name

    def __len__(self) -> int:
        return len(self._paths)

    def batch(self, indices: Sequence[int]) -> Array:
        arrays = [self._rule.prepare(self._paths[index]) for index in indices]
        shapes = {array.shape for array in arrays}
        if len(shapes) > 1:
            raise InvalidValue(
                f"{self.name}: all images must have one size (say one in net.input); got {shapes}."
            )
        return np.concatenate(arrays).astype(self._dtype, copy=False)

    def label(self, index: int) -> str:
        return str(self._paths[index])


def _listed(folder: Path) -> list[Path]:
    found = sorted(
        Path(place) / name
        for place, _, names in os.walk(folder)
        for name in names
        if not name.startswith(".") and os.path.splitext(name)[1].lower() in SUFFIXES
    )
    if not found:
        raise FileError(f"{folder}: there must be images in the folder; got none.")
    return found
