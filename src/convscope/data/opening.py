"""Any data set by its name or its place."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from convscope.data.arrays import read_npz
from convscope.data.embedded import digits
from convscope.data.folder import ImageFolder, folder_names
from convscope.data.generated import edges, lines
from convscope.data.mapped import idx_folder_within
from convscope.data.source import Source, check_whole
from convscope.errors import FileError, InvalidValue, UnknownName, nearest_names

__all__ = ["NAMES", "open_dataset"]

Parts = tuple[Source, Source | None]

NAMES = ("digits", "edges", "lines")
_GENERATED: Mapping[str, Callable[..., Source]] = {"edges": edges, "lines": lines}
# The test part of a generated data set begins so far on that no training part reaches it.
_TEST_START = 2**40
_TRAIN_FOLDERS = ("train", "training")
_TEST_FOLDERS = ("test", "val", "valid", "validation")
# kind -> the options it takes
_OPTIONS = {
    "the digits": (),
    "a generated data set": ("n", "size", "seed"),
    "a folder of IDX files": ("classes", "memory"),
    "a folder of class folders": ("size", "channels", "crop", "resize", "memory", "pixel_limit", "classes"),
    "an .npz file": ("scale", "layout", "classes"),
}


def open_dataset(
    source: str | os.PathLike[str],
    *,
    n: int | None = None,
    seed: int | None = None,
    size: int | Sequence[int] | None = None,
    channels: str | None = None,
    crop: str | None = None,
    resize: str | None = None,
    scale: float | None = None,
    layout: str | None = None,
    classes: Sequence[str] | None = None,
    memory: int = 2**28,
    pixel_limit: int | None = None,
) -> Parts:
    """Open a data set and give its training part and, where there is one, its test part.

    Parameters
    ----------
    source : str or path
        A name: "digits" (a third of each class is the test part), "lines" or "edges" (generated; the
        test part has half as many other images). Or a folder of the four IDX files of MNIST and its
        like; a folder with one folder of images per class, or with such folders `train` and `test`; an
        .npz file with `x` and `y`. A folder that bears one of the names is "./digits", or a Path.
    n : int, optional
        How many training images are generated; 2000 when left out.
    seed : int, optional
        Of what is generated.
    size : int or (height, width), optional
        Of the images: see `ImageFolder`; of generated ones a number.
    channels, crop, resize, pixel_limit : optional
        See `ImageFolder`.
    scale, layout : optional
        See `read_npz`.
    classes : sequence of str, optional
        Class names in order.
    memory : int
        Bytes of pixels that may be held; files that are larger are streamed, where their kind allows it
        (a compressed file and an .npz do not).

    Returns
    -------
    train : Dataset, ImageFolder or MappedImages
    test : the same, or None

    Raises
    ------
    UnknownName
        If it is neither a name nor a file nor a folder; the nearest names are offered.
    FileError
        If it is no data set, or a broken one.
    InvalidValue
        If an option is given that this kind of data set does not take, or is out of range.

    Examples
    --------
    >>> open_dataset("digits")
    (Dataset(digits: 1198 images 1x8x8, 10 classes), Dataset(digits: 599 images 1x8x8, 10 classes))
    >>> train, test = open_dataset("lines", n=100, size=8)
    >>> len(train), len(test), train.image_shape
    (100, 50, (1, 8, 8))
    """
    check_whole(memory, "memory", "open_dataset", 0)
    options: dict[str, Any] = {
        "n": n,
        "seed": seed,
        "size": size,
        "channels": channels,
        "crop": crop,
        "resize": resize,
        "scale": scale,
        "layout": layout,
        "classes": classes,
        "pixel_limit": pixel_limit,
    }
    given = {name: value for name, value in options.items() if value is not None}
    kind = _kind(source)
    _check_options(kind, source, given)
    if kind == "the digits":
        return digits().split(1 / 3)
    if kind == "a generated data set":
        return _generated(str(source), given)
    if kind == "a folder of IDX files":
        return idx_folder_within(source, **given, memory=memory)
    if kind == "an .npz file":
        return read_npz(source, **given)
    if isinstance(size, int):
        given["size"] = (size, size)
    return _class_folders(Path(source), {**given, "memory": memory})


def _check_options(kind: str, source: str | os.PathLike[str], given: Mapping[str, Any]) -> None:
    for name in given:
        if name not in _OPTIONS[kind]:
            takes = ", ".join(_OPTIONS[kind]) or "no options"
            raise InvalidValue(f"open_dataset: {kind} ({source}) does not take {name}; it takes {takes}.")


def _kind(source: str | os.PathLike[str]) -> str:
    """Tell what kind of data set it is: a name first, then what lies there."""
    path, text = Path(source), os.fspath(source)
    # A Path says that a place is meant, where there is one.
    if text in NAMES and (isinstance(source, str) or not path.exists()):
        return "the digits" if text == "digits" else "a generated data set"
    if path.is_dir():
        return "a folder of IDX files" if _holds_idx(path) else "a folder of class folders"
    if path.suffix.lower() == ".npz" and path.exists():
        return "an .npz file"
    if path.exists():
        raise FileError(f"{path}: a data set is a folder, an .npz file, or one of {', '.join(NAMES)}.")
    if path.suffix or os.sep in text or (os.altsep and os.altsep in text):
        raise FileError(f"cannot read {path}: there is no such file or folder.")
    raise UnknownName(
        f"open_dataset: there is no data set, file or folder {text!r}; {nearest_names(text, NAMES)}."
    )


def _holds_idx(folder: Path) -> bool:
    """Tell whether any of the files is there; the reader says which are missing."""
    return any("idx3-ubyte" in name or "idx1-ubyte" in name for name in os.listdir(folder))


def _generated(name: str, options: dict[str, Any]) -> Parts:
    count = check_whole(options.pop("n", 2000), "n", name, 1)
    make = _GENERATED[name]
    return make(n=count, **options), make(n=(count + 1) // 2, **options, start=_TEST_START)


def _class_folders(folder: Path, options: dict[str, Any]) -> Parts:
    """Open class folders, or two folders of them; the test part takes its form from the training part."""
    names = folder_names(folder)
    train_name = next((name for name in names if name.lower() in _TRAIN_FOLDERS), None)
    test_name = next((name for name in names if name.lower() in _TEST_FOLDERS), None)
    if train_name is None or not folder_names(folder / train_name):
        return ImageFolder(folder, **options), None
    title = folder.resolve().name
    train = ImageFolder(folder / train_name, **options, name=title)
    if test_name is None:
        return train, None
    test = ImageFolder(folder / test_name, **{**options, "classes": train.classes}, name=title)
    if test.image_shape != train.image_shape:
        raise InvalidValue(
            f"{folder}: training and test images must have one shape, or say size and channels; "
            f"got {train.image_shape} and {test.image_shape}."
        )
    return train, test
