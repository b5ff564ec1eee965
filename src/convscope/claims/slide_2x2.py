"""Two slices, two responses, and how far the kernel moved between them."""

from __future__ import annotations

import numpy as np

from convscope.claims.claim import Experiment, Judgement, Measured, Numbers, judged
from convscope.claims.material import Material
from convscope.claims.pictures import Images
from convscope.ops import conv2d

__all__ = ["EXPERIMENT"]

KERNEL = np.array([[1.0, -5.0], [-3.0, 7.0]])
SLICES = (np.array([[4.0, 5.0], [9.0, 2.0]]), np.array([[1.0, 2.0], [7.0, 2.0]]))


def measure(material: Material) -> Measured:
    """Respond to both slices; find the smallest stride at which both can come from one image."""
    left, right = SLICES
    responses = [conv2d(piece[None, None], KERNEL[None, None]).item() for piece in SLICES]
    # at a stride s the last 2 - s columns of the left slice are the first ones of the right slice
    stride = next(s for s in (1, 2) if np.array_equal(left[:, s:], right[:, : 2 - s]))
    image = np.hstack([left[:, :stride], right])
    moved = conv2d(image[None, None], KERNEL[None, None], stride=(1, stride)).ravel().tolist()
    numbers = {
        "response to the first slice": responses[0],
        "response to the second slice": responses[1],
        "smallest stride that gives both slices": stride,
        "responses over one image at that stride": moved,
        "numbers in the element-wise product": int((left * KERNEL).size),
        "their sum": float((left * KERNEL).sum()),
    }
    shown = {"first slice": left, "second slice": right, "kernel": KERNEL, "first products": left * KERNEL}
    return Measured("the numbers of the statement", numbers, (Images("slices and kernel", shown, "own"),))


def judge(n: Numbers) -> Judgement:
    """-34 and -16; a stride above 1, and a product that is not yet a sum, are the limits."""
    first, second = n["response to the first slice"], n["response to the second slice"]
    stride = n["smallest stride that gives both slices"]
    limits = []
    if stride > 1:
        limits.append(
            f"The slices share no column, so the kernel moved by {stride} or more, not by 1 as the picture "
            "of sliding has it."
        )
    if n["numbers in the element-wise product"] > 1:
        limits.append(
            f"The element-wise product has {n['numbers in the element-wise product']} numbers; a dot "
            f"product is their sum, {n['their sum']:g}."
        )
    agrees = [first, second] == [-34, -16] and n["responses over one image at that stride"] == [first, second]
    return judged(agrees, f"The responses are {first:g} and {second:g}.", limit=" ".join(limits))


EXPERIMENT = Experiment(
    "slide-2x2",
    "kernel [[1,-5],[-3,7]] slides over slices [[4,5],[9,2]] and [[1,2],[7,2]]; the dot product is an "
    "element-wise multiplication",
    measure,
    judge,
)
