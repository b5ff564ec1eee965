"""The networks of TensorFlow slim that Araujo et al. (2019) tabulate, one channel wide: only sizes matter."""

from __future__ import annotations

from typing import Any

import numpy as np

from convscope.layers import Add, Conv2d, Layer, MaxPool2d
from convscope.network import Network, Node


class Chain:
    """Adds one layer after the other."""

    def __init__(self, size: int) -> None:
        self.size, self.last, self.nodes = size, "input", list[Node]()

    def add(self, name: str, layer: Layer, *inputs: str) -> str:
        self.nodes.append(Node(name, layer, inputs or (self.last,)))
        self.last = name
        return name

    def conv(self, name: str, kernel: int, stride: int = 1, padding: Any = "same", *inputs: str) -> str:
        return self.add(
            name, Conv2d(np.ones((1, 1, kernel, kernel), np.float32), stride=stride, padding=padding), *inputs
        )

    def pool(self, name: str, kernel: int, stride: int, padding: Any = "valid") -> str:
        return self.add(name, MaxPool2d(kernel, stride=stride, padding=padding))

    def network(self) -> Network:
        return Network(self.nodes, (1, self.size, self.size), outputs=self.last)


def alexnet_v2(size: int = 224) -> Network:
    net = Chain(size)
    net.conv("conv1", 11, 4, "valid")
    net.pool("pool1", 3, 2)
    net.conv("conv2", 5)
    net.pool("pool2", 3, 2)
    for name in ("conv3", "conv4", "conv5"):
        net.conv(name, 3)
    net.pool("pool5", 3, 2)
    return net.network()


def vgg_16(size: int = 224) -> Network:
    net = Chain(size)
    for block, count in enumerate((2, 2, 3, 3, 3), 1):
        for conv in range(1, count + 1):
            net.conv(f"conv{block}_{conv}", 3)
        net.pool(f"pool{block}", 2, 2)
    return net.network()


def mobilenet_v1(size: int = 224) -> Network:
    net = Chain(size)
    net.conv("Conv2d_0", 3, 2)
    for index, stride in enumerate((1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1), 1):
        net.conv(f"Conv2d_{index}_depthwise", 3, stride)
        net.conv(f"Conv2d_{index}_pointwise", 1)
    return net.network()


def _bottleneck(net: Chain, name: str, stride: int, first: bool, padded: bool) -> None:
    """1x1, 3x3 with the stride, 1x1, beside the input; slim halves that by a 1x1 pooling."""
    before = net.last
    net.conv(f"{name}/conv1", 1)
    # slim pads a strided convolution explicitly, (kernel - 1) // 2 before, as PyTorch does
    net.conv(f"{name}/conv2", 3, stride, 1 if padded or stride > 1 else "same")
    inner = net.conv(f"{name}/conv3", 1)
    shortcut = before
    if first:
        shortcut = net.conv(f"{name}/shortcut", 1, stride, 0, before)
    elif stride > 1:
        shortcut = net.add(f"{name}/shortcut", MaxPool2d(1, stride=stride), before)
    net.add(name, Add(), inner, shortcut)


def resnet_v1_50(size: int = 224) -> Network:
    """The stride in each block's last unit."""
    net = Chain(size)
    net.conv("conv1", 7, 2, 3)
    net.pool("pool1", 3, 2, "same")
    for block, units in enumerate((3, 4, 6, 3), 1):
        for unit in range(1, units + 1):
            stride = 2 if unit == units and block < 4 else 1
            _bottleneck(net, f"block{block}/unit{unit}", stride, unit == 1, False)
    return net.network()


def resnet50(size: int = 224) -> Network:
    """The common one: the stride in each block's first unit."""
    net = Chain(size)
    net.conv("conv1", 7, 2, 3)
    net.add("pool1", MaxPool2d(3, stride=2, padding=1))
    for block, units in enumerate((3, 4, 6, 3), 1):
        for unit in range(1, units + 1):
            _bottleneck(net, f"block{block}/unit{unit}", 2 if unit == 1 and block > 1 else 1, unit == 1, True)
    return net.network()
