"""What is made of a network's parameters once, and used again until one of them changes.

Parameters are arrays that anybody may write to. Before what was made is used again the arrays of the network
are compared with those it was made of: the same objects, and (but for arrays that cannot be written
to) the same bytes, by a fingerprint of 64 bits that costs one pass over them. Arrays of a network
from `Network.fused` are read-only: there it costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from itertools import chain
from operator import is_
from typing import Any, NamedTuple, TypeVar

from convscope import ops
from convscope.layers.base import Array
from convscope.network.graph import Node

__all__ = ["Kept", "Parameters"]

Made = TypeVar("Made")

MOST_MADE = 4  # things of a network that are kept at a time


class Parameters:
    """The parameters and statistics of a network as they were.

    Parameters
    ----------
    nodes : mapping of str to Node
    """

    def __init__(self, nodes: Mapping[str, Node]) -> None:
        self._holders = [
            arrays
            for node in nodes.values()
            for arrays in (node.layer.parameters, node.layer.statistics)
            if arrays
        ]
        self._arrays = tuple(self._now())
        # An array of its own memory that is read-only stays as it is.
        changing = [a for a in self._arrays if a.flags.writeable or a.base is not None]
        self._fingerprint = ops.Fingerprint(changing)
        self._found = self._fingerprint()

    def unchanged(self) -> bool:
        """Say whether they still are what they were."""
        same = sum(map(len, self._holders)) == len(self._arrays) and all(map(is_, self._now(), self._arrays))
        return same and self._found == self._fingerprint()

    def _now(self) -> Iterator[Array]:
        return chain.from_iterable(map(dict.values, self._holders))


class Kept:
    """Things that were made of a network, by a key; several threads may borrow, each gets its own.

    Parameters
    ----------
    nodes : mapping of str to Node
    """

    def __init__(self, nodes: Mapping[str, Node]) -> None:
        self._nodes = nodes
        self._state: _State | None = None

    @contextmanager
    def borrowed(self, key: Hashable, make: Callable[[], Made]) -> Iterator[Made]:
        """Lend what was made under a key, made anew if the network has changed since or it is lent out."""
        state = self._state
        if state is None or not state.of.unchanged():
            state = self._state = _State(
                Parameters(self._nodes), {}
            )  # first, so that a later change is noticed
        made = state.idle.pop(key, None)
        if made is None:
            made = make()
        yield made
        if len(state.idle) < MOST_MADE:
            state.idle[key] = made


class _State(NamedTuple):
    """A network as it was, and what was made of it and is not lent out."""

    of: Parameters
    idle: dict[Hashable, Any]
