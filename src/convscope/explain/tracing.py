"""One cell of a network, down to the last multiply-add."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from convscope.errors import InvalidValue
from convscope.explain.cells import cell_address, cell_of, sources_of
from convscope.explain.gradient import GradientTrace, trace_gradient
from convscope.explain.run import run_one
from convscope.explain.terms import Cell
from convscope.network import Activations, Address, Network
from convscope.result import Result

__all__ = ["After", "Trace", "trace"]

# layers that make each cell of its own value alone
_CELL_BY_CELL = (
    "BatchNorm", "CELU", "ChannelScale", "Clip", "Dropout", "ELU", "GELU", "Hardsigmoid", "Hardswish",
    "LeakyReLU", "Mish", "PReLU", "ReLU", "SELU", "Sigmoid", "SiLU", "Softplus", "Softsign", "Tanh",
)  # fmt: skip
_MOST_TRACES = 1000


@dataclass(frozen=True)
class After:
    """What a following layer made of the cell, as the engine computed it.

    Attributes
    ----------
    node, kind : str
        The following node and its layer's kind, such as "ReLU".
    value : float
    """

    node: str
    kind: str
    value: float


@dataclass(frozen=True, eq=False)
class Trace(Result):
    """Everything that entered one cell, and what came out.

    Attributes
    ----------
    address : str
        The cell, such as ``conv1[3,5,7]``.
    kind : str
        The kind of its layer.
    sources : tuple of str
        The nodes whose values entered.
    terms : structured ndarray
        One row for each product, in float64, with the fields `source` (position in `sources`),
        `channel`, `row`, `column` (where the input value stands; a row or column outside the map is
        padding), `kernel_row`, `kernel_column`, `padding` (bool), `input`, `weight` and `product`.
        Pooling is written as the sum it is at this image: the largest value has weight 1 and the
        others 0, or all have one over their number. So is a rectifier: weight 1 or 0.
    bias : float
        Added to the sum of the products; 0 where the layer has none.
    total : float
        The sum of the products and the bias, in float64.
    value : float
        What the layer makes of the total; for most layers the total itself.
    engine : float
        What the engine computed.
    bound : float
        How far rounding in the engine's own precision can take `engine` from `value`. For a sum of n
        products gamma(n + 1) * (sum of |products| + |bias|) with gamma(k) = k*u / (1 - k*u), u the
        unit roundoff (Higham, Accuracy and Stability of Numerical Algorithms, 3.1); for a function of
        it, what every step of the function may add, one after the other (3.3).
    dtype : str
        The engine's precision.
    summand : str
        How a product comes from its input and weight; mostly "input * weight".
    formula : str
        How the value comes from the total; mostly "sum".
    after : tuple of After
        The batch norm, activation and dropout that follow directly, in order.
    below : tuple of Trace
        With a depth above 1, the traces of the cells that entered most strongly.
    not_followed : int
        How many further cells entered with a product other than 0.
    preparation : tuple of str
        What was done to the image before the network saw it, such as a resizing.
    """

    address: str
    kind: str
    sources: tuple[str, ...]
    terms: NDArray[np.void]
    bias: float
    total: float
    value: float
    engine: float
    bound: float
    dtype: str
    summand: str = "input * weight"
    formula: str = "sum"
    after: tuple[After, ...] = ()
    below: tuple[Trace, ...] = ()
    not_followed: int = 0
    preparation: tuple[str, ...] = ()

    @property
    def source(self) -> str:
        """The names of the nodes whose values entered, as text."""
        return ", ".join(self.sources)

    @property
    def agrees(self) -> bool:
        """Whether the engine's value is the traced one, to within the bound."""
        same = self.engine == self.value or (np.isnan(self.engine) and np.isnan(self.value))
        return bool(same or abs(self.engine - self.value) <= self.bound)

    @property
    def kernel_size(self) -> tuple[int, int]:
        """Rows and columns of the window; (0, 0) where nothing entered."""
        if not len(self.terms):
            return 0, 0
        return int(self.terms["kernel_row"].max()) + 1, int(self.terms["kernel_column"].max()) + 1

    @property
    def channels(self) -> NDArray[np.int64]:
        """The input channels that enter, in order."""
        return np.unique(self.terms["channel"]).astype(np.int64)

    def partial_sums(self) -> NDArray[np.float64]:
        """Give the sum of the products of each input channel, in the order of `channels`."""
        place = np.searchsorted(self.channels, self.terms["channel"])
        return np.bincount(place, self.terms["product"]).astype(np.float64)

    def to_dict(self) -> dict[str, Any]:
        """Give every field as plain Python; each term is a mapping by field name."""
        names = self.terms.dtype.names or ()
        rows = [dict(zip(names, term, strict=True)) for term in self.terms.tolist()]
        return {
            **super().to_dict(),
            "terms": rows,
            "partial_sums": self.partial_sums().tolist(),
            "below": [trace.to_dict() for trace in self.below],
        }


