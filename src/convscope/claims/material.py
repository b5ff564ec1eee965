"""What the experiments run on: data that comes with convscope, and a folder of more where it is given."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope.data import Dataset, digits, fashion_mnist, mnist
from convscope.errors import FileError
from convscope.formats import load
from convscope.network import Network

__all__ = ["Material", "NeedsFile"]


class NeedsFile(FileError):
    """An experiment that cannot run without a file; the message is "needs FILE"."""


@dataclass(frozen=True)
class Material:
    """Where an experiment finds its data.

    Attributes
    ----------
    folder : Path or None
        With `mnist/` and `fashion_mnist/` (IDX files), `models/` (.onnx) and `photos/` (.png), each only
        if it is there.
    """

    folder: Path | None = None

    @classmethod
    def of(cls, folder: str | os.PathLike[str] | None) -> Material:
        """Take a folder, which must exist.

        Raises
        ------
        FileError
            If there is no such folder.
        """
        if folder is None:
            return cls()
        place = Path(folder)
        if not place.is_dir():
            raise FileError(f"claims: --data must be a folder; got {place}.")
        return cls(place)

    def has(self, name: str) -> bool:
        """Say whether the folder holds a file or a folder."""
        return self.folder is not None and (self.folder / name).exists()

    def path(self, name: str) -> Path:
        """Give a path in the folder.

        Raises
        ------
        NeedsFile
            If it is not there.
        """
        if self.folder is None or not self.has(name):
            raise NeedsFile(f"needs {name}")
        return self.folder / name

    def digits(self) -> tuple[Dataset, Dataset]:
        """Give the 1,797 embedded digits: two thirds to learn from, and one third held out."""
        return _digits()

    def mnist(self) -> tuple[Dataset, Dataset]:
        """Give MNIST's training and test images."""
        return _idx(self.path("mnist"), True)

    def fashion(self) -> tuple[Dataset, Dataset]:
        """Give Fashion-MNIST's training and test images."""
        return _idx(self.path("fashion_mnist"), False)

    def network(self, name: str) -> Network:
        """Open a trained network, such as "bvlc_googlenet"."""
        return _network(self.path(f"models/{name}.onnx"))

    def photo(self, name: str = "coffee") -> tuple[NDArray[np.uint8], str]:
        """Give a photograph (H, W, 3) and its name: from the folder, or one that comes with scikit-learn."""
        if self.has(f"photos/{name}.png"):
            from PIL import Image

            with Image.open(self.path(f"photos/{name}.png")) as picture:
                return np.asarray(picture.convert("RGB")), f"the photograph {name}.png"
        return _embedded_photo(), "the photograph china.jpg of scikit-learn"

    def grey_photo(self) -> tuple[NDArray[Any], str]:
        """Give a photograph as grey levels from 0 to 1, (H, W) float64, and its name."""
        pixels, name = self.photo()
        return pixels.mean(axis=2) / 255, name


@lru_cache(maxsize=1)
def _digits() -> tuple[Dataset, Dataset]:
    return digits().split(1 / 3, seed=0)


@lru_cache(maxsize=2)
def _idx(folder: Path, numbers: bool) -> tuple[Dataset, Dataset]:
    return mnist(folder) if numbers else fashion_mnist(folder)


@lru_cache(maxsize=4)
def _network(path: Path) -> Network:
    return load(path)


@lru_cache(maxsize=1)
def _embedded_photo() -> NDArray[np.uint8]:
    from sklearn.datasets import load_sample_image

    return np.asarray(load_sample_image("china.jpg"))
