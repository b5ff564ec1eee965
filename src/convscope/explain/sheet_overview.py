"""The first sheet of a workbook: what there is, how to use it, the answer, and the way there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from convscope.explain.sheets import Array, Block, Layout, Sheet, cell_name

__all__ = ["Step", "overview"]

_MOST_ANSWERS = 40  # outputs that are listed


class Step(NamedTuple):
    """One computed sheet: a line of the table.

    Attributes
    ----------
    sheet, kind, shape, reads, parameters : str
        `parameters` is the sheet of the layer's weights; "" if it has none.
    cells : int
    largest : str
        The formula of the largest difference to the engine.
    gap : float
        What it gives.
    """

    sheet: str
    kind: str
    shape: str
    reads: str
    parameters: str
    cells: int
    largest: str
    gap: float


def overview(
    name: str,
    heading: str,
    image: Layout,
    answer: tuple[Layout, Array] | None,
    classes: Sequence[str],
    steps: Sequence[Step],
) -> Sheet:
    """Lay the first sheet out.

    Parameters
    ----------
    name, heading : str
    image : Layout
        Where the image stands.
    answer : (Layout, ndarray of shape (F,)), optional
        Where the network's outputs stand, and what they are.
    classes : sequence of str
        Their names; numbers where there are not as many.
    steps : sequence of Step
    """
    notes = _notes(image, "the answer below" if answer is not None else "what follows")
    blocks: list[Block] = []
    top = len(notes) + 3
    if answer is not None:
        layout, values = answer
        known = classes if len(classes) == len(values) else [str(i) for i in range(len(values))]
        blocks = _answer(top, layout, values, known)
        top = max(block.row + len(block.values) for block in blocks) + 2
    return Sheet(name, heading, notes, (*blocks, *_contents(top, steps)))


def _notes(image: Layout, followed: str) -> tuple[str, ...]:
    middle = (0, *(n // 2 for n in image.shape[1:])) if len(image.shape) == 3 else (0,)
    cell = cell_name(*image.place(*middle))
    text = f"""What this is: the whole network at one image; each cell is a plain formula of those before it.
Blue numbers may be changed: the pixels on the sheet {image.sheet}, and kernels, biases and weights
on the sheets whose names end in parameters. All that is computed from them follows.
Try it: on the sheet {image.sheet} type another number into {cell}, come back and see {followed}.
Click a cell of any map: its formula names the pixels and the weights that it is made of.
Beside each map stand the engine's numbers for the unchanged network, and the differences to them:
at first these are only rounding; after a change they are what the change did.
Colours: orange is above zero, white is zero, blue below; the darkest is the largest of the layer."""
    return tuple(text.split("\n"))


def _answer(top: int, layout: Layout, values: Array, names: Sequence[str]) -> list[Block]:
    """List the outputs, names beside numbers, and above them which is the largest."""
    count = min(len(values), _MOST_ANSWERS)
    first = top + 2
    listed = np.array(names[:count], object)[:, None]
    formulas = np.array([[layout.cell(i)] for i in range(count)], object)
    blocks = [
        Block("output", "text", first, 1, listed),
        Block("value", "maps", first, 2, values[:count, None], formulas),
    ]
    if count < len(values):
        return blocks
    words = f"{cell_name(first, 1)}:{cell_name(first + count - 1, 1)}"
    numbers = f"{cell_name(first, 2)}:{cell_name(first + count - 1, 2)}"
    best = np.array([[f"INDEX({words},MATCH(MAX({numbers}),{numbers},0))"]], object)
    winner = np.array([[names[int(values.argmax())]]], object)
    return [
        Block("", "text", top, 1, np.array([["The largest output is"]], object)),
        Block("", "text", top, 2, winner, best),
        *blocks,
    ]


def _contents(top: int, steps: Sequence[Step]) -> list[Block]:
    """List the sheets in the order of the computation, as links."""

    def column(at: int, title: str, values: list[str], role: str = "text") -> Block:
        return Block(title, role, top, at, np.array(values, object)[:, None])

    cells, gaps = np.array([[s.cells] for s in steps]), np.array([[s.gap] for s in steps])
    largest = np.array([[step.largest] for step in steps], object)
    return [
        column(1, "sheet", [step.sheet for step in steps], "links"),
        column(2, "layer", [step.kind for step in steps]),
        column(3, "shape", [step.shape for step in steps]),
        column(4, "reads", [step.reads for step in steps]),
        column(5, "with", [step.parameters for step in steps], "links"),
        Block("formulas", "count", top, 6, cells),
        Block("largest difference to the engine", "difference", top, 7, gaps, largest),
    ]
