"""Two convolutions with and without an activation between them."""

from __future__ import annotations

import numpy as np

from convscope.claims.claim import Experiment, Judgement, Measured, Numbers, judged
from convscope.claims.material import Material
from convscope.claims.pictures import Array, Bars, Images
from convscope.data import Dataset
from convscope.explain import composite_kernel
from convscope.layers import Conv2d, Flatten, GlobalAvgPool2d, ReLU
from convscope.models.initialise import conv2d as drawn
from convscope.models.initialise import linear
from convscope.models.sequence import Item, sequential
from convscope.network import Network, Node
from convscope.ops import conv2d
from convscope.training import SGD, evaluate, fit

__all__ = ["EXPERIMENT"]


def measure(material: Material) -> Measured:
    """Compose two layers into one; look for one kernel behind a ReLU; train with and without it."""
    random = np.random.default_rng(0)
    layers = [random.normal(size=(4, 1, 3, 3)), random.normal(size=(1, 4, 3, 3))]
    images = random.normal(size=(20, 1, 16, 16))
    plain, bent = _two(layers, relu=False), _two(layers, relu=True)
    composed = composite_kernel(plain, "second")
    out = plain.run(images).output
    apart = float(np.abs(conv2d(images, composed.weight, composed.bias) - out).max())
    learn, test = _task(1000, 0), _task(500, 1)
    numbers = {
        "two layers and their composite: largest difference": apart,
        "rounding can explain": _bound(layers, images),
        "without activation: variance one 5x5 kernel leaves": _left(images, out),
        "with ReLU: variance one 5x5 kernel leaves": _left(images, bent.run(images).output),
        "task: accuracy of the linear network": _learned(False, learn, test),
        "task: accuracy of the same with ReLU": _learned(True, learn, test),
    }
    bars = Bars(
        "a line of either sign, or none", ("linear", "with ReLU"),
        {"accuracy": list(numbers.values())[-2:]},
        "share right",
    )  # fmt: skip
    names = {f"class {test.classes[test.y[i]]} {i}": test.x[i, 0] - 0.5 for i in range(4)}
    return Measured("generated images, seeds 0 and 1", numbers, (Images("the task", names), bars))


def judge(n: Numbers) -> Judgement:
    """Exactly one kernel without activation, none with it; and a task only the second can learn."""
    apart, bound = n["two layers and their composite: largest difference"], n["rounding can explain"]
    left = n["with ReLU: variance one 5x5 kernel leaves"]
    line, bent = n["task: accuracy of the linear network"], n["task: accuracy of the same with ReLU"]
    return judged(
        apart <= bound
        and left > 0.01 > n["without activation: variance one 5x5 kernel leaves"]
        and bent > 0.9 > line + 0.2,
        f"One composed 5x5 kernel equals the two layers to {apart:.1e} (rounding: {bound:.1e}); with ReLU "
        "the best "
        f"single kernel leaves {left:.0%} of the variance. Lines of either sign against none: the linear "
        "network is "
        f"right on {line:.1%}, the same with ReLU on {bent:.1%}.",
    )


def _two(weights: list[Array], relu: bool) -> Network:
    nodes = [Node("first", Conv2d(weights[0]), "image")]
    nodes += [Node("relu", ReLU(), "first")] if relu else []
    nodes += [Node("second", Conv2d(weights[1]), nodes[-1].name)]
    return Network(nodes, (1, 16, 16), input_name="image")


def _bound(weights: list[Array], images: Array) -> float:
    """Bound both sums' rounding: gamma(9 + 36) and gamma(36 + 25) times the largest sum of magnitudes."""
    first, second = (np.abs(weight).sum(axis=(2, 3)) for weight in weights)
    return float((45 + 61) * np.finfo(float).eps / 2 * np.abs(images).max() * (second @ first).item())


def _left(images: Array, out: Array) -> float:
    """Give the share of the variance that the best 5x5 kernel and constant leave, by least squares."""
    patches = np.lib.stride_tricks.sliding_window_view(images[:, 0], (5, 5), axis=(1, 2)).reshape(-1, 25)
    patches = np.column_stack([patches, np.ones(len(patches))])
    best = np.linalg.lstsq(patches, out.ravel(), rcond=None)[0]
    return float(np.var(out.ravel() - patches @ best) / np.var(out))


def _task(n: int, seed: int) -> Dataset:
    """Draw noise (class 0), or noise with a vertical line brighter or darker than it (class 1)."""
    random = np.random.default_rng(seed)
    x = 0.5 + random.normal(0, 0.1, (n, 1, 8, 8))
    y = np.arange(n) % 2
    for i in np.flatnonzero(y):
        x[i, 0, :, random.integers(1, 7)] += random.choice([-0.4, 0.4])
    return Dataset(x.astype(np.float32), y, ("none", "line"), "lines of either sign")


def _learned(relu: bool, learn: Dataset, test: Dataset) -> float:
    layers: list[Item] = [("conv", drawn(8, 3))]
    layers += [("relu", ReLU())] if relu else []
    layers += [("mean", GlobalAvgPool2d()), ("flatten", Flatten()), ("fc", linear(2))]
    net = sequential(layers, (1, 8, 8), seed=0)
    fit(net, learn, epochs=30, batch_size=32, optimizer=SGD(0.1), seed=0)
    return evaluate(net, test).accuracy


EXPERIMENT = Experiment(
    "non-linearity", "without activation two convolutions are one; with it they are not", measure, judge
)
