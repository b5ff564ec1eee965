"""Kernels that learned to tell horizontal from vertical lines."""

from __future__ import annotations

import numpy as np

from convscope.claims.claim import Experiment, Judgement, Measured, Numbers, judged
from convscope.claims.material import Material
from convscope.claims.pictures import Array, Bars, Images
from convscope.claims.trained import SEEDS
from convscope.data import lines
from convscope.kernels import judge as judge_kernels
from convscope.layers import Flatten, GlobalAvgPool2d, ReLU
from convscope.models.initialise import conv2d, linear
from convscope.models.sequence import Item, sequential
from convscope.network import Network
from convscope.training import SGD, Cosine, evaluate, fit

__all__ = ["EXPERIMENT"]

NEAR = 10.0  # degrees from 0 or 90


def network(seed: int) -> Network:
    """Build eight 5x5 kernels, the mean of each map, and a weighing of the eight."""
    layers: list[Item] = [
        ("conv1", conv2d(8, 5, padding=2)),
        ("relu1", ReLU()),
        ("mean", GlobalAvgPool2d()),
        ("flatten", Flatten()),
        ("fc", linear(2)),
    ]
    return sequential(layers, (1, 16, 16), seed=seed, name="lines")


def measure(material: Material) -> Measured:
    """Train five networks on generated lines and judge their kernels before and after."""
    learn, test = lines(1000, 16, seed=0), lines(500, 16, seed=0, start=1000)
    before, after, accuracies = [], [], []
    for seed in SEEDS:
        net = network(seed)
        before.append(net.parameters["conv1.weight"].copy())
        optimizer = SGD(0.05, momentum=0.9, weight_decay=5e-3)
        fit(net, learn, epochs=30, batch_size=32, optimizer=optimizer, schedule=Cosine(), seed=seed)
        after.append(net.parameters["conv1.weight"].copy())
        accuracies.append(evaluate(net, test).accuracy)
    angles = {"before": _angles(np.concatenate(before)), "after": _angles(np.concatenate(after))}
    numbers: dict[str, float | list[int]] = {
        "kernels": 8 * len(SEEDS),
        "smallest accuracy on new lines": min(accuracies),
    }
    for when, found in angles.items():
        numbers[f"kernels with an orientation, {when}"] = len(found)
        numbers[f"of these within {NEAR:g} degrees of 0 or 90, {when}"] = int(sum(map(_upright, found)))
        numbers[f"orientations in degrees, {when}"] = sorted(round(angle) % 180 for angle in found)
    bins = np.arange(0, 181, 15)
    bars = Bars(
        "orientation of the kernels that have one", [f"{a}" for a in bins[:-1]],
        {when: np.histogram(found, bins)[0] for when, found in angles.items()}, "kernels",
    )  # fmt: skip
    pictures = Images.of("learned kernels, seed 0", after[0][:, 0], "conv1")
    return Measured(f"generated lines, seeds {SEEDS[0]} to {SEEDS[-1]}", numbers, (pictures, bars))


def judge(n: Numbers) -> Judgement:
    """Most kernels must have an orientation, and nearly all of these 0 or 90 degrees."""
    kernels, found = n["kernels"], n["kernels with an orientation, after"]
    upright, before = (n[f"of these within 10 degrees of 0 or 90, {when}"] for when in ("after", "before"))
    # by chance 40 of the 180 degrees lie as near
    holds = found > 0 and upright / found > 2 / 3 and upright > 3 * max(before, 1)
    limit = f"The other {kernels - upright} are noise, blobs or mixtures." if upright < kernels else ""
    return judged(
        holds,
        f"{upright} of {kernels} kernels came to have stripes within 10 degrees of horizontal or vertical, "
        f"{found - upright} have another orientation; before training there were {before}. The networks "
        f"tell at least {n['smallest accuracy on new lines']:.1%} of new lines apart.",
        limit=limit,
    )


def _angles(weight: Array) -> list[float]:
    table = judge_kernels(weight)
    return [v.orientation for v in table if v.family != "noise" and v.orientation is not None]


def _upright(angle: float) -> bool:
    return abs((angle + 45) % 90 - 45) <= NEAR


EXPERIMENT = Experiment(
    "lines",
    "trained to tell horizontal from vertical lines, kernels look like horizontal and vertical lines",
    measure,
    judge,
)
