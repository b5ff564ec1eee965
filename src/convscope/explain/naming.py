"""What a channel shows, in the words of the verdict on the filter that made it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from numpy.typing import NDArray

from convscope.kernels import Verdict, judge
from convscope.network import Activations, Network

__all__ = ["Maker", "brief", "maker_of", "name_of", "names_of"]

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
_LARGEST = 31  # the largest kernel that there is a verdict on
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


def names_of(net: Network, channels: Sequence[tuple[str, int, Maker | None]]) -> list[str]:
    """Name channels: by the verdict on the filter of each, or by its colour if it is the image's own.

    The filters of one layer are judged together, which takes hardly longer than one alone.

    Parameters
    ----------
    net : Network
    channels : sequence of (node, channel, maker)
    """
    names = [""] * len(channels)
    filters: dict[str, list[int]] = {}
    for place, (name, channel, maker) in enumerate(channels):
        if name == net.input_name and net.input is not None:
            names[place] = _COLOURS[net.input.channels][channel]
        elif maker is not None and max(_weight(net, maker.node).shape[2:]) <= _LARGEST:
            filters.setdefault(maker.node, []).append(place)
    for node, places in filters.items():
        own = [maker.filter for _, _, maker in (channels[p] for p in places) if maker is not None]
        for place, words in zip(places, _briefs(net, node, own), strict=True):
            names[place] = words
    return names


def name_of(net: Network, name: str, channel: int, maker: Maker | None) -> str:
    """Name one channel; see `names_of`, which is faster for several."""
    return names_of(net, [(name, channel, maker)])[0]


def _weight(net: Network, node: str) -> NDArray[Any]:
    return net.nodes[node].layer.parameters["weight"]


def _briefs(net: Network, name: str, filters: list[int]) -> list[str]:
    node, weight = net.nodes[name], _weight(net, name)
    colours = None
    if node.inputs[0] == net.input_name and net.input is not None and net.input.channels in ("RGB", "BGR"):
        colours = net.input.channels
    table = judge(weight[filters], colours, max(node.layer.settings()["stride"]))
    return [brief(found) for found in table]


def brief(found: Verdict) -> str:
    """Say a verdict in three words or so.

    Examples
    --------
    >>> from convscope.kernels import verdict
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
