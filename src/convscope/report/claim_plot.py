"""The picture of a claim: its panels side by side."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from convscope.claims import Bars, Claim, Curves, Images, Panel
from convscope.errors import InvalidValue
from convscope.report.colour import colour_map, limit_of
from convscope.report.drawing import draws
from convscope.report.picture import INK, figure_and_axes
from convscope.report.scale import number, short
from convscope.result import renders

__all__ = ["claim_figure", "plot_claim"]

_COLOURS = (INK["blue"], INK["orange"], INK["muted"], INK["ink"])
_DASHES = ("-", "--", "-.", ":")
_MOST_NUMBERS = 16  # cells of a picture into which its numbers are written
_MANY = 4096  # pixels from which a few very large values would hide the rest
_MOST_LETTERS = 14  # of a name below an upright bar; longer ones lie beside lying bars


@renders("Claim", "plot")
def plot_claim(claim: Claim, ax: Any = None, *, panel: int = 0) -> Any:
    """Draw one panel of a claim's picture on matplotlib Axes, and return them."""
    if not 0 <= panel < len(claim.picture):
        raise InvalidValue(
            f"Claim.plot: {claim.id} has {len(claim.picture)} panels, counted from 0; got {panel}."
        )
    ax = figure_and_axes(ax, (6.0, 4.0))
    _draw(claim.picture[panel], ax)
    return ax


@draws("Claim")
def claim_figure(claim: Claim) -> Any:
    """Draw all panels of a claim, side by side."""
    from matplotlib.figure import Figure

    if not claim.picture:
        raise InvalidValue(f"Claim.save: {claim.id} has no picture, since it {claim.data}.")
    count = len(claim.picture)
    figure = Figure(figsize=_size(claim), layout="constrained")
    for ax, panel in zip(np.atleast_1d(figure.subplots(1, count)), claim.picture, strict=True):
        _draw(panel, ax)
    return figure


def _size(claim: Claim) -> tuple[float, float]:
    """Give width and height in inches; a lone panel of pictures is as high as its rows need."""
    count, first = len(claim.picture), claim.picture[0]
    if count > 1 or not isinstance(first, Images):
        return 3.8 * count + 0.6, 3.4
    across = _across(first)
    shape = max(array.shape[0] / array.shape[1] for array in first.images.values())
    rows = math.ceil(len(first.images) / across)
    return 7.0, float(np.clip(rows * (7.0 / across * 0.94 * shape + 0.25) + 0.6, 2.0, 8.0))


def _across(panel: Images) -> int:
    return min(len(panel.images), math.ceil(math.sqrt(len(panel.images) * 1.6)))


def _draw(panel: Panel, ax: Any) -> None:
    ax.set_title(_wrapped(panel.title, 52), fontsize=9, loc="left")
    if isinstance(panel, Images):
        _images(panel, ax)
    else:
        if isinstance(panel, Bars):
            _bars(panel, ax)
        else:
            _curves(panel, ax)
        ax.spines[["top", "right"]].set_visible(False)
        if len(panel.series) > 1:
            ax.legend(fontsize=7, frameon=False)
        ax.tick_params(labelsize=7)


def _bars(panel: Bars, ax: Any) -> None:
    places = np.arange(len(panel.names))
    lying = max(map(len, panel.names)) > _MOST_LETTERS or len(panel.names) > 6
    thick = 0.8 / len(panel.series)
    for i, (name, values) in enumerate(panel.series.items()):
        at = places + (i - (len(panel.series) - 1) / 2) * thick
        drawn = (ax.barh if lying else ax.bar)(at, values, thick, label=name, color=_COLOURS[i % 4])
        if len(places) * len(panel.series) <= 16:
            ax.bar_label(
                drawn, [short(v) if v >= 1e4 else number(v, 3) for v in values], fontsize=7, padding=1
            )
    if panel.log:
        (ax.set_xscale if lying else ax.set_yscale)("log")
    names = [_wrapped(name, 28) for name in panel.names]
    if lying:
        ax.set_yticks(places, names)
        ax.invert_yaxis()
        ax.set_xlabel(panel.unit, fontsize=8)
    else:
        ax.set_xticks(places, names)
        ax.set_ylabel(panel.unit, fontsize=8)
    if not any(np.any(np.asarray(values)) for values in panel.series.values()):
        (ax.set_xlim if lying else ax.set_ylim)(0, 1)
        return
    ax.margins(**{"x" if lying else "y": 0.12})


