"""A 3x3 kernel over a 4x4 image, and a slip in print."""

from __future__ import annotations

import numpy as np

from convscope.claims.claim import Experiment, Judgement, Measured, Numbers, judged
from convscope.claims.material import Material
from convscope.claims.pictures import Images
from convscope.explain import trace
from convscope.layers import Conv2d
from convscope.network import Network, Node

__all__ = ["EXPERIMENT"]

KERNEL = np.arange(1.0, 10.0).reshape(3, 3)
IMAGE = np.array([[9.0, 8, 7, 6], [5, 4, 3, 2], [1, 2, 3, 4], [5, 6, 7, 8]])
PRINTED = [146, 157, 200, 233]


def measure(material: Material) -> Measured:
    """Trace the first cell; put 1 where the image has 2, under the weight 8."""
    net = Network([Node("slide", Conv2d(KERNEL[None, None]), "image")], (1, 4, 4), input_name="image")
    out = net.run(IMAGE[None, None]).output[0, 0]
    terms = trace(net, IMAGE[None], "slide[0,0,0]").terms
    slipped = terms["input"].copy()
    slipped[terms["weight"] == 8] = 1
    numbers = {
        "computed": out.ravel().tolist(),
        "printed": PRINTED,
        "terms of the first": terms["product"].tolist(),
        "image value under the weight 8": float(terms["input"][terms["weight"] == 8][0]),
        "first, with 1 taken for it": float(slipped @ terms["weight"]),
    }
    shown = {"I": IMAGE, "K": KERNEL, "first products": terms["product"].reshape(3, 3), "result": out}
    return Measured("the numbers of the statement", numbers, (Images("I, K and the result", shown, "own"),))


def judge(n: Numbers) -> Judgement:
    """Three of the four printed numbers must be right, and the slip must explain the other."""
    pairs = list(zip(n["computed"], n["printed"], strict=True))
    wrong = [(computed, printed) for computed, printed in pairs if computed != printed]
    text = f"Computed are {', '.join(f'{value:g}' for value in n['computed'])}."
    if sum(n["terms of the first"]) != n["computed"][0] or len(wrong) > 1:
        return judged(False, f"{text} Printed are {', '.join(map(str, n['printed']))}.")
    limit = ""
    if wrong:
        computed, printed = wrong[0]
        limit = f"The text prints {printed} for {computed:g}"
        if n["first, with 1 taken for it"] == printed:
            limit += f": it multiplies 8 by 1, where the image has {n['image value under the weight 8']:g}"
    return judged(True, text, limit=f"{limit}." if limit else "")


EXPERIMENT = Experiment(
    "slide-3x3",
    "K = 1..9 over I = [[9,8,7,6],[5,4,3,2],[1,2,3,4],[5,6,7,8]], no padding, gives [[146,157],[200,233]]",
    measure,
    judge,
)
