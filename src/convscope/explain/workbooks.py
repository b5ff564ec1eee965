"""A whole small network at one image as a spreadsheet with live formulas."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from convscope.errors import InvalidValue
from convscope.explain.run import run_one
from convscope.explain.sheet_formulas import FORMULAS, WORDS, Filters, Inputs, filters_of
from convscope.explain.sheet_overview import Step, overview
from convscope.explain.sheets import (
    Array,
    Block,
    Layout,
    Sheet,
    cell_name,
    formula_block,
    index_block,
    number_block,
    sheet_names,
)
from convscope.layers import Layer, Softmax
from convscope.network import Activations, Network
from convscope.result import Result

__all__ = ["Workbook", "workbook"]

_MOST_CELLS = 30_000  # that are computed; a spreadsheet still opens and follows at once
_MOST_CHARACTERS = 8_000  # of a formula: spreadsheets take 8192
_TOP = 4  # rows above the first map: heading, notes, title


@dataclass(frozen=True, eq=False)
class Workbook(Result):
    """A network as sheets of live formulas; `save("x.xlsx")` writes it.

    Attributes
    ----------
    sheets : tuple of Sheet
        The overview, the image, and for each node its parameters and its values.
    formulas : int
        How many cells are computed.
    largest_difference : float
        Between the formulas' values in float64 and the engine's.
    """

    sheets: tuple[Sheet, ...] = field(repr=False)
    formulas: int
    largest_difference: float


def workbook(net: Network, image: Any, *, activations: Activations | None = None) -> Workbook:
    """Write a network at one image as a spreadsheet in which everything can be changed.

    The image, kernels, biases, feature maps, pooling, dense layers and probabilities are each on a
    sheet; every computed cell is one plain formula (SUMPRODUCT, MAX, SUM ...) of the cells
    before it. Beside each map stand the engine's numbers and the differences to them. Change
    a pixel or a weight, and everything follows.

    Parameters
    ----------
    net : Network
        Of up to 30,000 computed cells: LeNet-5 on 28x28 has some 10,000.
    image : path, PIL image or ndarray
    activations : Activations, optional
        Those of this very image.

    Raises
    ------
    InvalidValue
        If the network is too large, or has a layer that is no plain formula.

    Examples
    --------
    >>> import convscope as cs
    >>> book = workbook(cs.models.small_cnn(), cs.data.digits().x[0])
    >>> [sheet.name for sheet in book.sheets][:4]
    ['overview', 'input', 'conv1 parameters', 'conv1']
    >>> book.largest_difference < 1e-5
    True
    """
    _check(net)
    if activations is None:
        activations = run_one(net, image, "workbook")
    return _Writer(net, activations).workbook()


def _check(net: Network) -> None:
    shapes = net.shapes()
    counts = {name: int(np.prod(shapes[name][1:])) for name in net.nodes}
    total = sum(counts.values())
    if total > _MOST_CELLS:
        largest = max(counts, key=lambda name: counts[name])
        raise InvalidValue(
            f"workbook: the network must have at most {_MOST_CELLS:,} cells to compute; got {total:,}, "
            f"{counts[largest]:,} of them in {largest}. One cell of it can be written out instead: "
            "cs.trace(net, image, at).save('cell.html')."
        )
    for name, node in net.nodes.items():
        kind = node.layer.kind
        shape = shapes[node.inputs[0]] if node.inputs else ()
        if kind not in FORMULAS or len(shape) not in (2, 4) or (kind == "Softmax" and len(shape) != 2):
            raise InvalidValue(
                f"workbook: {name} is a {kind} of shape {_by(shapes[name][1:])}, which is no plain formula; "
                f"there are formulas for {', '.join(sorted(FORMULAS))}. "
                "A cell of any layer can be written out instead: cs.trace(net, image, at)."
            )


class _Writer:
    """Lays a network out, sheet after sheet; `rows` are those of the overview's table."""

    def __init__(self, net: Network, activations: Activations) -> None:
        self.net, self.activations = net, activations
        # what a spreadsheet computes, which has float64: the values that are stored beside the formulas
        exact = net.astype(np.float64)
        self.exact = exact.run(activations[net.input_name].astype(np.float64), algorithm="direct")
        self.names = sheet_names([net.input_name, *net.nodes, "probabilities", "overview"])
        self.parameters = sheet_names(net.nodes, " parameters")
        self.layouts: dict[str, Layout] = {}
        self.sheets: list[Sheet] = []
        self.rows: list[Step] = []
        self.answer: tuple[Layout, Array] | None = None
        self.count = 0

    def workbook(self) -> Workbook:
        self._image()
        for name in self.net.nodes:
            self._node(name)
        last = list(self.net.nodes.values())[-1]
        shape = self.activations[last.name].shape
        if last.layer.kind != "Softmax" and len(shape) == 2 and shape[1] > 1:
            self._probabilities(last.name)
        elif len(shape) == 2:
            self.answer = self.layouts[last.name], self.exact[last.name][0]
        worst = max((row.gap for row in self.rows), default=0.0)
        return Workbook((self._overview(), *self.sheets), self.count, worst)

    def _image(self) -> None:
        name = self.net.input_name
        values = self.activations[name][0]
        layout = Layout(self.names[name], values.shape, _TOP, 1)
        self.layouts[name] = layout
        steps = self.activations.preparation
        notes = (
            "What the network sees: " + ("; ".join(steps) or "the array as it was given") + ".",
            "Blue numbers may be changed; the darker the cell, the larger the number.",
        )
        blocks = number_block("channel" if values.ndim == 3 else "value", "pixels", layout, values)
        self.sheets.append(
            Sheet(layout.sheet, _heading(name, "the image", values.shape), notes, tuple(blocks))
        )

    def _node(self, name: str) -> None:
        node = self.net.nodes[name]
        filters = filters_of(node.layer, self.parameters[name])
        if filters is not None:
            self._filters(name, node.layer, filters)
        sources = tuple(self.layouts[source] for source in node.inputs)
        exact, engine = self.exact[name][0], self.activations[name][0]
        self._computed(name, node.layer, sources, filters, exact, engine)

    def _filters(self, name: str, layer: Layer, filters: Filters) -> None:
        shapes = ", ".join(f"{what} {_by(array.shape)}" for what, array in layer.parameters.items())
        notes = (
            f"Blue numbers may be changed; {self.names[name]} reads them. Orange is above zero, blue below.",
        )
        heading = f"{name}, {layer.kind}: {shapes}"
        self.sheets.append(Sheet(filters.sheet, heading, notes, filters.blocks))

    def _computed(
        self,
        name: str,
        layer: Layer,
        sources: tuple[Layout, ...],
        filters: Filters | None,
        exact: Array,
        engine: Array,
    ) -> None:
        blocks: list[Block] = []
        left = 1
        read = " and ".join(source.sheet for source in sources)
        if layer.kind == "Softmax":
            sources, extra = self._exponentials(name, sources[0], exact)
            blocks, left = extra, 3
        layout = Layout(self.names[name], exact.shape, _TOP, left)
        self.layouts[name] = layout
        inputs = Inputs(layer, sources, filters)
        formulas = np.full(exact.shape, "", object)
        for place in np.ndindex(exact.shape):
            formulas[place] = self._formula(name, layer, inputs, place)
        self.count += exact.size
        title = "channel" if exact.ndim == 3 else "value"
        own = Layout(layout.sheet, exact.shape, _TOP, left + layout.width + 1)
        apart = Layout(layout.sheet, exact.shape, _TOP, left + 2 * (layout.width + 1))
        differences = np.full(exact.shape, "", object)
        for place in np.ndindex(exact.shape):
            differences[place] = f"{cell_name(*layout.place(*place))}-{cell_name(*own.place(*place))}"
        gap = exact - engine.astype(np.float64)
        blocks += formula_block(title, "maps", layout, exact, formulas)
        blocks += number_block("engine", "engine", own, engine)
        if exact.ndim == 1:
            blocks.append(index_block(_TOP, len(exact)))
        blocks += formula_block("difference", "difference", apart, gap, differences)
        with_weights = "" if filters is None else f" with {filters.sheet}"
        notes = (
            f"Reads {read}{with_weights}. Each cell: {WORDS[layer.kind]}.",
            "Left: the formulas. Then the engine's numbers for the unchanged network, and the differences.",
        )
        self.sheets.append(Sheet(layout.sheet, _heading(name, layer.kind, exact.shape), notes, tuple(blocks)))
        largest = f"MAX(MAX({apart.whole()}),-MIN({apart.whole()}))"
        own_sheet = "" if filters is None else filters.sheet
        self.rows.append(
            Step(
                layout.sheet,
                layer.kind,
                _by(exact.shape),
                read,
                own_sheet,
                exact.size,
                largest,
                float(np.abs(gap).max()),
            )
        )

    def _formula(self, name: str, layer: Layer, inputs: Inputs, place: tuple[int, ...]) -> str:
        text = FORMULAS[layer.kind](inputs, place)
        if len(text) > _MOST_CHARACTERS:
            raise InvalidValue(
                f"workbook: a formula must have at most {_MOST_CHARACTERS:,} characters; one of {name} has "
                f"{len(text):,}: too many channels enter it. cs.trace writes such a cell out instead."
            )
        return text

    def _exponentials(
        self, name: str, source: Layout, exact: Array
    ) -> tuple[tuple[Layout, ...], list[Block]]:
        """Softmax takes two steps; the first, exp(x - largest x), has a column of its own."""
        layout = Layout(self.names[name], exact.shape, _TOP, 1)
        last = (len(exact) - 1,)
        largest = f"MAX({source.range((0,), last)})"
        formulas = np.array([f"EXP({source.cell(i)}-{largest})" for i in range(len(exact))], object)
        values = exact / exact.max()
        return (layout,), formula_block("exp(x - largest)", "maps", layout, values, formulas)

    def _probabilities(self, last: str) -> None:
        from convscope.ops import softmax

        exact, engine = softmax(self.exact[last])[0], softmax(self.activations[last])[0]
        self._computed("probabilities", Softmax(), (self.layouts[last],), None, exact, engine)
        self.answer = self.layouts["probabilities"], exact

    def _overview(self) -> Sheet:
        return overview(
            self.names["overview"],
            f"{self.net.name or 'A network'} at one image, in live formulas",
            self.layouts[self.net.input_name],
            self.answer,
            self.net.classes,
            self.rows,
        )


def _heading(name: str, kind: str, shape: tuple[int, ...]) -> str:
    if len(shape) == 1:
        return f"{name}, {kind}: {shape[0]} values"
    return f"{name}, {kind}: {shape[0]} map{'s' * (shape[0] != 1)} of {shape[1]}x{shape[2]}"


def _by(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
