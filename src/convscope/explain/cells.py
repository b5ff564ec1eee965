"""Any cell of any node, taken apart."""

from __future__ import annotations

from typing import Any

import numpy as np

from convscope.errors import InvalidValue
from convscope.explain.functions import FUNCTIONS
from convscope.explain.general import BENT, BY_GRADIENT
from convscope.explain.run import run_one
from convscope.explain.sums import SUMS
from convscope.explain.terms import Array, Cell, Place, Reading, input_places
from convscope.network import Activations, Address, Network, parse_address

__all__ = [
    "WAYS",
    "cell_address",
    "cell_of",
    "full_address",
    "origin_of",
    "read",
    "run_to_cell",
    "sources_of",
]

_FORMS = {1: "node[feature]", 2: "node[channel,column]", 3: "node[channel,row,column]"}
#: How a cell of each kind of layer is taken apart.
WAYS = {**SUMS, **FUNCTIONS, **BY_GRADIENT, **BENT}


def cell_of(net: Network, activations: Activations, name: str, place: Place) -> Cell:
    """Take one cell apart.

    Parameters
    ----------
    net : Network
    activations : Activations
        Of one image, everything kept.
    name : str
        The node.
    place : (channel, row, column) or (feature,)

    Raises
    ------
    InvalidValue
        If no way to write a cell of this kind of layer is known.
    """
    layer = net.nodes[name].layer
    if layer.kind not in WAYS:
        raise InvalidValue(f"trace: the node must be one of {', '.join(sorted(WAYS))}; got {layer.kind}.")
    return WAYS[layer.kind](read(net, activations, name, place))


def read(net: Network, activations: Activations, name: str, place: Place) -> Reading:
    """Gather what entered a node."""
    node = net.nodes[name]
    batched = tuple(activations[source] for source in node.inputs)
    return Reading(
        node.layer,
        tuple(_one_image(net, source, activations, len(place)) for source in node.inputs),
        place,
        tuple(origin_of(net, source, activations) for source in node.inputs),
        batched,
    )


def _one_image(net: Network, name: str, activations: Activations, rank: int) -> Array:
    """Give an array without its batch axis; a constant may have none, or even fewer axes."""
    values = activations[name]
    constant = name in net.nodes and net.nodes[name].layer.kind == "Constant"
    return values if constant and values.ndim <= rank else np.asarray(values[0])


def sources_of(net: Network, activations: Activations, name: str, cell: Cell) -> list[tuple[str, Place]]:
    """Give for each term of a cell the node, and the cell of it, that entered; padding lies outside."""
    node = net.nodes[name]
    shapes = [activations[source].shape[1:] for source in node.inputs]
    origins = [origin_of(net, source, activations) for source in node.inputs]
    return [(node.inputs[i], place) for i, place in input_places(cell.terms, shapes, origins)]


def origin_of(net: Network, name: str, activations: Activations) -> Place:
    """Give the shape of the map that a flattened array came from, else the array's own."""
    while name != net.input_name and net.nodes[name].layer.kind in ("Flatten", "Dropout"):
        name = net.nodes[name].inputs[0]
    return tuple(activations[name].shape[1:])


def cell_address(who: str, net: Network, at: str, activations: Activations) -> Address:
    """Read the address of one cell that was computed.

    Raises
    ------
    UnknownName, InvalidValue
        If there is no such cell, it is a pixel of the input, or more than one cell is meant.
    """
    address = full_address(at, activations)
    if address.node == net.input_name:
        raise InvalidValue(f"{who}: {at!r} is a pixel of the input; nothing was computed for it.")
    count = activations[address.node].ndim - 1
    if len(address.place) != count:
        form = _FORMS.get(count, f"node[{count} numbers]")
        raise InvalidValue(f"{who}: a cell of {address.node} must be given as {form}; got {at!r}.")
    return address


def full_address(at: str, activations: Activations) -> Address:
    """Read an address; the channel alone names the cell of a map that has a single one.

    So a class score is ``pool10[285]`` whether the node gives a vector or maps of one cell.
    """
    address = parse_address(at, activations.shapes)
    shape = activations.shapes[address.node][1:]
    if len(address.place) == 1 and all(size == 1 for size in shape[1:]):
        return Address(address.node, (*address.place, *(0,) * (len(shape) - 1)))
    return address


def run_to_cell(
    who: str, net: Network, image: Any, at: str, activations: Activations | None
) -> tuple[Activations, Address]:
    """Run one image, unless its activations are known, and find the cell that is to be explained.

    Raises
    ------
    UnknownName, InvalidValue
        As `run_one` and `cell_address`.
    """
    if activations is None:
        activations = run_one(net, image, who)
    return activations, cell_address(who, net, at, activations)
