"""One number of the backward pass: which output gradients, and what each is multiplied with."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope.errors import InvalidValue, UnknownName, nearest_names
from convscope.explain.cells import cell_of, sources_of
from convscope.explain.functions import FUNCTIONS
from convscope.explain.general import BENT, BY_GRADIENT
from convscope.explain.links import links_of
from convscope.explain.rounding import sum_bound
from convscope.geometry import resolve_padding
from convscope.layers import Layer
from convscope.network import Activations, Address, Gradients, Network, Node, parse_address
from convscope.result import Result

__all__ = ["GRADIENT_TERMS", "GradientTrace", "trace_gradient"]

Array = NDArray[Any]
Place = tuple[int, ...]

#: One product of the backward pass; see `GradientTrace.terms`.
GRADIENT_TERMS = np.dtype(
    [
        ("reader", np.int64),
        ("channel", np.int64),
        ("row", np.int64),
        ("column", np.int64),
        ("input_channel", np.int64),
        ("input_row", np.int64),
        ("input_column", np.int64),
        ("gradient", np.float64),
        ("factor", np.float64),
        ("product", np.float64),
    ]
)


@dataclass(frozen=True, eq=False)
class GradientTrace(Result):
    """Which output gradients make one gradient, and what each is multiplied with.

    Attributes
    ----------
    address : str
        The cell ``conv1[3,5,7]`` or the number of a parameter ``conv1.weight[3,0,1,1]``.
    of : str
        What the gradient is of, such as "fc[3]".
    readers : tuple of str
        The nodes whose output gradients enter: the layer that has the parameter, or all that
        read the cell.
    factors : str
        What the gradients are multiplied with: "input" or "weight".
    terms : structured ndarray
        One row for each product, in float64: `reader` (position in `readers`), `channel`, `row`, `column`
        (the output cell whose gradient it is), `input_channel`, `input_row`, `input_column` (the input
        cell), `gradient`, `factor` and `product`.
    given : float
        What `backward` itself gave for this cell, which is added.
    value : float
        The sum of the products, in float64.
    engine : float
        What the engine computed.
    bound : float
        How far rounding can take `engine` from `value`; see `Trace.bound`.
    dtype : str
    """

    address: str
    of: str
    readers: tuple[str, ...]
    factors: str
    terms: NDArray[np.void]
    given: float
    value: float
    engine: float
    bound: float
    dtype: str

    @property
    def agrees(self) -> bool:
        """Whether the engine's value is the traced one, to within the bound."""
        same = self.engine == self.value or (np.isnan(self.engine) and np.isnan(self.value))
        return bool(same or abs(self.engine - self.value) <= self.bound)

    def to_dict(self) -> dict[str, Any]:
        """Give every field as plain Python; each term is a mapping by field name."""
        names = self.terms.dtype.names or ()
        rows = [dict(zip(names, term, strict=True)) for term in self.terms.tolist()]
        return {**super().to_dict(), "terms": rows}


def trace_gradient(net: Network, at: str, backward: Any, activations: Activations) -> GradientTrace:
    """Write one gradient out; see `trace`.

    Raises
    ------
    UnknownName, InvalidValue
        If an address does not exist, or the cell is read by a layer that is more than a sum.
    """
    seeds, of = _seeds(net, backward, activations)
    gradients = net.backward(activations, seeds)
    parameter = _parameter(net, at)
    if parameter is not None:
        return _of_parameter(net, activations, gradients, parameter, at, of)
    return _of_cell(net, activations, gradients, seeds, at, of)


def _seeds(net: Network, backward: Any, activations: Activations) -> tuple[Mapping[str, Array], str]:
    if isinstance(backward, str):
        address = parse_address(backward, activations.shapes)
        if len(address.place) != activations[address.node].ndim - 1:
            raise InvalidValue(f"trace: backward must be one cell, such as node[3,5,7]; got {backward!r}.")
        seed = np.zeros_like(activations[address.node])
        seed[(0, *address.place)] = 1
        return {address.node: seed}, str(address)
    if not isinstance(backward, Mapping):
        raise InvalidValue(
            f"trace: backward must be a cell's address or gradients by node; got {type(backward).__name__}."
        )
    return backward, "what was given for " + ", ".join(backward)


