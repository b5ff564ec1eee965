"""Where in a network the scores of the classes are."""

from __future__ import annotations

from convscope.errors import InvalidValue
from convscope.layers import Softmax
from convscope.network.network import Network

__all__ = ["scores_of"]


def scores_of(net: Network, who: str, before_softmax: bool = True) -> tuple[str, int]:
    """Name the node that gives the scores, before a last softmax or not, and say how many classes there are.

    Raises
    ------
    InvalidValue
        If the network has several outputs, or its output is not one vector for each image.
    """
    if len(net.outputs) != 1:
        raise InvalidValue(f"{who}: the network must have one output; got {', '.join(net.outputs)}.")
    name = net.outputs[0]
    shape = net.shapes()[name]
    if any(length != 1 for length in shape[2:]):
        raise InvalidValue(
            f"{who}: the output must be one vector for each image; {name!r} gives {shape[1:]}."
        )
    node = net.nodes[name]
    # A softmax at the end is left to the loss: taken together they are exact where its result rounds to 0.
    if (
        before_softmax
        and isinstance(node.layer, Softmax)
        and node.inputs[0] in net.nodes
        and node.layer.axis in (1, 1 - len(shape))
    ):
        name = node.inputs[0]
    return name, shape[1]
