"""Addresses: which node, channel or cell is meant, as text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from convscope.errors import DtypeError, InvalidValue, UnknownName, nearest_names
from convscope.layers.base import Shape

__all__ = ["Address", "parse_address"]

_FORM = "an address is node, node[channel] or node[channel,row,column], counted from 0"


@dataclass(frozen=True)
class Address:
    """A node, one of its channels or one of its cells.

    Attributes
    ----------
    node : str
        The node's name; it may hold slashes, dots and brackets.
    place : tuple of int
        (), (channel,) or (channel, row, column).

    Examples
    --------
    >>> str(Address("conv1/7x7_s2", (3, 5, 7)))
    'conv1/7x7_s2[3,5,7]'
    """

    node: str
    place: tuple[int, ...] = ()

    def __str__(self) -> str:
        return f"{self.node}[{','.join(map(str, self.place))}]" if self.place else self.node


def parse_address(text: str, shapes: Mapping[str, Shape]) -> Address:
    """Read an address and check that what it names exists.

    Parameters
    ----------
    text : str
        ``node``, ``node[channel]`` or ``node[channel,row,column]``. A text that is a node's name is
        that node, whatever brackets it has.
    shapes : mapping of str to shape
        The shape (N, C, H, W) or (N, F) of every array, as ``net.shapes()`` gives it.

    Raises
    ------
    DtypeError
        If it is no text.
    UnknownName
        If there is no such node; the nearest names are offered.
    InvalidValue
        If the indices are not one or three whole numbers, or lie outside the map.

    Examples
    --------
    >>> shapes = {"conv[1]": (1, 8, 14, 14), "fc": (1, 10)}
    >>> parse_address("conv[1]", shapes)
    Address(node='conv[1]', place=())
    >>> parse_address("conv[1][3, 5, 7]", shapes)
    Address(node='conv[1]', place=(3, 5, 7))
    >>> parse_address("fc[12]", shapes)
    Traceback (most recent call last):
    ...
    convscope.errors.InvalidValue: address 'fc[12]': the channel must be from 0 to 9; got 12.
    """
    if not isinstance(text, str):
        raise DtypeError(f"address: {_FORM}, as text such as 'conv2[3,5,7]'; got {text!r}.")
    if text in shapes:
        return Address(text)
    # spaces around an address mean nothing, unless the node's own name begins with them
    text = text.rstrip() if text.rpartition("[")[0] in shapes else text.strip()
    if text in shapes:
        return Address(text)
    name, place = _split(text)
    if name not in shapes:
        raise UnknownName(f"address {text!r}: there is no node {name!r}; {nearest_names(name, shapes)}.")
    size = shapes[name][1:]
    if len(place) not in (1, len(size)):
        raise InvalidValue(f"address {text!r}: {_FORM}; {name!r} has shape {tuple(size)}.")
    between = ("row",) if len(size) == 3 else tuple(f"index {axis}" for axis in range(1, len(size) - 1))
    for what, index, length in zip(("channel", *between, "column"), place, size, strict=False):
        if not 0 <= index < length:
            raise InvalidValue(f"address {text!r}: the {what} must be from 0 to {length - 1}; got {index}.")
    return Address(name, place)


def _split(text: str) -> tuple[str, tuple[int, ...]]:
    """Part the name from the numbers in the last brackets."""
    match = re.fullmatch(r"(.*)\[([^\[\]]*)\]", text, re.DOTALL)
    if match is None:
        return text, (0,)
    name, inside = match.group(1).rstrip(), match.group(2)
    try:
        return name, tuple(int(part) for part in inside.split(","))
    except ValueError:
        raise InvalidValue(f"address {text!r}: {_FORM}; got '[{inside}]'.") from None
