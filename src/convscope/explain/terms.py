"""What one cell is made of: the rows of its sum, and what the layer makes of the sum."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope.explain.rounding import Rounded, sum_bound
from convscope.layers import Layer

__all__ = ["TERMS", "Cell", "Place", "Reading", "Way", "added", "bent", "input_places", "one_cell", "rows_of"]

Array = NDArray[Any]
Place = tuple[int, ...]

#: One product; see `Trace.terms`.
TERMS = np.dtype(
    [
        ("source", np.int64),
        ("channel", np.int64),
        ("row", np.int64),
        ("column", np.int64),
        ("kernel_row", np.int64),
        ("kernel_column", np.int64),
        ("padding", np.bool_),
        ("input", np.float64),
        ("weight", np.float64),
        ("product", np.float64),
    ]
)

Terms = NDArray[np.void]


@dataclass(frozen=True, eq=False)
class Reading:
    """A layer, what entered it for one image, and which cell of its output is asked for.

    Attributes
    ----------
    layer : Layer
    inputs : tuple of ndarray of shape (C, H, W) or (F,)
    place : (channel, row, column) or (feature,)
    origins : tuple of tuple of int
        For each input the shape of the map that it was flattened from, else its own shape.
    """

    layer: Layer
    inputs: tuple[Array, ...]
    place: Place
    origins: tuple[Place, ...]

    @property
    def x(self) -> Array:
        """The first input."""
        return self.inputs[0]

    @property
    def dtype(self) -> np.dtype[Any]:
        """The engine's precision."""
        return np.dtype(self.inputs[0].dtype)


@dataclass(frozen=True, eq=False)
class Cell:
    """One cell taken apart.

    Attributes
    ----------
    terms : structured ndarray of TERMS
    bias : float
    total : float
        The sum of the products and the bias.
    value : float
        What the layer makes of the total.
    bound : float
        How far the engine's value may be from it.
    summand : str
        How a product comes from input and weight.
    formula : str
        How the value comes from the sum.
    """

    terms: Terms
    bias: float
    total: float
    value: float
    bound: float
    summand: str = "input * weight"
    formula: str = "sum"

    @property
    def linear(self) -> bool:
        """Whether the value is the sum itself, so that each weight is also the derivative by its input."""
        return self.formula == "sum" and self.summand == "input * weight"


Way = Callable[[Reading], Cell]


def rows_of(inputs: Array, weights: Array | float, **places: Array | int) -> Terms:
    """Make terms of inputs and weights that are alike in shape; a place that is not given is 0."""
    terms = np.zeros(np.shape(inputs), TERMS)
    terms["input"], terms["weight"] = inputs, weights
    for name, values in places.items():
        terms[name] = values
    return terms.reshape(-1)


def added(
    reading: Reading,
    terms: Terms,
    bias: float = 0.0,
    *,
    gate: bool = False,
    parts: float = 0.0,
    more: int = 0,
) -> Cell:
    """Make the cell whose value is the sum of its products and a bias.

    Parameters
    ----------
    reading : Reading
    terms : structured ndarray
        Without products.
    bias : float
    gate : bool
        Whether a weight of 0 leaves its input out, whatever it is; else infinity times 0 is
        NaN, as it is in the engine.
    parts : float
        Magnitude of what the engine adds and takes away beyond terms and bias.
    more : int
        Roundings beyond one for each term and one for the bias.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        terms["product"] = terms["input"] * terms["weight"]
    if gate:
        terms["product"][terms["weight"] == 0] = 0.0
    with np.errstate(invalid="ignore"):
        total = float(terms["product"].sum() + bias)
        magnitude = float(np.abs(terms["product"]).sum() + abs(bias) + parts)
    return Cell(terms, bias, total, total, sum_bound(len(terms) + more, magnitude, reading.dtype))


def one_cell(reading: Reading, *, source: int = 0, weight: float = 1.0) -> Terms:
    """Make the one term of a layer that works on each cell by itself."""
    place = reading.place
    where = (place[0], 0, 0) if len(place) == 1 else place
    value = np.asarray([reading.inputs[source][place]])
    return rows_of(value, weight, source=source, channel=where[0], row=where[1], column=where[2])


def bent(
    terms: Terms, result: Rounded, formula: str, *, bias: float = 0.0, summand: str = "input * weight"
) -> Cell:
    """Make the cell whose value is a function of its sum; the products must be there."""
    with np.errstate(invalid="ignore"):
        total = float(terms["product"].sum() + bias)
    return Cell(terms, bias, total, float(result.value), result.bound, summand, formula)


def input_places(terms: Terms, shapes: Sequence[Place], origins: Sequence[Place]) -> list[tuple[int, Place]]:
    """Give for each term which input it read, and the cell there; padding has cells outside."""
    places: list[tuple[int, Place]] = []
    for term in terms:
        source = int(term["source"])
        where = (int(term["channel"]), int(term["row"]), int(term["column"]))
        if len(shapes[source]) == 3:
            places.append((source, where))
        elif len(origins[source]) == 3:
            places.append((source, (int(np.ravel_multi_index(where, origins[source])),)))
        else:
            places.append((source, where[:1]))
    return places
