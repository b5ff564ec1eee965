"""The data that comes with convscope."""

from __future__ import annotations

import numpy as np

from convscope.data.dataset import Dataset

__all__ = ["digits"]


def digits() -> Dataset:
    """Give 1,797 scanned handwritten digits, 8 by 8 pixels, from 0 (paper) to 1 (ink).

    They are the test part of the UCI data set, which comes with scikit-learn: nothing is downloaded.

    References
    ----------
    Alpaydin & Kaynak (1998), Optical Recognition of Handwritten Digits, UCI Machine Learning Repository.

    Examples
    --------
    >>> data = digits()
    >>> data
    Dataset(digits: 1797 images 1x8x8, 10 classes)
    >>> float(data.x.min()), float(data.x.max())
    (0.0, 1.0)
    """
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    # The pixels count ink in 4x4 blocks of a 32x32 scan: 0 to 16.
    x = (images / 16).astype(np.float32).reshape(-1, 1, 8, 8)
    return Dataset(x, labels, tuple("0123456789"), "digits")
