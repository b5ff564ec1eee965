"""Kernels, filters, biases and channels: how many of each."""

from __future__ import annotations

import numpy as np

from convscope.claims.claim import Experiment, Judgement, Measured, Numbers, judged
from convscope.claims.material import Material
from convscope.claims.pictures import Images
from convscope.errors import InvalidValue
from convscope.models.initialise import conv2d as drawn
from convscope.models.sequence import sequential
from convscope.ops import conv2d

__all__ = ["EXPERIMENT"]

IN, OUT = 3, 8


def measure(material: Material) -> Measured:
    """Count in a layer of 8 filters over 3 channels; give it an image of 2."""
    net = sequential([("conv", drawn(OUT, 5))], (IN, 12, 12), seed=0)
    weight, bias = net.parameters["conv.weight"], net.parameters["conv.bias"]
    try:
        conv2d(np.ones((1, IN - 1, 12, 12), np.float32), weight)
        refusal = ""
    except InvalidValue as error:
        refusal = str(error)
    numbers = {
        "input channels": IN,
        "filters": len(weight),
        "kernels of one filter": weight.shape[1],
        "kernels in all": weight.shape[0] * weight.shape[1],
        "biases": bias.size,
        "output channels": net.run(np.ones((IN, 12, 12), np.float32)).output.shape[1],
        "an image of 2 channels": refusal,
    }
    shown = {f"filter {o}, channel {i}": weight[o, i] for o in range(2) for i in range(IN)}
    return Measured(
        "a layer of 8 filters 5x5 over 3 channels", numbers, (Images("two filters of three kernels", shown),)
    )


def judge(n: Numbers) -> Judgement:
    """One kernel an input channel, one bias and one output channel a filter; a wrong depth is refused."""
    filters, each = n["filters"], n["kernels of one filter"]
    counts = each == n["input channels"] and n["biases"] == n["output channels"] == filters
    limit = ""
    if n["kernels in all"] != filters:
        limit = (
            f"One text gives each output channel one kernel, {filters} in all; there are "
            f"{n['kernels in all']}, one for "
            "every input channel."
        )
    return judged(
        counts and "in_channels" in n["an image of 2 channels"],
        f"{filters} filters have {each} kernels each for {n['input channels']} input channels, "
        f"{n['biases']} biases, and "
        f"make {n['output channels']} output channels. A wrong depth is refused: "
        f"{n['an image of 2 channels']}",
        limit=limit,
    )


EXPERIMENT = Experiment(
    "depth",
    "a filter has one kernel for each input channel, one bias, and makes one output channel",
    measure,
    judge,
)
