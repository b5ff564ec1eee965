"""Where a network begins to relate two distant pixels."""

from __future__ import annotations

import numpy as np

from convscope.claims.claim import Experiment, Judgement, Measured, Numbers, judged
from convscope.claims.material import Material
from convscope.claims.pictures import Array, Bars
from convscope.layers import Conv2d, Flatten, Linear, Tanh
from convscope.network import Network, Node

__all__ = ["EXPERIMENT"]

SIDE = 16
STEP = 0.5
NEAR, FAR = ((4, 4), (4, 5)), ((2, 2), (13, 13))


def measure(material: Material) -> Measured:
    """Take the mixed second difference by two pixels, near and far, at every node of a random network."""
    net = _network()
    image = np.random.default_rng(1).normal(size=(1, 1, SIDE, SIDE))
    nodes = list(net.nodes)
    mixed = {name: _mixed(net, image, pair, nodes) for name, pair in (("near", NEAR), ("far", FAR))}
    numbers: dict[str, object] = {"nodes": nodes, "distance of the far pixels": 11}
    for name, values in mixed.items():
        numbers[f"largest mixed difference, {name}"] = values
    numbers["rounding can explain"] = _bounds(net, image)
    bars = Bars(
        "does the effect of one pixel depend on the other?", nodes,
        {name: [max(v, 1e-17) for v in values] for name, values in mixed.items()},
        "largest mixed difference", log=True,
    )  # fmt: skip
    return Measured("a random network of two convolutions and two dense layers, float64", numbers, (bars,))


def judge(n: Numbers) -> Judgement:
    """Zero for far pixels up to the dense layer, not behind the next activation; not zero for near ones."""
    bound = dict(zip(n["nodes"], n["rounding can explain"], strict=True))
    far = dict(zip(n["nodes"], n["largest mixed difference, far"], strict=True))
    near = dict(zip(n["nodes"], n["largest mixed difference, near"], strict=True))
    related = [node for node in n["nodes"] if far[node] > bound[node]]
    before = [node for node in n["nodes"] if node not in related]
    first = related[0] if related else "no node"
    return judged(
        first == "tanh3" and near["tanh1"] > bound["tanh1"],
        f"For pixels {n['distance of the far pixels']} rows and columns apart the mixed second difference "
        "is 0 up to "
        f"{before[-1] if before else 'no node'} (at most {max((far[b] for b in before), default=0.0):.0e}, "
        "rounding) and "
        f"not from {first} on ({far.get(first, 0.0):.2g}): a dense layer alone only adds, the activation "
        "behind it "
        f"relates. Neighbouring pixels are related from the first activation on ({near['tanh1']:.2g}).",
    )


def _network() -> Network:
    random = np.random.default_rng(0)
    nodes = [
        Node("conv1", Conv2d(random.normal(0, 0.4, (3, 1, 3, 3)), padding=1), "image"),
        Node("tanh1", Tanh(), "conv1"),
        Node("conv2", Conv2d(random.normal(0, 0.3, (3, 3, 3, 3)), padding=1), "tanh1"),
        Node("tanh2", Tanh(), "conv2"),
        Node("flatten", Flatten(), "tanh2"),
        Node("dense1", Linear(random.normal(0, 0.1, (8, 3 * SIDE * SIDE))), "flatten"),
        Node("tanh3", Tanh(), "dense1"),
        Node("dense2", Linear(random.normal(0, 0.5, (2, 8))), "tanh3"),
    ]
    return Network(nodes, (1, SIDE, SIDE), input_name="image")


def _bounds(net: Network, image: Array) -> list[float]:
    """Bound the rounding of four values, node by node: what comes in grows by the weights; each sum adds "
    "its own."""
    eps = np.finfo(float).eps
    # STEP is added to a pixel, which the four images may hold at once
    error, largest, bounds = 0.0, float(np.abs(image).max()) + 2 * STEP, []
    for node in net.nodes.values():
        if "weight" in node.layer.parameters:
            rows = node.layer.parameters["weight"].reshape(len(node.layer.parameters["weight"]), -1)
            gain = float(np.abs(rows).sum(axis=1).max())
            error = gain * error + (rows.shape[1] + 1) * eps * gain * largest
            largest *= gain
        elif node.layer.kind == "Tanh":  # its slope is at most 1
            error, largest = error + 4 * eps, 1.0
        bounds.append(4 * error)
    return bounds


def _mixed(net: Network, image: Array, pair: tuple[tuple[int, int], ...], nodes: list[str]) -> list[float]:
    """Give |f(a, b) - f(a) - f(b) + f()| at each node, the largest of its cells."""
    batch = np.repeat(image, 4, axis=0)
    for i, (first, second) in enumerate(((1, 1), (1, 0), (0, 1), (0, 0))):
        batch[i, 0][pair[0]] += STEP * first
        batch[i, 0][pair[1]] += STEP * second
    run = net.run(batch)
    return [float(np.abs(v[0] - v[1] - v[2] + v[3]).max()) for v in (run[node] for node in nodes)]


EXPERIMENT = Experiment(
    "distant",
    "a convolution does not relate distant patches; a dense layer near the output can",
    measure,
    judge,
)
