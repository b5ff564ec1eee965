"""Feature maps: what every node made of one image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope.data.source import check_whole
from convscope.errors import InvalidValue, UnknownName, nearest_names
from convscope.explain.features import checked_nodes
from convscope.explain.naming import maker_of, name_of
from convscope.explain.run import run_one
from convscope.explain.shown import shown
from convscope.network import Activations, Network
from convscope.result import Result

__all__ = ["FeatureMaps", "NodeMaps", "feature_maps"]

_SCALES = ("layer", "map")


@dataclass(frozen=True, eq=False)
class NodeMaps(Result):
    """What one node gave for the image.

    Attributes
    ----------
    node, kind : str
        The node's name and its layer's kind, such as "Conv2d"; "Input" for the image itself.
    values : ndarray of shape (C, H, W), or (F,) after flattening
    limit : float
        The largest finite magnitude: one scale, zero in the middle, for all maps of the node.
    names : dict of int to str
        What the strongest channels show, by the verdict on the filter that made each.
    """

    node: str
    kind: str
    values: NDArray[np.floating[Any]]
    limit: float
    names: Mapping[int, str] = field(default_factory=dict)

    @property
    def signed(self) -> bool:
        """Whether any value is negative."""
        return bool((self.values < 0).any())

    @property
    def limits(self) -> NDArray[np.float64]:
        """The largest finite magnitude of each map by itself, (C,): one scale a map."""
        flat = np.abs(self.values.reshape(len(self.values), -1), dtype=np.float64)
        return np.asarray(np.where(np.isfinite(flat), flat, 0.0).max(axis=1))

    @property
    def strongest(self) -> NDArray[np.int64]:
        """The maps by their largest magnitude, the strongest first."""
        return np.argsort(-self.limits, kind="stable")


@dataclass(frozen=True, eq=False)
class FeatureMaps(Result):
    """What every node made of one image, in the order of computation.

    Attributes
    ----------
    nodes : tuple of NodeMaps
        The input first.
    classes : tuple of str
        The names of the network's classes, () where it has none.
    title : str
        What the image is called in a report.
    scale : str
        How pictures scale the maps: "layer", one scale for all maps of a node, or "map", one for each.
    picture : ndarray of shape (H, W, 3), uint8, or None
        The image as people see it: its preparation undone, or from its least to its largest value where
        the network does not say how images are prepared. None if the input is no image.
    preparation : tuple of str
        What was done to the image before the network saw it, such as a resizing.
    """

    nodes: tuple[NodeMaps, ...]
    classes: tuple[str, ...] = ()
    title: str = ""
    scale: str = "layer"
    picture: NDArray[np.uint8] | None = field(default=None, repr=False)
    preparation: tuple[str, ...] = ()

    def __getitem__(self, node: str) -> NodeMaps:
        """Give one node's maps by its name."""
        for maps in self.nodes:
            if maps.node == node:
                return maps
        names = [maps.node for maps in self.nodes]
        raise UnknownName(f"feature_maps: there is no node {node!r}; {nearest_names(node, names)}.")


def feature_maps(
    net: Network,
    image: Any,
    node: str | Sequence[str] | None = None,
    *,
    scale: str = "layer",
    names: int = 0,
    title: str = "",
    activations: Activations | None = None,
) -> FeatureMaps:
    """Run one image through a network and keep what every node gave.

    Parameters
    ----------
    net : Network
    image : path, PIL image or ndarray
        As `net.input` prepares it; a float (C, H, W) or (1, C, H, W) is used untouched.
    node : str or sequence of str, optional
        The node or nodes to keep, in this order; all, the input first, when left out.
    scale : {"layer", "map"}
        How pictures scale the maps. With one scale a layer maps can be compared, and weak ones look weak;
        with one scale a map the pattern of each can be seen, whatever its strength. White is zero in both.
    names : int
        How many of each node's strongest maps are named, by the verdict on the filter that made them.
    title : str
        What the image is called in a report.
    activations : Activations, optional
        Those of this very image, to save running it again; its first image is shown.

    Raises
    ------
    UnknownName
        If a node does not exist; the message offers the nearest names.
    InvalidValue
        If the image does not have the shape the network takes.

    Examples
    --------
    >>> import convscope as cs
    >>> maps = feature_maps(cs.models.small_cnn(), cs.data.digits().x[0])
    >>> maps.nodes[0].node, maps.nodes[0].values.shape
    ('input', (1, 8, 8))
    >>> maps["conv1"].kind, maps["conv1"].limits.shape
    ('Conv2d', (16,))
    """
    if scale not in _SCALES:
        raise InvalidValue(f"feature_maps: scale must be one of {', '.join(_SCALES)}; got {scale!r}.")
    check_whole(names, "names", "feature_maps", 0)
    everything = (net.input_name, *net.nodes)
    chosen = everything if node is None else checked_nodes(net, node, "feature_maps")
    if activations is None:
        activations = run_one(net, image, "feature_maps")
    return FeatureMaps(
        tuple(_node_maps(net, name, activations, names) for name in chosen),
        tuple(net.classes),
        title,
        scale,
        shown(net, activations[net.input_name][0]) if len(net.input_shape) == 3 else None,
        activations.preparation,
    )


def _node_maps(net: Network, name: str, activations: Activations, names: int) -> NodeMaps:
    values = activations[name][0]
    kind = "Input" if name == net.input_name else net.nodes[name].layer.kind
    largest = float(np.abs(values[np.isfinite(values)]).max(initial=0.0))
    found = NodeMaps(name, kind, values.copy(), largest or 1.0)
    told = {int(c): _name(net, activations, name, int(c)) for c in found.strongest[:names]}
    return replace(found, names={c: said for c, said in told.items() if said})


def _name(net: Network, activations: Activations, name: str, channel: int) -> str:
    return name_of(net, name, channel, maker_of(net, activations, name, channel))
