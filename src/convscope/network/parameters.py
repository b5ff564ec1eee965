"""Parameters and running statistics by name: "conv1.weight", "bn1.running_mean"."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from typing import Literal

import numpy as np

from convscope.errors import DtypeError, InvalidValue, UnknownName, nearest_names
from convscope.layers.base import Array
from convscope.network.graph import Node

__all__ = ["NamedArrays"]


class NamedArrays(MutableMapping[str, Array]):
    """A view of the layers' arrays under the names ``node.array``.

    Assigning replaces the layer's array (the very object, not a copy); its shape and dtype
    must stay. Names cannot be added or deleted.

    Parameters
    ----------
    nodes : mapping of str to Node
    what : "parameters" or "statistics"
    """

    def __init__(self, nodes: Mapping[str, Node], what: Literal["parameters", "statistics"]) -> None:
        self._what = what
        self._places = {
            f"{node.name}.{name}": (getattr(node.layer, what), name)
            for node in nodes.values()
            for name in getattr(node.layer, what)
        }

    def __getitem__(self, key: str) -> Array:
        arrays, name = self._place(key)
        return arrays[name]

    def __setitem__(self, key: str, value: Array) -> None:
        arrays, name = self._place(key)
        old = arrays[name]
        if not isinstance(value, np.ndarray) or value.dtype != old.dtype:
            got = value.dtype if isinstance(value, np.ndarray) else type(value).__name__
            raise DtypeError(f"{self._what}: {key} must be an array of {old.dtype}; got {got}.")
        if value.shape != old.shape:
            raise InvalidValue(f"{self._what}: {key} must have shape {old.shape}; got {value.shape}.")
        arrays[name] = value

    def __delitem__(self, key: str) -> None:
        raise InvalidValue(f"{self._what}: {key} belongs to its layer and cannot be deleted.")

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def __repr__(self) -> str:
        inside = ", ".join(f"{key}: {self[key].shape}" for key in self)
        return f"{self._what}({inside})"

    def _place(self, key: str) -> tuple[dict[str, Array], str]:
        if key not in self._places:
            raise UnknownName(f"{self._what}: there is no {key!r}; {nearest_names(key, self._places)}.")
        return self._places[key]
