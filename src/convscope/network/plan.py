"""A network prepared for one size of input: its calls in order, and where each array lies.

Two values may lie in the same memory if the last reader of one has run before the other is
written. Places are found once, largest value first, each at the lowest offset where nothing that
lives at the same time lies (Pisarchyk and Lee 2020, "greedy by size"):

A value may be a part of another one: a branch that only a concatenation reads is computed in its place there.

    offset
      │  ┌─────────┐        ┌──────────────┐
      │  │  conv1  │        │    conv3     │
      │  └─────────┘┌───────┴──┐───────────┘
      │             │  conv2   │
      └─────────────┴──────────┴────────────► calls
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from convscope.layers import Concatenate, Flatten
from convscope.layers.base import Array, Shape
from convscope.layers.fused import FusedConv2d
from convscope.network.graph import Node, consumers
from convscope.ops.prepared import copy_input, joined, room, run_groups

__all__ = ["Memory", "Plan"]

ALIGNMENT = 64  # bytes: a cache line, and the widest vector


class Memory:
    """One block that all plans of a worker share; it grows to what the largest of them needs."""

    def __init__(self) -> None:
        self.block = np.empty(0, np.uint8)

    def at_least(self, size: int) -> bool:
        """Make room for `size` bytes; say whether the block had to be replaced."""
        if self.block.size >= size:
            return False
        self.block = room(size)
        return True


class Plan:
    """The calls of a network for inputs of one shape.

    Parameters
    ----------
    nodes : sequence of Node, in topological order
    outputs : sequence of str
    shapes : mapping of str to shape
        Of every input and every node's output, batch axis included.
    inputs : sequence of str
    dtype : dtype of every array
    """

    def __init__(
        self,
        nodes: Sequence[Node],
        outputs: Sequence[str],
        shapes: Mapping[str, Shape],
        inputs: Sequence[str],
        dtype: np.dtype[np.generic],
    ) -> None:
        self.outputs, self.inputs = tuple(outputs), tuple(inputs)
        self._nodes, self._shapes, self._dtype = nodes, shapes, dtype
        self._same = _aliases(nodes, shapes)
        self._parts = _branches(nodes, self.outputs, shapes)
        self._offsets, self.size = _places(self._lives(), self._bytes)
        self._calls: list[Callable[[], object]] = []
        self.arrays: dict[str, Array] = {}

    def bind(self, block: Array) -> None:
        """Lay the arrays into `block` and prepare the calls."""
        self.arrays = {}
        # A whole comes after its parts in the network; so, from the back to the front, it is laid out first.
        for name in (*self.inputs, *(node.name for node in reversed(self._nodes))):
            if name in self._parts:
                whole, first = self._parts[name]
                self.arrays[name] = self.arrays[whole][:, first : first + self._shapes[name][1]]
                continue
            start = self._offsets[self._owner(name)]
            flat = block[start : start + self._bytes(name)].view(self._dtype)
            self.arrays[name] = _shaped(flat, self._shapes[name])
        wholes = {whole for whole, _ in self._parts.values()}  # written by their branches
        self._calls = joined(
            [
                node.layer.prepare(tuple(self.arrays[name] for name in node.inputs), self.arrays[node.name])
                for node in self._nodes
                if node.name not in self._same and node.name not in wholes
            ]
        )

    def run(self, inputs: Mapping[str, Array]) -> None:
        """Compute; the results are in `arrays` until the next run of a plan in the same memory."""
        self.take(inputs)
        for call in self._calls:
            call()

    def take(self, inputs: Mapping[str, Array]) -> None:
        """Copy the inputs to where the calls read them."""
        for name in self.inputs:
            copy_input(inputs[name], self.arrays[name])

    @staticmethod
    def run_groups(
        plans: Sequence[Plan], inputs: Mapping[str, Array], results: Mapping[str, Array], groups: int
    ) -> bool:
        """Compute groups of a batch on several threads, each with a plan and memory of its own.

        False, and nothing is done, if the core in use cannot.
        """
        ins, outs = (
            [(array, [plan.arrays[name] for plan in plans]) for name, array in whole.items()]
            for whole in (inputs, results)
        )
        return run_groups([plan._calls for plan in plans], groups, ins, outs)

    def _owner(self, name: str) -> str:
        """Give the value in whose memory another one lies; its own name if it has memory of its own."""
        while name in self._parts or name in self._same:
            name = self._parts[name][0] if name in self._parts else self._same[name]
        return name

    def _bytes(self, name: str) -> int:
        return math.prod(self._shapes[name]) * self._dtype.itemsize

    def _lives(self) -> dict[str, tuple[int, int]]:
        """Say of every value from which call to which it is needed; outputs and inputs stay."""
        end = len(self._nodes)
        lives = {name: [0, 0] for name in self.inputs}
        for place, node in enumerate(self._nodes, 1):
            lives.setdefault(self._owner(node.name), [place, place])
            for name in (node.name, *node.inputs):
                lives[self._owner(name)][1] = place
        for name in self.outputs:
            lives[self._owner(name)][1] = end + 1
        return {name: (first, last) for name, (first, last) in lives.items()}


def _aliases(nodes: Sequence[Node], shapes: Mapping[str, Shape]) -> dict[str, str]:
    """Find the nodes whose value is that of another one in memory: a Flatten of maps of one pixel."""
    same: dict[str, str] = {}
    for node in nodes:
        if isinstance(node.layer, Flatten) and all(length == 1 for length in shapes[node.inputs[0]][2:]):
            same[node.name] = same.get(node.inputs[0], node.inputs[0])
    return same


def _branches(
    nodes: Sequence[Node], outputs: Sequence[str], shapes: Mapping[str, Shape]
) -> dict[str, tuple[str, int]]:
    """Find the convolutions that can write into what they are concatenated to: its name, their first channel.

    All branches of a concatenation or none; each a convolution that nobody else reads, nothing added to it.
    """
    by_name = {node.name: node for node in nodes}
    readers = consumers(by_name)
    parts: dict[str, tuple[str, int]] = {}

    def fits(name: str) -> bool:
        node = by_name.get(name)
        alone = len(readers[name]) == 1 and name not in outputs
        return (
            node is not None
            and alone
            and isinstance(node.layer, FusedConv2d)
            and not (node.layer.residual or node.layer.pool)
        )

    for node in nodes:
        if isinstance(node.layer, Concatenate) and node.layer.axis == 1 and all(map(fits, node.inputs)):
            first = 0
            for name in node.inputs:
                parts[name] = node.name, first
                first += shapes[name][1]
    return parts


def _places(
    lives: Mapping[str, tuple[int, int]], size_of: Callable[[str], int]
) -> tuple[dict[str, int], int]:
    """Give every value an offset, and the bytes they need together."""
    placed: list[tuple[int, int, int, int]] = []  # offset, end, first call, last call
    offsets = {}
    for name in sorted(lives, key=lambda name: -size_of(name)):
        first, last = lives[name]
        size = -(-size_of(name) // ALIGNMENT) * ALIGNMENT
        offset = 0
        for start, end, other_first, other_last in sorted(placed):
            if other_first > last or other_last < first:
                continue
            if start - offset >= size:
                break
            offset = max(offset, end)
        offsets[name] = offset
        placed.append((offset, offset + size, first, last))
    return offsets, max((end for _, end, _, _ in placed), default=0)


def _shaped(flat: Array, shape: Shape) -> Array:
    """See flat memory as an array of `shape`, channels last."""
    if len(shape) != 4:
        return flat.reshape(shape)
    n, c, h, w = shape
    return flat.reshape(n, h, w, c).transpose(0, 3, 1, 2)
