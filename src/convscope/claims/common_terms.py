"""Naming learned convolutions in the words of signal processing."""

from __future__ import annotations

import numpy as np

from convscope.claims.claim import Experiment, Judgement, Measured, Numbers, judged
from convscope.claims.layers_of import first_layer
from convscope.claims.material import Material
from convscope.claims.pictures import Bars, Images
from convscope.claims.trained import first_kernels
from convscope.kernels import judge as judge_kernels

__all__ = ["EXPERIMENT"]

UNNAMED = ("noise", "mixture", "dead")
_EVIDENCE = ("share of energy explained", "p against random kernels", "probability that the name is right")


def measure(material: Material) -> Measured:
    """Judge GoogLeNet's first layer, or those of five networks trained here on digits."""
    if material.has("models/bvlc_googlenet.onnx"):
        table, source = (
            first_layer(material, "bvlc_googlenet"),
            "GoogLeNet conv1: 64 filters 7x7 of 3 channels",
        )
    else:
        table, source = (
            judge_kernels(first_kernels()),
            "80 kernels 5x5 learned from the embedded digits (five networks)",
        )
    verdicts = list(table)
    passbands = ("low-pass", "band-pass", "high-pass", "band-stop", "all-pass")
    numbers: dict[str, float] = {"filters": len(table)}
    numbers |= {f"passband {name}": sum(v.passband == name for v in verdicts) for name in passbands}
    numbers |= {f"family {name}": count for name, count in table.counts.items()}
    derivatives = sum(bool(v.derivative_order) for v in verdicts if v.family not in UNNAMED)
    numbers["differential (derivative of order 1 or more)"] = derivatives
    numbers["anisotropic (p < .05)"] = sum(v.anisotropy_p < 0.05 for v in verdicts)
    evidence = [(v.explained, v.p_value, v.confidence) for v in verdicts if v.family not in UNNAMED]
    for i, what in enumerate(_EVIDENCE):
        numbers[f"named filters: median {what}"] = float(np.median([row[i] for row in evidence] or [0.0]))
    named = [(v.family, v.pattern) for v in verdicts if v.family not in UNNAMED]
    shown = {f"{family} {i}": pattern for i, (family, pattern) in enumerate(named[:24])}
    bars = Bars("families", tuple(table.counts), {"filters": list(table.counts.values())}, "filters")
    return Measured(source, numbers, (bars, Images("dominant patterns of named filters", shown, "own")))


def judge(n: Numbers) -> Judgement:
    """Half of the filters must have a name; those without one are the limit."""
    total = n["filters"]
    families = {name[7:]: count for name, count in n.items() if name.startswith("family ")}
    unnamed = sum(families.get(name, 0) for name in UNNAMED)
    told = ", ".join(f"{count} {name}" for name, count in families.items() if name not in UNNAMED)
    bands = ", ".join(f"{n[f'passband {band}']} {band}" for band in ("low-pass", "band-pass", "high-pass"))
    rest = ", ".join(f"{families[name]} {name}" for name in UNNAMED if families.get(name))
    explained, chance, sure = (n[f"named filters: median {what}"] for what in _EVIDENCE)
    return judged(
        (total - unnamed) / total >= 0.5,
        f"{total - unnamed} of {total} filters have a name: {told}. By passband: {bands}; "
        f"{n['differential (derivative of order 1 or more)']} are differential, "
        f"{n['anisotropic (p < .05)']} anisotropic. The evidence, by the median of the named: the shape "
        f"explains {explained:.0%} of the energy (p = {chance:.1g} against random kernels), and the name "
        f"is right with a probability of {sure:.0%}.",
        limit=f"{unnamed} have none ({rest})." if unnamed else "",
    )


EXPERIMENT = Experiment(
    "common-terms",
    "can learned convolutions be named: low-pass, high-pass, differential, anisotropic?",
    measure,
    judge,
)
