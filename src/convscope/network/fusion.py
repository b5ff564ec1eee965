"""An equal network for inference: what follows a convolution is done where its sums are stored.

    conv ─► batch norm ─► relu                       one node, named relu
    conv ─► batch norm ─┐
                  x ────┴► add ─► relu               one node of two inputs, named relu
    conv ─► relu ─► max pooling                      one node, named pooling
    conv ─► dropout ─► ...                           no dropout

A node that remains has the name and the value that it had: what is joined bears the name of its
last part. Nothing is joined where somebody else needs a value in between.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from convscope.layers import (
    Add,
    BatchNorm,
    ChannelScale,
    Conv2d,
    ConvTranspose2d,
    Dropout,
    Layer,
    Linear,
    MaxPool2d,
)
from convscope.layers.base import Array, Shape
from convscope.layers.fused import Fused, FusedConv2d, FusedLinear, activation_of, can_be_pooled
from convscope.network.graph import Node

__all__ = ["frozen", "fused_nodes", "parted_nodes"]


def fused_nodes(nodes: Mapping[str, Node], outputs: Sequence[str], shapes: Mapping[str, Shape]) -> list[Node]:
    """Give the nodes of an equal network for inference.

    Parameters
    ----------
    nodes : mapping of str to Node, in topological order
    outputs : sequence of str
        Nodes that must stay.
    shapes : mapping of str to shape
        Of every node's output: an addition that stretches is not joined.

    Returns
    -------
    list of Node
        Layers that are as before are the very same objects.
    """
    drafts = _Drafts(nodes, outputs, shapes)
    for node in nodes.values():
        drafts.take(node)
    return [draft.node(name) for name, draft in drafts.found.items()]


@dataclass
class _Draft:
    """A node in the making: its layer, then perhaps a second input that is added, an activation, pooling."""

    layer: Layer
    inputs: tuple[str, ...]
    residual: bool = False
    after: Layer | None = None
    pool: MaxPool2d | None = None

    def node(self, name: str) -> Node:
        if isinstance(self.layer, Conv2d):
            layer = FusedConv2d(self.layer, self.after, residual=self.residual, pool=self.pool)
            return Node(name, layer, self.inputs)
        if isinstance(self.layer, Linear):
            return Node(name, FusedLinear(self.layer, self.after), self.inputs)
        return Node(name, self.layer, self.inputs)


class _Drafts:
    """Takes the nodes one after the other, each on its own or joined with the one it reads."""

    def __init__(
        self, nodes: Mapping[str, Node], outputs: Sequence[str], shapes: Mapping[str, Shape]
    ) -> None:
        self.found: dict[str, _Draft] = {}
        self._outputs, self._shapes = outputs, shapes
        self._readers = Counter(name for node in nodes.values() for name in node.inputs)
        self._same: dict[str, str] = {}  # a node that was left out: whose value it has

    def take(self, node: Node) -> None:
        inputs = tuple(self._same.get(name, name) for name in node.inputs)
        layer = node.layer
        if isinstance(layer, Dropout) and node.name not in self._outputs:
            self._same[node.name] = inputs[0]
            self._readers[inputs[0]] += self._readers[node.name] - 1
            return
        joined = self._take_sum if isinstance(layer, Add) else self._take_next
        if not joined(node, inputs):
            self.found[node.name] = _Draft(layer, inputs)

    def _take_next(self, node: Node, inputs: tuple[str, ...]) -> bool:
        """Join an activation, a normalisation or a pooling with the layer before it."""
        before = self._only_read_here(inputs[0]) if inputs else None
        if before is None or before.pool is not None:
            return False
        if isinstance(node.layer, MaxPool2d) and isinstance(before.layer, Conv2d):
            if before.residual or not can_be_pooled(before.layer, node.layer):
                return False
            before.pool = node.layer
        elif before.after is not None:
            return False
        elif activation_of(node.layer) is not None and isinstance(before.layer, Conv2d | Linear):
            before.after = node.layer
        elif (
            isinstance(node.layer, BatchNorm | ChannelScale)
            and isinstance(before.layer, Conv2d | ConvTranspose2d | Linear)
            and not before.residual
        ):
            before.layer = _fold(before.layer, node.layer)
        else:
            return False
        self._rename(inputs[0], node.name)
        return True

    def _take_sum(self, node: Node, inputs: tuple[str, ...]) -> bool:
        """Join a sum of two with the convolution that made one of them, the later one if both."""
        if len(inputs) != 2 or len({self._shapes[source] for source in inputs}) != 1:
            return False
        order = {source: place for place, source in enumerate(self.found)}
        for source in sorted(inputs, key=lambda source: -order.get(source, -1)):
            draft = self._only_read_here(source)
            if (
                draft is not None
                and isinstance(draft.layer, Conv2d)
                and not draft.residual
                and not draft.after
                and not draft.pool
            ):
                other = inputs[1] if source == inputs[0] else inputs[0]
                draft.inputs, draft.residual = (*draft.inputs, other), True
                self._rename(source, node.name)
                return True
        return False

    def _only_read_here(self, name: str) -> _Draft | None:
        """Give the draft of a value that nobody else needs."""
        wanted = name in self._outputs or self._readers[name] != 1
        return None if wanted else self.found.get(name)

    def _rename(self, old: str, new: str) -> None:
        self.found[new] = self.found.pop(old)


def _fold(layer: Layer, norm: Layer) -> Layer:
    """W' = W * factor, b' = b * factor + shift, filter by filter, in float64."""
    result = copy.copy(layer)
    weight = layer.parameters["weight"]
    factor, shift = _factor_and_shift(norm)
    bias = layer.parameters.get("bias", np.zeros(len(factor)))
    if isinstance(layer, ConvTranspose2d):  # weight (C_in, C_out/groups, kH, kW)
        grouped = weight.reshape(layer.groups, -1, *weight.shape[1:])
        folded = (grouped * factor.reshape(layer.groups, 1, -1, 1, 1)).reshape(weight.shape)
    else:
        folded = weight * factor.reshape(-1, *(1,) * (weight.ndim - 1))
    result.parameters = {
        "weight": folded.astype(weight.dtype),
        "bias": (bias * factor + shift).astype(weight.dtype),
    }
    return result


def _factor_and_shift(norm: Layer) -> tuple[Array, Array]:
    """See a normalisation, or a scale and shift, as x * factor + shift."""
    factor = norm.parameters["weight"].astype(np.float64)
    shift = norm.parameters["bias"].astype(np.float64)
    if isinstance(norm, BatchNorm):
        factor = factor / np.sqrt(norm.statistics["running_var"].astype(np.float64) + norm.eps)
        shift = shift - norm.statistics["running_mean"] * factor
    return factor, shift


def frozen(node: Node) -> Node:
    """Give the node with read-only copies of its arrays: they never need to be looked at again."""
    layer = copy.deepcopy(node.layer)
    for arrays in (layer.parameters, layer.statistics):
        for name, array in arrays.items():
            arrays[name] = array.copy(order="K")
            arrays[name].flags.writeable = False
    return Node(node.name, layer, node.inputs)


def parted_nodes(nodes: Mapping[str, Node]) -> Iterator[Node]:
    """Take fused nodes apart again: the last part keeps the name, those before it get names of their own."""
    for node in nodes.values():
        layer = node.layer
        if not isinstance(layer, Fused):
            yield node
            continue
        parts: list[tuple[str, Layer]] = [("inner", layer.inner)]
        if isinstance(layer, FusedConv2d) and layer.residual:
            parts.append(("sum", Add()))
        if layer.after is not None:
            parts.append(("activation", layer.after))
        if isinstance(layer, FusedConv2d) and layer.pool is not None:
            parts.append(("pooling", layer.pool))
        inputs: tuple[str, ...] = node.inputs[:1]
        for place, (part, each) in enumerate(parts, 1):
            name = node.name if place == len(parts) else f"{node.name}/{part}"
            if part == "sum":
                inputs = (*inputs, node.inputs[1])
            yield Node(name, each, inputs)
            inputs = (name,)
