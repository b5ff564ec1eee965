"""What sharing weights saves."""

from __future__ import annotations

import numpy as np

from convscope.claims.claim import Experiment, Judgement, Measured, Numbers, judged
from convscope.claims.material import Material
from convscope.claims.pictures import Bars
from convscope.models.initialise import conv2d as drawn
from convscope.models.sequence import sequential

__all__ = ["EXPERIMENT"]


def measure(material: Material) -> Measured:
    """Count AlexNet's first layer with one filter a map, and with filters and biases for every cell."""
    net = sequential([("conv1", drawn(96, 11, stride=4))], (3, 227, 227), seed=0)
    weight = net.parameters["conv1.weight"]
    cells = int(np.prod(net.shapes()["conv1"][1:]))
    numbers = {
        "output cells": cells,
        "weights of one cell": int(weight[0].size),
        "parameters, shared": net.summary().parameters,
        "parameters, not shared": cells * (int(weight[0].size) + 1),
    }
    bars = Bars(
        "parameters", ("shared", "not shared"),
        {"AlexNet conv1": list(numbers.values())[2:]}, "count", log=True,
    )  # fmt: skip
    return Measured("AlexNet's first layer: 96 filters 11x11x3, stride 4, 227x227", numbers, (bars,))


def judge(n: Numbers) -> Judgement:
    """34,944 against 105,705,600."""
    shared, own = n["parameters, shared"], n["parameters, not shared"]
    return judged(
        (shared, own) == (34_944, 105_705_600),
        f"{n['output cells']:,} cells of {n['weights of one cell']} weights and a bias: {shared:,} "
        "parameters shared, "
        f"{own:,} otherwise, {own / shared:,.0f} times as many.",
    )


EXPERIMENT = Experiment("sharing", "shared weights save parameters", measure, judge)
