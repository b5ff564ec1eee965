"""How strongly features respond to things unlike the training data."""

from __future__ import annotations

import numpy as np

from convscope.claims.claim import Experiment, Judgement, Measured, Numbers, judged
from convscope.claims.material import Material
from convscope.claims.pictures import Array, Bars, Images
from convscope.claims.trained import digits_network
from convscope.data import Dataset, edges, lines
from convscope.explain import familiarity
from convscope.models import small_cnn
from convscope.network import Network
from convscope.training import Cosine, fit

__all__ = ["EXPERIMENT"]

NODE = "relu2"
MOST = 2000  # familiar images
STRONG = 10  # the mean of so many strongest responses of a feature


def measure(material: Material) -> Measured:
    """Compare each feature's strongest responses to familiar and to unlike images, as many of each."""
    pairs = (
        _given(material) if material.has("mnist") and material.has("fashion_mnist") else _embedded(material)
    )
    numbers: dict[str, float] = {}
    shown: dict[str, Array] = {}
    bars: dict[str, list[int]] = {}
    for name, (net, familiar, unlike) in pairs.items():
        count = min(MOST, len(familiar), 2 * len(unlike))
        # half of the familiar images are what the features are known by, the other half is held against
        # as many unlike ones
        found = familiarity(net, familiar.x[:count], unlike.x[: count // 2], nodes=NODE, k=STRONG, names=0)
        own, other = (top.mean(axis=1) for top in (found.nodes[0].reference_top, found.nodes[0].test_top))
        alive = (own > 0) | (other > 0)
        ratio = other[alive] / np.maximum(own[alive], 1e-12)
        numbers[f"{name}: features"] = int(alive.sum())
        numbers[f"{name}: weaker on unlike images"] = int((ratio < 1).sum())
        numbers[f"{name}: median strength against familiar ones"] = float(np.median(ratio))
        numbers[f"{name}: area under the curve, told by all features"] = found.curve.area
        bars[name] = np.histogram(np.clip(ratio, 0, 2), np.linspace(0, 2, 9))[0].tolist()
        shown |= {f"{name}: familiar": familiar.x[0, 0], f"{name}: unlike": unlike.x[0, 0]}
    steps = tuple(f"{low:.2f}" for low in np.linspace(0, 2, 9)[:-1])
    panels = (
        Images("an image of each", shown, "grey"),
        Bars("strength on unlike / familiar images", steps, bars, "features"),
    )
    return Measured("; ".join(pairs), numbers, panels)


def judge(n: Numbers) -> Judgement:
    """Most features must respond less in every pair; where they do not, the statement fails or is limited."""
    names = [name.rpartition(":")[0] for name in n if name.endswith(": features")]
    shares = {name: n[f"{name}: weaker on unlike images"] / n[f"{name}: features"] for name in names}
    told = "; ".join(
        f"{name}: {n[f'{name}: weaker on unlike images']} of {n[f'{name}: features']} features respond less, "
        f"the median {n[f'{name}: median strength against familiar ones']:.2f} times as strongly; "
        "the distance from familiar responses tells the images apart with an area of "
        f"{n[f'{name}: area under the curve, told by all features']:.3f}"
        for name in names
    )
    against = [name for name, share in shares.items() if share <= 0.5]
    spared = [name for name, share in shares.items() if 0.5 < share < 1]
    limit = f"Not so for {' and '.join(against)}: there most respond more strongly." if against else ""
    if spared:
        limit += f" Some features respond more strongly in {' and '.join(spared)}."
    return judged(len(against) < len(names), f"{told}.", limit=limit.strip())


def _embedded(material: Material) -> dict[str, tuple[Network, Dataset, Dataset]]:
    net, test = digits_network().net, material.digits()[1]
    return {
        "digits, then lines": (net, test, lines(MOST, 8, seed=1)),
        "digits, then edges": (net, test, edges(MOST, 8, seed=1)),
    }


def _given(material: Material) -> dict[str, tuple[Network, Dataset, Dataset]]:
    numbers, clothes = material.mnist(), material.fashion()
    return {
        "MNIST, then Fashion-MNIST": (_trained(numbers[0]), numbers[1], clothes[1]),
        "Fashion-MNIST, then MNIST": (_trained(clothes[0]), clothes[1], numbers[1]),
    }


def _trained(data: Dataset) -> Network:
    net = small_cnn(data.image_shape, seed=0)
    fit(net, data.take(np.arange(10_000)), epochs=2, schedule=Cosine(), seed=0)
    return net


EXPERIMENT = Experiment(
    "familiar",
    "shown things unlike its training data, a network's features do not respond strongly",
    measure,
    judge,
)
