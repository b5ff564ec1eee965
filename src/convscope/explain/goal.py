"""What `maximize` climbs: a channel, a cell or a class, and where its gradient is never flat."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convscope.data.source import check_whole
from convscope.errors import DtypeError, InvalidValue
from convscope.explain.part import up_to
from convscope.explain.target import class_index, class_name
from convscope.layers.base import Shape
from convscope.network import Address, Network, parse_address, scores_of

__all__ = ["Goal", "find_goal", "value_of"]

Array = NDArray[Any]

_RECTIFIERS = ("CELU", "ELU", "GELU", "HardSwish", "LeakyReLU", "ReLU", "SELU", "SiLU", "Sigmoid", "Tanh")


class Goal(NamedTuple):
    """What is maximised: a place in a node, a whole channel where it names no cell."""

    node: str
    place: tuple[int, ...]
    label: str
    climbed: str
    climbed_place: tuple[int, ...]

    def read(self, part: Network, image: Array) -> tuple[float, float]:
        """Give the value and the largest cell of the channel."""
        values = part.run(image[None], keep=(self.node,), algorithm="direct")[self.node][0][self.place]
        return value_of(np.asarray(values)), float(values.max())

    def seed(self, values: Array) -> Array:
        """Give the gradient of the goal by the climbed node's values (1, ...), but for its length."""
        grad = np.zeros_like(values)
        cells = np.asarray(values[(0, *self.climbed_place)])
        above = np.maximum(cells, 0)
        if above.ndim and not above.any():  # the one that is nearest to being above zero
            above = (cells == cells.max()).astype(cells.dtype)
        grad[(0, *self.climbed_place)] = above / np.linalg.norm(above) if above.ndim else 1
        return grad


def value_of(cells: Array) -> float:
    """Give a cell itself, of a map the root mean square of what is above zero."""
    if not cells.ndim:
        return float(cells)
    return float(np.sqrt(np.mean(np.maximum(cells, 0, dtype=np.float64) ** 2)))


def find_goal(net: Network, at: Any, shape: tuple[int, ...]) -> Goal:
    """Find what is meant by a channel, a cell or a class, for images of `shape`."""
    if isinstance(at, bool) or not isinstance(at, int | str | np.integer):
        raise DtypeError(
            f"maximize: at must be a channel such as 'conv2[3]', a cell or a class; got {type(at).__name__}."
        )
    known = {name: shape for name, shape in net.shapes().items() if name in net.nodes}
    named = isinstance(at, str) and (at in known or any(at.startswith(f"{name}[") for name in known))
    if at in net.classes or not named:
        node, count = scores_of(net, "maximize")
        index = class_index(net, at, "maximize") if isinstance(at, str) else int(at)
        check_whole(index, "the class", "maximize", 0, count - 1)
        place = (index, *(0 for _ in known[node][2:]))
        return Goal(node, place, class_name(net, index), node, place)
    at = str(at)
    node = parse_address(at, known).node
    own = {node: up_to(net, (node,)).shapes(shape)[node]}
    address: Address = parse_address(at, own)
    if not address.place:
        raise InvalidValue(f"maximize: at must name a channel or a cell, such as '{node}[0]'; got {at!r}.")
    climbed, channel = _before_rectifier(net, known, node, address.place[0])
    return Goal(node, address.place, "", climbed, (channel, *address.place[1:]))


def _before_rectifier(net: Network, shapes: Mapping[str, Shape], name: str, channel: int) -> tuple[str, int]:
    """Go up through rectifiers: a channel that is nowhere above zero has no gradient behind them."""
    above, place = name, channel
    while above in net.nodes:
        node = net.nodes[above]
        if node.layer.kind in _RECTIFIERS:
            above = node.inputs[0]
            name, channel = (above, place) if above in net.nodes else (name, channel)
        elif node.layer.kind == "Concatenate" and node.layer.settings()["axis"] in (1, -3):
            for above in node.inputs:
                if place < shapes[above][1]:
                    break
                place -= shapes[above][1]
        else:
            break
    return name, channel
