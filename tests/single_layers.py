"""Networks of one layer, for tests that go through all kinds of layers."""

from __future__ import annotations

import numpy as np

from basic_layer_cases import BASIC_CASES
from convscope.layers import (
    AvgPool2d,
    Concatenate,
    Conv2d,
    GlobalAvgPool2d,
    Layer,
    Linear,
    Softmax,
)
from convscope.network import Network, Node
from layer_cases import MORE_CASES

RNG = np.random.default_rng(17)
IMAGE = (4, 6, 5)


def normal(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape)


#: name: (layer, shapes of its inputs without the batch); the last ones are for views alone
CASES: dict[str, tuple[Layer, list[tuple[int, ...]]]] = {
    **{
        name: (layer, [shape[1:] for shape in shapes])
        for name, (layer, shapes, _, training) in {**BASIC_CASES, **MORE_CASES}.items()
        if not training
    },
    "linear of a vector": (Linear(normal(7, 20), normal(7)), [(20,)]),
    "mean pool without padding": (AvgPool2d((2, 3), padding=(1, 1), count_include_pad=False), [IMAGE]),
    "softmax over a row": (Softmax(axis=3), [IMAGE]),
    "concatenate two": (Concatenate(), [IMAGE, IMAGE]),
    "concatenate rows of two": (Concatenate(axis=2), [IMAGE, IMAGE]),
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
