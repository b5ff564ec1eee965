"""One number of the backward pass: which output gradients, and what each is multiplied with."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope.errors import InvalidValue, UnknownName, nearest_names
from convscope.explain.cells import full_address, read
from convscope.explain.columns import column_of
from convscope.explain.rounding import sum_bound
from convscope.explain.terms import folded
from convscope.explain.weight_gradients import weight_terms
from convscope.network import Activations, Gradients, Network, Node
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
        What the gradients are multiplied with: "input", "normalised input" or "1" for a parameter; for a
        cell "weight", or "derivative" where a reader is no weighted sum.
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
    derivatives : tuple of str
        For each reader how its derivative is computed; "" where it is its weight.
    preparation : tuple of str
        What was done to the image before the network saw it, such as a resizing.
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
    derivatives: tuple[str, ...] = ()
    preparation: tuple[str, ...] = ()

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
        If an address does not exist.
    """
    seeds, of = _seeds(net, backward, activations)
    parameter = _parameter(net, at)
    gradients = net.backward(activations, seeds, parameters=parameter is not None)
    if parameter is not None:
        return _of_parameter(net, activations, gradients, parameter, at, of)
    return _of_cell(net, activations, gradients, seeds, at, of)


def _seeds(net: Network, backward: Any, activations: Activations) -> tuple[Mapping[str, Array], str]:
    if isinstance(backward, str):
        address = full_address(backward, activations)
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
    grad = gradients.nodes.get(node.name)
    output = activations[node.name].shape[1:]
    reading = read(net, activations, node.name, (0,) * len(output))
    found = weight_terms(reading, name.rpartition(".")[2], place, output)
    if found is None:
        raise InvalidValue(f"trace: the gradient of {name}, of a {node.layer.kind}, is not known.")
    terms = np.zeros(0 if grad is None else len(found.places), GRADIENT_TERMS)
    slack = 0.0
    if grad is not None:
        terms["gradient"] = grad[0][tuple(found.places.T)]
        terms["factor"] = found.factors.value
        _place(terms, "", found.places, output)
        if found.inputs.shape[1]:
            _place(terms, "input_", found.inputs, reading.x.shape)
        slack = float((np.abs(terms["gradient"]) * found.factors.error).sum())
    terms["product"] = terms["gradient"] * terms["factor"]
    engine = gradients.parameters.get(name)
    # beyond one rounding a term: a norm divides once more
    rounding = sum_bound(len(terms) + 2, float(np.abs(terms["product"]).sum()), net.dtype)
    return GradientTrace(
        address=text,
        of=of,
        readers=(node.name,),
        factors=found.what,
        terms=terms,
        given=0.0,
        value=float(terms["product"].sum()),
        engine=0.0 if engine is None else float(engine[place]),
        bound=rounding + slack,
        dtype=str(net.dtype),
        derivatives=("",),
        preparation=activations.preparation,
    )


def _place(terms: NDArray[np.void], prefix: str, places: Array, shape: Place) -> None:
    """Write places of any number of axes into the terms as channel, row and column."""
    for name, values in zip(("channel", "row", "column"), folded(places, shape), strict=True):
        terms[prefix + name] = values


def _of_cell(
    net: Network,
    activations: Activations,
    gradients: Gradients,
    seeds: Mapping[str, Array],
    at: str,
    of: str,
) -> GradientTrace:
    address = full_address(at, activations)
    values = activations[address.node]
    if len(address.place) != values.ndim - 1:
        raise InvalidValue(f"trace: a cell must be given, such as node[channel,row,column]; got {at!r}.")
    found = gradients.inputs if address.node == net.input_name else gradients.nodes
    engine = found.get(address.node)
    readers = [n for n in net.nodes.values() if address.node in n.inputs and n.name in gradients.nodes]
    parts, slacks, words = [np.zeros(0, GRADIENT_TERMS)], 0.0, []
    for index, reader in enumerate(readers):
        grad = gradients.nodes[reader.name][0]
        part, slack, derivative = _through(net, activations, grad, reader, address.node, address.place)
        part["reader"] = index
        parts.append(part)
        words.append(derivative)
        slacks += slack
    terms = np.concatenate(parts)
    given = float(seeds[address.node][0][address.place]) if address.node in seeds else 0.0
    magnitude = float(np.abs(terms["product"]).sum()) + abs(given)
    return GradientTrace(
        address=str(address),
        of=of,
        readers=tuple(reader.name for reader in readers),
        factors="derivative" if any(words) else "weight",
        terms=terms,
        given=given,
        value=float(terms["product"].sum()) + given,
        engine=0.0 if engine is None else float(engine[(0, *address.place)]),
        # beyond one rounding a term: the factors of norms and resizings are rounded a few times
        bound=sum_bound(len(terms) + len(readers) + 6, magnitude, values.dtype) + slacks,
        dtype=str(values.dtype),
        derivatives=tuple(words),
        preparation=activations.preparation,
    )


def _through(
    net: Network, activations: Activations, grad: Array, reader: Node, node: str, place: Place
) -> tuple[NDArray[np.void], float, str]:
    """Give the terms by which the gradient of one reader reaches a cell, their slack, and the derivative.

    The slack is what the engine's own derivatives may be off, and what rounding adds where they are
    differences of larger numbers.
    """
    reading = read(net, activations, reader.name, (0,) * grad.ndim)
    parts, slack, words = [], 0.0, ""
    for source, name in enumerate(reader.inputs):
        if name != node:
            continue
        column = column_of(reading, source, place, grad.shape)
        terms = np.zeros(len(column.places), GRADIENT_TERMS)
        terms["gradient"], terms["factor"] = grad[tuple(column.places.T)], column.values
        with np.errstate(invalid="ignore"):
            terms["product"] = terms["gradient"] * terms["factor"]
            terms["product"][terms["factor"] == 0] = 0.0
        _place(terms, "", column.places, grad.shape)
        _place(terms, "input_", np.array([place]), activations[node].shape[1:])
        weights = np.abs(terms["gradient"])
        beyond = float((weights * (column.magnitude - np.abs(column.values))).sum())
        slack += float((weights * column.error).sum()) + sum_bound(len(terms) + 6, beyond, grad.dtype)
        parts.append(terms)
        words = words or column.words
    return np.concatenate(parts), slack, words