def _curves(panel: Curves, ax: Any) -> None:
    few = len(panel.x) <= 12
    for i, (name, values) in enumerate(panel.series.items()):
        mark = "o" if few else None
        ax.plot(panel.x, values, _DASHES[i % 4], marker=mark, ms=3.5, label=name, color=_COLOURS[i % 4])
    ax.set_xlabel(panel.x_unit, fontsize=8)
    ax.set_ylabel(panel.unit, fontsize=8)
    ax.set_ylim(bottom=min(0, ax.get_ylim()[0]))


def _images(panel: Images, ax: Any) -> None:
    """Set small pictures in a grid within the Axes, and say below how they were scaled."""
    ax.set_axis_off()
    count, across = len(panel.images), _across(panel)
    down = math.ceil(count / across)
    arrays = [a for a in panel.images.values() if a.ndim == 2]
    for i, (name, array) in enumerate(panel.images.items()):
        row, column = divmod(i, across)
        box = (column / across, 1 - (row + 1) / down, 0.94 / across, 0.78 / down)
        inner = ax.inset_axes(box)
        inner.imshow(
            array,
            **_scale(panel, array, arrays),
            interpolation="nearest" if array.size < 9999 else "antialiased",
        )
        if array.ndim == 2 and array.size <= _MOST_NUMBERS:
            _write(array, inner)
        inner.set_xticks([])
        inner.set_yticks([])
        inner.spines[:].set_color(INK["line"])
        inner.set_title(_wrapped(name, max(10, 64 // across)), fontsize=6.5 if count > 6 else 7.5, pad=2)
    ax.text(
        0,
        -0.02,
        _wrapped(_said(panel, arrays), 72),
        fontsize=6.5,
        va="top",
        color=INK["muted"],
        transform=ax.transAxes,
    )


def _write(array: Any, ax: Any) -> None:
    """Write the numbers of a small picture into its cells."""
    shades = ax.images[0].to_rgba(array)[..., :3] @ np.array([0.3, 0.6, 0.1])
    for (row, column), value in np.ndenumerate(array):
        ink = "white" if shades[row, column] < 0.5 else "black"
        ax.text(column, row, number(float(value), 3), ha="center", va="center", fontsize=6.5, color=ink)


def _limit(array: Any) -> float:
    """Give the largest magnitude, of many pixels that of all but half a per cent."""
    if array.size < _MANY:
        return limit_of(array)
    return float(np.quantile(np.abs(array), 0.995)) or limit_of(array)


def _like_a_photograph(array: Any) -> bool:
    return bool(array.min() >= 0 or array.mean() > 0.25 * _limit(array))


def _scale(panel: Images, array: Any, arrays: list[Any]) -> dict[str, Any]:
    if array.ndim == 3:
        return {}
    if panel.scale == "grey":
        low, high = min(a.min() for a in arrays), max(a.max() for a in arrays)
        return {"cmap": "gray", "vmin": low, "vmax": high if high > low else low + 1}
    if panel.scale == "own" and _like_a_photograph(array):
        return {"cmap": "gray", "vmin": 0, "vmax": _limit(array)}
    limit = max(map(_limit, arrays)) if panel.scale == "signed" else _limit(array)
    return {"cmap": colour_map(), "vmin": -limit, "vmax": limit}


def _said(panel: Images, arrays: list[Any]) -> str:
    if not arrays:
        return ""
    if panel.scale == "grey":
        low, high = min(a.min() for a in arrays), max(a.max() for a in arrays)
        return f"One scale: black {number(float(low), 3)}, white {number(float(high), 3)}."
    if panel.scale == "signed":
        return f"One scale: white 0, orange to +{number(max(map(_limit, arrays)), 3)}, blue below."
    grey = {_like_a_photograph(array) for array in arrays}
    coloured = "white 0, orange above, blue below" if False in grey else ""
    plain = "black 0, white its largest value" if True in grey else ""
    clipped = " (.5 % clipped)" if max(array.size for array in arrays) >= _MANY else ""
    return f"Each its own scale{clipped}: {'; or '.join(part for part in (coloured, plain) if part)}."


def _wrapped(text: str, width: int) -> str:
    import textwrap

    return "\n".join(textwrap.wrap(text, width)) or text
