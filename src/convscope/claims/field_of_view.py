"""How many pixels n layers see: by the formula, and by the gradient."""

from __future__ import annotations

import numpy as np

from convscope.claims.claim import Experiment, Judgement, Measured, Numbers, judged
from convscope.claims.material import Material
from convscope.claims.pictures import Curves, Images
from convscope.explain import receptive_field
from convscope.geometry import receptive_field as composed
from convscope.layers import Conv2d
from convscope.network import Network, Node

__all__ = ["EXPERIMENT"]

DEPTHS = (1, 2, 3, 4, 5)
SIDE = 31


def measure(material: Material) -> Measured:
    """Stack layers of positive kernels and see which pixels have a gradient."""
    numbers: dict[str, list[int]] = {"layers": list(DEPTHS)}
    energy = {}
    for kernel in (3, 5):
        numbers[f"{kernel}x{kernel}: composed"] = [int(composed([(kernel,)] * n).size) for n in DEPTHS]
        measured = []
        for depth in DEPTHS:
            field = receptive_field(
                _stack(kernel, depth), f"layer{depth}[0,15,15]", np.ones((1, 1, SIDE, SIDE))
            )
            assert field.effective is not None
            measured.append(int((field.effective.energy > 0).any(axis=1).sum()))
            if depth == 5:
                energy[f"five {kernel}x{kernel}"] = np.sqrt(field.effective.energy)
        numbers[f"{kernel}x{kernel}: measured"] = measured
    curve = Curves(
        "side of the field of view", DEPTHS,
        {"3x3": numbers["3x3: measured"], "5x5": numbers["5x5: measured"]}, "layers", "pixels",
    )  # fmt: skip
    return Measured(
        "layers of kernels with equal weights", numbers, (curve, Images("gradient", energy, "own"))
    )


def judge(n: Numbers) -> Judgement:
    """2n + 1 and 4n + 1, both ways."""
    expected = {3: [2 * d + 1 for d in n["layers"]], 5: [4 * d + 1 for d in n["layers"]]}
    same = all(n[f"{k}x{k}: {how}"] == expected[k] for k in (3, 5) for how in ("composed", "measured"))
    three, five = (", ".join(map(str, n[f"{k}x{k}: measured"])) for k in (3, 5))
    return judged(
        same, f"1 to {n['layers'][-1]} layers of 3x3 see {three} pixels by the gradient, of 5x5 {five}."
    )


def _stack(kernel: int, depth: int) -> Network:
    weight = np.full((1, 1, kernel, kernel), 1 / kernel**2)
    nodes = [
        Node(f"layer{i}", Conv2d(weight.copy(), padding=kernel // 2), f"layer{i - 1}" if i > 1 else "image")
        for i in range(1, depth + 1)
    ]
    return Network(nodes, (1, SIDE, SIDE), input_name="image")


EXPERIMENT = Experiment("field-of-view", "n layers of 3x3 see 2n+1 pixels, of 5x5 4n+1", measure, judge)
