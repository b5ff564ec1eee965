"""Which channels, and which places, made a value: each one's exact part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope.explain.cells import cell_of, run_to_cell, sources_of
from convscope.explain.functions import FUNCTIONS
from convscope.explain.naming import maker_of, names_of
from convscope.network import Activations, Address, Network
from convscope.result import Result

__all__ = ["Ledger", "LedgerEntry", "entries_of", "ledger"]

Place = tuple[int, ...]

_MIXING = ("Conv2d", "ConvNd", "ConvTranspose2d", "ConvTransposeNd", "Linear", "MatMul", "TableConv2d")
_BRANCHES = ("Add", "Average", "Concatenate", "Subtract")
_GATES = ("Clip", "Dropout", "Flatten", "GlobalMaxPool2d", "LeakyReLU", "MaxPool2d", "PReLU", "ReLU")
_POOLING = ("AvgPool2d", "GlobalAvgPool2d", "GlobalMaxPool2d", "MaxPool2d")
_SCALES = ("BatchNorm", "ChannelScale", "Dropout")
_TO_MAPS = ("AvgPool2d", "Dropout", "Flatten", "GlobalAvgPool2d", "GlobalMaxPool2d", "MaxPool2d")


@dataclass(frozen=True)
class LedgerEntry:
    """One input channel and what it gave.

    Attributes
    ----------
    node : str
        The node whose channel it is.
    channel : int
    part : float
        Its exact part of the value, signed.
    name : str
        What made the channel, in the words of its filter's verdict; "" where it was not asked for, or
        no filter made it.
    maker : str
        The filter: "conv1[4]"; "" where no filter made it.
    """

    node: str
    channel: int
    part: float
    name: str = ""
    maker: str = ""


@dataclass(frozen=True, eq=False)
class Ledger(Result):
    """The parts that make a value.

    Attributes
    ----------
    address : str
        The cell that was asked for.
    of : str
        The cell whose parts these are: the same, or the one before it whose value it passes on.
    steps : tuple of str
        How the one leads to the other, in words, and which rectifiers on the way let nothing through.
    value : float
        The sum of all parts and the constant.
    engine : float
        What the engine computed for `of`.
    bound : float
        How far rounding can take `engine` from `value`.
    constant : float
        What biases and batch norms add, whatever the input.
    entries : tuple of LedgerEntry
        All input channels that entered, the largest magnitude first.
    map : str
        The node whose places `places` are; "" if several nodes entered.
    places : ndarray of shape (H, W)
        The parts by place in that node's map, summed over the channels.
    preparation : tuple of str
        What was done to the image before the network saw it, such as a resizing.
    """

    address: str
    of: str
    steps: tuple[str, ...]
    value: float
    engine: float
    bound: float
    constant: float
    entries: tuple[LedgerEntry, ...]
    map: str
    places: NDArray[np.float64] = field(repr=False)
    preparation: tuple[str, ...] = ()

    @property
    def agrees(self) -> bool:
        """Whether the engine's value is the sum of the parts, to within the bound."""
        return bool(abs(self.engine - self.value) <= self.bound)


def ledger(
    net: Network, image: Any, at: str, *, names: int = 24, activations: Activations | None = None
) -> Ledger:
    """Say which input channels made a value, each by its exact part, signed and sorted.

    This answers how a second layer finds something new in maps that only say where the first
    one's features were: it adds up where several of them are, in the arrangement of its kernels.

    From the cell the ledger goes down through batch norm, pooling and rectifiers to the layer that
    mixes channels; of a sum of branches each branch is followed so. The parts are those of this
    layer's inputs; for a class score they are followed on through flattening and global pooling, so that
    `places` says where in the last map they stood.

    Parameters
    ----------
    net : Network
    image : path, PIL image or ndarray
    at : str
        A cell, ``conv2[3,5,7]``, or a class score, ``fc[3]``. Of a probability after softmax, the ledger is
        that of its score.
    names : int
        How many of the strongest channels are named by the verdict on their filters.
    activations : Activations, optional
        Those of this very image.

    Raises
    ------
    UnknownName, InvalidValue
        If there is no such cell.

    Examples
    --------
    >>> import convscope as cs
    >>> net = cs.models.small_cnn()
    >>> found = ledger(net, cs.data.digits().x[0], "fc[3]", names=0)
    >>> found.agrees, found.entries[0].node, found.places.shape
    (True, 'bn2', (2, 2))
    """
    activations, address = run_to_cell("ledger", net, image, at, activations)
    subject, steps = _subject(net, activations, address)
    parts = _Parts(net, activations)
    parts.expand(subject.node, subject.place, 1.0)
    leaves = parts.leaves()
    total = float(leaves["part"].sum() + parts.constant)
    sources = [parts.names[i] for i in np.unique(leaves["node"])]
    one = sources[0] if len(sources) == 1 else ""
    return Ledger(
        address=str(address),
        of=str(subject),
        steps=(*steps, *map(_shut, parts.shut.values())),
        value=total,
        engine=float(activations[subject.node][(0, *subject.place)]),
        bound=parts.bound,
        constant=parts.constant,
        entries=tuple(_entries(net, activations, leaves, parts.names, names)),
        map=one,
        places=_places(activations[one].shape[1:], leaves) if one else np.zeros((0, 0)),
        preparation=activations.preparation,
    )


