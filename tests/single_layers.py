"""Networks of one layer, for tests that go through all kinds of layers."""

from __future__ import annotations

import numpy as np

from convscope.layers import (
    Add,
    AvgPool2d,
    BatchNorm,
    ChannelScale,
    Concatenate,
    Conv2d,
    Dropout,
    Flatten,
    GlobalAvgPool2d,
    Layer,
    Linear,
    MaxPool2d,
    ReLU,
    Softmax,
    TableConv2d,
    Tanh,
)
from convscope.network import Network, Node
from layer_cases import MORE_CASES

RNG = np.random.default_rng(17)
IMAGE = (4, 6, 5)


def normal(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape)


#: name: (layer, shapes of its inputs without the batch)
CASES: dict[str, tuple[Layer, list[tuple[int, ...]]]] = {
    "conv": (Conv2d(normal(6, 4, 3, 3), normal(6), padding=1, stride=2), [IMAGE]),
    "conv, groups, dilation": (
        Conv2d(normal(6, 2, 3, 2), normal(6), groups=2, padding="same", dilation=2),
        [IMAGE],
    ),
    "depthwise": (Conv2d(normal(4, 1, 3, 3), groups=4, padding=((0, 2), (1, 0))), [IMAGE]),
    "table": (TableConv2d(normal(3, 4, 2, 2), connections=normal(3, 4) > 0), [IMAGE]),
    "linear": (Linear(normal(7, 20), normal(7)), [(20,)]),
    "max pool": (MaxPool2d(3, stride=2, padding=1, ceil_mode=True), [IMAGE]),
    "mean pool": (AvgPool2d(3, stride=2, padding=1, ceil_mode=True), [IMAGE]),
    "mean pool without padding": (AvgPool2d((2, 3), padding=(1, 1), count_include_pad=False), [IMAGE]),
    "global mean": (GlobalAvgPool2d(), [IMAGE]),
    "batch norm": (BatchNorm(normal(4), normal(4), normal(4), np.abs(normal(4))), [IMAGE]),
    "batch norm of a vector": (BatchNorm(normal(9), normal(9), normal(9), np.abs(normal(9))), [(9,)]),
    "channel scale": (ChannelScale(normal(4), normal(4)), [IMAGE]),
    "relu": (ReLU(), [IMAGE]),
    "tanh": (Tanh(amplitude=1.7159, slope=2 / 3), [IMAGE]),
    "softmax": (Softmax(), [(12,)]),
    "softmax over channels": (Softmax(), [IMAGE]),
    "softmax over a row": (Softmax(axis=3), [IMAGE]),
    "add": (Add(), [IMAGE, IMAGE]),
    "concatenate": (Concatenate(), [IMAGE, IMAGE]),
    "concatenate rows": (Concatenate(axis=2), [IMAGE, IMAGE]),
    "flatten": (Flatten(), [IMAGE]),
    "dropout": (Dropout(), [IMAGE]),
    **{name: (case[0], [shape[1:] for shape in case[1]]) for name, case in MORE_CASES.items()},
}


def network_of(layer: Layer, shapes: list[tuple[int, ...]], dtype: type = np.float32) -> Network:
    """Put a layer into a network; several inputs are convolutions, or means, of one image."""
    if len(shapes) == 1:
        return Network([Node("layer", layer, "input")], shapes[0]).astype(dtype)
    nodes = []
    for index, shape in enumerate(shapes):
        small = shape[1:] == (1, 1)
        before = GlobalAvgPool2d() if small else Conv2d(normal(shape[0], 4, 1, 1), normal(shape[0]))
        nodes.append(Node(f"before{index}", before, "input"))
    nodes.append(Node("layer", layer, tuple(node.name for node in nodes)))
    return Network(nodes, IMAGE).astype(dtype)


def draw_cells(shape: tuple[int, ...], count: int, rng: np.random.Generator) -> list[tuple[int, ...]]:
    """Draw different cells of an array."""
    cells = list(np.ndindex(shape))
    return [cells[i] for i in rng.permutation(len(cells))[:count]]


def address(node: str, place: tuple[int, ...]) -> str:
    return f"{node}[{','.join(map(str, place))}]"


def biased(net: Network, seed: int = 37) -> Network:
    """Give biases and norms values, so that constants matter."""
    rng = np.random.default_rng(seed)
    for arrays in (net.parameters, net.statistics):
        for name, array in arrays.items():
            if name.endswith(("bias", "mean")):
                arrays[name] = rng.normal(0, 0.2, array.shape).astype(array.dtype)
            elif name.endswith("var") or name.startswith("bn"):
                arrays[name] = rng.uniform(0.5, 2, array.shape).astype(array.dtype)
    return net