def _parameter(net: Network, at: str) -> tuple[str, Place] | None:
    """Read ``conv1.weight[0,0,1,2]``; None if the text names no parameter."""
    match = re.fullmatch(r"(.*)\[([^\[\]]*)\]", at.strip(), re.DOTALL)
    if match is None:
        return None
    name = match.group(1).rstrip()
    if name not in net.parameters:
        if name.rpartition(".")[2] in ("weight", "bias") and name not in net.nodes:
            known = nearest_names(name, net.parameters)
            raise UnknownName(f"trace: there is no parameter {name!r}; {known}.")
        return None
    shape = net.parameters[name].shape
    try:
        place = tuple(int(part) for part in match.group(2).split(","))
    except ValueError:
        place = ()
    fits = len(place) == len(shape) and all(0 <= i < n for i, n in zip(place, shape, strict=True))
    if not fits:
        raise InvalidValue(f"trace: {name} has shape {shape}, counted from 0; got {at!r}.")
    return name, place


def _of_parameter(
    net: Network, activations: Activations, gradients: Gradients, at: tuple[str, Place], text: str, of: str
) -> GradientTrace:
    name, place = at
    node = net.nodes[name.rpartition(".")[0]]
    what = name.rpartition(".")[2]
    grad = gradients.nodes.get(node.name)
    x = activations[node.inputs[0]][0]
    if grad is None:
        terms = np.zeros(0, GRADIENT_TERMS)
    elif what == "bias":
        terms = _per_cell(grad[0], place[0], None)
    elif node.layer.kind in ("Conv2d", "TableConv2d"):
        terms = _of_kernel(node.layer, x, grad[0], place)
    elif node.layer.kind == "Linear":
        terms = np.zeros(1, GRADIENT_TERMS)
        terms["channel"], terms["input_channel"] = place
        terms["gradient"], terms["factor"] = grad[0][place[0]], x[place[1]]
    else:
        raise InvalidValue(
            "trace: the gradient of a weight is written out for convolutions and dense layers; "
            f"{name} belongs to a {node.layer.kind}."
        )
    terms["product"] = terms["gradient"] * terms["factor"]
    value = float(terms["product"].sum())
    engine = gradients.parameters.get(name)
    dtype = net.dtype
    return GradientTrace(
        address=text,
        of=of,
        readers=(node.name,),
        factors="1" if what == "bias" else "input",
        terms=terms,
        given=0.0,
        value=value,
        engine=0.0 if engine is None else float(engine[place]),
        bound=sum_bound(len(terms), float(np.abs(terms["product"]).sum()), dtype),
        dtype=str(dtype),
    )


def _per_cell(grad: Array, channel: int, factors: Array | None) -> NDArray[np.void]:
    """Make a term of every cell of one channel."""
    cells = np.atleast_2d(grad[channel])
    rows, columns = np.indices(cells.shape)
    terms = np.zeros(cells.size, GRADIENT_TERMS)
    terms["channel"], terms["row"], terms["column"] = channel, rows.ravel(), columns.ravel()
    terms["gradient"] = cells.ravel()
    terms["factor"] = 1.0 if factors is None else factors.ravel()
    return terms


def _of_kernel(layer: Layer, x: Array, grad: Array, place: Place) -> NDArray[np.void]:
    """One weight meets, for each output cell of its filter, the input at its tap; padding gives nothing."""
    filter_, channel, *tap = place
    weight = layer.parameters["weight"]
    connections = layer.settings().get("connections")
    if connections is not None and not connections[filter_][channel]:
        return np.zeros(0, GRADIENT_TERMS)
    depth = weight.shape[1]
    channel += filter_ // (weight.shape[0] * depth // x.shape[0]) * depth
    terms = _per_cell(grad, filter_, None)
    windows = layer.window()
    assert windows is not None
    inside = np.ones(len(terms), np.bool_)
    for axis, name in ((0, "row"), (1, "column")):
        window, size = windows[axis], x.shape[1 + axis]
        before, _ = resolve_padding(window.padding, size, window.kernel, window.stride, window.dilation)
        position = terms[name] * window.stride - before + tap[axis] * window.dilation
        terms[f"input_{name}"] = position
        inside &= (position >= 0) & (position < size)
    terms = terms[inside]
    terms["input_channel"] = channel
    terms["factor"] = x[channel, terms["input_row"], terms["input_column"]]
    return terms


