"""Saliency, deconvnet and Grad-CAM as text and pictures."""

from __future__ import annotations

from typing import Any

import numpy as np

from convscope.explain import Deconvnet, GradCam, Saliency
from convscope.report.drawing import draws
from convscope.report.picture import INK
from convscope.report.scale import number
from convscope.report.trust import TRUST
from convscope.report.view_figure import Panel, clipped_limit, on_grey, sanity_of, show, view_figure
from convscope.result import renders

__all__ = ["deconvnet_figure", "grad_cam_figure", "saliency_figure"]

_NAMES = {
    "gradient": "Gradient",
    "gradient-x-input": "Gradient times input",
    "guided": "Guided backpropagation",
    "integrated": "Integrated gradients",
    "smooth": "SmoothGrad",
}


@draws("Saliency", alt=str)
def saliency_figure(result: Saliency) -> Any:
    """Draw the image and the signed map beside it."""
    limit, scaling = clipped_limit(result.map)
    panels = [
        Panel("the image", lambda ax: show(ax, result.pixels)),
        Panel(f"{_spoken_method(result.method)}, channels added up", lambda ax: show(ax, result.map, limit)),
    ]
    caption = [scaling, *_gap(result), f"How far to trust it: {TRUST[result.method]}"]
    title = f"{_NAMES[result.method]} of {_target(result)} = {number(result.value)}"
    return view_figure(title, panels, caption, shape=result.map.shape, sanity=sanity_of(result))


def _spoken_method(method: str) -> str:
    """Name a method in the middle of a sentence."""
    name = _NAMES[method]
    return name if name[1:] != name[1:].lower() else name.lower()


@draws("Deconvnet", alt=str)
def deconvnet_figure(result: Deconvnet) -> Any:
    """Draw the image with the receptive field, and the projection, whole and enlarged."""
    limit, scaling = clipped_limit(result.map)
    rows, columns = _inside(result)
    panels = [
        Panel("the image; the cell sees the frame", lambda ax: _framed(ax, result)),
        Panel("deconvnet, channels added up", lambda ax: show(ax, result.map, limit)),
    ]
    if result.map[rows, columns].size < 0.6 * result.map.size:
        part = result.map[rows, columns]
        panels.insert(1, Panel("the patch", lambda ax: show(ax, result.pixels[rows, columns])))
        panels.append(Panel("deconvnet of the patch", lambda ax: show(ax, part, limit)))
    caption = [scaling, f"How far to trust it: {TRUST['deconvnet']}"]
    title = f"Deconvnet of {_spoken(result.at, result.label)} = {number(result.value)}"
    return view_figure(title, panels, caption, shape=result.map.shape, sanity=sanity_of(result))


@draws("GradCam", alt=str)
def grad_cam_figure(result: GradCam) -> Any:
    """Draw the image, the map over it, and the map as it was computed."""
    largest = float(result.coarse.max())
    high, wide = result.coarse.shape
    height, width = result.map.shape
    panels = [
        Panel("the image", lambda ax: show(ax, result.pixels)),
        Panel(
            "over the image, interpolated", lambda ax: show(ax, on_grey(result.pixels, result.map, largest))
        ),
        Panel(
            f"as computed: {high} x {wide} cells",
            lambda ax: show(ax, result.coarse, largest or 1.0, extent=(0, width, height, 0)),
        ),
    ]
    caption = [
        (
            f"White is 0, the darkest orange {number(largest, 3)}, the largest cell; a cell stands for about "
            f"{height / high:.3g} x {width / wide:.3g} pixels and sees more."
        ),
        f"How far to trust it: {TRUST['grad_cam++' if result.plus_plus else 'grad_cam']}",
    ]
    if largest == 0:
        caption.insert(0, "Nothing in this node speaks for the target: the map is zero everywhere.")
    name = "Grad-CAM++" if result.plus_plus else "Grad-CAM"
    title = f"{name} of {_target(result)} = {number(result.value)}, from {result.node}"
    return view_figure(title, panels, caption, shape=(height, width), sanity=sanity_of(result))


def _framed(ax: Any, result: Deconvnet) -> None:
    from matplotlib.patches import Rectangle

    show(ax, result.pixels)
    rows, columns = _inside(result)
    size = (columns.stop - columns.start, rows.stop - rows.start)
    for colour, line in (("white", 2.6), (INK["orange"], 1.3)):
        ax.add_patch(
            Rectangle(
                (columns.start - 0.5, rows.start - 0.5),
                *size,
                fill=False,
                edgecolor=colour,
                linewidth=line,
                clip_on=False,
            )
        )


def _inside(result: Deconvnet) -> tuple[slice, slice]:
    top, left, bottom, right = result.box
    height, width = result.map.shape
    rows, columns = slice(max(top, 0), min(bottom, height)), slice(max(left, 0), min(right, width))
    return rows, columns


def _target(result: Saliency | GradCam) -> str:
    return _spoken(result.target, result.label)


def _spoken(address: str, label: str) -> str:
    """Name a cell, and its class where that is more than its number."""
    return f"{address}, {label}" if label and not label.isdecimal() else address


def _gap(result: Saliency) -> list[str]:
    if result.gap is None:
        return []
    return [f"All parts together miss the rise from the baseline to the image by {number(result.gap, 2)}."]


def _account(result: Saliency | GradCam | Deconvnet, lines: list[str], trust: str) -> str:
    sanity = sanity_of(result)
    checked = (
        "Sanity check: not made; .sanity makes it." if sanity is None else f"Sanity check: {sanity.verdict}"
    )
    return "\n".join([*lines, checked, f"How far to trust it: {TRUST[trust]}"])


def _extremes(values: Any) -> str:
    row, column = (int(i) for i in np.unravel_index(int(np.abs(values).argmax()), values.shape))
    return (
        f"from {number(values.min())} to {number(values.max())}; the largest magnitude in row {row}, "
        f"column {column}"
    )


@renders("Saliency", "text")
def saliency_text(result: Saliency) -> str:
    """Say what was explained, the range, and how far to trust it."""
    head = f"{_NAMES[result.method]} of {_target(result)} = {number(result.value)}"
    return _account(
        result, [head, f"Channels added up: {_extremes(result.map)}.", *_gap(result)], result.method
    )


@renders("Deconvnet", "text")
def deconvnet_text(result: Deconvnet) -> str:
    """Say which cell was projected back, from where, and how far to trust it."""
    top, left, bottom, right = result.box
    head = f"Deconvnet of {_spoken(result.at, result.label)} = {number(result.value)}"
    field = f"The cell sees rows {top} to {bottom - 1} and columns {left} to {right - 1} of the image."
    return _account(result, [head, field, f"Channels added up: {_extremes(result.map)}."], "deconvnet")


@renders("GradCam", "text")
def grad_cam_text(result: GradCam) -> str:
    """Say where the evidence is strongest, which channels weigh most, and how far to trust it."""
    name = "Grad-CAM++" if result.plus_plus else "Grad-CAM"
    head = f"{name} of {_target(result)} = {number(result.value)}, from {result.node}"
    high, wide = result.coarse.shape
    order = np.argsort(-np.abs(result.weights), kind="stable")[:5]
    weights = ", ".join(f"{result.node}[{i}] {number(result.weights[i], 3)}" for i in order)
    lines = [head, f"{high} x {wide} cells, {_extremes(result.coarse)}.", f"Largest weights: {weights}."]
    return _account(result, lines, "grad_cam++" if result.plus_plus else "grad_cam")
