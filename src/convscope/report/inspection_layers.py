"""The kernels of a network, layer by layer: families, verdicts, coverage, dead and repeated filters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope.inspection import Inspection, LayerAccount
from convscope.kernels import FAMILIES
from convscope.report.frequency_plane import coverage_figure
from convscope.report.kernel_html import finding_table, kernel_list
from convscope.report.kernel_words import family_counts, kernel_pixels, pixel_rule
from convscope.report.page import Markup, details, escape, figure, link, table
from convscope.report.picture import data_uri

__all__ = ["anchor_of", "families_figure", "layers_part"]

Array = NDArray[Any]


def anchor_of(account: Inspection, node: str) -> str:
    """Give the anchor of a layer; names hold characters that anchors must not."""
    names = [layer.node for layer in account.layers]
    return f"layer-{names.index(node)}" if node in names else "layers"


def families_figure(layer: LayerAccount) -> str:
    """Show the filters of a layer as pictures, in rows by family, the largest family first."""
    kernels, shown = layer.table, set(layer.shown)
    family = kernels.family
    rows = []
    for name, count in kernels.counts.items():
        filters = [i for i in np.flatnonzero(family == name).tolist() if i in shown]
        filters.sort(key=lambda i: (_angle(layer, i), i))
        pictures = "".join(
            f'<img class="pixels" src="{data_uri(kernel_pixels(kernels, i, _pattern(layer, i)))}" alt="" '
            f'title="{escape(layer.node)}[{i}]">'
            for i in filters
        )
        label = escape(f"{count} filters of the family {name}", quote=True)
        rows.append(
            f'<div class="family"><p><b>{count}</b> {name}</p>'
            f'<div class="tiles-of" role="img" aria-label="{label}">{pictures}</div></div>'
        )
    hidden = len(kernels) - len(shown)
    more = f" The {hidden} filters of least norm are counted, not drawn." if hidden else ""
    caption = (
        f"The filters of <code>{escape(layer.node)}</code> by family, each row ordered by the direction of "
        f"the stripes. Colours: {pixel_rule(kernels)}.{more}"
    )
    return figure(f'<div class="families">{"".join(rows)}</div>', caption)


def _pattern(layer: LayerAccount, index: int) -> Array:
    height, width = layer.table.weight.shape[2:]
    columns = layer.table.columns
    if "pattern" not in columns:
        return np.zeros((height, width))
    pattern: Array = np.nan_to_num(columns["pattern"][index]).reshape(height, width)
    return pattern


def _angle(layer: LayerAccount, index: int) -> float:
    angle = float(layer.table.columns["orientation"][index]) if "orientation" in layer.table.columns else 0.0
    return angle if np.isfinite(angle) else 360.0


def layers_part(account: Inspection) -> str:
    """Set the table of all layers, the controls, then each layer, folded but for the first."""
    shaped = [layer for layer in account.layers if not layer.pointwise]
    parts = [_overview(account), *_left_out(account)]
    if shaped:
        parts.append(_controls(shaped))
    first = account.first
    parts += [_layer(account, layer, opened=layer is first) for layer in account.layers]
    return "\n".join(parts)


def _overview(account: Inspection) -> str:
    rows = []
    for layer in account.layers:
        found = [f.name for f in layer.layer.findings if f.found]
        rows.append(
            [
                link(anchor_of(account, layer.node), layer.node),
                "×".join(map(str, layer.table.weight.shape)),
                family_counts(layer.table.counts),
                str(len(layer.dead)),
                str(len(layer.duplicates)),
                "" if layer.layer.orthogonality is None else f"{layer.layer.orthogonality:.3f}",
                ", ".join(found) or "-",
            ]
        )
    head = ["layer", "weight", "families", "dead", "repeated", "orthogonality", "findings"]
    caption = (
        "Every convolution: filters×channels×rows×columns, the families of its filters, and what was found"
    )
    return f'<div class="tall">{table(head, rows, caption=caption, text_columns=(0, 1, 2, 6))}</div>'


def _left_out(account: Inspection) -> list[str]:
    if not account.left_out:
        return []
    rows = [[node, why] for node, why in account.left_out.items()]
    head = ["layer", "why it was not judged"]
    return [f'<div class="prose">{table(head, rows, text_columns=(0, 1))}</div>']


def _controls(layers: Sequence[LayerAccount]) -> str:
    """Offer choices of family, direction, norm and order; a script shows them, since it serves them."""
    present = {family for layer in layers for family in layer.table.counts}
    families = "".join(f"<option>{family}</option>" for family in FAMILIES if family in present)
    angles = "".join(f'<option value="{a}">{a}° ± 15°</option>' for a in range(0, 180, 30))
    orders = (
        ("n", "number"),
        ("family", "family"),
        ("angle", "direction"),
        ("norm", "norm, largest first"),
        ("peak", "peak frequency"),
        ("sure", "confidence, surest first"),
    )
    options = "".join(f'<option value="{key}">{name}</option>' for key, name in orders)
    return (
        '<form class="controls" hidden aria-label="Choose and sort the kernels of all layers">'
        f'<label>Family <select name="family"><option value="">all</option>{families}</select></label>'
        f'<label>Direction <select name="angle"><option value="">all</option>{angles}</select></label>'
        '<label>Norm at least <input name="norm" type="range" min="0" max="100" value="0" step="5"> '
        '<output name="share">0 %</output> of the layer\'s largest</label>'
        f'<label>Order <select name="order">{options}</select></label>'
        '<button type="reset">Show all</button><p class="note" role="status"></p></form>'
    )


def _layer(account: Inspection, layer: LayerAccount, opened: bool) -> str:
    kernels = layer.table
    filters, depth, height, width = kernels.weight.shape
    found = [f.name for f in layer.layer.findings if f.found]
    badge = f' <span class="badge">{escape(", ".join(found))}</span>' if found else ""
    many = "s" * (filters > 1)
    head = (
        f"<code>{escape(layer.node)}</code> {filters} filter{many} {height}×{width} over {depth} "
        f'channel{"s" * (depth > 1)} <span class="note">{escape(family_counts(kernels.counts))}</span>{badge}'
    )
    body = _pointwise(layer) if layer.pointwise else _shaped(layer)
    state = " open" if opened else ""
    table_of = finding_table(layer.layer, layer.node)
    checks = details("Every check of this layer, with thresholds and sources", table_of)
    top = f'<details class="layer" id="{anchor_of(account, layer.node)}"{state}><summary>{head}</summary>'
    return f"{top}\n{body}{_repeats(layer)}{checks}</details>"


def _shaped(layer: LayerAccount) -> str:
    kernels, count = layer.table, len(layer.shown)
    which = "" if count == len(kernels) else f" Shown are the {count} of largest norm of {len(kernels)}."
    caption = (
        f"Left of each: {pixel_rule(kernels)}. Right: power at each frequency, 0 in the middle, half a cycle "
        "per cell at the edges, white none, dark the kernel's largest. Per cents: how likely the family is "
        f"right.{which}"
    )
    return figure(kernel_list(kernels, layer.shown), caption) + coverage_figure(layer.layer)


def _pointwise(layer: LayerAccount) -> str:
    norm = layer.table.columns["norm"]
    quartiles = np.percentile(norm, [0, 25, 50, 75, 100])
    words = ", ".join(f"{value:.3g}" for value in quartiles)
    return (
        "<p>Its kernels are 1×1: each filter is a sum over the channels and looks at no neighbourhood: "
        f"there is no shape to judge. Norms of the filters (least, quartiles, largest): {words}.</p>"
    )


def _repeats(layer: LayerAccount) -> str:
    """Name dead and repeated filters."""
    parts = []
    if layer.dead:
        parts.append(f"<p><b>Dead</b>: {_some([str(i) for i in layer.dead])}.</p>")
    if layer.duplicates:
        pairs = [
            f"{i} repeats {'−' if cosine < 0 else ''}{other} ({abs(cosine):.2f})"
            for i, other, cosine in sorted(layer.duplicates, key=lambda pair: -abs(pair[2]))
        ]
        parts.append(f"<p><b>Repeated</b> (with the cosine): {_some(pairs)}.</p>")
    return "".join(parts)


def _some(items: Sequence[str], most: int = 24) -> Markup:
    more = f" and {len(items) - most} more" if len(items) > most else ""
    return Markup(escape(", ".join(items[:most])) + more)
