"""Many images, with their labels where there are any, a few at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope.data import Dataset, Loader, Subset
from convscope.errors import DtypeError, InvalidValue
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

    def _prepared(self, indices: NDArray[np.int64]) -> NDArray[Any]:
        several = [self._source[i] for i in indices]
        return as_batch(several, self._net.input, self._net.input_shape, self._net.dtype)[0]


def as_images(net: Network, images: Any, who: str, what: str = "images", *, labels: bool = False) -> Images:
    """Take a source, a pair (x, y), a float array (N, C, H, W), or a list of what `Network.run` takes.

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
    elif isinstance(images, np.ndarray):
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
            f"{who}: {what} must be a data set, a pair (x, y), a float array (N, C, H, W) or a list of "
            f"images; got {type(images).__name__}."
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
