"""What switching channels off cost, as text and as bars."""

from __future__ import annotations

import textwrap
from functools import partial
from typing import Any

import numpy as np

from convscope.explain import Ablation, Carriers
from convscope.report.colour import limit_of, paint
from convscope.report.drawing import draws
from convscope.report.picture import INK, figure_and_axes
from convscope.report.scale import number
from convscope.report.sheet import Sheet
from convscope.report.text_table import aligned
from convscope.result import renders

__all__ = ["ablation_sheet", "ablation_text", "carriers_text", "plot_ablation"]

_MOST = 24


@renders("Ablation", "text")
def ablation_text(found: Ablation) -> str:
    """Write for one group what each class loses beside the random draws; for many which cost most."""
    lines = [_headline(found), ""]
    if len(found.groups) == 1:
        lines += _by_class(found)
    else:
        lines += _by_group(found)
    return "\n".join(lines)


def _headline(found: Ablation) -> str:
    whole = found.whole.accuracy
    start = f"{found.node} on {found.images}, {int(found.counts.sum()):,} images: {whole:.2%} right."
    if len(found.groups) > 1:
        each = "channels" if all(len(group) == 1 for group in found.groups) else "groups of channels"
        return f"{start} Each of {len(found.groups)} {each} switched off by itself{_instead(found)}."
    group = found.groups[0]
    named = ", ".join(map(str, group[:12])) + (", ..." if len(group) > 12 else "")
    left = found.without[0].accuracy
    return f"{start} Without channel{'s' * (len(group) > 1)} {named}{_instead(found)}: {left:.2%}."


def _instead(found: Ablation) -> str:
    return "" if found.instead == "zero" else " (their mean instead)"


def _by_class(found: Ablation) -> list[str]:
    head = ["class", "images", "accuracy", "without", "loses", "score loses"]
    if found.controls:
        head += ["random loses", "at most"]
    rows = []
    for c, name in enumerate(found.classes):
        if not found.counts[c]:
            continue
        row = [
            name,
            f"{found.counts[c]:,}",
            f"{found.whole.by_class[c]:.2%}",
            f"{found.without[0].by_class[c]:.2%}",
            f"{found.drop[0, c]:+.2%}",
            f"{found.score_drop[0, c]:+.3g}",
        ]
        if found.controls:
            row += [f"{found.control_drop[:, c].mean():+.2%}", f"{found.control_drop[:, c].max():+.2%}"]
        rows.append(row)
    order = np.argsort(
        [-found.drop[0, c] for c in range(len(found.classes)) if found.counts[c]], kind="stable"
    )
    lines = aligned(head, [rows[i] for i in order[:_MOST]])
    if len(rows) > _MOST:
        lines.append(f"and {len(rows) - _MOST} more classes, which lose less")
    if found.controls:
        lines += ["", f"random: {len(found.controls)} draws of as many other channels (seed {found.seed})."]
    return lines


def _by_group(found: Ablation) -> list[str]:
    losses = np.array([found.whole.accuracy - one.accuracy for one in found.without])
    order = np.argsort(-losses, kind="stable")[:_MOST]
    rows = []
    for i in order:
        worst = int(np.nanargmax(found.drop[i]))
        rows.append(
            [
                _group_name(found, int(i)),
                f"{losses[i]:+.2%}",
                f"{found.drop[i, worst]:+.2%}",
                found.classes[worst],
            ]
        )
    lines = aligned(["without", "all lose", "worst loses", "worst"], rows)
    if len(losses) > _MOST:
        lines.append(f"and {len(losses) - _MOST} more, without which less is lost")
    return lines


def _group_name(found: Ablation, index: int) -> str:
    group = found.groups[index]
    shown = ",".join(map(str, group[:6])) + (",..." if len(group) > 6 else "")
    return f"{found.node}[{shown}]"


@renders("Carriers", "text")
def carriers_text(found: Carriers) -> str:
    """List the channels that add most to the score of a class."""
    rows = [
        [f"{e.node}[{e.channel}]", f"{e.part:+.4g}", e.maker or "-", e.name] for e in found.entries[:_MOST]
    ]
    lines = [
        _carried(found),
        "",
        *aligned(["channel", "mean part", "made by", "what it shows"], rows, words=[-1]),
    ]
    if len(found.entries) > _MOST:
        lines.append(f"and {len(found.entries) - _MOST} more, which add less")
    return "\n".join(lines)


def _carried(found: Carriers) -> str:
    return (
        f"{found.label}: the mean part of each channel of {found.node} in {found.score}, by the ledgers of "
        f"{found.images} images"
    )


@draws("Ablation", alt=lambda found: "what switching channels off costs")
def ablation_sheet(found: Ablation) -> Sheet:
    """Lay out a bar for each class, or for many groups a map of groups and classes."""
    sheet = Sheet(9.0)
    sheet.heading(f"Channels of {found.node} switched off", 14)
    sheet.text(_headline(found), 9, "ink")
    if len(found.groups) == 1:
        _class_chart(sheet, found)
    else:
        _group_map(sheet, found)
    return sheet


