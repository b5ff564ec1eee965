"""Multiply matching positions and add."""

from __future__ import annotations

import numpy as np

from convscope.claims.claim import Experiment, Judgement, Measured, Numbers, judged
from convscope.claims.material import Material
from convscope.claims.pictures import Images
from convscope.ops import conv2d

__all__ = ["EXPERIMENT"]

PATCH = np.array([[1.0, 25.0], [3.0, 7.0]])
KERNEL = np.array([[0.0, 4.0], [2.0, 70.0]])


def measure(material: Material) -> Measured:
    """Let the engine correlate the patch with the kernel, and write out the products beside it."""
    products = PATCH * KERNEL
    total = conv2d(PATCH[None, None], KERNEL[None, None]).item()
    numbers = {
        "products": products.ravel().tolist(),
        "sum": total,
        "by hand": float(1 * 0 + 25 * 4 + 3 * 2 + 7 * 70),
    }
    shown = {"patch": PATCH, "kernel": KERNEL, "products": products}
    return Measured("the numbers of the statement", numbers, (Images("patch x kernel", shown, "own"),))


def judge(n: Numbers) -> Judgement:
    """The engine's sum must be the one by hand, and that of its products."""
    *first, last = (f"{product:g}" for product in n["products"])
    return judged(
        n["sum"] == n["by hand"] == sum(n["products"]),
        f"The products {', '.join(first)} and {last} add up to {n['sum']:g}; by hand it is {n['by hand']:g}.",
    )


EXPERIMENT = Experiment("dot", "multiply matching positions and add: 1*0 + 25*4 + 3*2 + 7*70", measure, judge)
