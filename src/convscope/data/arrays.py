"""Arrays from an .npz file, as NumPy and Keras write them; no pickle is ever executed."""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from convscope.data.dataset import MOST_CLASSES, Dataset
from convscope.errors import ConvscopeError, DtypeError, FileError, InvalidValue

__all__ = ["read_npz"]

_LAYOUTS = ("NCHW", "NHWC")
_CHANNELS = (1, 3)
# the names of images and labels, of training and test
_TRAIN = (("x", "y"), ("x_train", "y_train"))
_TEST = ("x_test", "y_test")
# DEFLATE cannot compress better than 1032 : 1 (zlib technical details).
_DEFLATE_LIMIT = 1032


def read_npz(
    path: str | os.PathLike[str],
    *,
    scale: float | None = None,
    layout: str | None = None,
    classes: Sequence[str] = (),
    name: str = "",
) -> tuple[Dataset, Dataset | None]:
    """Read images `x` and labels `y`, and `x_test` and `y_test` where there are any.

    `x_train` and `y_train` are taken for `x` and `y`; a vector of texts `classes` names the classes.
    Images become float32.

    Parameters
    ----------
    path : str or path
    scale : float, optional
        What the images are divided by. Without it bytes are divided by 255, floating-point images are
        left as they are, and other whole numbers are refused.
    layout : {"NCHW", "NHWC"}, optional
        The order of four axes; without it exactly one of the two places must hold 1 or 3 channels.
        Three axes are (N, H, W).
    classes : sequence of str
        Class names, before those of the file.
    name : str
        The name of the data set; that of the file when left out.

    Returns
    -------
    train : Dataset
    test : Dataset or None

    Raises
    ------
    FileError
        If the file is missing, broken, needs pickle, or its arrays are no labelled images.
    InvalidValue
        If an argument is wrong, or the file needs one: a scale, a layout.

    Examples
    --------
    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "white.npz"
    >>> np.savez(file, x=np.full((2, 4, 5, 3), 255, np.uint8), y=[0, 1])
    >>> train, test = read_npz(file)
    >>> train, test
    (Dataset(white: 2 images 3x4x5, 2 classes), None)
    >>> float(train.x.max())
    1.0
    """
    if layout not in (None, *_LAYOUTS):
        raise InvalidValue(f"read_npz: layout must be one of {', '.join(_LAYOUTS)}; got {layout!r}.")
    if scale is not None and not (np.isfinite(scale) and scale > 0):
        raise InvalidValue(f"read_npz: scale must be a number above 0; got {scale!r}.")
    file = Path(path)
    arrays = _read(file)
    names = next((pair for pair in _TRAIN if set(pair) <= set(arrays)), None)
    if names is None:
        known = ", ".join(sorted(arrays)) or "none"
        raise FileError(f"{file}: there must be arrays x and y (or x_train and y_train); got {known}.")
    title = name or file.stem
    known_classes = tuple(classes) or _class_names(file, arrays)
    train = _dataset(file, arrays, names, scale, layout, known_classes, title)
    if not set(_TEST) <= set(arrays):
        return train, None
    count = 1 + max(int(train.y.max()), int(_whole(file, arrays, _TEST[1]).max(initial=0)))
    if count > MOST_CLASSES:
        raise FileError(f"{file}: labels must be below {MOST_CLASSES:,}; got {count - 1}.")
    # One list of classes for both parts, even where one lacks the last label.
    shared = known_classes or tuple(str(i) for i in range(count))
    train = Dataset(train.x, train.y, shared, title)
    test = _dataset(file, arrays, _TEST, scale, layout, shared, title)
    if test.image_shape != train.image_shape:
        sizes = f"{train.image_shape} and {test.image_shape}"
        raise FileError(f"{file}: training and test images must have the same shape; got {sizes}.")
    return train, test


def _read(file: Path) -> dict[str, NDArray[Any]]:
    """Read the arrays that are of use, after a look at what each announces."""
    wanted = {*sum(_TRAIN, ()), *_TEST, "classes"}
    try:
        with zipfile.ZipFile(file) as archive:
            found = {n.removesuffix(".npy"): n for n in archive.namelist() if n.endswith(".npy")}
            chosen = {key: found[key] for key in found if key in wanted}
            return {key: _read_array(archive, member, file) for key, member in chosen.items()}
    except ConvscopeError:
        raise
    except OSError as error:
        raise FileError(f"cannot read {file}: {(error.strerror or str(error)).lower()}.") from error
    except MemoryError as error:
        raise FileError(f"{file}: its arrays do not fit into memory.") from error
    # a broken archive shows itself as any of these
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError, RuntimeError) as error:
        raise FileError(f"{file}: not a whole .npz file; {str(error).lower().rstrip('.')}.") from error


