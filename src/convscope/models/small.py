"""A network that learns small pictures in seconds."""

from __future__ import annotations

from collections.abc import Sequence

from convscope.layers import AvgPool2d, Flatten, ReLU
from convscope.models.initialise import batch_norm, conv2d, linear
from convscope.models.sequence import sequential
from convscope.network import Network

__all__ = ["small_cnn"]


def small_cnn(input_shape: Sequence[int] = (1, 8, 8), *, num_classes: int = 10, seed: int = 0) -> Network:
    """Build conv, pooling, conv, pooling, dense: a complete small network, with batch norms.

    The first kernels are 5x5, large enough to be worth looking at, and padding keeps the size.
    Pooling is by the mean, which on so small images generalises a little better than the maximum.
    Two thirds of scikit-learn's digits (split by seed 0), 30 epochs in batches of 32 with
    SGD(0.1, weight_decay=5e-3) and a cosine schedule give 98.3 % to 99.2 % on the other third,
    over ten seeds.

    Parameters
    ----------
    input_shape : (C, H, W)
        At least 4x4 pixels; by default the scanned 8x8 digits.
    num_classes : int
    seed : int
        Of the drawn weights.

    Returns
    -------
    Network
        Its output, "fc", is one score a class, before any softmax.

    Examples
    --------
    >>> small_cnn()
    Network(small_cnn: 1x8x8, 10 nodes, 6,442 parameters)
    """
    return sequential(
        [
            ("conv1", conv2d(16, 5, padding=2)),
            ("bn1", batch_norm()),
            ("relu1", ReLU()),
            ("pool1", AvgPool2d(2)),
            ("conv2", conv2d(32, 3, padding=1)),
            ("bn2", batch_norm()),
            ("relu2", ReLU()),
            ("pool2", AvgPool2d(2)),
            ("flatten", Flatten()),
            ("fc", linear(num_classes)),
        ],
        input_shape,
        seed=seed,
        name="small_cnn",
    )
