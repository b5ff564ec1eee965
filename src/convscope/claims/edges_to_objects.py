"""Does a network tell more horizontal from more vertical edges by kernels of these orientations?"""

from __future__ import annotations

import numpy as np

from convscope.claims.claim import Experiment, Judgement, Measured, Numbers, judged
from convscope.claims.material import Material
from convscope.claims.pictures import Array, Bars, Images
from convscope.data import edges
from convscope.explain import ledger
from convscope.kernels import power_spectrum
from convscope.layers import Flatten, GlobalAvgPool2d, ReLU
from convscope.models.initialise import conv2d, linear
from convscope.models.sequence import Item, sequential
from convscope.training import SGD, Cosine, evaluate, fit

__all__ = ["EXPERIMENT"]

FILTERS = 12
SHOWN = 100  # images whose decision is taken apart


def measure(material: Material) -> Measured:
    """Train on generated edges; add up the ledgers of the decision by the kernels' orientation."""
    learn, test = edges(1500, 24, seed=0), edges(500, 24, seed=0, start=1500)
    layers: list[Item] = [
        ("conv1", conv2d(FILTERS, 5)),
        ("relu1", ReLU()),
        ("mean", GlobalAvgPool2d()),
        ("flatten", Flatten()),
        ("fc", linear(2)),
    ]
    net = sequential(layers, (1, 24, 24), seed=0, name="edges")
    optimizer = SGD(0.1, momentum=0.9, weight_decay=1e-3)
    fit(net, learn, epochs=20, batch_size=32, optimizer=optimizer, schedule=Cosine(), seed=0)
    kinds = [_kind(kernel) for kernel in net.parameters["conv1.weight"][:, 0]]
    # what each kind of kernel adds to the score of class 0 against that of class 1, by the class shown
    parts = {label: dict.fromkeys(("horizontal", "vertical", "neither"), 0.0) for label in (0, 1)}
    for image, label in zip(test.x[:SHOWN], test.y[:SHOWN], strict=True):
        for score, sign in ((0, 1), (1, -1)):
            for entry in ledger(net, image, f"fc[{score}]", names=0).entries:
                parts[int(label)][kinds[entry.channel]] += sign * entry.part / (SHOWN / 2)
    numbers: dict[str, float] = {"accuracy on new images": evaluate(net, test).accuracy, "kernels": FILTERS}
    numbers |= {
        f"kernels with {kind} stripes": kinds.count(kind) for kind in ("horizontal", "vertical", "neither")
    }
    for kind in ("horizontal", "vertical", "neither"):
        numbers[f"{kind} kernels: more for 'horizontal' where it is so"] = parts[0][kind] - parts[1][kind]
    names = ("horizontal", "vertical", "neither")
    bars = Bars(
        "score of 'horizontal' minus score of 'vertical', by the kernels' stripes", names,
        {"horizontal images": [parts[0][k] for k in names], "vertical images": [parts[1][k] for k in names]},
        "part of the score",
    )  # fmt: skip
    kernels = Images.of("its kernels", net.parameters["conv1.weight"][:, 0], "conv1")
    return Measured("generated images with more edges of one kind", numbers, (bars, kernels))


def judge(n: Numbers) -> Judgement:
    """The decision must be right, and the kernels with one of the two orientations must carry most of it."""
    names = ("horizontal", "vertical", "neither")
    carried = {name: n[f"{name} kernels: more for 'horizontal' where it is so"] for name in names}
    total = sum(carried.values())
    share = (carried["horizontal"] + carried["vertical"]) / total if total else 0.0
    limit = ""
    if n["kernels with neither stripes"]:
        neither, kernels = n["kernels with neither stripes"], n["kernels"]
        limit = f"{neither} of {kernels} kernels are neither, and carry {1 - share:.0%}."
    return judged(
        n["accuracy on new images"] > 0.9 and share > 0.5,
        f"The network is right on {n['accuracy on new images']:.1%} of new images; of what tells the "
        "classes apart "
        f"kernels with horizontal stripes carry {carried['horizontal'] / total:.0%} and with vertical ones "
        f"{carried['vertical'] / total:.0%}.",
        limit=limit,
    )


def _kind(kernel: Array) -> str:
    """Say which stripes a kernel answers to: those that hold two thirds of its power."""
    power = power_spectrum(kernel)
    fy, fx = np.abs(np.indices(power.shape) - power.shape[0] // 2)
    horizontal, vertical = power[fy > fx].sum(), power[fx > fy].sum()
    share = horizontal / (horizontal + vertical)
    return "horizontal" if share > 2 / 3 else "vertical" if share < 1 / 3 else "neither"


EXPERIMENT = Experiment(
    "edges-to-objects", "more horizontal edges: a car; more vertical edges: a pedestrian", measure, judge
)
