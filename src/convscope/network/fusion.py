"""Folding each batch norm into the convolution or dense layer before it."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from convscope.layers import BatchNorm, Conv2d, Layer, Linear
from convscope.network.graph import Node, consumers

__all__ = ["fused_nodes"]


def fused_nodes(nodes: Mapping[str, Node], outputs: Sequence[str]) -> Iterator[Node]:
    """Give the nodes of an equal network for inference, with copies of all layers.

    A batch norm is folded where it is the only reader of a Conv2d or Linear that is no output
    itself. The joint node has the batch norm's name, since it has the batch norm's value.
    """
    readers = consumers(nodes)
    folded = {
        node.inputs[0]: node
        for node in nodes.values()
        if isinstance(node.layer, BatchNorm)
        and node.inputs[0] in nodes
        and isinstance(nodes[node.inputs[0]].layer, Conv2d | Linear)
        and len(readers[node.inputs[0]]) == 1
        and node.inputs[0] not in outputs
    }
    joint = {norm.name for norm in folded.values()}
    for node in nodes.values():
        if node.name in folded:
            norm = folded[node.name]
            yield Node(norm.name, _fold(node.layer, norm.layer), node.inputs)
        elif node.name not in joint:
            yield Node(node.name, copy.deepcopy(node.layer), node.inputs)


def _fold(layer: Layer, norm: Layer) -> Layer:
    """W' = W * g / sqrt(v + eps);  b' = (b - mean) * g / sqrt(v + eps) + shift, in float64."""
    assert isinstance(norm, BatchNorm)
    result = copy.deepcopy(layer)
    weight = layer.parameters["weight"]
    statistics = {name: array.astype(np.float64) for name, array in norm.statistics.items()}
    factor = norm.parameters["weight"] / np.sqrt(statistics["running_var"] + norm.eps)
    bias = layer.parameters.get("bias", np.zeros(len(weight)))
    shifted = (bias - statistics["running_mean"]) * factor + norm.parameters["bias"]
    by_filter = factor.reshape(-1, *(1,) * (weight.ndim - 1))
    result.parameters["weight"] = (weight * by_filter).astype(weight.dtype)
    result.parameters["bias"] = shifted.astype(weight.dtype)
    return result
