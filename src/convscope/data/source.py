"""What every data set can do, wherever its images are, and a part of one."""

from __future__ import annotations

import operator
from typing import Any, Protocol, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from convscope.data.dataset import Dataset, as_indices, stratified
from convscope.errors import DtypeError, InvalidValue

__all__ = ["Source", "Subset", "check_whole", "describe", "split"]

Images = NDArray[np.floating[Any]]
Labels = NDArray[np.int64]
Shape = tuple[int, int, int]


class Source(Protocol):
    """Labelled images, in memory or not: `Dataset`, `ImageFolder`, `MappedImages`, `Subset`.

    Attributes
    ----------
    name : str
    classes : tuple of str
    image_shape : (C, H, W)
    dtype : float32 or float64
        Of the images that `batch` gives.
    y : ndarray of shape (N,), int64
        All labels.
    """

    @property
    def name(self) -> str: ...
    @property
    def classes(self) -> tuple[str, ...]: ...
    @property
    def image_shape(self) -> Shape: ...
    @property
    def dtype(self) -> np.dtype[Any]: ...
    @property
    def y(self) -> Labels: ...
    def __len__(self) -> int: ...
    def batch(self, indices: ArrayLike, out: Images | None = None) -> tuple[Images, Labels]:
        """Give the images (n, C, H, W), written to `out` where it is given, and labels (n,) at `indices`."""


class Subset:
    """Some images of a source, in the order of `indices`; nothing is copied.

    Examples
    --------
    >>> import convscope as cs
    >>> part = Subset(cs.data.digits(), [5, 3])
    >>> part
    Subset(digits: 2 images 1x8x8, 10 classes)
    >>> part.batch([1])[1]
    array([3])
    """

    def __init__(self, source: Source, indices: ArrayLike) -> None:
        self._source = source
        self._indices = as_indices(indices, len(source), source.name)
        if not len(self._indices):
            raise InvalidValue(f"{source.name}: a subset needs at least one index; got none.")
        self.y: Labels = source.y[self._indices]
        self.name, self.classes = source.name, source.classes
        self.image_shape, self.dtype = source.image_shape, source.dtype

    def __len__(self) -> int:
        return len(self._indices)

    def __repr__(self) -> str:
        return describe(self)

    def batch(self, indices: ArrayLike, out: Images | None = None) -> tuple[Images, Labels]:
        """Give the images (n, C, H, W) and labels (n,) at `indices` of this part."""
        return self._source.batch(self._indices[as_indices(indices, len(self), self.name)], out)


@overload
def split(source: Dataset, share: float, seed: int = 0) -> tuple[Dataset, Dataset]: ...
@overload
def split(source: Source, share: float, seed: int = 0) -> tuple[Source, Source]: ...
def split(source: Source, share: float, seed: int = 0) -> tuple[Source, Source]:
    """Split any source as `Dataset.split` does; one that streams is not read.

    Examples
    --------
    >>> import convscope as cs
    >>> rest, part = split(cs.data.digits(), 1 / 3)
    >>> len(rest), len(part)
    (1198, 599)
    """
    if isinstance(source, Dataset):
        return source.split(share, seed)
    chosen = stratified(source.y, len(source.classes), share, seed, source.name)
    return Subset(source, np.flatnonzero(~chosen)), Subset(source, np.flatnonzero(chosen))


def describe(source: Source) -> str:
    """Give the one line by which a source shows itself."""
    shape = "x".join(str(length) for length in source.image_shape)
    kind = type(source).__name__
    return f"{kind}({source.name}: {len(source)} images {shape}, {len(source.classes)} classes)"


def check_whole(value: Any, name: str, who: str, least: int, most: int | None = None) -> int:
    """Take a whole number from `least` to `most`."""
    try:
        whole = operator.index(value)
    except TypeError:
        raise DtypeError(f"{who}: {name} must be a whole number; got {value!r}.") from None
    if whole < least or (most is not None and whole > most):
        wanted = f"at least {least}" if most is None else f"from {least} to {most}"
        raise InvalidValue(f"{who}: {name} must be {wanted}; got {whole}.")
    return whole
