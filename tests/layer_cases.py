"""Layers beyond the basic ones, for the tests that go through all layers.

name: (layer, shapes of the inputs, whether the layer is linear in its input, training)
"""

from __future__ import annotations

import numpy as np

from convscope.layers import (
    CELU,
    ELU,
    GELU,
    SELU,
    Clip,
    ConvTranspose2d,
    Divide,
    GlobalMaxPool2d,
    Hardsigmoid,
    Hardswish,
    LeakyReLU,
    LocalResponseNorm,
    LogSoftmax,
    LpPool2d,
    Mish,
    Multiply,
    Pad2d,
    PReLU,
    Resize2d,
    Sigmoid,
    SiLU,
    Softplus,
    Softsign,
    Subtract,
)

RNG = np.random.default_rng(21)
IMAGE = (2, 4, 6, 5)
SMALL = (2, 4, 3, 4)


def normal(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape)


# linear on both sides of their bends: the tests draw inputs that keep away from those
KINKED = (LeakyReLU, PReLU, Clip, Hardsigmoid, GlobalMaxPool2d)

MORE_CASES = {
    "transposed conv": (ConvTranspose2d(normal(4, 3, 3, 2), normal(3)), [SMALL], True, False),
    "transposed conv, odd settings": (
        ConvTranspose2d(
            normal(4, 3, 2, 3),
            normal(6),
            stride=(2, 3),
            padding=((1, 0), (2, 1)),
            output_padding=(1, 2),
            dilation=(2, 1),
            groups=2,
        ),
        [SMALL],
        True,
        False,
    ),
    "transposed conv, same": (
        ConvTranspose2d(normal(4, 2, 3, 3), stride=2, padding="same"),
        [SMALL],
        True,
        False,
    ),
    "lp pool": (LpPool2d(2), [IMAGE], False, False),
    "lp pool, odd settings": (
        LpPool2d((3, 2), p=3, stride=(2, 1), padding=(1, 0), dilation=(1, 2), ceil_mode=True),
        [IMAGE],
        False,
        False,
    ),
    "global max pool": (GlobalMaxPool2d(), [IMAGE], True, False),
    "local response norm": (LocalResponseNorm(3, alpha=0.5, beta=0.75, k=2.0), [IMAGE], False, False),
    "local response norm, even": (LocalResponseNorm(4, alpha=0.5), [IMAGE], False, False),
    "local response norm, wide": (LocalResponseNorm(9, alpha=0.5), [IMAGE], False, False),
    "leaky relu": (LeakyReLU(0.2), [IMAGE], True, False),
    "prelu": (PReLU(normal(4)), [IMAGE], True, False),
    "prelu, one slope": (PReLU(normal(1)), [IMAGE], True, False),
    "elu": (ELU(1.5), [IMAGE], False, False),
    "selu": (SELU(), [IMAGE], False, False),
    "celu": (CELU(0.7), [IMAGE], False, False),
    "clip": (Clip(0, 6), [IMAGE], True, False),
    "sigmoid": (Sigmoid(), [IMAGE], False, False),
    "hardsigmoid": (Hardsigmoid(0.25), [IMAGE], True, False),
    "silu": (SiLU(), [IMAGE], False, False),
    "hardswish": (Hardswish(), [IMAGE], False, False),
    "gelu": (GELU(), [IMAGE], False, False),
    "gelu, tanh": (GELU("tanh"), [IMAGE], False, False),
    "softplus": (Softplus(), [IMAGE], False, False),
    "mish": (Mish(), [IMAGE], False, False),
    "softsign": (Softsign(), [IMAGE], False, False),
    "log softmax": (LogSoftmax(), [IMAGE], False, False),
    "log softmax of rows": (LogSoftmax(axis=-1), [(3, 5)], False, False),
    "pad": (Pad2d(((1, 0), (2, 1)), value=3.0), [SMALL], True, False),
    "pad, reflect": (Pad2d(((2, 1), (0, 3)), mode="reflect"), [SMALL], True, False),
    "pad, replicate": (Pad2d(((2, 1), (0, 5)), mode="replicate"), [SMALL], True, False),
    "pad, circular": (Pad2d(((3, 1), (0, 4)), mode="circular"), [SMALL], True, False),
    "resize, nearest": (Resize2d(scale=(2, 1.5), mode="nearest"), [SMALL], True, False),
    "resize, smaller": (Resize2d((2, 3)), [IMAGE], True, False),
    "resize, bilinear": (Resize2d((7, 5)), [SMALL], True, False),
    "resize, corners": (Resize2d((7, 9), coordinates="align_corners"), [SMALL], True, False),
    "resize, cubic": (Resize2d((7, 5), mode="cubic"), [SMALL], True, False),
    "multiply": (Multiply(), [IMAGE, IMAGE], True, False),
    "multiply by a gate": (Multiply(), [IMAGE, (2, 4, 1, 1)], True, False),
    "subtract": (Subtract(), [(2, 4, 1, 1), IMAGE], True, False),
    "divide": (Divide(), [IMAGE, (2, 4, 1, 1)], False, False),
}
