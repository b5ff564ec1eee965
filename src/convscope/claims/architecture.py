"""A complete network, and a regression trained by the same steps."""

from __future__ import annotations

import numpy as np

from convscope.claims.claim import Experiment, Judgement, Measured, Numbers, judged
from convscope.claims.material import Material
from convscope.claims.pictures import Curves, Images
from convscope.claims.trained import digits_network
from convscope.ops import conv2d, conv2d_grad_weight

__all__ = ["EXPERIMENT"]

SLOPE, INTERCEPT = 3.0, 2.0
STEPS, RATE = 400, 0.1


def measure(material: Material) -> Measured:
    """Train the architecture on digits; and a 1x1 kernel with a bias on y = 3x + 2."""
    trained = digits_network()
    moved = trained.net.parameters["conv1.weight"] - trained.snapshots[0].parameters["conv1.weight"]
    x = np.linspace(-1, 1, 32).reshape(1, 1, 1, 32)
    wanted = SLOPE * x + INTERCEPT
    m, b, path = np.zeros((1, 1, 1, 1)), np.zeros(1), []
    for _ in range(STEPS):
        error = (conv2d(x, m, b) - wanted) / wanted.size
        m = m - RATE * conv2d_grad_weight(x, error, (1, 1))
        b = b - RATE * error.sum()
        path.append((m.item(), b.item()))
    kinds = [node.layer.kind for node in trained.net.nodes.values()]
    numbers = {
        "layers": [k for k in kinds if k in ("Conv2d", "MaxPool2d", "Linear")],
        "parameters": sum(p.size for p in trained.net.parameters.values()),
        "accuracy on 599 digits held out": trained.accuracy,
        "share of right guesses by chance": 0.1,
        "change of the first kernels, against their first size": float(
            np.linalg.norm(moved) / np.linalg.norm(trained.snapshots[0].parameters["conv1.weight"])
        ),
        "regression: m and b learned": list(path[-1]),
        "regression: m and b of the data": [SLOPE, INTERCEPT],
    }
    curve = Curves(
        "a 1x1 convolution learns y = 3x + 2", list(range(1, STEPS + 1)),
        {"m": [p[0] for p in path], "b": [p[1] for p in path]}, "step", "value",
    )  # fmt: skip
    kernels = Images.of("learned kernels", trained.net.parameters["conv1.weight"][:, 0], "conv1")
    return Measured("the embedded digits, seed 0", numbers, (kernels, curve))


def judge(n: Numbers) -> Judgement:
    """Far better than chance, with kernels that moved; m and b found by the same steps."""
    accuracy, change = (
        n["accuracy on 599 digits held out"],
        n["change of the first kernels, against their first size"],
    )
    learned, known = n["regression: m and b learned"], n["regression: m and b of the data"]
    order = n["layers"] == ["Conv2d", "MaxPool2d", "Conv2d", "MaxPool2d", "Linear"]
    return judged(
        order and accuracy > 0.95 and change > 0.1 and bool(np.allclose(learned, known, atol=0.01)),
        f"Conv, pooling, conv, pooling, dense with {n['parameters']:,} parameters reads {accuracy:.1%} of "
        "digits held "
        f"out; the first kernels moved by {change:.1f} times their first size. The same gradient steps "
        "take a 1x1 "
        f"convolution to m = {learned[0]:.3f}, b = {learned[1]:.3f} for y = {known[0]:g}x + {known[1]:g}.",
    )


EXPERIMENT = Experiment(
    "architecture",
    "conv, pooling, conv, pooling, dense, softmax is a complete CNN that learns its kernels as a regression "
    "learns its m and b",
    measure,
    judge,
)
