"""What one cell is made of: the rows of its sum, and what the layer makes of the sum."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope.explain.rounding import Rounded, sum_bound
from convscope.layers import Layer

__all__ = [
    "TERMS",
    "Cell",
    "Place",
    "Reading",
    "Way",
    "added",
    "bent",
    "folded",
    "input_places",
    "one_cell",
    "rows_of",
]

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
    batched : tuple of ndarray
        The inputs as they entered, with their batch axis of 1.
    """

    layer: Layer
    inputs: tuple[Array, ...]
    place: Place
    origins: tuple[Place, ...]
    batched: tuple[Array, ...] = ()

    @property
    def x(self) -> Array:
        """The first input."""
        return self.inputs[0]

    @property
    def dtype(self) -> np.dtype[Any]:
        """The engine's precision."""
        arrays = (*self.inputs, *self.layer.parameters.values(), *self.layer.statistics.values())
        return np.dtype(arrays[0].dtype)

    def stretched(self, source: int) -> tuple[Terms, float]:
        """Give the term of one of several arrays that stretch to each other's shape, and its value."""
        x = self.inputs[source]
        place = self.place[len(self.place) - x.ndim :]
        place = tuple(0 if size == 1 else index for index, size in zip(place, x.shape, strict=True))
        channel, row, column = folded(np.array([place], int).reshape(1, -1), x.shape)
        terms = rows_of(x[place].reshape(1), 1.0, source=source, channel=channel, row=row, column=column)
        return terms, float(x[place])


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
    x = reading.inputs[source]
    channel, row, column = folded(np.array([reading.place]), x.shape)
    value = np.asarray([x[reading.place]])
    return rows_of(value, weight, source=source, channel=channel, row=row, column=column)


def folded(places: Array, shape: Place) -> tuple[Array, Array, Array]:
    """Write places of any number of axes as channel, row and column.

    The first axis is the channel and the last the column; the axes between count together as rows.

    Examples
    --------
    >>> [int(i[0]) for i in folded(np.array([[1, 2, 3, 4]]), (8, 5, 6, 7))]
    [1, 15, 4]
    """
    none = np.zeros(len(places), np.int64)
    if len(shape) < 2:
        return (places[:, 0] if len(shape) else none), none, none
    row = none
    for axis in range(1, len(shape) - 1):
        row = row * shape[axis] + places[:, axis]
    return places[:, 0], row, places[:, -1]


def _unfolded(channel: int, row: int, column: int, shape: Place) -> Place:
    """Undo `folded` for one place."""
    if len(shape) < 2:
        return (channel,)[: len(shape)]
    between: list[int] = []
    for size in reversed(shape[1:-1]):
        row, rest = divmod(row, size)
        between.insert(0, rest)
    return (channel, *between, column)


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
    columns = (terms[name].tolist() for name in ("source", "channel", "row", "column"))
    for source, channel, row, column in zip(*columns, strict=True):
        where: Place = (channel, row, column)
        axes = len(shapes[source])
        if axes == 1:
            flat = len(origins[source]) == 3
            where = (int(np.ravel_multi_index(where, origins[source])),) if flat else where[:1]
        elif axes != 3:  # padding lies outside an image: nothing to unfold
            where = _unfolded(channel, row, column, shapes[source])
        places.append((source, where))
    return places
