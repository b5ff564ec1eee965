"""How much of GoogLeNet's first layer is Gabor, derivative of a Gaussian, or colour blob."""

from __future__ import annotations

import numpy as np

from convscope.claims.claim import Experiment, Judgement, Measured, Numbers, judged
from convscope.claims.layers_of import first_layer
from convscope.claims.material import Material
from convscope.claims.pictures import Bars, Images
from convscope.kernels import judge as judge_kernels

__all__ = ["EXPERIMENT"]

NAMED = ("gabor", "edge", "line", "higher-derivative", "colour-contrast", "colour-blob", "smoothing")


def measure(material: Material) -> Measured:
    """Fit GoogLeNet's first filters, and random filters of the same size by the same code."""
    table = first_layer(material, "bvlc_googlenet")
    random = judge_kernels(np.random.default_rng(0).normal(size=table.weight.shape), "BGR", 2)
    numbers: dict[str, float] = {"filters": len(table)}
    for name, judged_table in (("learned", table), ("random", random)):
        families = [v.family for v in judged_table]
        numbers |= {f"{name}: {family}": families.count(family) for family in NAMED}
        explained = [v.explained for v in judged_table if v.family != "dead"]
        numbers[f"{name}: median energy explained by the family"] = float(np.median(explained))
        gabor = [v.fits["gabor"].explained for v in judged_table if "gabor" in v.fits]
        numbers[f"{name}: median energy explained by a Gabor"] = float(np.median(gabor))
    chance = [v.fits["gabor"].p_value for v in table if "gabor" in v.fits]
    numbers["learned: Gabor fits better than 95 % of random filters"] = sum(p < 0.05 for p in chance)
    counts = {name: [numbers[f"{name}: {family}"] for family in NAMED] for name in ("learned", "random")}
    images = Images.of(
        "dominant patterns of the first 24 filters", [v.pattern for v in table[:24]], "conv1", "own"
    )
    panels = (Bars("families", NAMED, counts, "filters"), images)
    return Measured(
        "GoogLeNet conv1, 64 filters 7x7 of 3 channels; as many random ones, seed 0", numbers, panels
    )


def judge(n: Numbers) -> Judgement:
    """Most filters must belong to the three kinds, far more than of random ones."""
    learned, random = (sum(n[f"{name}: {family}"] for family in NAMED) for name in ("learned", "random"))
    total = n["filters"]
    waves = n["learned: gabor"]
    derivatives = n["learned: edge"] + n["learned: line"] + n["learned: higher-derivative"]
    colours = n["learned: colour-contrast"] + n["learned: colour-blob"]
    limit = ""
    if learned < total:
        limit = f"The other {total - learned} are none of these."
    if derivatives > waves:
        limit += " A derivative of low order fits most of what is commonly called Gabor as well or better."
    return judged(
        learned > total / 2 and learned > 5 * max(random, 1),
        f"{learned} of {total} filters are of these kinds ({waves} Gabor, {derivatives} derivatives of "
        "Gaussians, "
        f"{colours} colour blobs and contrasts), of random filters {random}. A Gabor explains "
        f"{n['learned: median energy explained by a Gabor']:.0%} of a learned pattern's energy (median), "
        "of a random "
        f"one's {n['random: median energy explained by a Gabor']:.0%}.",
        limit=limit.strip(),
    )


EXPERIMENT = Experiment(
    "gabor",
    "learned kernels look like Gabor functions, derivatives of Gaussians in one direction of colour space, "
    "and "
    "colour blobs",
    measure,
    judge,
)