def _of_cell(
    net: Network,
    activations: Activations,
    gradients: Gradients,
    seeds: Mapping[str, Array],
    at: str,
    of: str,
) -> GradientTrace:
    address = parse_address(at, activations.shapes)
    values = activations[address.node]
    if len(address.place) != values.ndim - 1:
        raise InvalidValue(f"trace: a cell must be given, such as node[channel,row,column]; got {at!r}.")
    found = gradients.inputs if address.node == net.input_name else gradients.nodes
    engine = found.get(address.node)
    readers = [n for n in net.nodes.values() if address.node in n.inputs and n.name in gradients.nodes]
    parts = []
    for index, reader in enumerate(readers):
        part = _through(net, activations, gradients.nodes[reader.name][0], reader, address)
        part["reader"] = index
        parts.append(part)
    terms = np.concatenate(parts) if parts else np.zeros(0, GRADIENT_TERMS)
    terms["product"] = terms["gradient"] * terms["factor"]
    given = float(seeds[address.node][0][address.place]) if address.node in seeds else 0.0
    magnitude = float(np.abs(terms["product"]).sum()) + abs(given)
    return GradientTrace(
        address=str(address),
        of=of,
        readers=tuple(reader.name for reader in readers),
        factors="weight",
        terms=terms,
        given=given,
        value=float(terms["product"].sum()) + given,
        engine=0.0 if engine is None else float(engine[(0, *address.place)]),
        # beyond one rounding a term: the factors of norms and resizings are rounded a few times
        bound=sum_bound(len(terms) + len(readers) + 6, magnitude, values.dtype),
        dtype=str(values.dtype),
    )


def _through(
    net: Network, activations: Activations, grad: Array, reader: Node, address: Address
) -> NDArray[np.void]:
    """Give the terms by which the gradient of one reader's output reaches a cell."""
    kind, layer = reader.layer.kind, reader.layer
    if kind in FUNCTIONS or kind in BENT or kind in BY_GRADIENT:
        raise InvalidValue(
            f"trace: {address} is read by {reader.name}, a {kind}, whose derivative is more than a "
            "weight; trace a gradient above or below it."
        )
    if kind == "Linear":
        (feature,) = address.place
        terms = np.zeros(grad.size, GRADIENT_TERMS)
        terms["channel"], terms["input_channel"] = np.arange(grad.size), feature
        terms["gradient"], terms["factor"] = grad, layer.parameters["weight"][:, feature]
        return terms
    if kind in ("Conv2d", "TableConv2d"):
        rows = _of_filters(net, activations, reader, address, grad.shape)
    elif kind in ("Multiply", "Divide"):
        rows = _of_factors(net, activations, reader, address, grad.shape)
    else:
        rows = [
            (place, float(term["weight"]))
            for place in _reached(net, activations, reader, address, grad.shape)
            for source, term in _read_by(net, activations, reader, place)
            if source == (address.node, address.place) and not term["padding"]
        ]
    return _listed(rows, grad, address)


def _read_by(
    net: Network, activations: Activations, reader: Node, place: Place
) -> Iterator[tuple[tuple[str, Place], Any]]:
    cell = cell_of(net, activations, reader.name, place)
    return zip(sources_of(net, activations, reader.name, cell), cell.terms, strict=True)


