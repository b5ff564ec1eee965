"""Readers of data sets, and the data that comes with convscope.

Examples
--------
>>> import convscope as cs
>>> train, test = cs.data.digits().split(1 / 3, seed=0)
>>> train
Dataset(digits: 1198 images 1x8x8, 10 classes)
>>> test.x.shape, test.y.shape
((599, 1, 8, 8), (599,))
"""

from __future__ import annotations

from convscope.data.dataset import Dataset
from convscope.data.embedded import digits
from convscope.data.idx import fashion_mnist, idx_folder, mnist, read_idx

__all__ = ["Dataset", "digits", "fashion_mnist", "idx_folder", "mnist", "read_idx"]
