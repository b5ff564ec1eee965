"""Do the families of learned kernels depend on the task?"""

from __future__ import annotations

import numpy as np

from convscope.claims.claim import Experiment, Judgement, Measured, Numbers, judged
from convscope.claims.material import Material
from convscope.claims.pictures import Array, Bars, Images
from convscope.data import Dataset, digits, edges, lines
from convscope.kernels import judge as judge_kernels
from convscope.layers import Flatten, MaxPool2d, ReLU
from convscope.models.initialise import conv2d, linear
from convscope.models.sequence import Item, sequential
from convscope.training import SGD, Cosine, fit

__all__ = ["EXPERIMENT"]

SEEDS = range(4)
WIDTHS = (8, 16)
SIDE = 16
IMAGES = 600
SHUFFLES = 2000

Counts = dict[tuple[str, int, int], dict[str, float]]


def measure(material: Material) -> Measured:
    """Train one architecture on three tasks, four seeds and two widths; compare the shares of families."""
    tasks = {"lines": lines(IMAGES, SIDE), "edges": edges(IMAGES, SIDE), "digits": _digits(material)}
    shares: Counts = {}
    kernels: dict[str, Array] = {}
    for name, data in tasks.items():
        for width in WIDTHS:
            for seed in SEEDS:
                weight = _learned(data, width, seed)
                counts = judge_kernels(weight).counts
                shares[name, width, seed] = {family: count / width for family, count in counts.items()}
                if seed == 0 and width == WIDTHS[0]:
                    kernels |= {f"{name} {i}": weight[i, 0] for i in range(6)}
    between, within, chance = _distances(shares, 0)
    across, same, by_width = _distances(shares, 1)
    mean = {name: _mean([s for key, s in shares.items() if key[0] == name]) for name in tasks}
    families = sorted({family for share in mean.values() for family in share})
    numbers: dict[str, object] = {
        "runs": len(shares),
        "distance between tasks": between,
        "distance within a task": within,
        "p-value (permutation of the tasks)": chance,
        "distance between widths": across,
        "distance within a width": same,
        "p-value (permutation of the widths)": by_width,
    }
    for name in tasks:
        strongest = max(((share, f) for f, share in mean[name].items() if f != "noise"), default=(0, ""))[1]
        numbers[f"{name}: most frequent family beside noise"] = strongest
    bars = Bars(
        "share of families, mean of all runs", families,
        {name: [mean[name].get(family, 0.0) for family in families] for name in tasks}, "share of kernels",
    )  # fmt: skip
    source = (
        f"lines, edges and digits on {SIDE}x{SIDE} pixels; seeds 0 to {SEEDS[-1]}, "
        f"{WIDTHS[0]} and {WIDTHS[1]} kernels"
    )
    return Measured(source, numbers, (Images("kernels of each task, seed 0", kernels), bars))


def judge(n: Numbers) -> Judgement:
    """Runs of unlike tasks must differ by more than runs of one task."""
    between, within = n["distance between tasks"], n["distance within a task"]
    p, p_width = n["p-value (permutation of the tasks)"], n["p-value (permutation of the widths)"]
    limit = (
        f"Within a task seeds and widths alone move {within:.0%} of the kernels to another family; the "
        "width makes "
        f"{'a' if p_width < 0.05 else 'no'} difference (p = {p_width:.2g})."
    )
    return judged(
        between > within and p < 0.05,
        f"Over {n['runs']} runs the shares of families differ by {between:.0%} between tasks and by "
        f"{within:.0%} within "
        f"one (total variation; p = {p:.2g}).",
        limit=limit if within > 0 else "",
    )


def _digits(material: Material) -> Dataset:
    data = digits().take(np.arange(IMAGES))
    return Dataset(data.x.repeat(2, axis=2).repeat(2, axis=3), data.y, data.classes, "digits")


def _learned(data: Dataset, width: int, seed: int) -> Array:
    layers: list[Item] = [
        ("conv1", conv2d(width, 5)),
        ("relu1", ReLU()),
        ("pool1", MaxPool2d(4)),
        ("flatten", Flatten()),
        ("fc", linear(len(data.classes))),
    ]
    net = sequential(layers, data.image_shape, seed=seed)
    optimizer = SGD(0.05, momentum=0.9, weight_decay=5e-3)
    fit(net, data, epochs=12, batch_size=32, optimizer=optimizer, schedule=Cosine(), seed=seed)
    return net.parameters["conv1.weight"]


def _distances(shares: Counts, part: int) -> tuple[float, float, float]:
    """Give the mean total variation between and within groups, and how often chance separates as much."""
    keys = list(shares)
    apart = np.array([[_variation(shares[a], shares[b]) for b in keys] for a in keys])
    group = np.unique([str(key[part]) for key in keys], return_inverse=True)[1]
    pairs = np.triu_indices(len(keys), 1)

    def means(labels: Array) -> tuple[float, float]:
        same = labels[pairs[0]] == labels[pairs[1]]
        return float(apart[pairs][~same].mean()), float(apart[pairs][same].mean())

    between, within = means(group)
    random = np.random.default_rng(0)
    drawn = [np.subtract(*means(random.permutation(group))) for _ in range(SHUFFLES)]
    return between, within, (1 + sum(d >= between - within for d in drawn)) / (1 + SHUFFLES)


def _variation(a: dict[str, float], b: dict[str, float]) -> float:
    return sum(abs(a.get(family, 0) - b.get(family, 0)) for family in {*a, *b}) / 2


def _mean(shares: list[dict[str, float]]) -> dict[str, float]:
    return {f: sum(s.get(f, 0) for s in shares) / len(shares) for f in {f for s in shares for f in s}}


EXPERIMENT = Experiment(
    "depends-on-data", "kernels depend on the task; no way to know them beforehand", measure, judge
)
