"""Addresses as text."""

from __future__ import annotations

import pytest

from convscope.errors import DtypeError, InvalidValue, UnknownName
from convscope.network import Address, parse_address

SHAPES = {
    "input": (1, 3, 9, 8),
    "conv1/7x7_s2": (1, 8, 5, 4),
    "layer1.0.conv1": (1, 4, 5, 4),
    "odd[1]": (1, 4, 5, 4),
    "odd": (1, 4, 5, 4),
    "with space": (1, 4, 5, 4),
    " led by one": (1, 4, 5, 4),
    "fc": (1, 10),
}


@pytest.mark.parametrize(
    ("text", "node", "place"),
    [
        ("conv1/7x7_s2", "conv1/7x7_s2", ()),
        ("conv1/7x7_s2[7]", "conv1/7x7_s2", (7,)),
        ("conv1/7x7_s2[7,4,3]", "conv1/7x7_s2", (7, 4, 3)),
        (" layer1.0.conv1 [ 0 , 1 , 2 ] ", "layer1.0.conv1", (0, 1, 2)),
        ("input[2,8,7]", "input", (2, 8, 7)),
        ("odd[1]", "odd[1]", ()),  # a node's full name comes first
        ("odd[1][3]", "odd[1]", (3,)),
        ("odd[2]", "odd", (2,)),
        ("with space[1]", "with space", (1,)),
        (" led by one", " led by one", ()),
        (" led by one[1,2,3] ", " led by one", (1, 2, 3)),
        ("fc[9]", "fc", (9,)),
    ],
)
def test_addresses(text: str, node: str, place: tuple[int, ...]) -> None:
    address = parse_address(text, SHAPES)
    assert address == Address(node, place)
    assert parse_address(str(address), SHAPES) == address or str(address) == "odd[1]"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("conv1[3]", "there is no node 'conv1'; nearest: "),
        ("layer1.0.conv2[0]", "nearest: layer1.0.conv1"),
        ("", "there is no node ''"),
    ],
)
def test_unknown_nodes(text: str, message: str) -> None:
    with pytest.raises(UnknownName) as refusal:
        parse_address(text, SHAPES)
    assert message in str(refusal.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("fc[10]", "the channel must be from 0 to 9; got 10"),
        ("fc[-1]", "the channel must be from 0 to 9; got -1"),
        ("fc[1,0,0]", "'fc' has shape (10,)"),
        ("odd[0,5,0]", "the row must be from 0 to 4; got 5"),
        ("odd[0,0,4]", "the column must be from 0 to 3; got 4"),
        ("odd[0,0]", "an address is node, node[channel] or node[channel,row,column]"),
        ("odd[a]", "got '[a]'"),
        ("odd[]", "got '[]'"),
        ("odd[1.5]", "got '[1.5]'"),
    ],
)
def test_wrong_places(text: str, message: str) -> None:
    with pytest.raises(InvalidValue) as refusal:
        parse_address(text, SHAPES)
    assert message in str(refusal.value)


@pytest.mark.parametrize("address", [None, 3, ("conv1", (0, 1, 2)), b"fc[1]"])
def test_an_address_is_text(address: object) -> None:
    with pytest.raises(DtypeError, match=r"as text such as 'conv2\[3,5,7\]'; got"):
        parse_address(address, SHAPES)  # type: ignore[arg-type]