@renders("Ablation", "plot")
def plot_ablation(found: Ablation, ax: Any = None) -> Any:
    """Draw a bar for each class, or for many groups a map of groups and classes."""
    said = textwrap.wrap(_headline(found), 84)
    if len(found.groups) == 1:
        order = _classes(found)
        ax = figure_and_axes(ax, (6.2, 1.2 + 0.23 * len(order)))
        _class_bars(ax, found, order)
    else:
        shown, limit, painted = _painted(found)
        ax = figure_and_axes(ax, (6.2, 1.3 + 0.17 * len(shown)))
        _heat(ax, found, painted, shown)
        said.append(f"orange: the class loses accuracy, blue: it gains; darkest {number(limit, 3)} points")
    ax.set_title("\n".join(said), size=8, loc="left")
    return ax


def _classes(found: Ablation) -> list[int]:
    """Give the classes with images that lose most, in order."""
    seen = [c for c in range(len(found.classes)) if found.counts[c]]
    return sorted(seen, key=lambda c: -found.drop[0, c])[:_MOST]


def _painted(found: Ablation) -> tuple[list[int], float, Any]:
    """Give the classes of the map, where its scale ends in percentage points, and its colours."""
    drops = np.nan_to_num(100 * found.drop)
    limit = limit_of(drops)
    classes = [c for c in range(len(found.classes)) if found.counts[c]][:60]
    return classes, limit, paint(drops[:, classes].T, limit)


def _class_chart(sheet: Sheet, found: Ablation) -> None:
    order, seen = _classes(found), int((found.counts > 0).sum())
    text = "Bars: how many of 100 images of a class are no longer recognised; left of zero: more are."
    if found.controls:
        text += (
            f" Rings: the same for {len(found.controls)} draws of as many other channels at random "
            f"(seed {found.seed})."
        )
    sheet.text(text)
    if seen > _MOST:
        sheet.text(f"The {_MOST} of {seen} classes that lose most.")
    sheet.axes(0.75 + 0.23 * len(order), partial(_class_bars, found=found, order=order), left=1.8)


def _class_bars(ax: Any, found: Ablation, order: list[int]) -> None:
    places = np.arange(len(order))
    drops = 100 * found.drop[0, order]
    colours = [INK["orange"] if d >= 0 else INK["blue"] for d in drops]
    ax.barh(places, drops, height=0.62, color=colours, zorder=2)
    for i, c in enumerate(order):
        if found.controls:
            dots = 100 * found.control_drop[:, c]
            ax.scatter(
                dots,
                np.full(len(dots), i),
                s=9,
                color="white",
                edgecolors=INK["ink"],
                linewidths=0.6,
                zorder=3,
            )
    ax.set_yticks(places, [_short(found.classes[c], 26) for c in order], size=8)
    ax.invert_yaxis()
    ax.set_xlabel("accuracy lost, percentage points", size=8, color=INK["muted"])
    _plain(ax)
    ax.axvline(0, color=INK["muted"], linewidth=0.8)


def _group_map(sheet: Sheet, found: Ablation) -> None:
    classes, limit, painted = _painted(found)
    sheet.text(
        "One column a channel or group, one row a class. Orange: the class loses accuracy without it; blue: "
        "it gains. One scale for all, zero in the middle, in percentage points."
    )
    sheet.bar(limit, text="percentage points of accuracy lost")
    sheet.charts(
        0.8 + 0.17 * len(classes),
        [partial(_heat, found=found, painted=painted, classes=classes)],
        left=1.6,
    )
    losses = np.array([found.whole.accuracy - one.accuracy for one in found.without])
    order = np.argsort(-losses, kind="stable")[:8]
    said = "; ".join(f"{_group_name(found, int(i))} {losses[i]:+.2%}" for i in order)
    sheet.text(f"Accuracy over all classes lost without: {said}.")


def _heat(ax: Any, found: Ablation, painted: Any, classes: list[int]) -> None:
    ax.imshow(painted, aspect="auto", interpolation="nearest")
    ax.set_yticks(range(len(classes)), [_short(found.classes[c], 22) for c in classes], size=7)
    groups = len(found.groups)
    step = max(1, -(-groups // 24))
    names = [_short(",".join(map(str, found.groups[i])), 8) for i in range(0, groups, step)]
    ax.set_xticks(range(0, groups, step), names, size=7)
    ax.set_xlabel(f"channel of {found.node}", size=8, color=INK["muted"])
    ax.tick_params(length=0)


def _plain(ax: Any) -> None:
    for side in ("top", "right", "left", "bottom"):
        ax.spines[side].set_visible(False)
    ax.grid(axis="x", color=INK["line"], linewidth=0.6)
    ax.set_axisbelow(True)
    ax.tick_params(colors=INK["ink"], length=0, labelsize=8)


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
