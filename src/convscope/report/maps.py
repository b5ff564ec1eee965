"""Feature maps, node by node, from the image to the answer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from convscope.explain import FeatureMaps, NodeMaps
from convscope.report.colour import colour_map, grey, paint, rgb
from convscope.report.page import escape, figure
from convscope.report.picture import data_uri, figure_uri, save_figure
from convscope.report.scale import number
from convscope.result import renders

__all__ = ["feature_map_path", "feature_map_text"]

_MOST_MAPS = 64  # of one node on a page; the rest are counted, not drawn


def feature_map_path(
    columns: Sequence[FeatureMaps], *, skip: tuple[str, ...] = ("Flatten", "Dropout")
) -> str:
    """Show what every node made of one or several images: a row for each node, a column for each image.

    Parameters
    ----------
    columns : sequence of FeatureMaps
        Of one network.
    skip : tuple of str
        Kinds that only rearrange numbers and are left out.
    """
    titles = [maps.title for maps in columns]
    rows = zip(*(maps.nodes for maps in columns), strict=True)
    steps = [_step(nodes, titles, columns[0].classes) for nodes in rows if nodes[0].kind not in skip]
    caption = (
        "Each step has one colour scale, named with it, for all its maps and all images together: white is "
        "zero, orange above, blue below. The images themselves are shown as ink on paper."
    )
    return figure(f'<div class="path">{"".join(steps)}</div>', caption)


def _step(nodes: Sequence[NodeMaps], titles: Sequence[str], classes: tuple[str, ...]) -> str:
    first = nodes[0]
    shape = "×".join(str(n) for n in first.values.shape)
    limit = max(node.limit for node in nodes)
    scale = "black is the largest value" if first.kind == "Input" else _range(nodes, limit)
    pictures = "".join(
        f'<div class="column">{_picture(node, limit, title, classes)}</div>'
        for node, title in zip(nodes, titles, strict=True)
    )
    what = f'<div class="what"><b>{escape(first.node)}</b> {first.kind}, {shape}<span>{scale}</span></div>'
    return f'<div class="step">{what}<div class="columns">{pictures}</div></div>'


def _range(nodes: Sequence[NodeMaps], limit: float) -> str:
    if nodes[0].kind == "Softmax":
        return "probabilities"
    text = number(limit, 3)
    return f"scale −{text} to {text}" if any(node.signed for node in nodes) else f"scale 0 to {text}"


def _picture(node: NodeMaps, limit: float, title: str, classes: tuple[str, ...]) -> str:
    if node.kind == "Input":
        return _image(node, title)
    if node.values.ndim == 3:
        return _maps(node, limit)
    return _bars(node, limit, classes) if len(node.values) == len(classes) else _line(node, limit)


def _image(node: NodeMaps, title: str) -> str:
    values = node.values
    low, high = float(values.min()), float(values.max())
    # one channel is ink on paper: the largest value is black
    shown = grey(high + low - values[0], low, high) if len(values) != 3 else rgb(values, low, high)
    alt = escape(f"{title}: the image, {values.shape[1]} by {values.shape[2]} pixels", quote=True)
    heading = f"<h3>{escape(title)}</h3>" if title else ""
    return f'{heading}<img class="pixels image" src="{data_uri(shown)}" alt="{alt}">'


def _maps(node: NodeMaps, limit: float) -> str:
    count = len(node.values)
    images = "".join(
        f'<img class="pixels" src="{data_uri(paint(values, limit))}" alt="" title="{escape(node.node)}[{c}]">'
        for c, values in enumerate(node.values[:_MOST_MAPS])
    )
    strongest = np.abs(node.values).max(axis=(1, 2))
    top = int(strongest.argmax())
    label = (
        f"{count} maps of {node.node}, each {node.values.shape[1]} by {node.values.shape[2]}; the strongest "
        f"value is {number(strongest[top], 3)}, in map {top}; {int((strongest == 0).sum())} maps are all "
        f"zero"
    )
    more = f'<p class="note">and {count - _MOST_MAPS} more</p>' if count > _MOST_MAPS else ""
    return f'<div class="maps" role="img" aria-label="{escape(label, quote=True)}">{images}</div>{more}'


def _line(node: NodeMaps, limit: float) -> str:
    low, high = number(node.values.min(), 3), number(node.values.max(), 3)
    label = escape(f"{len(node.values)} values of {node.node}, from {low} to {high}", quote=True)
    return f'<img class="pixels line" src="{data_uri(paint(node.values[None], limit))}" alt="{label}">'


def _bars(node: NodeMaps, limit: float, classes: tuple[str, ...], most: int = 10) -> str:
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
        name = escape(classes[i])
        rows.append(f'<div{kind}><span>{name}</span><span class="rail">{bar}</span><span>{text}</span></div>')
    return f'<div class="bars">{"".join(rows)}</div>'


@renders("FeatureMaps", "text")
def feature_map_text(maps: FeatureMaps) -> str:
    """List the nodes with shape, range and the strongest map."""
    rows = [("node", "kind", "shape", "smallest", "largest")]
    for node in maps.nodes:
        shape = "x".join(str(n) for n in node.values.shape)
        rows.append((node.node, node.kind, shape, number(node.values.min()), number(node.values.max())))
    widths = [max(len(row[i]) for row in rows) for i in range(5)]
    lines = [
        "  ".join([*(row[i].ljust(widths[i]) for i in range(3)), *(row[i].rjust(widths[i]) for i in (3, 4))])
        for row in rows
    ]
    return "\n".join(line.rstrip() for line in lines)


@renders("FeatureMaps", "html")
def feature_map_html(maps: FeatureMaps) -> str:
    """Show the maps in a notebook, as the picture of `save`."""
    return f'<img alt="feature maps, node by node" src="{figure_uri(_figure(maps))}">'


@renders("FeatureMaps", "png")
@renders("FeatureMaps", "svg")
@renders("FeatureMaps", "pdf")
def save_feature_maps(maps: FeatureMaps, path: Path) -> None:
    """Write the maps of every node as one picture, one row a node, one scale a row."""
    save_figure(_figure(maps), path)


def _figure(maps: FeatureMaps) -> Any:
    from matplotlib.figure import Figure

    nodes = [node for node in maps.nodes if node.values.ndim == 3]
    most = min(16, max(len(node.values) for node in nodes))
    rows = [math.ceil(len(node.values[:_MOST_MAPS]) / most) for node in nodes]
    picture = Figure(figsize=(0.75 * most + 1.6, 0.95 * sum(rows) + 0.3 * len(rows)), layout="constrained")
    parts: Any = picture.subfigures(len(nodes), 1, height_ratios=rows, squeeze=False)
    for part, node, lines in zip(parts.flat, nodes, rows, strict=True):
        axes = part.subplots(lines, most, squeeze=False)
        for ax in axes.flat:
            ax.set_axis_off()
        scale = _range([node], node.limit).replace("scale", "one scale,")
        part.suptitle(f"{node.node}: {node.kind}, {scale}", x=0.01, ha="left", fontsize=9)
        for ax, values in zip(axes.flat, node.values[:_MOST_MAPS], strict=False):
            ax.imshow(values, cmap=colour_map(), vmin=-node.limit, vmax=node.limit, interpolation="nearest")
    return picture
