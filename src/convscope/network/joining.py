"""The network that training runs: the same numbers in fewer passes over memory.

    conv ─► relu                        ConvReLU, named conv
    batch norm ─► relu                  NormReLU, named as the batch norm
    batch norm ─┐
            x ──┴► add ─► relu          NormReLU of two inputs, named as the batch norm
    x, y, ... ──► add ─► relu           AddReLU, named add
    conv ─► relu ─► max pooling         ConvReLUPool, named conv, if windows lie side by side
    ... ─► relu ─► max pooling          else the pooling masks the gradient for the ReLU (PooledReLU)

The joint node bears the name of the layer with the parameters, so gradients and statistics
have the names they have in the network itself.
"""

from __future__ import annotations

from collections.abc import Mapping

from convscope.layers import Add, BatchNorm, Conv2d, Layer, MaxPool2d, ReLU, TableConv2d
from convscope.layers.base import Shape
from convscope.layers.joined import AddReLU, ConvReLU, ConvReLUPool, NormReLU, PooledReLU, Rectified
from convscope.network.graph import Node, consumers

__all__ = ["joined_nodes"]


def joined_nodes(nodes: Mapping[str, Node], output: str, shapes: Mapping[str, Shape]) -> list[Node]:
    """Give the nodes that `output` needs, joined for training; the arrays are those of `nodes`.

    Parameters
    ----------
    nodes : mapping of str to Node, in topological order
    output : str
        It keeps its name.
    shapes : mapping of str to shape
    """
    needed = _needed(nodes, output)
    readers = consumers(needed)
    alone = {name for name, found in readers.items() if len(found) == 1 and name != output}
    same: dict[str, str] = {}  # a ReLU or pooling that was joined: the node that has its value
    result: dict[str, Node] = {}
    for node in needed.values():
        inputs = tuple(same.get(name, name) for name in node.inputs)
        before = result.get(inputs[0]) if inputs and inputs[0] in alone else None
        joint = None
        if before is not None and node.name != output:
            joint = _joint(node.layer, before, result, alone, shapes)
        if joint is None:
            layer = node.layer
            if isinstance(layer, MaxPool2d) and before and isinstance(before.layer, Rectified):
                before.layer.masks, layer = False, PooledReLU(layer)
            result[node.name] = Node(node.name, layer, inputs)
            continue
        del result[inputs[0]]
        result.pop(joint.name, None)
        result[joint.name] = joint
        same[node.name] = joint.name
        # The joint node is read by whoever read the last of its parts.
        alone.discard(joint.name)
        if node.name in alone:
            alone.add(joint.name)
    return [*result.values()]


def _joint(
    after: Layer, before: Node, nodes: Mapping[str, Node], alone: set[str], shapes: Mapping[str, Shape]
) -> Node | None:
    """Join a ReLU, or the pooling of one, with the node before it, which nobody else reads."""
    layer = before.layer
    if isinstance(after, MaxPool2d) and isinstance(layer, ConvReLU) and after.is_apart():
        return Node(before.name, ConvReLUPool(layer.inner, after), before.inputs)
    if not isinstance(after, ReLU):
        return None
    if isinstance(layer, Conv2d) and not isinstance(layer, TableConv2d):
        return Node(before.name, ConvReLU(layer), before.inputs)
    if isinstance(layer, BatchNorm) and len(shapes[before.name]) in (2, 4):
        return Node(before.name, NormReLU(layer), before.inputs)
    if not isinstance(layer, Add) or len({shapes[name] for name in before.inputs}) != 1:
        return None
    for place, name in enumerate(before.inputs):
        norm = nodes.get(name)
        if len(before.inputs) == 2 and name in alone and norm and isinstance(norm.layer, BatchNorm):
            other = before.inputs[1 - place]
            return Node(name, NormReLU(norm.layer, residual=True), (*norm.inputs, other))
    return Node(before.name, AddReLU(layer), before.inputs)


def _needed(nodes: Mapping[str, Node], output: str) -> dict[str, Node]:
    """Leave out what `output` does not depend on, such as a softmax behind the scores."""
    wanted = {output}
    for node in reversed([*nodes.values()]):
        if node.name in wanted:
            wanted.update(node.inputs)
    return {name: node for name, node in nodes.items() if name in wanted}
