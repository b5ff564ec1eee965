"""Feature maps: what every node made of one image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope.errors import UnknownName, nearest_names
from convscope.explain.run import run_one
from convscope.network import Activations, Network
from convscope.result import Result

__all__ = ["FeatureMaps", "NodeMaps", "feature_maps"]


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
    """

    node: str
    kind: str
    values: NDArray[np.floating[Any]]
    limit: float

    @property
    def signed(self) -> bool:
        """Whether any value is negative."""
        return bool((self.values < 0).any())


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
    """

    nodes: tuple[NodeMaps, ...]
    classes: tuple[str, ...] = ()
    title: str = ""

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
    nodes: Sequence[str] | None = None,
    *,
    title: str = "",
    activations: Activations | None = None,
) -> FeatureMaps:
    """Run one image through a network and keep what every node gave.

    Parameters
    ----------
    net : Network
    image : path, PIL image or ndarray
        As `net.input` prepares it; a float (C, H, W) or (1, C, H, W) is used untouched.
    nodes : sequence of str, optional
        The nodes to keep, in this order; all, the input first, when left out.
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
    >>> maps["conv1"].kind
    'Conv2d'
    """
    known = [net.input_name, *net.nodes]
    for name in nodes or ():
        if name not in known:
            raise UnknownName(f"feature_maps: there is no node {name!r}; {nearest_names(name, known)}.")
    if activations is None:
        activations = run_one(net, image, "feature_maps")
    return FeatureMaps(
        tuple(_node_maps(net, name, activations[name][0]) for name in nodes or known),
        tuple(net.classes),
        title,
    )


def _node_maps(net: Network, name: str, values: NDArray[Any]) -> NodeMaps:
    kind = "Input" if name == net.input_name else net.nodes[name].layer.kind
    largest = float(np.abs(values[np.isfinite(values)]).max(initial=0.0))
    return NodeMaps(name, kind, values.copy(), largest or 1.0)
