"""The images an inspection looks at, however they come: prepared for the network, a few of many."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope.data.picture import SUFFIXES
from convscope.errors import DtypeError, FileError, InvalidValue
from convscope.network import ImageInput, Network

__all__ = ["Pictures", "open_pictures"]

Array = NDArray[Any]
MOST = {"quick": 16, "full": 64}  # images that are looked at one by one


@dataclass(frozen=True, eq=False)
class Pictures:
    """Images as the network takes them.

    Attributes
    ----------
    net : Network
        The network that takes them; where a way to prepare pictures had to be assumed, a copy that has it.
    x : ndarray of shape (n, C, H, W)
    names : tuple of str
        What each is called: its file, or its number.
    labels : ndarray of shape (n,), or None
        The right class of each.
    total : int
        How many there were to choose from.
    how : str
        How pictures became the input.
    assumed : bool
        Whether that had to be assumed.
    source : Any
        All images with their labels, where they are labelled: what `evaluate` takes; else None.
    """

    net: Network
    x: Array
    names: tuple[str, ...]
    labels: NDArray[np.int64] | None
    total: int
    how: str
    assumed: bool = False
    source: Any = None

    def __len__(self) -> int:
        return len(self.x)


def open_pictures(
    net: Network, images: Any, labels: Any, budget: str, *, most: int | None = None
) -> Pictures:
    """Take a folder, files, arrays or a data set; of many, some that are spread evenly over all.

    Parameters
    ----------
    net : Network
    images : folder, list of paths or images, float ndarray (N, C, H, W), (x, y), or data set
        A folder holds image files, or one folder of them for each class.
    labels : array_like of shape (N,) of int, optional
    budget : {"quick", "full"}
    most : int, optional
        Images that are looked at; by default as many as the budget allows.

    Raises
    ------
    FileError
        If a folder has no image, or a file is none.
    InvalidValue, DtypeError
        If the images do not fit the network or the labels do not fit the images.
    """
    if len(net.input_shape) != 3:
        raise InvalidValue(f"inspect: images need a network of images; this one takes {net.input_shape}.")
    most = MOST[budget] if most is None else most
    if isinstance(images, tuple) and len(images) == 2 and isinstance(images[0], np.ndarray):
        images, labels = images
    if isinstance(images, np.ndarray) and images.dtype != np.uint8:
        return _of_array(net, images, labels, most)
    if hasattr(images, "image_shape"):
        return _of_source(net, images, most)
    files, found = _listed(net, images)
    return _of_files(net, files, found if labels is None else labels, most)


def _of_array(net: Network, x: Array, labels: Any, most: int) -> Pictures:
    from convscope.data import Dataset

    if x.ndim == 3:
        x = x[None]
    if x.ndim != 4 or not len(x) or x.shape[1] != net.input_shape[0]:
        raise InvalidValue(
            f"inspect: images must be (N, {net.input_shape[0]}, H, W) and at least one; got shape {x.shape}."
        )
    x = np.ascontiguousarray(x, net.dtype)
    y = _checked(labels, len(x))
    chosen = _spread(len(x), most)
    source = None if y is None else Dataset(x, y, net.classes or ())
    how = "float arrays, used untouched"
    kept = None if y is None else y[chosen]
    return Pictures(net, x[chosen], _numbered(chosen), kept, len(x), how, source=source)


def _of_source(net: Network, source: Any, most: int) -> Pictures:
    chosen = _spread(len(source), most)
    x, y = source.batch(chosen)
    names = _numbered(chosen)
    return Pictures(
        net, np.array(x, net.dtype), names, y, len(source), f"as the data set {source.name} gives them",
        source=source,
    )  # fmt: skip


def _of_files(net: Network, files: Sequence[Any], labels: Any, most: int) -> Pictures:
    from convscope.data import Dataset

    known = _checked(labels, len(files))
    rule, assumed = (net.input, False) if net.input is not None else (_usual(net), True)
    if rule.size is None:
        rule = ImageInput(**{**rule.to_dict(), "size": net.input_shape[1:]})
    prepared = net
    if assumed:
        prepared = net.copy()
        prepared.input = rule
    chosen = _spread(len(files), most)
    x = np.concatenate([rule.prepare(files[i]) for i in chosen]).astype(net.dtype)
    names = tuple(
        Path(f).name if isinstance(f, str | os.PathLike) else f"image {i}" for i, f in enumerate(files)
    )
    y = None if known is None else known[chosen]
    return Pictures(
        prepared,
        x,
        tuple(names[i] for i in chosen),
        y,
        len(files),
        rule.describe(),
        assumed,
        None if y is None else Dataset(x, y, net.classes or ()),
    )


def _usual(net: Network) -> ImageInput:
    """The rule that most networks follow, for one that does not say."""
    channels = {1: "L", 3: "RGB"}.get(net.input_shape[0])
    if channels is None:
        raise InvalidValue(
            f"inspect: pictures have 1 or 3 channels, the network takes {net.input_shape[0]}; give float "
            f"arrays (N, {', '.join(map(str, net.input_shape))})."
        )
    height, width = net.input_shape[1:]
    return ImageInput(size=(height, width), channels=channels)


def _listed(net: Network, images: Any) -> tuple[Sequence[Any], NDArray[np.int64] | None]:
    """Give the files of a folder, and their classes where these are folders of it."""
    if isinstance(images, list | tuple):
        if not images:
            raise InvalidValue("inspect: images must hold at least one image; got none.")
        return images, None
    if not isinstance(images, str | os.PathLike):
        raise DtypeError(
            "inspect: images must be a folder, a list of files, a float array (N, C, H, W), (x, y) or a data "
            f"set; got {type(images).__name__}."
        )
    place = Path(images)
    if place.is_file():
        return [place], None
    if not place.is_dir():
        raise FileError(f"cannot read {place}: there is no such folder.")
    files = _files(place)
    if files:
        return files, None
    folders = {folder.name: _files(folder) for folder in sorted(place.iterdir()) if folder.is_dir()}
    files = [file for found in folders.values() for file in found]
    if not files:
        raise FileError(f"{place}: there is no image in it ({', '.join(sorted(SUFFIXES)[:4])}, ...).")
    classes = {name: i for i, name in enumerate(net.classes)} or {n: i for i, n in enumerate(folders)}
    if not set(folders) <= set(classes):
        return files, None  # folders that are no classes
    labels = [classes[name] for name, found in folders.items() for _ in found]
    return files, np.array(labels, np.int64)


def _files(folder: Path) -> list[Path]:
    return sorted(f for f in folder.iterdir() if f.suffix.lower() in SUFFIXES and f.is_file())


def _checked(labels: Any, count: int) -> NDArray[np.int64] | None:
    if labels is None:
        return None
    y = np.asarray(labels)
    if y.shape != (count,) or y.dtype.kind not in "iu" or y.min(initial=0) < 0:
        raise InvalidValue(
            f"inspect: labels must be {count} whole numbers of at least 0, one for each image; got "
            f"{y.dtype} of shape {y.shape}."
        )
    return y.astype(np.int64)


def _numbered(chosen: NDArray[np.int64]) -> tuple[str, ...]:
    return tuple(f"image {i}" for i in chosen)


def _spread(count: int, most: int) -> NDArray[np.int64]:
    """Choose at most so many of `count`, evenly spread.

    Examples
    --------
    >>> _spread(100, 4).tolist(), _spread(3, 4).tolist()
    ([0, 25, 50, 75], [0, 1, 2])
    """
    return np.arange(count) if count <= most else np.arange(most) * count // most
