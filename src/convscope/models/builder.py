"""Putting a network together node by node."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from convscope.errors import InvalidValue, UnknownName, nearest_names
from convscope.layers import Layer
from convscope.layers.base import Shape
from convscope.models.initialise import Promise
from convscope.network import Network, Node
from convscope.network.graph import shape_after

__all__ = ["Builder"]


class Builder:
    """Collects nodes and knows the shape at each, so that promised layers can be made.

    Examples
    --------
    >>> from convscope.layers import Add, ReLU
    >>> from convscope.models import conv2d
    >>> build = Builder((3, 8, 8), seed=0)
    >>> left = build.add("left", conv2d(4, 3, padding=1), "input")
    >>> right = build.add("right", conv2d(4, 1), "input")
    >>> _ = build.add("relu", ReLU(), build.add("sum", Add(), left, right))
    >>> build.network("fork")
    Network(fork: 3x8x8, 4 nodes, 128 parameters)
    """

    def __init__(self, input_shape: Sequence[int], seed: int = 0, input_name: str = "input") -> None:
        if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
            raise InvalidValue(f"models: seed must be a whole number of at least 0; got {seed!r}.")
        self.input_shape = tuple(input_shape)
        self.input_name = input_name
        self._seed = seed
        self._nodes: dict[str, Node] = {}
        self._shapes: dict[str, Shape] = {input_name: (1, *self.input_shape)}

    def add(self, name: str, layer: Layer | Promise, *inputs: str) -> str:
        """Add a node that reads `inputs`, and give its name back."""
        if name in self._shapes:
            raise InvalidValue(f"models: names must be unique; {name!r} is taken twice.")
        for source in inputs:
            if source not in self._shapes:
                raise UnknownName(
                    f"models: node {name!r} reads {source!r}, which is not there yet; "
                    f"{nearest_names(source, self._shapes)}."
                )
        if isinstance(layer, Promise):
            layer = layer.make(self._shapes[inputs[0]], name, self._seed)
        node = Node(name, layer, inputs)
        self._shapes[name] = shape_after(node, self._shapes)
        self._nodes[name] = node
        return name

    def shape(self, name: str) -> Shape:
        """Give the shape (1, ...) of a node's output."""
        return self._shapes[name]

    def network(self, name: str = "", **settings: Any) -> Network:
        """Give the network of all nodes; `settings` are those of `Network`."""
        return Network(
            self._nodes.values(), self.input_shape, input_name=self.input_name, name=name, **settings
        )
