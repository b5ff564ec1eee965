"""A folder with one folder of images per class, decoded when they are asked for."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from convscope.data.dataset import as_indices
from convscope.data.picture import RESIZES, SUFFIXES, Form, decode, read_header
from convscope.data.png import Header
from convscope.data.source import Subset, check_whole, describe, split
from convscope.errors import FileError, InvalidValue, nearest_names

__all__ = ["ImageFolder", "folder_names"]

_CHANNELS = {"L": 1, "RGB": 3}


class ImageFolder:
    """Images in one folder per class; only their names, labels and what `memory` allows are held.

    The classes are the folders, sorted by name. Hidden files and folders and files without an image's
    suffix are left out (`skipped` names the latter). The header of every file is read at once, so that
    what is no image, too large, or unlike the others is said before a training starts; pixels are
    decoded when asked for. Bytes become float32 from 0 to 1.

    Parameters
    ----------
    folder : str or path
    size : (height, width), optional
        The images are cropped and resized to this size; without it they must all have one size.
    channels : {"RGB", "L"}, optional
        Colour or grey; without it the images must be all in colour or all grey.
    crop : {"centre", "none"}
        "centre" cuts out the largest centred rectangle of the wanted proportions before resizing; "none"
        stretches the whole image.
    resize : {"bilinear", "bicubic", "nearest", "area"}
    classes : sequence of str, optional
        The order of the classes, each a folder unless it has no image (a test folder takes the classes
        of its training folder).
    memory : int
        Bytes of decoded pixels to keep (one byte a channel) instead of decoding them again.
    pixel_limit : int
        An image with more pixels is refused before it is decoded.
    name : str
        The folder's own when left out.

    Attributes
    ----------
    y : ndarray of shape (N,), int64
    image_shape : (C, H, W)
    skipped : tuple of Path
        What lies in the class folders and is not taken for an image.

    Raises
    ------
    FileError
        If a folder cannot be read or is empty, there are fewer than two classes, or a file is no image.
    InvalidValue
        If sizes differ or grey and colour mix and it is not said what to do.

    Examples
    --------
    >>> import tempfile
    >>> from PIL import Image
    >>> place = Path(tempfile.mkdtemp())
    >>> for kind, grey in (("dark", 0), ("light", 255)):
    ...     (place / kind).mkdir()
    ...     Image.new("L", (5, 4), grey).save(place / kind / "one.png")
    >>> data = ImageFolder(place, name="greys")
    >>> data
    ImageFolder(greys: 2 images 1x4x5, 2 classes)
    >>> x, y = data.batch([1])
    >>> x.shape, float(x.min()), data.classes[y[0]]
    ((1, 1, 4, 5), 1.0, 'light')
    """

    dtype = np.dtype(np.float32)

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        size: Sequence[int] | None = None,
        channels: str | None = None,
        crop: str = "centre",
        resize: str = "bilinear",
        classes: Sequence[str] | None = None,
        memory: int = 0,
        pixel_limit: int = 50_000_000,
        name: str = "",
    ) -> None:
        _check_choice("channels", channels, (None, *_CHANNELS))
        _check_choice("crop", crop, ("centre", "none"))
        _check_choice("resize", resize, RESIZES)
        self._pixel_limit = check_whole(pixel_limit, "pixel_limit", "ImageFolder", 1)
        memory = check_whole(memory, "memory", "ImageFolder", 0)
        self.folder = Path(folder)
        self.name = name or self.folder.resolve().name
        self.classes, self._files, self.y, self.skipped = _list(self.folder, classes)
        wanted = None if size is None else _check_size(size)
        (height, width), mode = self._survey(wanted, channels)
        self._form = Form(wanted, mode, crop, resize)
        self.image_shape = (_CHANNELS[mode], height, width)
        self._kept = _Kept(len(self), self.image_shape, memory)

    def __len__(self) -> int:
        return len(self._files)

    def __repr__(self) -> str:
        return describe(self)

    def path(self, index: int) -> Path:
        """Give the file of an image."""
        return self.folder / self.classes[int(self.y[index])] / self._files[index]

    def batch(
        self, indices: ArrayLike, out: NDArray[np.floating[Any]] | None = None
    ) -> tuple[NDArray[np.floating[Any]], NDArray[np.int64]]:
        """Decode the images at `indices` to (n, C, H, W), from 0 to 1, and give their labels (n,).

        Safe to call from several threads.

        Raises
        ------
        FileError
            If a file has gone, is truncated or broken.
        """
        chosen = as_indices(indices, len(self), self.name)
        pixels = np.empty((len(chosen), *self.image_shape), np.uint8)
        for row in self._kept.fill(pixels, chosen):
            index = int(chosen[row])
            pixels[row] = self._decode(index)
            self._kept.keep(index, pixels[row])
        return np.divide(pixels, 255, out=out, dtype=np.float32), self.y[chosen]

    @property
    def held(self) -> bool:
        """Whether `memory` holds the pixels of all images, so that each file is decoded once."""
        return self._kept.rows == len(self)

    def split(self, share: float, seed: int = 0) -> tuple[Subset, Subset]:
        """Split as `Dataset.split` does; no image is read."""
        rest, part = split(self, share, seed)
        assert isinstance(rest, Subset)
        assert isinstance(part, Subset)
        return rest, part

    def input_settings(self) -> dict[str, Any]:
        """Give what a network's `ImageInput.from_dict` takes to prepare an image as it was done here."""
        _, height, width = self.image_shape
        rule = {"channels": self._form.channels, "crop": self._form.crop, "resize": self._form.resize}
        return {"size": (height, width), "mean": 0.0, "scale": 1 / 255, **rule}

    def _decode(self, index: int) -> NDArray[np.uint8]:
        """Give the pixels (C, H, W) of one file, which may have changed since its header was read."""
        file = str(self.path(index))
        pixels = decode(file, self._form, self._pixel_limit)
        planes = pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
        if planes.shape != self.image_shape:
            raise FileError(f"{file}: the image must still be {self.image_shape}; got {planes.shape}.")
        return planes

    def _survey(self, size: tuple[int, int] | None, channels: str | None) -> tuple[tuple[int, int], str]:
        """Read every header; give size and channels, where the images agree on what was not said."""
        first_of: dict[tuple[int, int], int] = {}
        grey: dict[bool, list[int]] = {False: [], True: []}
        for index in range(len(self)):
            header: Header = read_header(str(self.path(index)), self._pixel_limit)
            first_of.setdefault(header.size, index)
            grey[header.grey].append(index)
        if size is None and len(first_of) > 1:
            (one, first), (other, second) = list(first_of.items())[:2]
            raise InvalidValue(
                f"{self.folder}: all images must have one size, or say size=(height, width) to resize them; "
                f"got {one[0]}x{one[1]} (height x width), {self._short(first)}, and {other[0]}x{other[1]}, "
                f"{self._short(second)}."
            )
        if channels is None and grey[True] and grey[False]:
            rare = min(grey.values(), key=len)
            kind = "grey" if rare is grey[True] else "colour"
            raise InvalidValue(
                f"{self.folder}: images must be all grey or all colour, or say channels='L' or 'RGB' to "
                f"convert them; got {len(rare)} {kind} among {len(self)}, as {self._short(rare[0])}."
            )
        return size or next(iter(first_of)), channels or ("L" if grey[True] else "RGB")

    def _short(self, index: int) -> str:
        return str(self.path(index).relative_to(self.folder))


