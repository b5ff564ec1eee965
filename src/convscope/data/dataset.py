"""Images and their labels, checked once, when they are put together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from convscope.errors import DtypeError, InvalidValue

__all__ = ["MOST_CLASSES", "Dataset", "as_indices", "stratified"]

MOST_CLASSES = 1_000_000


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Labelled images.

    Parameters
    ----------
    x : ndarray of shape (N, C, H, W), float32 or float64
        The images. Integers are refused: say yourself what the largest value means (`x / 255`).
    y : ndarray of shape (N,), integers
        The class of each image, from 0 to the number of classes minus one; kept as int64.
    classes : sequence of str, optional
        The names of the classes, in order; "0", "1", ... up to the largest label when left out.
    name : str
        What the data set is called in reports.

    Raises
    ------
    InvalidValue
        If there are no images, the lengths differ, a pixel is NaN or infinite, or a label has no class.
    DtypeError
        If the images are not floating point or the labels are not whole numbers.

    Examples
    --------
    >>> data = Dataset(np.zeros((4, 1, 2, 2), np.float32), [0, 1, 0, 1], ("cat", "dog"), "pets")
    >>> data
    Dataset(pets: 4 images 1x2x2, 2 classes)
    >>> [len(part) for part in data.split(0.5)]
    [2, 2]
    """

    x: NDArray[np.floating[Any]]
    y: NDArray[np.int64]
    classes: tuple[str, ...] = ()
    name: str = "data"

    def __post_init__(self) -> None:
        x = _images(np.asarray(self.x), self.name)
        y = _labels(self.y, len(x), self.name)
        classes = tuple(str(name) for name in self.classes) or tuple(str(i) for i in range(y.max() + 1))
        if y.max() >= len(classes):
            raise InvalidValue(
                f"{self.name}: labels must be from 0 to {len(classes) - 1}, for {len(classes)} classes; "
                f"got {y.max()} at index {int(y.argmax())}."
            )
        for field, value in (("x", x), ("y", y), ("classes", classes)):
            object.__setattr__(self, field, value)

    def __len__(self) -> int:
        return len(self.x)

    def __repr__(self) -> str:
        shape = "x".join(str(n) for n in self.x.shape[1:])
        return f"Dataset({self.name}: {len(self)} images {shape}, {len(self.classes)} classes)"

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """The shape (C, H, W) of one image."""
        _, channels, height, width = self.x.shape
        return channels, height, width

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the pixels."""
        return self.x.dtype

    def batch(
        self, indices: ArrayLike, out: NDArray[np.floating[Any]] | None = None
    ) -> tuple[NDArray[np.floating[Any]], NDArray[np.int64]]:
        """Give the images (n, C, H, W), written to `out` where it is given, and labels (n,) at `indices`.

        Examples
        --------
        >>> Dataset(np.zeros((4, 1, 2, 2), np.float32), [0, 1, 0, 1]).batch([3, 2])[1]
        array([1, 0])
        """
        chosen = as_indices(indices, len(self), self.name)
        if out is None:
            return self.x[chosen], self.y[chosen]
        if self.x.flags.c_contiguous:
            # mode="clip" makes take write straight into `out`; every index is in range anyway.
            self.x.take(chosen, axis=0, out=out, mode="clip")
        else:  # take would first copy all images
            out[...] = self.x[chosen]
        return out, self.y[chosen]

    def take(self, indices: ArrayLike) -> Dataset:
        """Give the images at `indices` (whole numbers, or a truth value for each image) as a new Dataset."""
        chosen = np.asarray(indices)
        if chosen.size == 0:
            raise InvalidValue(f"{self.name}: take needs at least one index; got none.")
        return Dataset(self.x[chosen], self.y[chosen], self.classes, self.name)

    def split(self, share: float, seed: int = 0) -> tuple[Dataset, Dataset]:
        """Split by chance into the rest and a `share`, each class in the same proportion in both.

        The second part has round(share * N) images; each class gives its exact proportion, rounded down
        or up. Both parts keep the order of the images.

        Parameters
        ----------
        share : float
            How much goes to the second part, between 0 and 1.
        seed : int
            Chooses the images; the same seed gives the same split.

        Returns
        -------
        rest, part : Dataset

        Raises
        ------
        InvalidValue
            If the share is not between 0 and 1 or leaves one part without images.

        Examples
        --------
        >>> import convscope as cs
        >>> train, test = cs.data.digits().split(1 / 3)
        >>> len(train), len(test)
        (1198, 599)
        >>> int(np.abs(np.bincount(train.y) - 2 * np.bincount(test.y)).max())  # the same proportions
        1
        """
        chosen = stratified(self.y, len(self.classes), share, seed, self.name)
        return self.take(~chosen), self.take(chosen)


def stratified(y: NDArray[np.int64], classes: int, share: float, seed: int, name: str) -> NDArray[np.bool_]:
    """Choose round(share * N) images, of each class its exact proportion rounded down or up."""
    if not 0 < share < 1:
        raise InvalidValue(f"{name}: share must be between 0 and 1; got {share}.")
    total = round(share * len(y))
    if not 0 < total < len(y):
        raise InvalidValue(
            f"{name}: a share of {share} of {len(y)} images leaves one part empty; "
            "it must give each part at least one."
        )
    counts = _proportional(np.bincount(y, minlength=classes), share, total)
    random = np.random.default_rng(seed)
    chosen = np.zeros(len(y), dtype=bool)
    for label, count in enumerate(counts):
        chosen[random.permutation(np.flatnonzero(y == label))[:count]] = True
    return chosen


def as_indices(indices: ArrayLike, count: int, name: str) -> NDArray[np.int64]:
    """Take indices of images, each from 0 to `count` - 1."""
    chosen = np.asarray(indices)
    if chosen.size == 0:
        return np.zeros(0, np.int64)
    if chosen.dtype.kind not in "iu":
        raise DtypeError(f"{name}: indices must be whole numbers; got {chosen.dtype}.")
    if chosen.ndim != 1:
        raise InvalidValue(f"{name}: indices must be a vector; got shape {chosen.shape}.")
    if chosen.min() < 0 or chosen.max() >= count:
        wrong = chosen.min() if chosen.min() < 0 else chosen.max()
        raise InvalidValue(f"{name}: indices must be from 0 to {count - 1}; got {wrong}.")
    return chosen.astype(np.int64, copy=False)


def _proportional(sizes: NDArray[np.int64], share: float, total: int) -> NDArray[np.int64]:
    """Share `total` among the classes by the method of the largest remainder."""
    exact = sizes * share
    counts: NDArray[np.int64] = np.floor(exact).astype(np.int64)
    by_remainder = np.argsort(counts - exact, kind="stable")
    counts[by_remainder[: total - counts.sum()]] += 1
    return counts


def _images(x: NDArray[Any], name: str) -> NDArray[np.floating[Any]]:
    if x.dtype not in (np.float32, np.float64):
        hint = ""
        if x.dtype == np.uint8:
            hint = "; divide by the largest value, for example x.astype('float32') / 255"
        raise DtypeError(f"{name}: images must be float32 or float64; got {x.dtype}{hint}.")
    if x.ndim != 4:
        hint = " (add the channel axis: x[:, None])" if x.ndim == 3 else ""
        raise InvalidValue(f"{name}: images must have shape (N, C, H, W); got {x.shape}{hint}.")
    if x.size == 0:
        raise InvalidValue(f"{name}: there must be at least one image and one pixel; got shape {x.shape}.")
    # The extremes show every NaN and infinity without a second array of this size.
    if not (np.isfinite(x.min()) and np.isfinite(x.max())):
        n, c, i, j = np.argwhere(~np.isfinite(x))[0]
        where = f"image {n}, channel {c}, row {i}, column {j}"
        raise InvalidValue(f"{name}: pixels must be finite; got {x[n, c, i, j]} in {where}.")
    return x


def _labels(labels: ArrayLike, count: int, name: str) -> NDArray[np.int64]:
    y = np.asarray(labels)
    if y.ndim != 1:
        hint = " (one-hot rows? use y.argmax(axis=1))" if y.ndim == 2 else ""
        raise InvalidValue(f"{name}: labels must have shape (N,); got {y.shape}{hint}.")
    if len(y) != count:
        raise InvalidValue(f"{name}: each image must have a label; got {count} images, {len(y)} labels.")
    if y.dtype.kind not in "iu":
        raise DtypeError(f"{name}: labels must be whole numbers; got {y.dtype}.")
    if y.min() < 0:
        raise InvalidValue(f"{name}: labels must not be negative; got {y.min()} at index {int(y.argmin())}.")
    if y.max() >= MOST_CLASSES:  # rather than fill the memory with names and counts of classes
        raise InvalidValue(
            f"{name}: labels must be below {MOST_CLASSES:,}; got {y.max()} at index {int(y.argmax())}."
        )
    whole: NDArray[np.int64] = y.astype(np.int64, copy=False)
    return whole