@overload
def trace(
    net: Network,
    image: Any,
    at: str,
    depth: int = 1,
    *,
    follow: int = 3,
    backward: None = None,
    activations: Activations | None = None,
) -> Trace: ...
@overload
def trace(
    net: Network,
    image: Any,
    at: str,
    depth: int = 1,
    *,
    follow: int = 3,
    backward: str | Mapping[str, NDArray[Any]],
    activations: Activations | None = None,
) -> GradientTrace: ...
def trace(
    net: Network,
    image: Any,
    at: str,
    depth: int = 1,
    *,
    follow: int = 3,
    backward: str | Mapping[str, NDArray[Any]] | None = None,
    activations: Activations | None = None,
) -> Trace | GradientTrace:
    """Write one cell out as the products, sum and bias it is made of.

    Parameters
    ----------
    net : Network
    image : path, PIL image or ndarray
        As `net.input` prepares it; a float (C, H, W) or (1, C, H, W) is used untouched.
    at : str
        The cell, ``node[channel,row,column]``, or ``node[feature]`` after flattening; of any node. With
        `backward` also a cell of the input, or one number of a parameter, ``conv1.weight[0,0,1,2]``.
    depth : int
        How many layers to follow down: 1 is the cell's own layer; more than there are ends at
        the pixels.
    follow : int
        How many of the cells that entered are followed at each step, those with the largest
        products first.
    backward : str or mapping of str to ndarray, optional
        Write out a gradient instead: of the cell that the text names ("fc[3]"), or from these gradients
        by node, as `net.backward` takes them.
    activations : Activations, optional
        Those of this very image, to save running it again.

    Returns
    -------
    Trace, or with `backward` GradientTrace

    Raises
    ------
    UnknownName
        If the node does not exist; the message offers the nearest names.
    InvalidValue
        If the cell lies outside the map, or depth and follow ask for more than 1000 cells.

    Examples
    --------
    >>> import convscope as cs
    >>> net = cs.models.small_cnn()
    >>> t = trace(net, cs.data.digits().x[0], "conv1[0,3,3]")
    >>> t.agrees, len(t.terms) == net.parameters["conv1.weight"][0].size
    (True, True)
    >>> bool(t.value == t.terms["product"].sum() + t.bias)
    True
    """
    for name, number in (("depth", depth), ("follow", follow)):
        if isinstance(number, bool) or not isinstance(number, int | np.integer) or number < 1:
            raise InvalidValue(f"trace: {name} must be a whole number of at least 1; got {number!r}.")
    if activations is None:
        activations = run_one(net, image, "trace")
    if backward is not None:
        return trace_gradient(net, at, backward, activations)
    address = cell_address("trace", net, at, activations)
    return _Tracer(net, activations, follow).trace(address, depth)


class _Tracer:
    """Traces a cell and the cells below it, counting them."""

    def __init__(self, net: Network, activations: Activations, follow: int) -> None:
        self.net, self.activations, self.follow = net, activations, follow
        self.count = 0

    def trace(self, address: Address, depth: int) -> Trace:
        self.count += 1
        if self.count > _MOST_TRACES:
            raise InvalidValue(
                f"trace: depth and follow must lead to at most {_MOST_TRACES} cells; "
                f"got more with follow={self.follow}: follow fewer, or less deep."
            )
        net, activations = self.net, self.activations
        output = activations[address.node][0]
        cell = cell_of(net, activations, address.node, address.place)
        below, left = self._below(address.node, cell, depth) if depth > 1 else ((), 0)
        return Trace(
            address=str(address),
            kind=net.nodes[address.node].layer.kind,
            sources=net.nodes[address.node].inputs,
            terms=cell.terms,
            bias=cell.bias,
            total=cell.total,
            value=cell.value,
            engine=float(output[address.place]),
            bound=cell.bound,
            dtype=str(output.dtype),
            summand=cell.summand,
            formula=cell.formula,
            after=tuple(_after(net, address, activations)),
            below=below,
            not_followed=left,
            preparation=activations.preparation,
        )

    def _below(self, node: str, cell: Cell, depth: int) -> tuple[tuple[Trace, ...], int]:
        """Trace the cells that entered most strongly; say how many others entered."""
        strength: dict[tuple[str, tuple[int, ...]], float] = {}
        places = sources_of(self.net, self.activations, node, cell)
        for source, term in zip(places, cell.terms, strict=True):
            if not term["padding"] and term["product"] != 0:
                strength[source] = strength.get(source, 0.0) + abs(float(term["product"]))
        nodes = self.net.nodes
        inner = [s for s in strength if s[0] in nodes and nodes[s[0]].layer.kind != "Constant"]
        inner.sort(key=lambda source: -strength[source])
        chosen = inner[: self.follow]
        return tuple(self.trace(Address(*source), depth - 1) for source in chosen), len(inner) - len(chosen)


def _after(net: Network, address: Address, activations: Activations) -> list[After]:
    """Follow the cell through the layers that work on each cell by itself, while only one follows."""
    found: list[After] = []
    name = address.node
    while True:
        following = [node for node in net.nodes.values() if name in node.inputs]
        if len(following) != 1 or following[0].layer.kind not in _CELL_BY_CELL:
            return found
        name = following[0].name
        found.append(After(name, following[0].layer.kind, float(activations[name][0][address.place])))
