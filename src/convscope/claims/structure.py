"""Are neighbouring weights of a learned kernel alike?"""

from __future__ import annotations

import numpy as np

from convscope.claims.claim import Experiment, Judgement, Measured, Numbers, judged
from convscope.claims.layers_of import first_layer
from convscope.claims.material import Material
from convscope.claims.pictures import Array, Curves, Images
from convscope.claims.trained import first_kernels

__all__ = ["EXPERIMENT"]

SHUFFLES = 999
LEVEL = 0.05


def measure(material: Material) -> Measured:
    """Compare Moran's I of each kernel with that of shuffles of its own weights."""
    kernels = {"digits, learned": first_kernels()[:, 0], "digits, before training": first_kernels(0)[:, 0]}
    if material.has("models/bvlc_googlenet.onnx"):
        patterns = np.array(
            [v.pattern for v in first_layer(material, "bvlc_googlenet") if v.family != "dead"]
        )
        kernels = {"GoogLeNet": patterns, **kernels}
    numbers: dict[str, float] = {"shuffles of each kernel": SHUFFLES}
    curves = {}
    edges = np.linspace(-1, 1, 21)
    for name, stack in kernels.items():
        moran, chance = _tested(stack)
        numbers[f"{name}: kernels"] = len(stack)
        numbers[f"{name}: mean I"] = float(moran.mean())
        numbers[f"{name}: share beyond 95 % of their shuffles"] = float((chance < LEVEL).mean())
        curves[name] = np.histogram(moran, edges)[0] / len(stack)
    best = {f"{i}": kernel for i, kernel in enumerate(first_kernels()[:12, 0])}
    panels = (
        Curves("Moran's I", (edges[:-1] + edges[1:]) / 2, curves, "I", "share of kernels"),
        Images("learned from digits, seed 0", best, "own"),
    )
    return Measured(f"{', '.join(kernels)}", numbers, panels)


def judge(n: Numbers) -> Judgement:
    """Far more than 5 % must lie beyond chance, and the untrained kernels about 5 %."""
    learned = n["digits, learned: share beyond 95 % of their shuffles"]
    before = n["digits, before training: share beyond 95 % of their shuffles"]
    known = n.get("GoogLeNet: share beyond 95 % of their shuffles")
    told = f" of GoogLeNet's patterns {known:.0%}," if known is not None else ""
    return judged(
        learned > 3 * LEVEL and learned > 2 * before,
        f"Beyond 95 % of the shuffles of its own weights are{told} {learned:.0%} of the kernels learned "
        "from digits and "
        f"{before:.0%} of the same before training; chance would give 5 %.",
        limit=f"Moran's I sees no structure in {1 - learned:.0%} of those learned." if learned < 0.95 else "",
    )


def _tested(kernels: Array) -> tuple[Array, Array]:
    """Give Moran's I of each kernel and the share of shuffles with as large a one."""
    random = np.random.default_rng(0)
    own = _moran(kernels)
    count = np.zeros(len(kernels))
    flat = kernels.reshape(len(kernels), -1)
    for _ in range(SHUFFLES):
        count += _moran(random.permuted(flat, axis=1).reshape(kernels.shape)) >= own
    return own, (1 + count) / (1 + SHUFFLES)


def _moran(kernels: Array) -> Array:
    """Moran (1950): N/W * sum over neighbours of z_i z_j / sum of z_i^2; neighbours share a side."""
    z = kernels - kernels.mean(axis=(1, 2), keepdims=True)
    size, (height, width) = z[0].size, z.shape[1:]
    pairs = height * (width - 1) + width * (height - 1)
    together = (z[:, 1:] * z[:, :-1]).sum(axis=(1, 2)) + (z[:, :, 1:] * z[:, :, :-1]).sum(axis=(1, 2))
    return np.asarray(size / pairs * together / np.maximum((z**2).sum(axis=(1, 2)), 1e-30))


EXPERIMENT = Experiment("structure", "learned kernels have spatial structure beyond chance", measure, judge)