def _subject(net: Network, activations: Activations, address: Address) -> tuple[Address, list[str]]:
    """Go down while one cell alone decides: through activations, a maximum's choice, softmax."""
    steps: list[str] = []
    while True:
        node = net.nodes[address.node]
        kind = node.layer.kind
        if kind not in _GATES and kind not in FUNCTIONS:
            return address, steps
        cell = cell_of(net, activations, address.node, address.place)
        own = _own_input(net, activations, address, cell)
        if own is None or own.node == net.input_name:
            return address, steps
        steps.append(_step(activations, address, kind, own))
        address = own


def _own_input(net: Network, activations: Activations, address: Address, cell: Any) -> Address | None:
    """Give the one input cell that a cell follows: the chosen one, or the one at its own place."""
    node = net.nodes[address.node]
    sources = sources_of(net, activations, address.node, cell)
    if node.layer.kind in _POOLING:
        chosen = [s for s, weight in zip(sources, cell.terms["weight"], strict=True) if weight]
        return Address(*chosen[0]) if chosen else None
    if len(sources) == 1:
        return Address(*sources[0])
    same = (node.inputs[0], address.place)
    return Address(*same) if same in sources else None


def _step(activations: Activations, address: Address, kind: str, own: Address) -> str:
    before = float(activations[own.node][(0, *own.place)])
    after = float(activations[address.node][(0, *address.place)])
    if kind in _POOLING:
        return f"{address} is {own}, the largest of its window"
    if kind in ("Flatten", "Dropout"):
        return f"{address} is {own}"
    return f"{address} is the {kind} of {own}: {after:.6g} from {before:.6g}"


def _shut(cells: list[str]) -> str:
    if len(cells) == 1:
        return f"{cells[0]} is shut: nothing of what lies before it comes through"
    return f"{cells[0]} and {len(cells) - 1} more of its node are shut: nothing comes through them"


