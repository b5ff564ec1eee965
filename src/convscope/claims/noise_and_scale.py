"""How much a class score minds a disturbance, by its frequency."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from convscope.claims.claim import Experiment, Judgement, Measured, Numbers, judged
from convscope.claims.material import Material
from convscope.claims.pictures import Array, Curves
from convscope.claims.spectra import band_noise
from convscope.claims.trained import digits_network
from convscope.network import Network

__all__ = ["EXPERIMENT"]

DRAWS = 4
PHOTOS = ("chelsea", "coffee", "astronaut", "rocket")


def measure(material: Material) -> Measured:
    """Add noise of one band and of equal energy; take the mean change of the score of the class seen."""
    if material.has("models/bvlc_googlenet.onnx") and material.has("photos"):
        net, source = material.network("bvlc_googlenet"), "GoogLeNet on four photographs"
        images = np.concatenate([_prepared(material, name) for name in PHOTOS])
        # octaves of 224 pixels, from 1.75 waves over the image to pixels; grey levels from 0 to 255
        limits, amount = [2.0**-k for k in range(7, 0, -1)], 8.0
    else:
        net, source = digits_network().net, "200 embedded digits"
        images = material.digits()[1].x[:200]
        limits, amount = [0.06, 0.18, 0.31, 0.43, 0.71], 0.1
    bands = list(pairwise(limits))
    scores = _scores(net, images)
    rows = np.arange(len(images)), scores.argmax(axis=1)
    changes = []
    for low, high in bands:
        moved = [
            _scores(
                net,
                images + np.float32(amount) * band_noise(images.shape, low, high, seed).astype(np.float32),
            )[rows]
            for seed in range(DRAWS)
        ]
        changes.append(float(np.abs(np.array(moved) - scores[rows]).mean()))
    numbers = {
        "bands, cycles per pixel": [f"{low:.3g} to {high:.3g}" for low, high in bands],
        "mean change of the score": changes,
        "root mean square of the disturbance": amount,
        "standard deviation of the scores": float(scores[rows].std()),
    }
    middle = [float(np.sqrt(low * high)) for low, high in bands]
    curve = Curves("change of the score by disturbances of equal energy", middle, {source: changes},
                   "cycles per pixel", "mean change")  # fmt: skip
    return Measured(source, numbers, (curve,))


def judge(n: Numbers) -> Judgement:
    """The lowest and the highest band must count less than a middle one; one-sided is the limit."""
    changes, bands = n["mean change of the score"], n["bands, cycles per pixel"]
    top = max(changes)
    where = bands[changes.index(top)]
    low, high = changes[0] / top, changes[-1] / top
    text = (
        f"Disturbances of equal energy change the score most at {where} cycles per pixel; the highest band "
        "counts "
        f"{high:.2f} and the lowest {low:.2f} times as much."
    )
    limit = ""
    if high >= 0.5 or low >= 0.5:
        ignored = [name for name, share in (("grain", high), ("very large parts", low)) if share < 0.5]
        damped = " and ".join(ignored) or "neither end"
        limit = f"Under half as much counts {damped}: nothing is ignored, some is damped."
    return judged(low < 1 and high < 1, text, limit=limit)


def _scores(net: Network, x: Array) -> Array:
    """Give the scores before any softmax."""
    name = net.outputs[0]
    if net.nodes[name].layer.kind == "Softmax":
        name = net.nodes[name].inputs[0]
    return np.concatenate(
        [net.run(part, keep=name)[name] for part in np.array_split(x, max(1, len(x) // 50))]
    )


def _prepared(material: Material, name: str) -> Array:
    from convscope.network.input import ImageInput

    return ImageInput((224, 224), "BGR", (104, 117, 123), 1.0).prepare(material.photo(name)[0])


EXPERIMENT = Experiment(
    "noise-and-scale",
    "a network ignores grain (low-pass) and very large parts (high-pass)",
    measure,
    judge,
)
