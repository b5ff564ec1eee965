"""What a channel shows, in the words of the verdict on the filter that made it."""

from __future__ import annotations

from typing import NamedTuple

from convscope.kernels import Verdict, verdict
from convscope.network import Activations, Network

__all__ = ["Maker", "brief", "maker_of", "name_of"]

_FILTERS = ("Conv2d", "TableConv2d")
# layers that change the values of a channel and leave it what it is
_MIXING = (
    "ConvNd",
    "ConvTranspose2d",
    "ConvTransposeNd",
    "Flatten",
    "Linear",
    "MatMul",
    "Reshape",
    "Transpose",
)
_COLOURS = {"RGB": ("red", "green", "blue"), "BGR": ("blue", "green", "red"), "L": ("grey",)}


class Maker(NamedTuple):
    """The filter that made a channel: its node, and which of the node's filters."""

    node: str
    filter: int


def maker_of(net: Network, activations: Activations, name: str, channel: int) -> Maker | None:
    """Find the filter behind a channel, through norms, activations, pooling and concatenation.

    None where no single filter made it: of the image, of a sum of branches, of a dense layer.
    """
    while name != net.input_name:
        node = net.nodes[name]
        if node.layer.kind in _FILTERS:
            return Maker(name, channel)
        if node.layer.kind == "Concatenate" and node.layer.settings()["axis"] in (1, -3):
            for source in node.inputs:
                width = activations[source].shape[1]
                if channel < width:
                    name = source
                    break
                channel -= width
            continue
        if node.layer.kind in _MIXING or len(node.inputs) != 1:
            return None
        name = node.inputs[0]
    return None


def name_of(net: Network, name: str, channel: int, maker: Maker | None) -> str:
    """Name a channel: by its filter's verdict, or by its colour if it is the image's own."""
    if name == net.input_name and net.input is not None:
        return _COLOURS[net.input.channels][channel]
    if maker is None:
        return ""
    node = net.nodes[maker.node]
    weight = node.layer.parameters["weight"][maker.filter]
    if max(weight.shape[1:]) > 31:
        return ""
    colours = None
    if node.inputs[0] == net.input_name and net.input is not None and net.input.channels in ("RGB", "BGR"):
        colours = net.input.channels
    stride = max(node.layer.settings()["stride"])
    return brief(verdict(weight, channels=colours, stride=stride))


def brief(found: Verdict) -> str:
    """Say a verdict in three words or so.

    Examples
    --------
    >>> brief(verdict([[-1, -1, -1], [0, 0, 0], [1, 1, 1]]))
    'edge, stripes horizontal'
    """
    if found.family == "noise":
        return "no pattern that can be told from chance"
    if found.orientation is None:
        return found.family
    angle = found.orientation % 180
    for name, centre in (("horizontal", 0), ("vertical", 90), ("horizontal", 180)):
        if abs(angle - centre) <= 15:
            return f"{found.family}, stripes {name}"
    return f"{found.family}, stripes at {angle:.0f} degrees"
