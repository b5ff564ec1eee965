"""Readers of data sets, generated data, the data that comes with convscope, and the loader of batches.

Examples
--------
>>> import convscope as cs
>>> train, test = cs.data.open_dataset("digits")
>>> train
Dataset(digits: 1198 images 1x8x8, 10 classes)
>>> loader = cs.data.Loader(train, batch_size=100, seed=0, augment=cs.data.Augment(shift=1))
>>> x, y, samples = next(loader.epoch(1))
>>> x.shape
(100, 1, 8, 8)
"""

from __future__ import annotations

from convscope.data.arrays import read_npz
from convscope.data.augment import Augment
from convscope.data.dataset import Dataset
from convscope.data.embedded import digits
from convscope.data.folder import ImageFolder
from convscope.data.generated import edges, lines
from convscope.data.idx import fashion_mnist, idx_folder, mnist, read_idx
from convscope.data.loader import Batch, Loader
from convscope.data.mapped import MappedImages
from convscope.data.opening import open_dataset
from convscope.data.source import Source, Subset, split

__all__ = [
    "Augment",
    "Batch",
    "Dataset",
    "ImageFolder",
    "Loader",
    "MappedImages",
    "Source",
    "Subset",
    "digits",
    "edges",
    "fashion_mnist",
    "idx_folder",
    "lines",
    "mnist",
    "open_dataset",
    "read_idx",
    "read_npz",
    "split",
]
