"""One cell of a network, down to the last multiply-add."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope.errors import InvalidValue
from convscope.explain.run import run_one
from convscope.explain.terms import terms_of
from convscope.network import Activations, Address, Network, parse_address
from convscope.result import Result

__all__ = ["After", "Trace", "trace"]

# layers that make each cell of its own value alone
_CELL_BY_CELL = (
    "BatchNorm", "CELU", "ChannelScale", "Clip", "Dropout", "ELU", "GELU", "Hardsigmoid", "Hardswish",
    "LeakyReLU", "Mish", "PReLU", "ReLU", "SELU", "Sigmoid", "SiLU", "Softplus", "Softsign", "Tanh",
)  # fmt: skip


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
    source : str
        The node whose values entered.
    terms : structured ndarray
        One row for each product, in float64, with the fields `channel`, `row`, `column` (where the
        input value stands; a row or column outside the map is padding), `kernel_row`,
        `kernel_column`, `padding` (bool), `input`, `weight` and `product`. Pooling is written as
        the sum it is at this image: the largest value has weight 1 and the others 0, or all
        have one over their number.
    bias : float
        Added to the sum of the products; 0 where the layer has none.
    value : float
        The sum of the products and the bias, in float64.
    engine : float
        What the engine computed.
    bound : float
        How far rounding in the engine's own precision can take `engine` from `value`:
        gamma(n + 1) * (sum of |products| + |bias|) with gamma(k) = k*u / (1 - k*u), u the unit
        roundoff and n the number of terms (Higham, Accuracy and Stability of Numerical Algorithms, 3.1).
    dtype : str
        The engine's precision.
    after : tuple of After
        The batch norm, activation and dropout that follow directly, in order.
    """

    address: str
    kind: str
    source: str
    terms: NDArray[np.void]
    bias: float
    value: float
    engine: float
    bound: float
    dtype: str
    after: tuple[After, ...] = ()

    @property
    def agrees(self) -> bool:
        """Whether the engine's value is the traced one, to within the bound."""
        same = self.engine == self.value or (np.isnan(self.engine) and np.isnan(self.value))
        return bool(same or abs(self.engine - self.value) <= self.bound)

    @property
    def kernel_size(self) -> tuple[int, int]:
        """Rows and columns of the window."""
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
        return {**super().to_dict(), "terms": rows, "partial_sums": self.partial_sums().tolist()}


def trace(
    net: Network, image: Any, at: str, depth: int = 1, *, activations: Activations | None = None
) -> Trace:
    """Write one cell out as the products, sum and bias it is made of.

    Parameters
    ----------
    net : Network
    image : path, PIL image or ndarray
        As `net.input` prepares it; a float (C, H, W) or (1, C, H, W) is used untouched.
    at : str
        The cell, ``node[channel,row,column]``, or ``node[feature]`` after flattening. The node may be
        a convolution, a dense layer or a pooling.
    depth : int
        How many layers to follow down; 1, the cell's own layer, for now.
    activations : Activations, optional
        Those of this very image, to save running it again.

    Raises
    ------
    UnknownName
        If the node does not exist; the message offers the nearest names.
    InvalidValue
        If the cell lies outside the map, or the node is of another kind.

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
    if depth != 1:
        raise InvalidValue(f"trace: depth must be 1; got {depth}.")
    if activations is None:
        activations = run_one(net, image, "trace")
    address = parse_address(at, activations.shapes)
    if address.node == net.input_name:
        raise InvalidValue(f"trace: {at!r} is a pixel of the input; nothing was computed for it.")
    output = activations[address.node][0]
    if len(address.place) != output.ndim:
        form = "node[channel,row,column]" if output.ndim == 3 else "node[feature]"
        raise InvalidValue(f"trace: a cell of {address.node} must be given as {form}; got {at!r}.")
    node = net.nodes[address.node]
    source = _source(net, node.inputs[0], activations)
    terms, bias = terms_of(node.layer, activations[node.inputs[0]][0], address.place, source)
    value = float(terms["product"].sum() + bias)
    return Trace(
        address=str(address),
        kind=node.layer.kind,
        source=node.inputs[0],
        terms=terms,
        bias=bias,
        value=value,
        engine=float(output[address.place]),
        bound=_bound(terms, bias, output.dtype),
        dtype=str(output.dtype),
        after=tuple(_after(net, address, activations)),
    )


def _source(net: Network, name: str, activations: Activations) -> tuple[int, ...]:
    """Give the shape of the map that a flattened input came from, else the input's own."""
    while name != net.input_name and net.nodes[name].layer.kind in ("Flatten", "Dropout"):
        name = net.nodes[name].inputs[0]
    return tuple(activations[name].shape[1:])


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


def _bound(terms: NDArray[np.void], bias: float, dtype: np.dtype[Any]) -> float:
    """Bound the rounding of a sum of products in `dtype`, in any order of summation."""
    roundings = (len(terms) + 1) * float(np.finfo(dtype).eps) / 2
    return roundings / (1 - roundings) * float(np.abs(terms["product"]).sum() + abs(bias))
