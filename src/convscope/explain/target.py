"""What a view explains: a class, a channel or a cell, as the user names it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convscope.errors import DtypeError, InvalidValue, UnknownName, nearest_names
from convscope.network import Activations, Address, Network, parse_address, scores_of

__all__ = [
    "Target",
    "class_index",
    "class_name",
    "find_target",
    "find_targets",
    "node_of",
    "one_each",
    "seed_of",
    "values_of",
]

Array = NDArray[Any]


class Target(NamedTuple):
    """One cell whose value is explained.

    Attributes
    ----------
    node : str
    place : tuple of int
        The whole place in the node's output, without the batch axis.
    label : str
        The class's name, or "" where the cell is no class.
    """

    node: str
    place: tuple[int, ...]
    label: str = ""

    @property
    def address(self) -> str:
        """The cell as text; a class score without its row and column of 0."""
        place = self.place[:1] if self.label else self.place
        return str(Address(self.node, place))


def find_target(net: Network, target: Any, activations: Activations, who: str, image: int = 0) -> Target:
    """Find the cell that `target` means at an image.

    Parameters
    ----------
    net : Network
    target : int, str, None or Target
        A class by its number or name, or an address: 'conv2[3,5,7]' is a cell, 'conv2[3]' the strongest
        cell of a channel at this image, 'fc[3]' one of a vector. None is the class the network answers.
        A class is its score before the last softmax. Text that is a class's name is that class; then
        addresses are tried, then numbers and parts of names.
    activations : Activations
        Of a run that kept the node.
    who : str
        Who asks, for messages.
    image : int
        Which image of the batch.

    Raises
    ------
    UnknownName, InvalidValue, DtypeError
        If there is no such class or cell.
    """
    if isinstance(target, Target):
        return target
    if target is None or isinstance(target, int | np.integer):
        if isinstance(target, bool):
            raise DtypeError(f"{who}: target must be a class, an address or None; got {target!r}.")
        return _of_class(net, None if target is None else int(target), activations, who, image)
    if not isinstance(target, str):
        raise DtypeError(
            f"{who}: target must be a class (number or name), an address such as 'conv2[3,5,7]', or None for "
            f"the class the network answers; got {type(target).__name__}."
        )
    text = target.strip()
    if text in net.classes:
        return _of_class(net, net.classes.index(text), activations, who, image)
    if _is_address(net, text):
        return _of_address(net, text, activations, who, image)
    return _of_class(net, class_index(net, text, who), activations, who, image)


def node_of(net: Network, target: Any, who: str) -> str:
    """Name the node that one target, or each of several, lies in, before anything was run.

    Raises
    ------
    UnknownName, InvalidValue
        If there is no such node, or several targets lie in several.
    """
    found = list(dict.fromkeys(_node_of(net, one, who) for one in (target if _several(target) else [target])))
    if len(found) != 1:
        got = " and ".join(found[:2]) or "no target"
        raise InvalidValue(f"{who}: all targets of a batch must lie in one node; got {got}.")
    return found[0]


def _node_of(net: Network, target: Any, who: str) -> str:
    if isinstance(target, Target):
        return target.node
    if isinstance(target, str) and target.strip() not in net.classes and _is_address(net, target.strip()):
        return parse_address(target, {name: net.shapes()[name] for name in net.nodes}).node
    return scores_of(net, who)[0]


def one_each(target: Any, count: int, who: str) -> list[Any]:
    """Give a list of targets, one for each of `count` images, from one for all or one for each."""
    given = list(target) if _several(target) else [target] * count
    if len(given) != count:
        raise InvalidValue(
            f"{who}: there must be one target or one for each of {count} images; got {len(given)}."
        )
    return given


def _several(target: Any) -> bool:
    return isinstance(target, Sequence | np.ndarray) and not isinstance(target, str | Target)


def find_targets(net: Network, target: Any, activations: Activations, who: str) -> list[Target]:
    """Find the cell of each image of a batch; `target` is one for all or a sequence with one for each."""
    count = len(next(iter(activations.outputs.values())))
    given = one_each(target, count, who)
    return [find_target(net, one, activations, who, image) for image, one in enumerate(given)]


def seed_of(
    targets: Sequence[Target], activations: Activations, weights: Array | None = None
) -> dict[str, Array]:
    """Give the gradient 1, or a weight of its own, at each image's target, as `Network.backward` takes it."""
    seed = np.zeros_like(activations[targets[0].node])
    for image, target in enumerate(targets):
        seed[(image, *target.place)] = 1 if weights is None else weights[image]
    return {targets[0].node: seed}


def values_of(targets: Sequence[Target], activations: Activations) -> Array:
    """Give the value of each image's target, (N,)."""
    output = activations[targets[0].node]
    return np.array([output[(image, *target.place)] for image, target in enumerate(targets)])


def class_name(net: Network, index: int) -> str:
    """Name a class; without names it is its number."""
    return net.classes[index] if index < len(net.classes) else str(index)


def _is_address(net: Network, text: str) -> bool:
    return text in net.nodes or "]" in text


def _of_class(net: Network, index: int | None, activations: Activations, who: str, image: int) -> Target:
    node, count = scores_of(net, who)
    scores = activations[node][image].reshape(count)
    if index is None:
        index = int(np.argmax(scores))
    if not 0 <= index < count:
        raise InvalidValue(f"{who}: the class must be from 0 to {count - 1}; got {index}.")
    shape = activations[node].shape[1:]
    return Target(node, (int(index), *(0,) * (len(shape) - 1)), class_name(net, int(index)))


def _of_address(net: Network, text: str, activations: Activations, who: str, image: int) -> Target:
    shapes = {name: shape for name, shape in activations.shapes.items() if name in net.nodes}
    address = parse_address(text, shapes)
    output = activations[address.node][image]
    if len(address.place) == output.ndim:
        return Target(address.node, address.place)
    if not address.place:
        raise InvalidValue(
            f"{who}: target must name a channel or a cell of {address.node!r}, such as "
            f"'{address.node}[0]'; got {text!r}."
        )
    channel = output[address.place[0]]
    cell = np.unravel_index(int(np.argmax(channel)), channel.shape)
    return Target(address.node, (*address.place, *(int(i) for i in cell)))


def class_index(net: Network, text: str, who: str) -> int:
    """Find a class by its name or one of several, its number, or a part of a name that no other has."""
    if text in net.classes:
        return net.classes.index(text)
    if text.isdecimal():
        return int(text)
    wanted = text.lower()
    found = [index for index, name in enumerate(net.classes) if wanted in _names_within(name)]
    found = found or [index for index, name in enumerate(net.classes) if wanted in name.lower()]
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(repr(net.classes[index]) for index in found[:4])
        more = ", ..." if len(found) > 4 else ""
        raise InvalidValue(f"{who}: {text!r} is part of {len(found)} classes' names: {names}{more}.")
    known = [*net.classes, *net.nodes]
    raise UnknownName(f"{who}: there is no class and no node {text!r}; {nearest_names(text, known)}.")


def _names_within(name: str) -> list[str]:
    """Give the names that one holds: 'n02123045 tabby, tabby cat' holds 'tabby' and 'tabby cat'."""
    return re.sub(r"^n\d{8} ", "", name.lower()).split(", ")
