"""Feature maps, node by node, from the image to the answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from convscope.explain import FeatureMaps, NodeMaps
from convscope.report.colour import grey, paint, rgb
from convscope.report.drawing import draws
from convscope.report.page import breakable, escape, figure
from convscope.report.picture import INK, data_uri
from convscope.report.scale import number
from convscope.report.sheet import Sheet, Tile
from convscope.report.text_table import aligned
from convscope.result import renders

__all__ = ["feature_map_path", "feature_map_sheet", "feature_map_text"]

_MOST_MAPS = 64  # of one node on a page; the rest are counted, not drawn


def feature_map_path(
    columns: Sequence[FeatureMaps],
    *,
    skip: tuple[str, ...] = ("Flatten", "Dropout"),
    most: int = _MOST_MAPS,
) -> str:
    """Show what every node made of one or several images: a row for each node, a column for each image.

    Parameters
    ----------
    columns : sequence of FeatureMaps
        Of one network.
    skip : tuple of str
        Kinds that only rearrange numbers and are left out.
    most : int
        Maps of one node that are drawn: the strongest; the rest are counted.
    """
    rows = zip(*(maps.nodes for maps in columns), strict=True)
    steps = [_step(nodes, columns, most) for nodes in rows if nodes[0].kind not in skip]
    caption = (
        "Each step has one colour scale, named with it, for all its maps and all images together: white is "
        "zero, orange above, blue below."
    )
    if any(node.kind == "Input" and len(node.values) == 1 for node in columns[0].nodes):
        caption += " The images themselves are shown as ink on paper."
    return figure(f'<div class="path">{"".join(steps)}</div>', caption)


def _step(nodes: Sequence[NodeMaps], columns: Sequence[FeatureMaps], most: int) -> str:
    first = nodes[0]
    shape = "×".join(str(n) for n in first.values.shape)
    limit = max(node.limit for node in nodes)
    scale = _image_scale(first) if first.kind == "Input" else _range(nodes, limit)
    pictures = "".join(
        f'<div class="column">{_picture(node, limit, maps, most)}</div>'
        for node, maps in zip(nodes, columns, strict=True)
    )
    what = f"<b>{breakable(first.node)}</b> {first.kind} <span>{shape}</span><span>{scale}</span>"
    what = f'<div class="what">{what}</div>'
    return f'<div class="step">{what}<div class="columns">{pictures}</div></div>'


def _range(nodes: Sequence[NodeMaps], limit: float) -> str:
    if nodes[0].kind == "Softmax":
        return "probabilities"
    text = number(limit, 3)
    return f"scale −{text} to {text}" if any(node.signed for node in nodes) else f"scale 0 to {text}"


def _image_scale(node: NodeMaps) -> str:
    return "black is the largest value" if len(node.values) == 1 else "as the network sees it"


def _picture(node: NodeMaps, limit: float, maps: FeatureMaps, most: int) -> str:
    if node.kind == "Input":
        return _image(node, maps)
    if node.values.ndim == 3 and node.values[0].size == 1:  # one cell a map is one number a channel
        node = replace(node, values=node.values.ravel())
    if node.values.ndim == 3:
        return _maps(node, limit, most)
    if len(node.values) == len(maps.classes):
        return _bars(node, limit, maps)
    return _line(node, limit)


def _image(node: NodeMaps, maps: FeatureMaps) -> str:
    values, title = node.values, maps.title
    low, high = float(values.min()), float(values.max())
    if len(values) == 3:  # the picture has the network's order of the channels undone
        shown = rgb(values, low, high) if maps.picture is None else maps.picture
    else:  # one channel is ink on paper: the largest value is black
        shown = grey(high + low - values[0], low, high)
    alt = escape(f"{title}: the image, {values.shape[1]} by {values.shape[2]} pixels", quote=True)
    heading = f"<h3>{escape(title)}</h3>" if title else ""
    return f'{heading}<img class="pixels image" src="{data_uri(shown)}" alt="{alt}">'


def _maps(node: NodeMaps, limit: float, most: int) -> str:
    count = len(node.values)
    chosen = range(count) if count <= most else sorted(node.strongest[:most].tolist())
    images = "".join(
        f'<img class="pixels" src="{data_uri(paint(node.values[c], limit))}" alt="" '
        f'title="{escape(node.node)}[{c}]">'
        for c in chosen
    )
    strongest = np.abs(node.values).max(axis=(1, 2))
    top = int(strongest.argmax())
    label = (
        f"{count} maps of {node.node}, each {node.values.shape[1]} by {node.values.shape[2]}; the strongest "
        f"value is {number(strongest[top], 3)}, in map {top}; {int((strongest == 0).sum())} maps are all "
        f"zero"
    )
    more = f'<p class="note">the {most} strongest of {count}</p>' if count > most else ""
    return f'<div class="maps" role="img" aria-label="{escape(label, quote=True)}">{images}</div>{more}'


def _line(node: NodeMaps, limit: float) -> str:
    low, high = number(node.values.min(), 3), number(node.values.max(), 3)
    label = escape(f"{len(node.values)} values of {node.node}, from {low} to {high}", quote=True)
    return f'<img class="pixels line" src="{data_uri(paint(node.values[None], limit))}" alt="{label}">'


def _bars(node: NodeMaps, limit: float, maps: FeatureMaps, most: int = 10) -> str:
    """Show one number for each class as a bar from zero, the largest first where there are many."""
    values = node.values
    order = np.arange(len(values)) if len(values) <= most else np.argsort(-values)[:most]
    top, rows = int(values.argmax()), []
    for i in order:
        value = float(values[i])
        text = f"{value:.2%}" if node.kind == "Softmax" else number(value, 3)
        left = 50 + min(value, 0.0) / limit * 50 if node.signed else 0.0
        width = abs(value) / limit * (50 if node.signed else 100)
        bar = f'<i style="left:{left:.1f}%;width:{width:.1f}%"></i>'
        kind = ' class="top"' if i == top else ""
        name = escape(maps.classes[i])
        rows.append(f'<div{kind}><span>{name}</span><span class="rail">{bar}</span><span>{text}</span></div>')
    whose = f'<p class="whose">{escape(maps.title)}</p>' if maps.title else ""  # where columns become rows
    return f'<div class="bars">{whose}{"".join(rows)}</div>'


@renders("FeatureMaps", "text")
def feature_map_text(maps: FeatureMaps) -> str:
    """List the nodes with shape, range and the strongest map."""
    rows = []
    for node in maps.nodes:
        shape = "x".join(str(n) for n in node.values.shape)
        rows.append((node.node, node.kind, shape, number(node.values.min()), number(node.values.max())))
    return "\n".join(aligned(("node", "kind", "shape", "smallest", "largest"), rows, words=range(3)))


@draws("FeatureMaps", alt=lambda maps: "feature maps, node by node")
def feature_map_sheet(maps: FeatureMaps) -> Sheet:
    """Lay the image and the maps of every node out under each other."""
    sheet = Sheet(9.0)
    sheet.heading(f"Feature maps of {maps.title}" if maps.title else "Feature maps", 14)
    sheet.text(_SCALING[maps.scale] + " A label is the map's channel" + (
        ", with its own largest value." if maps.scale == "map" else "."
    ))  # fmt: skip
    if maps.preparation:
        sheet.text(f"The image was prepared: {'; '.join(maps.preparation)}.")
    if maps.picture is not None:
        sheet.gap(0.05)
        sheet.grid([Tile(maps.picture, ("the image",))], size=1.6)
    shown = [node for node in maps.nodes if node.kind not in _REARRANGED]
    most = _fewer_maps(len(shown))
    for node in shown:
        if node.kind == "Input" and maps.picture is not None:
            continue
        if node.values.ndim == 3:
            _map_rows(sheet, node, maps.scale, most)
        else:
            _value_row(sheet, node, maps.classes)
    return sheet


_REARRANGED = ("Flatten", "Dropout", "Reshape", "Squeeze", "Unsqueeze", "Constant")
_SCALING = {
    "layer": "All maps of a layer share one colour scale, so they can be compared: white is zero, orange "
    "above, blue below.",
    "map": "Each map has a colour scale of its own, so a weak map looks as strong as the others: white is "
    "zero, orange above, blue below, the darkest colour the map's largest magnitude.",
}


def _fewer_maps(nodes: int) -> int:
    """Say how many maps of each node a picture of so many nodes has room for."""
    return 256 if nodes == 1 else _MOST_MAPS if nodes <= 8 else 16


def _map_rows(sheet: Sheet, node: NodeMaps, scale: str, most: int) -> None:
    count, height, width = node.values.shape
    chosen = np.sort(node.strongest[:most])
    some = f", the {most} strongest shown" if count > most else ""
    sheet.heading(f"{node.node}: {node.kind}, {count} map{'s' * (count > 1)} of {height}x{width}{some}", 9)
    limits = node.limits
    silent = int((limits == 0).sum())
    if scale == "layer":
        text = f"one scale for all maps of {node.node}" + (f"; {silent} are all zero" if silent else "")
        sheet.bar(node.limit, signed=node.signed, text=text)
    elif silent:
        sheet.text(f"{silent} of the maps are all zero.", 7.5)
    tiles = [
        Tile(
            paint(node.values[c], node.limit if scale == "layer" else limits[c] or 1.0),
            _lines(node, int(c), float(limits[c]) if scale == "map" else None),
        )
        for c in chosen
    ]
    # few maps are worth a closer look
    columns = 6 if len(tiles) <= 6 or node.names else 8 if most > 16 else 16
    sheet.grid(tiles, size=(sheet.room + 0.08) / columns - 0.081)


def _lines(node: NodeMaps, channel: int, limit: float | None) -> tuple[str, ...]:
    label = f"[{channel}]" + ("" if limit is None else f" {number(limit, 2)}")
    return (label, node.names[channel]) if channel in node.names else (label,)


def _value_row(sheet: Sheet, node: NodeMaps, classes: tuple[str, ...]) -> None:
    """Show a vector: a bar for each class, or one line of colours."""
    values = np.asarray(node.values, np.float64).reshape(-1)
    sheet.heading(f"{node.node}: {node.kind}, {len(values)} value{'s' * (len(values) > 1)}", 9)
    if len(values) == len(classes) or len(values) <= 20:
        order = np.argsort(-values, kind="stable")[:10] if len(values) > 10 else np.arange(len(values))
        names = [classes[i] if len(values) == len(classes) else f"[{i}]" for i in order]
        most = "the ten largest of " if len(values) > 10 else ""
        sheet.text(f"Bars from zero: {most}the values, in the unit of the node.", 7.5)
        sheet.axes(
            0.35 + 0.19 * len(order),
            partial(_value_bars, names=names, values=values[order]),
            left=2.0,
            below=0.3,
        )
        return
    sheet.bar(
        node.limit, signed=node.signed, text=f"one scale for all values of {node.node}, from left to right"
    )
    rows = -(-len(values) // 128)
    padded = np.zeros(rows * -(-len(values) // rows))
    padded[: len(values)] = values
    sheet.grid([Tile(paint(padded.reshape(rows, -1), node.limit))], size=sheet.room)


def _value_bars(ax: Any, names: Sequence[str], values: np.ndarray[Any, Any]) -> None:
    places = range(len(values))
    ax.barh(places, values, color=[INK["orange"] if v >= 0 else INK["blue"] for v in values], height=0.7)
    ax.set_yticks(places, [name if len(name) <= 30 else name[:29] + "…" for name in names], size=7)
    ax.invert_yaxis()
    ax.axvline(0, color=INK["muted"], linewidth=0.8)
    ax.tick_params(colors=INK["muted"], length=0, labelsize=7)
    ax.margins(x=0.12)
    for place, value in enumerate(values):
        side = "left" if value >= 0 else "right"
        ax.text(
            value, place, f" {number(float(value), 3)} ", size=6.5, va="center", ha=side, color=INK["ink"]
        )
    for side in ("top", "right", "left", "bottom"):
        ax.spines[side].set_visible(False)
