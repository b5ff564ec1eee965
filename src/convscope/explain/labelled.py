"""Many images, with their labels where there are any, a few at a time."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope.data import Dataset, Loader, Subset
from convscope.data.picture import SUFFIXES
from convscope.errors import DtypeError, FileError, InvalidValue
from convscope.explain.shown import shown
from convscope.network import Network, scores_of
from convscope.network.input import as_batch

__all__ = ["Images", "Progress", "as_images"]

#: Called after every batch with the number of images done and of all images.
Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class Images:
    """Images as a network takes them, with labels where there are any.

    Attributes
    ----------
    name : str
    labels : ndarray of shape (N,) or None
    classes : tuple of str
        Their names; () where there are no labels.
    """

    name: str
    labels: NDArray[np.int64] | None
    classes: tuple[str, ...]
    _source: Any
    _net: Network

    def __len__(self) -> int:
        return len(self._source)

    def batches(self, size: int = 64, part: NDArray[np.int64] | None = None) -> Iterator[NDArray[Any]]:
        """Give the images, or those of a part of them, `size` at a time and in order.

        A batch holds until the next one is asked for.
        """
        if isinstance(self._source, list | tuple):
            chosen = np.arange(len(self)) if part is None else part
            for start in range(0, len(chosen), size):
                yield self._prepared(chosen[start : start + size])
            return
        if isinstance(self._source, Dataset) and part is None:  # nothing to read ahead
            for start in range(0, len(self), size):
                yield self._source.x[start : start + size]
            return
        source = self._source if part is None else Subset(self._source, part)
        for batch in Loader(source, size, shuffle=False).epoch(0, reuse=True):
            yield batch.x

    def one(self, index: int) -> NDArray[Any]:
        """Give one image, (C, H, W)."""
        if isinstance(self._source, list | tuple):
            return np.asarray(self._prepared(np.array([index]))[0])
        found: NDArray[Any] = self._source.batch(np.array([index]))[0][0]
        return found

    def picture(self, index: int) -> NDArray[np.uint8]:
        """Give one image as people see it, (H, W, 3)."""
        return shown(self._net, self.one(index))

    def several(self, indices: NDArray[np.int64]) -> NDArray[Any]:
        """Give some images, (n, C, H, W), in any order."""
        if isinstance(self._source, list | tuple):
            return self._prepared(indices)
        found: NDArray[Any] = self._source.batch(indices)[0]
        return found

    def label(self, index: int) -> str:
        """Name an image: its file, else its number."""
        if isinstance(self._source, list | tuple):
            one = self._source[index]
            return str(one) if isinstance(one, str | os.PathLike) else str(index)
        path = getattr(self._source, "path", None)
        return str(index if path is None else path(index))

    def _prepared(self, indices: NDArray[np.int64]) -> NDArray[Any]:
        several = [self._source[i] for i in indices]
        return as_batch(several, self._net.input, self._net.input_shape, self._net.dtype)[0]


def as_images(net: Network, images: Any, who: str, what: str = "images", *, labels: bool = False) -> Images:
    """Take a source, a pair (x, y), a float array (N, C, H, W), one image, or a list of what a network takes.

    A folder is the list of all image files in it and in the folders within, sorted by name.

    Parameters
    ----------
    net : Network
    images : as above
    who, what : str
        The function that refuses, and what it calls these images.
    labels : bool
        Whether labels are needed.

    Raises
    ------
    InvalidValue, DtypeError
        If they are none of these, do not fit the network, or have no labels though they are needed.
    """
    name = what
    known: NDArray[np.int64] | None = None
    if isinstance(images, tuple) and len(images) == 2 and isinstance(images[0], np.ndarray):
        images = Dataset(images[0], images[1], name=f"{who}: {what}")
        known = images.y
    elif isinstance(images, str | os.PathLike):
        name, images = Path(images).name, _files(Path(images))
    elif isinstance(images, np.ndarray):
        images = images[None] if images.shape == tuple(net.input_shape) else images
        images = Dataset(images, np.zeros(len(images), np.int64), name=f"{who}: {what}")
    elif hasattr(images, "batch") and hasattr(images, "image_shape"):
        name, known = str(images.name), images.y
    if hasattr(images, "image_shape"):
        _check_fits(net, who, what, tuple(images.image_shape), images.dtype)
    elif isinstance(images, list | tuple):
        if not images:
            raise InvalidValue(f"{who}: {what} must hold at least one image; got none.")
    else:
        raise DtypeError(
            f"{who}: {what} must be a data set, a folder, a pair (x, y), a float array (N, C, H, W) or a "
            f"list of images; got {type(images).__name__}."
        )
    if labels:
        known = _checked_labels(net, who, what, known)
    classes = () if known is None else tuple(images.classes)
    return Images(name, known, classes, images, net)


def _checked_labels(net: Network, who: str, what: str, labels: NDArray[np.int64] | None) -> NDArray[np.int64]:
    if labels is None:
        raise InvalidValue(f"{who}: {what} must have labels: a data set or a pair (x, y).")
    _, classes = scores_of(net, who)
    if labels.max() >= classes:
        raise InvalidValue(
            f"{who}: labels must be from 0 to {classes - 1}, for the network's {classes} classes; got "
            f"{labels.max()} at index {int(labels.argmax())}."
        )
    return labels


def _check_fits(net: Network, who: str, what: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    if dtype != net.dtype:
        raise DtypeError(f"{who}: {what} must be {net.dtype} like the network; got {dtype}.")
    if shape == tuple(net.input_shape):
        return
    try:
        if shape[0] != net.input_shape[0]:
            raise InvalidValue(f"it takes {net.input_shape[0]} channels.")
        net.shapes(shape)
    except InvalidValue as error:
        raise InvalidValue(
            f"{who}: {what} must have the network's shape {net.input_shape} or another that fits; got "
            f"{shape}: {error}"
        ) from error


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    found = sorted(
        Path(place) / name
        for place, _, names in os.walk(path)
        for name in names
        if not name.startswith(".") and os.path.splitext(name)[1].lower() in SUFFIXES
    )
    if not found:
        raise FileError(f"{path}: there must be a folder with images; got none.")
    return found
