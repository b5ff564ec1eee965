"""How well features tell two sets of images apart: curves, distances, and the features with their images."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from convscope.explain import FamiliarFeature, Familiarity
from convscope.report.drawing import draws
from convscope.report.picture import INK
from convscope.report.scale import number
from convscope.report.sheet import Sheet, Tile
from convscope.report.text_table import aligned
from convscope.result import renders

__all__ = ["familiarity_sheet", "familiarity_text"]

_MOST = 12


@renders("Familiarity", "text")
def familiarity_text(found: Familiarity) -> str:
    """Write the areas under both curves and the features that tell most, or never fire."""
    lines = [*_summary(found), "", "The features that tell the sets apart best, each by its response alone:"]
    lines += _table(found.features[:_MOST])
    never = found.never
    if never:
        lines += [
            "",
            f"{len(never)} of {len(found.features)} features fire on no image of {found.test_name}:",
        ]
        lines += _table(never[:_MOST])
    lines += ["", _fires(found)]
    return "\n".join(lines)


def _summary(found: Familiarity) -> list[str]:
    known, held, strange = found.counts
    source = "held out of them" if found.in_sample else f"of {found.held_name} beside them"
    sets = (
        f"{found.test_name} ({strange:,} images) against {found.reference_name}: {known:,} images that the "
        f"features are known by, and {held:,} {source}"
    )
    by = {"distance in the space of features": found.curve, "1 - largest softmax": found.baseline}
    wide = max(map(len, by))
    return [sets, *(f"area under the ROC curve by {name.ljust(wide)}  {_area(c)}" for name, c in by.items())]


def _area(curve: Any) -> str:
    return f"{curve.area:.4f} (standard error {curve.error:.4f})"


def _fires(found: Familiarity) -> str:
    return (
        f"A feature fires where it exceeds what only {1 - found.quantile:.0%} of the reference images exceed."
        " Area: 1 where it is always stronger on the test images, 0 always weaker, 0.5 tells nothing."
    )


def _table(features: Any) -> list[str]:
    rows = [
        [
            f"{f.node}[{f.channel}]",
            f"{f.area:.3f}",
            number(f.strongest_reference, 3),
            number(f.strongest_test, 3),
            f"{f.reference_share:.1%}",
            f"{f.test_share:.1%}",
            _what(f),
        ]
        for f in features
    ]
    head = ["feature", "area", "strongest", "on test", "fires on", "on test", "what it shows"]
    return aligned(head, rows, words=[-1])


def _what(feature: FamiliarFeature) -> str:
    most = f"mostly {feature.mostly} ({feature.mostly_share:.0%})" if feature.mostly else ""
    # a line of the table has no room for the long name of noise
    name = "noise" if feature.name.startswith("no pattern") else feature.name
    return "; ".join(part for part in (name, most) if part)


@renders("Familiarity", "plot")
def plot_familiarity(found: Familiarity, ax: Any = None) -> Any:
    """Draw the ROC curve and that of the baseline."""
    from convscope.report.picture import figure_and_axes

    ax = figure_and_axes(ax, (4.2, 4.0))
    _curves(ax, found)
    return ax


@draws("Familiarity", alt=lambda found: "familiarity: curves and features")
def familiarity_sheet(found: Familiarity, most: int = 8) -> Sheet:
    """Lay out both curves, the distances of the pictures, and the features with their strongest images."""
    sheet = Sheet(9.0)
    sheet.heading(f"Is {found.test_name} familiar to a network that knows {found.reference_name}?", 14)
    first, *_ = _summary(found)
    sheet.text(first + ".")
    sheet.charts(3.3, [partial(_curves, found=found), partial(_distances, found=found)], left=0.65, above=0.3)
    sheet.heading("Features that tell the sets apart best", 11)
    sheet.text(
        _fires(found) + " Below each feature the images of its strongest responses, each with its value."
    )
    for feature in found.features[:most]:
        _feature_rows(sheet, found, feature)
    never = found.never
    if never:
        sheet.heading(f"{len(never)} of {len(found.features)} features fire on no test image", 11)
        others = [feature for feature in never if feature not in found.features[:most]]
        if len(others) < len(never):
            sheet.text(f"{len(never) - len(others)} of them are shown above.")
        for feature in others[: most // 2]:
            _feature_rows(sheet, found, feature)
    return sheet


def _curves(ax: Any, found: Familiarity) -> None:
    lines = ((found.curve, INK["orange"], "-"), (found.baseline, INK["blue"], "--"))
    for curve, colour, style in lines:
        name = curve.name[0].upper() + curve.name[1:]
        label = f"{name}: area {curve.area:.4f}"
        ax.plot(curve.false_alarms, curve.found, style, color=colour, linewidth=1.8, label=label)
    ax.plot([0, 1], [0, 1], ":", color=INK["muted"], linewidth=1, label="chance: area 0.5")
    ax.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
    ax.set_xlabel("familiar images taken for strange", size=8, color=INK["muted"])
    ax.set_ylabel("test images found strange", size=8, color=INK["muted"])
    ax.set_title("ROC curve", size=9, loc="left", color=INK["ink"])
    ax.legend(frameon=False, fontsize=7, loc="lower right", labelcolor=INK["ink"])
    _plain(ax)


def _distances(ax: Any, found: Familiarity) -> None:
    top = float(np.quantile(np.concatenate([found.held, found.test]), 0.995))
    bins = np.linspace(0, top or 1.0, 41)
    for values, colour, hatch, name in (
        (found.held, INK["blue"], "", f"familiar: {found.held_name}"),
        (found.test, INK["orange"], "////", f"test: {found.test_name}"),
    ):
        weights = np.full(len(values), 100 / len(values))
        look = {"color": colour, "alpha": 0.45, "hatch": hatch, "edgecolor": colour, "linewidth": 0.6}
        ax.hist(np.minimum(values, top), bins, weights=weights, label=name, **look)
    ax.set_xlabel("distance from the reference, in spreads of the features", size=8, color=INK["muted"])
    ax.set_ylabel("per cent of the set's images", size=8, color=INK["muted"])
    ax.set_title(
        "A score for each picture (the last bin holds all beyond)", size=9, loc="left", color=INK["ink"]
    )
    ax.legend(frameon=False, fontsize=7, labelcolor=INK["ink"])
    _plain(ax)


def _plain(ax: Any) -> None:
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        ax.spines[side].set_color(INK["line"])
    ax.tick_params(colors=INK["muted"], length=2, labelsize=7)


def _feature_rows(sheet: Sheet, found: Familiarity, feature: FamiliarFeature, k: int = 6) -> None:
    what = _what(feature)
    sheet.text(
        f"{feature.node}[{feature.channel}]" + (f": {what}" if what else ""), 8.5, "ink", weight="bold"
    )
    direction = "weaker" if feature.area < 0.5 else "stronger"
    reference, test = (number(v, 3) for v in (feature.strongest_reference, feature.strongest_test))
    sheet.text(
        f"{direction} on the test images: area {feature.area:.3f}; strongest {reference}, on test {test}; "
        f"fires on {feature.reference_share:.1%}, on test {feature.test_share:.1%}",
        7.5,
    )
    top = found[feature.node]
    sets = zip(
        ("reference", "test"),
        found.pictures(feature.node, feature.channel, k),
        (top.reference_top[feature.channel], top.test_top[feature.channel]),
        (INK["blue"], INK["orange"]),
        strict=True,
    )
    tiles = [
        Tile(picture, (number(float(value), 3), name if not i else ""), colour)
        for name, pictures, values, colour in sets
        for i, (picture, value) in enumerate(zip(pictures, values, strict=False))
    ]
    sheet.grid(tiles, size=(sheet.room + 0.08) / (2 * k) - 0.081, columns=2 * k)
