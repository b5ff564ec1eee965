"""What the picture of a claim shows: arrays and names, drawn by `convscope.report`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Array", "Bars", "Curves", "Images", "Panel"]

Array = NDArray[Any]
Heights = Sequence[float] | Array


@dataclass(frozen=True)
class Bars:
    """A bar for each name, one colour for each series.

    Attributes
    ----------
    title : str
    names : tuple of str
        Of the groups, from left to right.
    series : mapping of str to sequence of float
        A height for each group.
    unit : str
        What the height counts.
    log : bool
        Whether the heights are drawn on a logarithmic scale.
    """

    title: str
    names: Sequence[str]
    series: Mapping[str, Heights]
    unit: str
    log: bool = False


@dataclass(frozen=True)
class Curves:
    """A line for each series over common places.

    Attributes
    ----------
    title : str
    x : sequence of float
    series : mapping of str to sequence of float
    x_unit, unit : str
        What runs to the right and what upwards.
    """

    title: str
    x: Heights
    series: Mapping[str, Heights]
    x_unit: str
    unit: str


@dataclass(frozen=True, eq=False)
class Images:
    """Small pictures side by side.

    Attributes
    ----------
    title : str
    images : mapping of str to ndarray of shape (H, W) or (H, W, 3)
        (H, W) are numbers; (H, W, 3) are uint8 colours, shown as they are.
    scale : str
        "signed": one scale for all, zero in the middle; "own": each its own, grey where it is like a
        photograph, mostly above zero; "grey": one scale for all, black the smallest. Of pictures with many
        pixels the half per cent of largest values may be clipped. Numbers are written into small ones.
    """

    title: str
    images: Mapping[str, Array] = field(repr=False)
    scale: str = "signed"

    @classmethod
    def of(cls, title: str, arrays: Any, name: str = "", scale: str = "signed") -> Images:
        """Name the pictures by their number.

        Examples
        --------
        >>> list(Images.of("kernels", np.zeros((2, 3, 3)), "conv1").images)
        ['conv1[0]', 'conv1[1]']
        """
        return cls(title, {f"{name}[{i}]": np.asarray(array) for i, array in enumerate(arrays)}, scale)


Panel = Bars | Curves | Images
