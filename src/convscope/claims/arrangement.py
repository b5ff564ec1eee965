"""One fixed permutation of all pixels: who minds?"""

from __future__ import annotations

import numpy as np

from convscope.claims.claim import Experiment, Judgement, Measured, Numbers, judged
from convscope.claims.material import Material
from convscope.claims.pictures import Array, Bars, Images
from convscope.data import Dataset
from convscope.layers import Flatten, ReLU
from convscope.models import small_cnn
from convscope.models.initialise import linear
from convscope.models.sequence import Item, sequential
from convscope.network import Network
from convscope.training import SGD, Cosine, evaluate, fit

__all__ = ["EXPERIMENT"]

SEEDS = range(3)


def measure(material: Material) -> Measured:
    """Train a CNN and a perceptron of as many parameters on digits, plain and permuted."""
    if material.has("mnist"):
        learn, test = (
            part.take(np.arange(n)) for part, n in zip(material.mnist(), (3000, 2000), strict=True)
        )
        source, epochs = "3,000 digits of MNIST to learn from, 2,000 held out", 5
    else:
        learn, test = material.digits()
        source, epochs = "the embedded digits", 20
    order = np.random.default_rng(0).permutation(learn.x[0].size)
    mixed = [_permuted(part, order) for part in (learn, test)]
    accuracy: dict[str, list[float]] = {}
    for seed in SEEDS:
        for kind, build in (("CNN", small_cnn), ("perceptron", _perceptron)):
            for how, parts in (("plain", (learn, test)), ("permuted", mixed)):
                net = build(learn.image_shape, seed=seed)
                accuracy.setdefault(f"{kind}, {how}", []).append(
                    _learned(net, parts[0], parts[1], epochs, seed)
                )
    numbers: dict[str, object] = {
        "parameters of the CNN": sum(p.size for p in small_cnn(learn.image_shape).parameters.values()),
        "parameters of the perceptron": sum(
            p.size for p in _perceptron(learn.image_shape).parameters.values()
        ),
    }
    numbers |= {f"accuracy, {name}": values for name, values in accuracy.items()}
    bars = Bars(
        "share of mistakes", ("plain", "permuted"),
        {kind: [1 - float(np.mean(accuracy[f"{kind}, {how}"])) for how in ("plain", "permuted")]
         for kind in ("CNN", "perceptron")}, "share",
    )  # fmt: skip
    images = Images("the same digit", {"plain": test.x[0, 0], "permuted": mixed[1].x[0, 0]}, "grey")
    return Measured(f"{source}; seeds 0 to {SEEDS[-1]}", numbers, (images, bars))


def judge(n: Numbers) -> Judgement:
    """The CNN must lose in every seed; the perceptron by less than half of that."""
    lost = {
        kind: np.subtract(n[f"accuracy, {kind}, plain"], n[f"accuracy, {kind}, permuted"])
        for kind in ("CNN", "perceptron")
    }
    cnn, dense = (float(lost[kind].mean()) for kind in ("CNN", "perceptron"))
    return judged(
        bool((lost["CNN"] > 0).all()) and abs(dense) < cnn / 2,
        f"One permutation of all pixels costs a CNN of {n['parameters of the CNN']:,} parameters "
        f"{100 * cnn:.1f} points "
        f"of accuracy ({np.mean(n['accuracy, CNN, plain']):.1%} to "
        f"{np.mean(n['accuracy, CNN, permuted']):.1%}), a "
        f"perceptron of {n['parameters of the perceptron']:,} {100 * dense:+.1f} points, on average over "
        f"{len(lost['CNN'])} seeds.",
    )


def _perceptron(shape: tuple[int, int, int], *, seed: int = 0) -> Network:
    """Build one hidden layer, as wide as makes the parameters those of the CNN."""
    wanted = sum(p.size for p in small_cnn(shape).parameters.values())
    width = round((wanted - 10) / (np.prod(shape) + 11))
    layers: list[Item] = [
        ("flatten", Flatten()),
        ("hidden", linear(width)),
        ("relu", ReLU()),
        ("fc", linear(10)),
    ]
    return sequential(layers, shape, seed=seed, name="perceptron")


def _permuted(data: Dataset, order: Array) -> Dataset:
    return Dataset(
        data.x.reshape(len(data), -1)[:, order].reshape(data.x.shape), data.y, data.classes, data.name
    )


def _learned(net: Network, learn: Dataset, test: Dataset, epochs: int, seed: int) -> float:
    optimizer = SGD(0.1, momentum=0.9, weight_decay=1e-2)
    fit(net, learn, epochs=epochs, batch_size=16, optimizer=optimizer, schedule=Cosine(), seed=seed)
    return evaluate(net, test).accuracy


EXPERIMENT = Experiment(
    "arrangement",
    "convolution coefficients are more than neural weights: they take the arrangement of pixels into account",
    measure,
    judge,
)