class _Parts:
    """Writes a cell as parts of other cells, going down."""

    def __init__(self, net: Network, activations: Activations) -> None:
        self.net, self.activations = net, activations
        self.constant = self.bound = 0.0
        self.names: list[str] = []
        self.shut: dict[str, list[str]] = {}
        self._found: list[NDArray[np.void]] = []

    def expand(self, name: str, place: Place, coefficient: float, branch: bool = False) -> None:
        """Follow one cell down to the inputs of the layer that mixes channels."""
        kind = "" if name == self.net.input_name else self.net.nodes[name].layer.kind
        follow = kind in _MIXING or kind in _SCALES or kind in _BRANCHES
        if not branch:
            follow = follow or kind in _GATES or kind in _POOLING
        if not follow:
            self._leaf([(name, place)], np.array([coefficient]))
            return
        cell = cell_of(self.net, self.activations, name, place)
        self.constant += coefficient * cell.bias
        self.bound += abs(coefficient) * cell.bound
        sources = sources_of(self.net, self.activations, name, cell)
        kept = ~cell.terms["padding"] & ((cell.terms["weight"] != 0) | (kind in _MIXING))
        weights = coefficient * cell.terms["weight"]
        if kind in _MIXING:
            self._leaf([s for s, keep in zip(sources, kept, strict=True) if keep], weights[kept])
            return
        if kind in _GATES and not kept.any():
            self.shut.setdefault(name, []).append(str(Address(name, place)))
        for source, weight, keep in zip(sources, weights, kept, strict=True):
            if keep:
                self.expand(*source, float(weight), branch or kind in _BRANCHES)

    def _leaf(self, sources: list[tuple[str, Place]], weights: NDArray[np.float64]) -> None:
        """Keep cells as parts; those of a vector are followed on to the map they came from."""
        for name in dict.fromkeys(name for name, _ in sources):
            mine = [i for i, source in enumerate(sources) if source[0] == name]
            self._keep(name, np.array([sources[i][1] for i in mine]), weights[mine])

    def _keep(self, name: str, places: NDArray[np.int64], weights: NDArray[np.float64]) -> None:
        kind = "" if name == self.net.input_name else self.net.nodes[name].layer.kind
        values = self.activations[name][0]
        if kind in _TO_MAPS and (values.ndim == 1 or values.shape[1:] == (1, 1)):
            source = self.net.nodes[name].inputs[0]
            if kind in ("Flatten", "Dropout"):
                inner = self.activations[source].shape[1:]
                flat = places if kind == "Dropout" else np.stack(np.unravel_index(places[:, 0], inner), 1)
                self._keep(source, flat, weights)
                return
            for place, weight in zip(places.tolist(), weights, strict=True):
                cell = cell_of(self.net, self.activations, name, tuple(place))
                self.bound += abs(float(weight)) * cell.bound
                under = np.array([p for _, p in sources_of(self.net, self.activations, name, cell)])
                self._record(source, under, weight * cell.terms["weight"])
            return
        self._record(name, places, weights)

    def _record(self, name: str, places: NDArray[np.int64], weights: NDArray[np.float64]) -> None:
        if name not in self.names:
            self.names.append(name)
        found = np.zeros(len(places), _LEAF)
        found["node"] = self.names.index(name)
        for axis in range(places.shape[1]):
            found["place"][:, axis] = places[:, axis]
        values = self.activations[name][0][tuple(places.T)].astype(np.float64)
        with np.errstate(invalid="ignore"):
            found["part"] = np.where(weights == 0, 0.0, weights * values)
        self._found.append(found)

    def leaves(self) -> NDArray[np.void]:
        """Give all parts that were found."""
        return np.concatenate(self._found) if self._found else np.zeros(0, _LEAF)


_LEAF = np.dtype([("node", np.int64), ("place", np.int64, (3,)), ("part", np.float64)])


def _entries(
    net: Network, activations: Activations, leaves: NDArray[np.void], sources: list[str], names: int
) -> list[LedgerEntry]:
    keys, place = np.unique(
        np.stack([leaves["node"], leaves["place"][:, 0]], axis=1), axis=0, return_inverse=True
    )
    parts = np.bincount(place.reshape(-1), leaves["part"], minlength=len(keys))
    found = [
        (sources[int(keys[i, 0])], int(keys[i, 1]), float(parts[i]))
        for i in np.argsort(-np.abs(parts), kind="stable")
    ]
    return entries_of(net, activations, found, names)


def entries_of(
    net: Network, activations: Activations, parts: Sequence[tuple[str, int, float]], names: int
) -> list[LedgerEntry]:
    """Make entries of (node, channel, part), and name the first `names` of them by what made them."""
    makers = [maker_of(net, activations, node, channel) for node, channel, _ in parts]
    named = [(node, channel, maker) for (node, channel, _), maker in zip(parts[:names], makers, strict=False)]
    words = [*names_of(net, named), *("",) * (len(parts) - len(named))]
    return [
        LedgerEntry(node, channel, part, said, "" if maker is None else f"{maker.node}[{maker.filter}]")
        for (node, channel, part), maker, said in zip(parts, makers, words, strict=True)
    ]


def _places(shape: Place, leaves: NDArray[np.void]) -> NDArray[np.float64]:
    size = shape[1:] if len(shape) == 3 else (1, 1)
    places = np.zeros(size)
    rows, columns = leaves["place"][:, 1], leaves["place"][:, 2]
    np.add.at(places, (rows, columns), leaves["part"])
    return places
