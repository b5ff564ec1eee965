"""The last layer with weights before a target, for the target's channels alone.

    ... ─► conv10 (1000 filters) ─► relu ─► mean        the scores of all classes
    ... ─► conv10 (1 filter)     ─► relu ─► mean        that of one: a thousandth of the products

What the layers between compute for a channel depends on that channel only, so that the values, and
what goes back to the input, are the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope.explain.part import up_to
from convscope.explain.target import Target, find_targets, one_each, seed_of, values_of
from convscope.layers import Conv2d, Layer, Linear
from convscope.network import Network, Node

__all__ = ["Ending", "ending_of"]

Array = NDArray[Any]

# one channel of what these give depends on the same channel of what they read
_BY_CHANNEL = (
    "AvgPool2d", "CELU", "Clip", "Dropout", "ELU", "GELU", "GlobalAvgPool2d", "GlobalMaxPool2d",
    "Hardsigmoid", "Hardswish", "LeakyReLU", "MaxPool2d", "Mish", "ReLU", "SELU", "SiLU", "Sigmoid",
    "Softplus", "Softsign", "Tanh",
)  # fmt: skip


class Ending:
    """The layers from the last one with weights to a target's node.

    Attributes
    ----------
    reads : str
        The node (or input) that they read.
    whole : Network
        They, with all channels.
    """

    def __init__(self, net: Network, nodes: Sequence[Node]) -> None:
        self.reads = nodes[0].inputs[0]
        self._dtype = net.dtype
        self._nodes, self._shape = nodes, net.shapes()[self.reads][1:]
        self.whole = self._network(nodes)
        self._narrow: dict[tuple[int, ...], Network] = {}

    def aimed(self, net: Network, target: Any, read: Array, algorithm: str, who: str) -> list[Target]:
        """Find the target of each image from what the ending reads."""
        given = one_each(target, len(read), who)
        if all(isinstance(one, Target) for one in given):
            return given
        return find_targets(net, given, self.whole.run(read, keep="output", algorithm=algorithm), who)

    def back(
        self, read: Array, targets: Sequence[Target], weighted: bool, rule: str, algorithm: str
    ) -> tuple[Array, Array]:
        """Carry 1, or the value, back from each target to what the ending reads; give the values, too."""
        narrow, moved = self._narrowed(targets)
        run = narrow.run(read, keep="gradients", algorithm=algorithm)
        values = values_of(moved, run)
        seeds = seed_of(moved, run, values if weighted else None)
        return np.asarray(narrow.backward(run, seeds, rule, parameters=False).input), values

    def _narrowed(self, targets: Sequence[Target]) -> tuple[Network, list[Target]]:
        """Give the layers for the targets' channels alone, and the targets' places in them."""
        channels = tuple(sorted({target.place[0] for target in targets}))
        if channels not in self._narrow:
            first = self._nodes[0]
            chosen = Node(first.name, _chosen(first.layer, channels), first.inputs)
            self._narrow[channels] = self._network((chosen, *self._nodes[1:]))
        moved = [
            target._replace(place=(channels.index(target.place[0]), *target.place[1:])) for target in targets
        ]
        return self._narrow[channels], moved

    def _network(self, nodes: Sequence[Node]) -> Network:
        return Network(
            nodes, self._shape, input_name=self.reads, outputs=(nodes[-1].name,), dtype=self._dtype
        )


def ending_of(net: Network, node: str) -> Ending | None:
    """Find the ending of a network at a node; None where it is the whole network, or there is none.

    Examples
    --------
    >>> import convscope as cs
    >>> ending = ending_of(cs.models.small_cnn(), "fc")
    >>> ending.reads, list(ending.whole.nodes)
    ('flatten', ['fc'])
    """
    part = up_to(net, (node,))
    found = [part.nodes[node]]
    while found[0].layer.kind in _BY_CHANNEL or _only_drops_axes(part, found[0]):
        name = found[0].inputs[0]
        if name not in part.nodes:
            return None
        found.insert(0, part.nodes[name])
    first = found[0].layer
    fits = type(first) is Linear or (type(first) is Conv2d and first.groups == 1)
    return Ending(part, found) if fits and found[0].inputs[0] in part.nodes else None


def _only_drops_axes(part: Network, node: Node) -> bool:
    """Say whether a node flattens maps that have one cell, whatever the image's size."""
    read = part.nodes.get(node.inputs[0])
    return node.layer.kind == "Flatten" and read is not None and read.layer.kind.startswith("Global")


def _chosen(layer: Layer, channels: tuple[int, ...]) -> Layer:
    """Give a layer with some of its filters."""
    index = list(channels)
    weight, bias = layer.parameters["weight"][index], layer.parameters.get("bias")
    bias = None if bias is None else bias[index]
    if isinstance(layer, Conv2d):
        return Conv2d(weight, bias, stride=layer.stride, padding=layer.padding, dilation=layer.dilation)
    return Linear(weight, bias)
