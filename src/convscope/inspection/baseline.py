"""Before and after: which kernels changed their family between two networks of one architecture."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from convscope.kernels import KernelTable
from convscope.result import Result

__all__ = ["Baseline", "LayerChange", "compare"]


@dataclass(frozen=True)
class LayerChange(Result):
    """What changed in one layer.

    Attributes
    ----------
    node : str
    filters : int
    moved : tuple of (int, str, str)
        Filters whose family changed: index, before, after.
    flows : dict of str to int
        How many filters went from one family to another: "edge to dead".
    distance : float
        Euclidean norm of the change of the weights over that of the weights before.
    before, after : dict of str to int
        Filters of each family.
    """

    node: str
    filters: int
    moved: tuple[tuple[int, str, str], ...]
    flows: dict[str, int]
    distance: float
    before: dict[str, int]
    after: dict[str, int]


@dataclass(frozen=True)
class Baseline(Result):
    """What changed since another network.

    Attributes
    ----------
    name : str
        What the other network is called.
    layers : tuple of LayerChange
        Layers that both have, in the network's order.
    unlike : dict of str to str
        Layers that cannot be compared, and why.
    tables : dict of str to KernelTable
        The kernels of the network before.
    """

    name: str
    layers: tuple[LayerChange, ...]
    unlike: dict[str, str]
    tables: Mapping[str, KernelTable] = field(default_factory=dict, repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Give what changed as plain Python, without the tables of the network before."""
        return {name: value for name, value in super().to_dict().items() if name != "tables"}

    @property
    def changed(self) -> int:
        """How many filters changed their family."""
        return sum(len(layer.moved) for layer in self.layers)

    @property
    def filters(self) -> int:
        """How many filters were compared."""
        return sum(layer.filters for layer in self.layers)


def compare(before: Mapping[str, KernelTable], after: Mapping[str, KernelTable], name: str) -> Baseline:
    """Compare the tables of two networks, layer by layer, by the names of the nodes.

    Parameters
    ----------
    before, after : mapping of node to KernelTable
    name : str
        What the network before is called.

    Examples
    --------
    >>> from convscope.kernels import bank, judge
    >>> one = judge(np.stack([bank["sobel-x"].array, bank["box"].array])[:, None])
    >>> other = judge(np.stack([bank["sobel-x"].array, bank["sobel-y"].array])[:, None])
    >>> found = compare({"conv": one}, {"conv": other}, "before")
    >>> found.changed, found.layers[0].moved
    (1, ((1, 'smoothing', 'edge'),))
    """
    layers, unlike = [], {}
    for node, table in after.items():
        other = before.get(node)
        if other is None:
            unlike[node] = "the other network has no layer of this name"
        elif other.weight.shape != table.weight.shape:
            shapes = ("x".join(map(str, t.weight.shape)) for t in (other, table))
            unlike[node] = "its weight was {} and is {}".format(*shapes)
        else:
            layers.append(_change(node, other, table))
    unlike.update({node: "this network has no layer of this name" for node in before if node not in after})
    return Baseline(name, tuple(layers), unlike, before)


def _change(node: str, before: KernelTable, after: KernelTable) -> LayerChange:
    moved = tuple(
        (i, str(old), str(new))
        for i, (old, new) in enumerate(zip(before.family, after.family, strict=True))
        if old != new
    )
    flows = Counter(f"{old} to {new}" for _, old, new in moved)
    size = float(np.linalg.norm(before.weight.astype(float)))
    change = float(np.linalg.norm(after.weight.astype(float) - before.weight.astype(float)))
    distance = change / size if size > 0 else float(change > 0)
    return LayerChange(
        node, len(after), moved, dict(flows.most_common()), distance, before.counts, after.counts
    )
