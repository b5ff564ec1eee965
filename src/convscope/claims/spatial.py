"""Does a shifted image give a shifted map?"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from convscope.claims.claim import Experiment, Judgement, Measured, Numbers, judged
from convscope.claims.material import Material
from convscope.claims.pictures import Array, Bars, Images
from convscope.kernels import bank
from convscope.ops import conv2d, max_pool2d

__all__ = ["EXPERIMENT"]


def measure(material: Material) -> Measured:
    """Shift a piece of a photograph by one pixel and compare the maps, as far as both see the same."""
    photo, name = material.grey_photo()
    kernel = bank["sobel-x"].array[None, None]
    first, second = (photo[None, None, 100:164, start : start + 64] for start in (101, 100))

    cases: dict[str, tuple[Callable[[Array], Array], int]] = {
        "stride 1, interior": (lambda x: conv2d(x, kernel), 1),
        "stride 1, with padding": (lambda x: conv2d(x, kernel, padding=1), 1),
        "stride 2": (lambda x: conv2d(x, kernel, stride=2), 0),
        "stride 1, then max pooling 2x2": (lambda x: max_pool2d(np.abs(conv2d(x, kernel)), 2), 0),
    }
    numbers: dict[str, float] = {"shift in pixels": 1}
    for case, (layer, by) in cases.items():
        a, b = layer(first), layer(second)
        # the image moved to the right by one pixel: so must the map; after a stride there is no such move
        moved = (a[..., : a.shape[3] - by], b[..., by:])
        numbers[f"{case}: relative change"] = float(np.abs(moved[0] - moved[1]).max() / np.abs(a).max())
    bars = Bars(
        "what remains different after moving the map back", tuple(cases),
        {"largest change": list(numbers.values())[1:]}, "share of the largest value",
    )  # fmt: skip
    maps = {"map": conv2d(first, kernel)[0, 0], "map of the shifted image": conv2d(second, kernel)[0, 0]}
    return Measured(f"{name}, Sobel x", numbers, (Images("maps", maps), bars))


def judge(n: Numbers) -> Judgement:
    """Exact with stride 1 in the interior; whatever breaks it is the limit."""
    exact = n["stride 1, interior: relative change"]
    broken = {
        name.removesuffix(": relative change"): value
        for name, value in n.items()
        if name.endswith("relative change") and "interior" not in name and value > exact
    }
    told = ", ".join(f"{name} by {value:.0%}" for name, value in broken.items())
    return judged(
        exact <= 1e-12,
        f"Shifting the image by {n['shift in pixels']:g} pixel shifts the map: in the interior, with "
        "stride 1, what "
        f"remains is {exact:.0e} of the largest value.",
        limit=f"It is broken by {told} of the largest value." if broken else "",
    )


EXPERIMENT = Experiment("spatial", "convolution preserves spatial information", measure, judge)
