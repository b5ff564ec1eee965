"""Small networks that exercise every rule: branches, reused rectifiers, overlapping pooling."""

from __future__ import annotations

from typing import Any

import numpy as np

from convscope.layers import Add, AvgPool2d, Concatenate, Conv2d, Flatten, Linear, MaxPool2d, ReLU
from convscope.network import Network, Node


def branched(dtype: Any = np.float64, seed: int = 0) -> Network:
    """Two branches joined, a shortcut added, overlapping pooling, two dense layers."""
    rng = np.random.default_rng(seed)

    def conv(out: int, depth: int, size: int, **settings: Any) -> Conv2d:
        weight = rng.normal(0, (2 / (depth * size * size)) ** 0.5, (out, depth, size, size))
        return Conv2d(weight.astype(dtype), rng.normal(0, 0.1, out).astype(dtype), **settings)

    def dense(out: int, depth: int) -> Linear:
        weight = rng.normal(0, (2 / depth) ** 0.5, (out, depth))
        return Linear(weight.astype(dtype), rng.normal(0, 0.1, out).astype(dtype))

    nodes = [
        Node("conv1", conv(8, 3, 3, padding=1, stride=2), "image"),
        Node("relu1", ReLU(), "conv1"),
        Node("pool1", MaxPool2d(3, stride=2, padding=1), "relu1"),
        Node("one", conv(6, 8, 1), "pool1"),
        Node("relu_one", ReLU(), "one"),
        Node("three", conv(6, 8, 3, padding=1), "pool1"),
        Node("relu_three", ReLU(), "three"),
        Node("both", Concatenate(), ["relu_one", "relu_three"]),
        Node("conv3", conv(12, 12, 3, padding=1), "both"),
        Node("sum", Add(), ["conv3", "both"]),
        Node("relu3", ReLU(), "sum"),
        Node("pool3", AvgPool2d(2), "relu3"),
        Node("flat", Flatten(), "pool3"),
        Node("fc1", dense(16, 12 * 3 * 3), "flat"),
        Node("relu4", ReLU(), "fc1"),
        Node("fc2", dense(5, 16), "relu4"),
    ]
    return Network(nodes, (3, 24, 24), input_name="image", classes=("ant", "bee", "cat", "dog", "elk"))


def image(seed: int = 1, count: int | None = None, dtype: Any = np.float64) -> np.ndarray:
    """Random images for `branched`."""
    shape = (3, 24, 24) if count is None else (count, 3, 24, 24)
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)
