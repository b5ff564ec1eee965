"""How near learned first-layer kernels come to hand-made ones."""

from __future__ import annotations

import numpy as np

from convscope.claims.claim import Experiment, Judgement, Measured, Numbers, judged
from convscope.claims.layers_of import first_layer
from convscope.claims.material import Material
from convscope.claims.pictures import Array, Curves, Images
from convscope.claims.trained import SEEDS, first_kernels
from convscope.kernels import KernelTable
from convscope.kernels import judge as judge_kernels

__all__ = ["EXPERIMENT"]

LEVEL = 0.05
CLOSE = 20.0  # degrees: the nearest classic then holds 88 % of the kernel's energy


def measure(material: Material) -> Measured:
    """Compare 80 learned kernels with the same kernels before training."""
    from scipy.stats import mannwhitneyu

    tables = {"learned": judge_kernels(first_kernels()), "at random": judge_kernels(first_kernels(0))}
    source = f"{len(SEEDS)} networks of 16 kernels 5x5, trained on the embedded digits"
    if material.has("models/bvlc_googlenet.onnx"):
        tables["GoogLeNet"] = first_layer(material, "bvlc_googlenet")
        source += "; GoogLeNet's first layer"
    angles = {name: _column(table, "classic_angle") for name, table in tables.items()}
    numbers: dict[str, float] = {}
    for name, table in tables.items():
        chance = _column(table, "classic_p")
        numbers[f"{name}: kernels"] = len(chance)
        numbers[f"{name}: median angle to the nearest classic, degrees"] = float(np.median(angles[name]))
        numbers[f"{name}: share nearer than 95 % of random kernels"] = float((chance < LEVEL).mean())
        numbers[f"{name}: share within {CLOSE:g} degrees"] = float((angles[name] < CLOSE).mean())
    numbers["p-value of learned against random (Mann-Whitney)"] = float(
        mannwhitneyu(angles["learned"], angles["at random"], alternative="less").pvalue
    )
    edges = np.linspace(0, 90, 19)
    series = {name: np.histogram(a, edges)[0] / len(a) for name, a in angles.items()}
    panels = (
        Curves(
            "angle to the nearest classic kernel", edges[:-1] + 2.5, series, "degrees", "share of kernels"
        ),
        Images.of("learned kernels, seed 0", first_kernels()[:16, 0], "conv1"),
    )
    return Measured(source, numbers, panels)


def judge(n: Numbers) -> Judgement:
    """Nearer than chance is needed; if most are still far from any classic, that is the limit."""
    learned, random = (
        n[f"{name}: median angle to the nearest classic, degrees"] for name in ("learned", "at random")
    )
    chance, close = (
        n["p-value of learned against random (Mann-Whitney)"],
        n["learned: share within 20 degrees"],
    )
    limit = ""
    if close < 0.5:
        limit = (
            f"Only {close:.0%} come within {CLOSE:g} degrees; "
            f"{n['learned: share nearer than 95 % of random kernels']:.0%}"
            " are nearer to a classic than 95 % of random kernels are (5 % by chance)."
        )
        if "GoogLeNet: kernels" in n:
            known = n["GoogLeNet: share within 20 degrees"]
            limit += f" Of GoogLeNet's patterns {known:.0%} come within {CLOSE:g} degrees."
    return judged(
        chance < LEVEL and learned < random,
        f"The median angle to the nearest classic kernel is {learned:.0f} degrees for learned kernels and "
        f"{random:.0f} for the same before training (p = {chance:.1g}).",
        limit=limit,
    )


def _column(table: KernelTable, name: str) -> Array:
    values = table.columns[name]
    return values[np.isfinite(values)]


EXPERIMENT = Experiment(
    "learns-classics",
    "a CNN learns approximations of hand-crafted kernels in its first layer",
    measure,
    judge,
)
