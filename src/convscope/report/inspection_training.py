"""How a network learned, as parts of the page: curves, and its first kernels before and after."""

from __future__ import annotations

import numpy as np

from convscope.explain import Evolution, LayerEvolution
from convscope.inspection import Inspection
from convscope.kernels import KernelTable
from convscope.report.colour import limit_of, paint
from convscope.report.curve import epoch_table, learning_curve
from convscope.report.grid import kernel_pairs
from convscope.report.kernel_html import verdict_note
from convscope.report.kernel_words import family_counts
from convscope.report.page import details, escape, figure, section, table
from convscope.report.picture import data_uri
from convscope.training import History

__all__ = ["training_sections"]

_MOST = 64  # kernels shown in pairs


def training_sections(account: Inspection) -> list[str]:
    """Set the curves, and the first layer's kernels before and after where the network before is known."""
    parts = []
    if account.history is not None and account.history.epochs:
        parts.append(section("learning", "How it learned", *_curves(account.history)))
    first = account.first
    if account.baseline is not None and first is not None and first.node in account.baseline.tables:
        before = account.baseline.tables[first.node]
        if _comparable(before, first.table):
            heading = "Its first kernels, before and after"
            parts.append(section("kernels", heading, *_pairs(account.baseline.name, before, first.table)))
    if account.evolution is not None and account.evolution.layers:
        parts.append(section("evolution", "How its kernels came about", *_evolution(account.evolution)))
    return parts


def _comparable(before: KernelTable, after: KernelTable) -> bool:
    shape = after.weight.shape
    return before.weight.shape == shape and shape[0] * shape[1] <= _MOST


def _evolution(found: Evolution) -> list[str]:
    """Set the share of formed kernels by epoch, and some kernels of the first layer, epoch by epoch."""
    rows = [[layer.node, *(f"{share:.0%}" for share in layer.formed_share)] for layer in found.layers]
    head = ["layer", *(f"epoch {epoch}" for epoch in found.epochs)]
    caption = "Share of each layer's kernels that can be told from random ones, by epoch"
    layer = found.layers[0]
    order = np.argsort(-np.linalg.norm(layer.patterns[-1].reshape(len(layer.formed), -1), axis=1))[:12]
    strips = "".join(_strip(layer, int(k), found.epochs) for k in sorted(order.tolist()))
    epochs = ", ".join(map(str, found.epochs))
    text = (
        f"The {len(order)} strongest kernels of <code>{escape(layer.node)}</code>, from left to right at "
        f"epochs {epochs}. Blue is below zero, orange above, one scale for each kernel."
    )
    return [table(head, rows, caption=caption), figure(f'<div class="families">{strips}</div>', text)]


def _strip(layer: LayerEvolution, k: int, epochs: tuple[int, ...]) -> str:
    limit = limit_of(layer.patterns[:, k])
    pictures = "".join(
        f'<img class="pixels" src="{data_uri(paint(pattern, limit))}" alt="">'
        for pattern in layer.patterns[:, k]
    )
    path = ", ".join(f"{family} at {epoch}" for family, epoch in zip(layer.family[:, k], epochs, strict=True))
    label = escape(f"{layer.node}[{k}] by epoch: {path}", quote=True)
    return (
        f'<div class="family"><p><b>[{k}]</b> {escape(str(layer.family[-1, k]))}</p>'
        f'<div class="tiles-of" role="img" aria-label="{label}">{pictures}</div></div>'
    )


def _curves(history: History) -> list[str]:
    held = history.epochs[-1].validation_loss is not None
    text = "After each pass over the training images (an epoch) loss and accuracy were noted"
    text += (
        ", and the network was tried on images held out. Where both curves stay together, it learned what "
        "the classes look like and not the images by heart."
        if held
        else "; no images were held out, so this does not say how it does on new ones."
    )
    table = details("The numbers of every epoch", epoch_table(history))
    return [f"<p>{text}</p>", learning_curve(history), table]


def _pairs(name: str, before: KernelTable, after: KernelTable) -> list[str]:
    text = (
        f"<p>Before is {escape(name)}: <b>{escape(family_counts(before.counts))}</b>. After: "
        f"<b>{escape(family_counts(after.counts))}</b>. <i>Noise</i> means that the kernel cannot be told "
        f"from {after.null_samples:,} random kernels of its size; p is the share of those that any named "
        f"filter fits as well.{_still_random(before, after)}</p>"
    )
    caption = (
        "Each pair is one kernel, before at the left and after at the right. Below each stands its verdict "
        "with the probability that it is right; angles are counter-clockwise from the horizontal, c/px are "
        "cycles per pixel."
    )
    notes = [
        [verdict_note(v) for v in table for _ in range(table.weight.shape[1])] for table in (before, after)
    ]
    pairs = kernel_pairs(
        before.weight, after.weight, after.node, notes_before=notes[0], notes_after=notes[1], caption=caption
    )
    return [text, pairs]


def _still_random(before: KernelTable, after: KernelTable) -> str:
    """Say so where training made few filters that have a name, with what it changed all the same."""
    if after.counts.get("noise", 0) * 2 < len(after) or "p_value" not in after.columns:
        return ""
    chance, frequency = (
        [float(reduce(t.columns[name])) for t in (before, after)]
        for name, reduce in (("p_value", np.nanmedian), ("centroid", np.nanmean))
    )
    return (
        f" Most kernels have no name even now. What changed together: the median p went from {chance[0]:.2f} "
        f"to {chance[1]:.2f} (0.5 for random kernels), the mean frequency of their power from "
        f"{frequency[0]:.2f} to {frequency[1]:.2f} cycles per pixel."
    )