class _Kept:
    """Decoded pixels of the first images, as many as a number of bytes allows.

    The memory is taken page by page as images come. Threads write rows of their own: a row is marked
    after it is written, so that the worst that can happen is decoding an image twice.
    """

    def __init__(self, count: int, shape: tuple[int, int, int], memory: int) -> None:
        self.rows = min(count, memory // int(np.prod(shape)))
        self._pixels = np.empty((self.rows, *shape), np.uint8)
        self._held = np.zeros(count, dtype=bool)

    def fill(self, pixels: NDArray[np.uint8], indices: NDArray[np.int64]) -> list[int]:
        """Copy the images that are held into their rows of `pixels`; give the rows that are missing."""
        held = self._held[indices]
        pixels[held] = self._pixels[indices[held]]
        return list(np.flatnonzero(~held))

    def keep(self, index: int, pixels: NDArray[np.uint8]) -> None:
        """Keep an image if its place is within the memory."""
        if index < self.rows:
            self._pixels[index] = pixels
            self._held[index] = True


def folder_names(folder: Path) -> list[str]:
    """Give the names of the folders in `folder` that are not hidden, sorted."""
    return sorted(entry.name for entry in _entries(folder) if entry.is_dir())


def _list(
    folder: Path, wanted: Sequence[str] | None
) -> tuple[tuple[str, ...], list[str], NDArray[np.int64], tuple[Path, ...]]:
    """Give the classes, and of each image the file name and the label; and what was skipped."""
    found = folder_names(folder)
    classes = tuple(found if wanted is None else wanted)
    unknown = sorted(set(found) - set(classes))
    if unknown:
        raise InvalidValue(
            f"{folder}: each class folder must bear the name of a class; got {unknown[0]!r} "
            f"({nearest_names(unknown[0], classes)})."
        )
    if len(classes) < 2:
        got = f"one, {classes[0]!r}" if classes else "none"
        raise FileError(f"{folder}: there must be folders of images for two or more classes; got {got}.")
    files: list[str] = []
    labels: list[int] = []
    skipped: list[Path] = []
    for label, name in enumerate(classes):
        if name not in found:
            continue
        images = sorted(_images(folder / name, skipped))
        files += images
        labels += [label] * len(images)
    if not files:
        raise FileError(f"{folder}: there must be a folder of images for each class; got none of {classes}.")
    return classes, files, np.array(labels, np.int64), tuple(skipped)


def _images(place: Path, skipped: list[Path]) -> list[str]:
    """Give the names of the images in a class folder, and add to `skipped` what is none."""
    images: list[str] = []
    for entry in _entries(place):
        # A link that leads nowhere is an image that cannot be read, not something else.
        a_file = entry.is_file() or (entry.is_symlink() and not entry.is_dir())
        if a_file and os.path.splitext(entry.name)[1].lower() in SUFFIXES:
            images.append(entry.name)
        else:
            skipped.append(place / entry.name)
    if not images:
        ends = " ".join(sorted(SUFFIXES))
        raise FileError(f"{place}: the class folder is empty; it must hold images ({ends}) directly.")
    return images


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            yield from (entry for entry in entries if not entry.name.startswith("."))
    except OSError as error:
        raise FileError(f"cannot read {folder}: {(error.strerror or str(error)).lower()}.") from error


def _check_size(size: Sequence[int]) -> tuple[int, int]:
    try:
        height, width = size
    except (TypeError, ValueError):
        raise InvalidValue(f"ImageFolder: size must be (height, width); got {size!r}.") from None
    return check_whole(height, "height", "ImageFolder", 1), check_whole(width, "width", "ImageFolder", 1)


def _check_choice(name: str, value: str | None, known: tuple[str | None, ...]) -> None:
    if value not in known:
        raise InvalidValue(f"ImageFolder: {name} must be one of {', '.join(map(str, known))}; got {value!r}.")