def _read_array(archive: zipfile.ZipFile, member: str, file: Path) -> NDArray[Any]:
    """Read one array, allocating nothing that the archive cannot fill."""
    info = archive.getinfo(member)
    size = info.file_size
    with archive.open(member) as stream:
        version = npy.read_magic(stream)
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, _, dtype = read(stream)
        announced = stream.tell() + int(np.prod(shape, dtype=object)) * dtype.itemsize
    if dtype.hasobject:
        raise FileError(f"{file}: array {member} holds Python objects, which would need pickle; refused.")
    if announced != size or size > max(info.compress_size, 1) * _DEFLATE_LIMIT:
        raise FileError(
            f"{file}: array {member} is truncated, or its header lies; shape {shape} needs {announced} "
            f"bytes, got {size}."
        )
    with archive.open(member) as stream:
        array: NDArray[Any] = npy.read_array(stream, allow_pickle=False)
        return array


def _dataset(
    file: Path,
    arrays: dict[str, NDArray[Any]],
    names: tuple[str, str],
    scale: float | None,
    layout: str | None,
    classes: tuple[str, ...],
    title: str,
) -> Dataset:
    x = _scaled(file, names[0], _channels_first(file, names[0], arrays[names[0]], layout), scale)
    try:
        return Dataset(x, _whole(file, arrays, names[1]), classes, title)
    except (InvalidValue, DtypeError) as error:
        raise FileError(f"{file}: {error}") from error


def _channels_first(file: Path, name: str, x: NDArray[Any], layout: str | None) -> NDArray[Any]:
    """Give images as (N, C, H, W)."""
    if x.ndim == 3:
        return x[:, None]
    if x.ndim != 4:
        raise FileError(
            f"{file}: {name} must have shape (N, H, W), (N, C, H, W) or (N, H, W, C); got {x.shape}."
        )
    first, last = x.shape[1] in _CHANNELS, x.shape[3] in _CHANNELS
    if layout is None and first == last:
        raise InvalidValue(
            f"{file}: say layout='NCHW' or layout='NHWC', since the shape {x.shape} of {name} does not tell "
            f"which axis holds 1 or 3 channels."
        )
    channels_last = layout == "NHWC" if layout is not None else last
    return x.transpose(0, 3, 1, 2) if channels_last else x


def _scaled(file: Path, name: str, x: NDArray[Any], scale: float | None) -> NDArray[np.float32]:
    """Give images as float32, divided as said."""
    if x.dtype.kind not in "fiu" or x.dtype.itemsize > 8:
        raise FileError(f"{file}: {name} must hold real numbers; got {x.dtype}.")
    if x.dtype.kind in "iu" and x.dtype != np.uint8 and scale is None:
        raise InvalidValue(f"{file}: say by what the {x.dtype} images of {name} are divided, as scale=65535.")
    divisor = scale if scale is not None else 255 if x.dtype == np.uint8 else 1
    with np.errstate(over="ignore"):  # a Dataset refuses what became infinite
        if divisor == 1:
            return np.ascontiguousarray(x, np.float32)
        small = x.astype(np.float32) if x.dtype.itemsize > 2 else x
        return np.ascontiguousarray(np.divide(small, np.float32(divisor), dtype=np.float32))


def _whole(file: Path, arrays: dict[str, NDArray[Any]], name: str) -> NDArray[Any]:
    """Give labels as a vector; a column, as Keras writes them, is a vector too."""
    y = arrays[name]
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.dtype.kind not in "iu":
        raise FileError(f"{file}: {name} must be whole numbers; got {y.dtype}.")
    return y


def _class_names(file: Path, arrays: dict[str, NDArray[Any]]) -> tuple[str, ...]:
    names = arrays.get("classes")
    if names is None:
        return ()
    if names.ndim != 1 or names.dtype.kind != "U":
        raise FileError(f"{file}: classes must be a vector of texts; got {names.dtype} {names.shape}.")
    return tuple(str(name) for name in names)