def _reached(
    net: Network, activations: Activations, reader: Node, address: Address, output: Place
) -> list[Place]:
    """Give the cells of a reader's output that can depend on a cell."""
    shapes = tuple(activations[name].shape[1:] for name in reader.inputs)
    found: dict[Place, None] = {}
    for source, name in enumerate(reader.inputs):
        if name != address.node:
            continue
        if len(output) == 1:
            flat = int(np.ravel_multi_index(address.place, shapes[source]))
            offset = (
                sum(int(np.prod(s)) for s in shapes[:source]) if reader.layer.kind == "Concatenate" else 0
            )
            found[(flat + offset,)] = None
            continue
        rows, columns = links_of(reader.layer, shapes, source, output)
        for channel in _channels(reader.layer, shapes, source, address.place[0], output[0]):
            for row in np.flatnonzero(rows[:, address.place[1]]):
                for column in np.flatnonzero(columns[:, address.place[2]]):
                    found[(channel, int(row), int(column))] = None
    return list(found)


def _channels(layer: Layer, shapes: tuple[Place, ...], source: int, channel: int, made: int) -> range:
    """Give the output channels that read an input channel."""
    if layer.kind == "ConvTranspose2d":
        groups = layer.settings()["groups"]
        each, group = made // groups, channel // (shapes[source][0] // groups)
        return range(group * each, (group + 1) * each)
    if layer.kind == "Concatenate" and layer.settings()["axis"] % 4 == 1:
        channel += sum(shape[0] for shape in shapes[:source])
    return range(made) if shapes[source][0] == 1 else range(channel, channel + 1)


def _of_filters(
    net: Network, activations: Activations, reader: Node, address: Address, output: Place
) -> list[tuple[Place, float]]:
    """Every filter of the group read the cell, each output cell by another tap of its kernel."""
    layer, weight = reader.layer, reader.layer.parameters["weight"]
    shape = activations[address.node].shape[1:]
    windows = layer.window()
    assert windows is not None
    group, channel = divmod(address.place[0], weight.shape[1])
    each = weight.shape[0] * weight.shape[1] // shape[0]
    taps = []
    for axis in (0, 1):
        window, size, at = windows[axis], shape[1 + axis], address.place[1 + axis]
        before, _ = resolve_padding(window.padding, size, window.kernel, window.stride, window.dilation)
        offsets = at + before - np.arange(output[1 + axis]) * window.stride
        fits = (
            (offsets >= 0) & (offsets % window.dilation == 0) & (offsets // window.dilation < window.kernel)
        )
        taps.append([(int(i), int(offsets[i] // window.dilation)) for i in np.flatnonzero(fits)])
    connections = layer.settings().get("connections")
    return [
        ((filter_, row, column), float(weight[filter_, channel, u, v]))
        for filter_ in range(group * each, (group + 1) * each)
        if connections is None or connections[filter_][channel]
        for row, u in taps[0]
        for column, v in taps[1]
    ]


def _of_factors(
    net: Network, activations: Activations, reader: Node, address: Address, output: Place
) -> list[tuple[Place, float]]:
    """A factor's derivative is the other factor; a divisor's is -a / b ** 2."""
    a, b = (np.broadcast_to(activations[name][0].astype(np.float64), output) for name in reader.inputs)
    divide = reader.layer.kind == "Divide"
    rows = []
    for source, name in enumerate(reader.inputs):
        if name != address.node:
            continue
        shape = activations[name].shape[1:]
        ranges = [
            range(n) if size == 1 else range(i, i + 1)
            for i, size, n in zip(address.place, shape, output, strict=True)
        ]
        for place in itertools.product(*ranges):
            if source == 0:
                factor = 1 / b[place] if divide else b[place]
            else:
                factor = -a[place] / b[place] ** 2 if divide else a[place]
            rows.append((place, float(factor)))
    return rows


def _listed(rows: list[tuple[Place, float]], grad: Array, address: Address) -> NDArray[np.void]:
    terms = np.zeros(len(rows), GRADIENT_TERMS)
    for term, (place, factor) in zip(terms, rows, strict=True):
        for name, index in zip(("channel", "row", "column"), place, strict=False):
            term[name] = index
        for name, index in zip(("channel", "row", "column"), address.place, strict=False):
            term[f"input_{name}"] = index
        term["gradient"], term["factor"] = grad[place], factor
    return terms
