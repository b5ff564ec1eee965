"""One convolution in the account of a network."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from convscope.kernels import KernelTable, Layer
from convscope.result import Result, plain

__all__ = ["SHOWN", "LayerAccount"]

SHOWN = 64  # filters of a layer that are shown one by one


@dataclass(frozen=True, eq=False)
class LayerAccount(Result):
    """One convolution of the network.

    Attributes
    ----------
    node : str
    table : KernelTable
    layer : Layer
        The view of the whole layer.
    reads_image : bool
        Whether it sees the image's own channels.
    shown : tuple of int
        The filters that are shown one by one: all, or the 64 of largest norm, in their order.
    """

    node: str
    table: KernelTable = field(repr=False)
    layer: Layer = field(repr=False)
    reads_image: bool
    shown: tuple[int, ...]

    @property
    def pointwise(self) -> bool:
        """Whether its kernels are 1 x 1 and so have no shape."""
        return self.table.weight.shape[2:] == (1, 1)

    @property
    def dead(self) -> tuple[int, ...]:
        """The filters that are dead."""
        return tuple(np.flatnonzero(self.table.family == "dead").tolist())

    @property
    def duplicates(self) -> tuple[tuple[int, int, float], ...]:
        """Filters that repeat an earlier one: (filter, the earlier one, signed cosine)."""
        columns = self.table.columns
        rows = np.flatnonzero(columns["duplicate_of"] >= 0)
        return tuple(
            (int(i), int(columns["duplicate_of"][i]), float(columns["duplicate_cosine"][i])) for i in rows
        )

    def to_dict(self) -> dict[str, Any]:
        """Give the counts, the layer and the main columns of every filter as plain Python."""
        table = self.table
        return {
            "node": self.node,
            "shape": list(table.weight.shape),
            "stride": table.stride,
            "reads_image": self.reads_image,
            "channels": table.channels,
            "null_samples": table.null_samples,
            "counts": table.counts,
            "layer": plain(self.layer),
            "filters": _columns(table),
        }


_KEPT = ("confidence", "p_value", "explained", "orientation", "peak_frequency", "dc_gain", "aliased", "norm",
         "duplicate_of")  # fmt: skip


def _columns(table: KernelTable) -> dict[str, Any]:
    columns = {name: plain(table.columns[name]) for name in _KEPT if name in table.columns}
    if "colour_name" in table.columns:
        columns["colour"] = table.columns["colour_name"].tolist()
    return {"family": table.family.tolist(), **columns}
