"""The basic layers, for the tests that go through all layers.

name: (layer, shapes of the inputs, whether the layer is linear in its input, training)
"""

from __future__ import annotations

import numpy as np

from convscope.layers import (
    Add,
    AvgPool2d,
    BatchNorm,
    ChannelScale,
    Concatenate,
    Conv2d,
    Dropout,
    Flatten,
    GlobalAvgPool2d,
    Linear,
    MaxPool2d,
    ReLU,
    Softmax,
    TableConv2d,
    Tanh,
)

RNG = np.random.default_rng(20)
IMAGE = (2, 4, 6, 5)


def normal(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape)


def norm(channels: int) -> BatchNorm:
    return BatchNorm(normal(channels), normal(channels), normal(channels), RNG.uniform(0.5, 2, channels))


TABLE = np.array([[1, 1, 0, 0], [0, 1, 1, 1], [1, 0, 0, 1]], dtype=bool)

BASIC_CASES = {
    "conv": (Conv2d(normal(3, 4, 3, 2), normal(3)), [IMAGE], True, False),
    "conv without bias": (Conv2d(normal(3, 4, 1, 1)), [IMAGE], True, False),
    "conv, odd settings": (
        Conv2d(normal(6, 2, 2, 3), normal(6), stride=(2, 1), padding=((1, 0), (2, 1)), dilation=2, groups=2),
        [IMAGE],
        True,
        False,
    ),
    "conv, same": (Conv2d(normal(2, 4, 3, 4), stride=2, padding="same"), [IMAGE], True, False),
    "conv, same_lower": (Conv2d(normal(2, 4, 3, 4), stride=2, padding="same_lower"), [IMAGE], True, False),
    "conv, depthwise": (Conv2d(normal(8, 1, 3, 3), normal(8), padding=1, groups=4), [IMAGE], True, False),
    "table conv": (TableConv2d(normal(3, 4, 3, 3), normal(3), connections=TABLE), [IMAGE], True, False),
    "max pool": (MaxPool2d(2), [IMAGE], True, False),
    "max pool, odd settings": (
        MaxPool2d((3, 2), stride=(2, 1), padding=(1, 0), dilation=(1, 2), ceil_mode=True),
        [IMAGE],
        True,
        False,
    ),
    "avg pool": (AvgPool2d(2), [IMAGE], True, False),
    "avg pool, odd settings": (
        AvgPool2d(3, stride=2, padding=1, ceil_mode=True, count_include_pad=False),
        [IMAGE],
        True,
        False,
    ),
    "global avg pool": (GlobalAvgPool2d(), [IMAGE], True, False),
    "linear": (Linear(normal(3, 7), normal(3)), [(4, 7)], True, False),
    "linear without bias": (Linear(normal(3, 7)), [(4, 7)], True, False),
    "flatten": (Flatten(), [IMAGE], True, False),
    "batch norm, training": (norm(4), [IMAGE], False, True),
    "batch norm, inference": (norm(4), [IMAGE], True, False),
    "batch norm of vectors, training": (norm(4), [(5, 4)], False, True),
    "batch norm of vectors, inference": (norm(4), [(5, 4)], True, False),
    "channel scale": (ChannelScale(normal(4), normal(4)), [IMAGE], True, False),
    "relu": (ReLU(), [IMAGE], True, False),
    "tanh": (Tanh(), [IMAGE], False, False),
    "tanh, scaled": (Tanh(amplitude=1.7159, slope=2 / 3), [IMAGE], False, False),
    "softmax": (Softmax(), [IMAGE], False, False),
    "softmax of vectors": (Softmax(), [(3, 5)], False, False),
    "add": (Add(), [IMAGE, IMAGE, IMAGE], True, False),
    "concatenate": (Concatenate(), [IMAGE, (2, 1, 6, 5), (2, 2, 6, 5)], True, False),
    "concatenate rows": (Concatenate(axis=2), [IMAGE, (2, 4, 1, 5)], True, False),
    "dropout, training": (Dropout(0.4), [IMAGE], True, True),
    "dropout, inference": (Dropout(0.4), [IMAGE], True, False),
}
