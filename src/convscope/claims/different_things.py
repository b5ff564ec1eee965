"""Are the filters of a layer more alike than chance?"""

from __future__ import annotations

import numpy as np

from convscope.claims.claim import Experiment, Judgement, Measured, Numbers, judged
from convscope.claims.material import Material
from convscope.claims.pictures import Array, Curves, Images
from convscope.claims.trained import digits_network
from convscope.explain.kernel_tables import convolutions

__all__ = ["EXPERIMENT"]

DRAWS = 200
ALIKE = 0.9


def measure(material: Material) -> Measured:
    """Compare the pairwise cosines of a layer's filters with those of random filters of the same size."""
    weights = {"digits conv1": digits_network().net.parameters["conv1.weight"],
               "digits conv2": digits_network().net.parameters["conv2.weight"]}  # fmt: skip
    for name, file in (("GoogLeNet conv1", "bvlc_googlenet"), ("SqueezeNet conv1", "squeezenet_v1.1")):
        if material.has(f"models/{file}.onnx"):
            weights[name] = next(iter(convolutions(material.network(file)).values())).parameters["weight"]
    numbers: dict[str, float] = {}
    curves = {}
    edges = np.linspace(0, 1, 21)
    for name, weight in weights.items():
        flat = weight.reshape(len(weight), -1).astype(float)
        alive = np.linalg.norm(flat, axis=1)
        cosines = _cosines(flat[alive > 0.01 * alive.max()])
        shape = (int((alive > 0.01 * alive.max()).sum()), flat.shape[1])
        random = np.random.default_rng(0)
        drawn = [float(_cosines(random.normal(size=shape)).mean()) for _ in range(DRAWS)]
        numbers[f"{name}: pairs"] = len(cosines)
        numbers[f"{name}: mean cosine"] = float(cosines.mean())
        numbers[f"{name}: mean cosine at random"] = float(np.mean(drawn))
        numbers[f"{name}: share of random layers that are less alike"] = float(
            np.mean(np.array(drawn) < cosines.mean())
        )
        numbers[f"{name}: pairs above {ALIKE}"] = int((cosines > ALIKE).sum())
        curves[name] = np.histogram(cosines, edges)[0] / len(cosines)
    panels = (
        Curves(
            "cosines between filters of a layer",
            (edges[:-1] + edges[1:]) / 2,
            curves,
            "|cosine|",
            "share of pairs",
        ),
        Images.of("digits, first layer", weights["digits conv1"][:, 0], "conv1"),
    )
    return Measured(", ".join(weights), numbers, panels)


def judge(n: Numbers) -> Judgement:
    """Hardly any pair may be the same; filters more alike than random ones are the limit."""
    names = [name.rpartition(":")[0] for name in n if name.endswith(": pairs")]
    same = {name: n[f"{name}: pairs above {ALIKE}"] for name in names}
    told = "; ".join(
        f"{name}: {same[name]} of {n[f'{name}: pairs']:,} pairs above {ALIKE}, mean "
        f"{n[f'{name}: mean cosine']:.3f} "
        f"(random {n[f'{name}: mean cosine at random']:.3f})"
        for name in names
    )
    alike = [name for name in names if n[f"{name}: share of random layers that are less alike"] > 0.95]
    return judged(
        all(same[name] <= 0.01 * n[f"{name}: pairs"] for name in names),
        f"Absolute cosines between filters: {told}.",
        limit=f"In {', '.join(alike)} filters are more alike than random ones: they share directions."
        if alike
        else "",
    )


def _cosines(flat: Array) -> Array:
    unit = flat / np.linalg.norm(flat, axis=1, keepdims=True)
    return np.asarray(np.abs(unit @ unit.T)[np.triu_indices(len(unit), 1)])


EXPERIMENT = Experiment("different-things", "the filters of a layer learn different things", measure, judge)
