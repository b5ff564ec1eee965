"""Convolutions with awkward shapes, and arrays for them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from convscope.ops.algorithms import obstacle


@dataclass(frozen=True)
class Case:
    """One convolution; the name says what is awkward about it."""

    name: str
    n: int
    c: int
    k: int
    size: tuple[int, int]
    kernel: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    padding: tuple[tuple[int, int], tuple[int, int]] = ((0, 0), (0, 0))
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1
    bias: bool = True
    settings: dict = field(init=False, compare=False)

    def __post_init__(self) -> None:
        names = ("stride", "padding", "dilation", "groups")
        settings = {name: getattr(self, name) for name in names}
        object.__setattr__(self, "settings", settings | {"algorithm": "direct"})

    @property
    def algorithms(self) -> tuple[str, ...]:
        """What can compute it."""
        fits = obstacle(self.kernel, self.stride, self.dilation, self.groups) is None
        return ("direct", "winograd") if fits else ("direct",)

    def arrays(self, dtype, seed: int = 0):
        """Give x, weight, bias and a gradient of the output, channels last in memory."""
        rng = np.random.default_rng(seed)

        def image(n, c, h, w):
            return rng.normal(size=(n, h, w, c)).astype(dtype).transpose(0, 3, 1, 2)

        outputs = [
            (self.size[a] + sum(self.padding[a]) - self.dilation[a] * (self.kernel[a] - 1) - 1)
            // self.stride[a]
            + 1
            for a in (0, 1)
        ]
        x = image(self.n, self.c, *self.size)
        weight = rng.normal(size=(self.k, self.c // self.groups, *self.kernel)).astype(dtype)
        bias = rng.normal(size=self.k).astype(dtype) if self.bias else None
        return x, weight, bias, image(self.n, self.k, *outputs)


ONES = ((1, 1), (1, 1))
CASES = [
    Case("one pixel", 1, 1, 1, (1, 1), (1, 1)),
    Case("first layer", 2, 1, 6, (28, 28), (5, 5)),
    Case("first layer, colour, stride 4", 2, 3, 40, (31, 35), (11, 11), stride=(4, 4)),
    Case(
        "first layer, padded and dilated",
        1,
        3,
        20,
        (13, 17),
        (3, 3),
        padding=((2, 1), (0, 3)),
        dilation=(2, 3),
    ),
    Case("few filters", 3, 3, 5, (9, 12), (3, 2), padding=((2, 0), (1, 3)), dilation=(2, 1)),
    Case("few filters, large maps", 2, 2, 7, (60, 70), (3, 3), padding=ONES),
    Case("few filters, groups", 2, 8, 6, (9, 12), (5, 5), padding=((2, 2), (2, 2)), groups=2),
    Case("few channels in and out", 3, 2, 3, (9, 8), (3, 2), padding=ONES),
    Case("one more than a vector", 2, 17, 33, (9, 11), (3, 3), padding=ONES),
    Case("one less than a vector", 2, 15, 31, (9, 11), (3, 3), padding=ONES),
    Case("stride unlike kernel", 2, 16, 24, (14, 9), (2, 5), stride=(3, 2), padding=((0, 1), (3, 0))),
    Case("stride above kernel", 1, 18, 16, (11, 12), (2, 1), stride=(3, 4)),
    Case("stride 2", 2, 32, 48, (15, 16), (3, 3), stride=(2, 2), padding=ONES),
    Case("1x1", 2, 40, 20, (7, 9), (1, 1)),
    Case("1x1, rows 4 KB apart", 1, 1024, 70, (5, 5), (1, 1), bias=False),
    Case("1x1 with stride and padding", 2, 20, 16, (9, 8), (1, 1), stride=(2, 3), padding=ONES),
    Case("long sums", 1, 300, 10, (5, 6), (3, 3), padding=ONES),
    Case("more padding than image", 1, 16, 16, (2, 1), (3, 3), padding=((4, 3), (3, 5))),
    Case("many small images", 20, 16, 16, (4, 4), (3, 3), padding=ONES),
    Case("wide and flat", 1, 16, 12, (1, 50), (1, 7), padding=((0, 0), (3, 3))),
    Case("groups", 2, 24, 36, (9, 8), (3, 3), padding=ONES, groups=3),
    Case("groups of few channels", 2, 12, 8, (9, 8), (3, 3), padding=ONES, groups=4),
    Case("depthwise", 2, 35, 35, (9, 11), (3, 3), padding=ONES, groups=35),
    Case("depthwise, few channels, stride", 2, 5, 5, (9, 11), (3, 2), stride=(2, 3), padding=ONES, groups=5),
    Case(
        "depthwise, dilated",
        1,
        64,
        64,
        (12, 13),
        (3, 3),
        padding=((2, 2), (4, 0)),
        dilation=(2, 2),
        groups=64,
    ),
    Case("depthwise, large stride", 2, 20, 20, (3, 2), (3, 2), stride=(5, 4), padding=ONES, groups=20),
    Case("depthwise, large padding", 1, 24, 24, (2, 1), (3, 3), padding=((4, 3), (3, 5)), groups=24),
    Case("depthwise, two vectors, long rows", 1, 32, 32, (9, 40), (3, 3), padding=ONES, groups=32),
    Case("depthwise with a multiplier", 1, 6, 18, (9, 8), (3, 3), groups=6),
]
