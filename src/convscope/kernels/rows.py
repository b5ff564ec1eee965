"""One row of a table's columns as a verdict."""

from __future__ import annotations

from math import isnan
from typing import TYPE_CHECKING

import numpy as np

from convscope.kernels.classics import bank, bank_for
from convscope.kernels.colour import OPPONENT
from convscope.kernels.examine import Columns
from convscope.kernels.families import FAMILIES
from convscope.kernels.scores import SHAPES
from convscope.kernels.spectrum import PASSBANDS
from convscope.kernels.symmetry import SYMMETRIES
from convscope.kernels.verdicts import ClassicMatch, ColourPart, Duplicate, ShapeFit, Verdict

if TYPE_CHECKING:
    from convscope.kernels.table import KernelTable

__all__ = ["verdict_of"]


class _Row:
    """One row of the columns; what was not computed, or is NaN, is missing."""

    def __init__(self, columns: Columns, i: int) -> None:
        self.columns, self.i = columns, i

    def maybe(self, name: str) -> float | None:
        values = self.columns.get(name)
        if values is None:
            return None
        value = float(values[self.i])
        return None if isnan(value) else value

    def number(self, name: str, otherwise: float = 0.0) -> float:
        value = self.maybe(name)
        return otherwise if value is None else value

    def index(self, name: str) -> int:
        """Give a position in a list; -1 where there is none."""
        return int(self.columns[name][self.i]) if name in self.columns else -1


def verdict_of(table: KernelTable, i: int) -> Verdict:
    """Give the verdict on filter `i`, which must be from 0 to len(table) - 1."""
    columns = table.columns
    depth, height, width = table.weight.shape[1:]
    family = FAMILIES[int(columns["family"][i])]
    dead = family == "dead"

    row = _Row(columns, i)
    number, maybe, index = row.number, row.maybe, row.index
    order, runner_up = index("derivative_order"), index("runner_up")
    pattern = columns["pattern"][i] if "pattern" in columns and not dead else np.zeros(height * width)
    shares = columns["shares"][i] if "shares" in columns and not dead else np.zeros(1)
    return Verdict(
        family=family,
        confidence=1.0 if dead else number("confidence"),
        runner_up=None if runner_up < 0 or dead else FAMILIES[runner_up],
        margin=number("margin"),
        p_value=number("p_value", 1.0),
        explained=number("explained"),
        two_modes=number("two_modes"),
        passband=PASSBANDS[max(0, index("passband"))],
        dc_gain=number("dc_gain"),
        pattern_dc_gain=number("pattern_dc_gain"),
        peak_frequency=number("peak_frequency"),
        centroid=number("centroid"),
        bandwidth=maybe("bandwidth"),
        low=number("low"),
        middle=number("middle"),
        high=number("high"),
        aliased=number("aliased"),
        orientation=maybe("orientation"),
        direction=maybe("direction"),
        anisotropy=number("anisotropy"),
        anisotropy_p=number("anisotropy_p", 1.0),
        even_share=number("even_share"),
        symmetry=SYMMETRIES[max(0, index("symmetry"))],
        derivative_order=None if order < 0 or dead else order,
        moment_order=max(0, index("moment_order")),
        sigma=maybe("sigma"),
        fits={} if dead else _shape_fits(row),
        classic=None if dead else _classic(columns, i, height, width),
        colour=None if dead else _colour(columns, i),
        channel_shares=tuple(float(s) for s in shares),
        separability_p=maybe("separability_p"),
        duplicate_of=_duplicate(columns, i),
        separable_rank=max(1, index("separable_rank")),
        norm=number("norm"),
        shape=(depth, height, width),
        stride=table.stride,
        null_samples=table.null_samples,
        embossed="embossed" in columns and not dead and bool(columns["embossed"][i]),
        pattern=np.asarray(pattern, dtype=float).reshape(height, width),
    )


def _shape_fits(row: _Row) -> dict[str, ShapeFit]:
    fits = {}
    for shape in SHAPES:
        if f"{shape}:explained" not in row.columns:
            continue
        x, y = row.maybe(f"{shape}:centre_x"), row.maybe(f"{shape}:centre_y")
        fits[shape] = ShapeFit(
            explained=row.number(f"{shape}:explained"),
            p_value=row.number(f"{shape}:p_value"),
            angle=row.maybe(f"{shape}:angle"),
            sigma=row.maybe(f"{shape}:sigma"),
            aspect=row.maybe(f"{shape}:aspect"),
            wavelength=row.maybe(f"{shape}:wavelength"),
            phase=row.maybe(f"{shape}:phase"),
            direction=row.maybe(f"{shape}:direction"),
            centre=None if x is None or y is None else (x, y),
        )
    return fits


def _duplicate(columns: Columns, i: int) -> Duplicate | None:
    if "duplicate_of" not in columns or columns["duplicate_of"][i] < 0:
        return None
    row, column = (int(n) for n in columns["duplicate_shift"][i])
    return Duplicate(int(columns["duplicate_of"][i]), float(columns["duplicate_cosine"][i]), (row, column))


def _classic(columns: Columns, i: int, height: int, width: int) -> ClassicMatch | None:
    if "classic" not in columns:
        return None
    key = bank_for(height, width)[1][int(columns["classic"][i])]
    return ClassicMatch(
        bank[key].name,
        key,
        float(columns["classic_angle"][i]),
        float(columns["classic_p"][i]),
        float(columns["classic_margin"][i]),
    )


def _colour(columns: Columns, i: int) -> ColourPart | None:
    if "colour" not in columns:
        return None
    red, green, blue = (float(c) for c in columns["colour"][i])
    opponent = float(columns["opponency"][i]) >= 1 - OPPONENT
    low = float(columns["pattern_dc_gain"][i]) > 0.5
    return ColourPart(
        (red, green, blue),
        str(columns["colour_name"][i]),
        float(columns["achromatic"][i]),
        "none" if not opponent else "single" if low else "double",
        float(columns["shares"][i, 0]),
    )
