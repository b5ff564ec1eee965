"""The confusion matrix, and the worst mistakes as pictures."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope.report.colour import grey, rgb
from convscope.report.drawing import draws
from convscope.report.page import escape, figure
from convscope.report.picture import INK, data_uri, figure_and_axes
from convscope.result import renders
from convscope.training import Evaluation

__all__ = ["confusion_matrix", "mistake_pictures", "plot_evaluation"]


def confusion_matrix(evaluation: Evaluation, classes: tuple[str, ...]) -> str:
    """Set the confusion matrix as a table: one row for each true class, one column for each answer."""
    counts = np.asarray(evaluation.confusion)
    largest_slip = int((counts - np.diag(np.diag(counts))).max(initial=0)) or 1
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in classes)
    lines = []
    for true, row in enumerate(counts):
        total = int(row.sum()) or 1
        cells = "".join(
            _count(int(n), n / total if true == c else n / largest_slip, true == c) for c, n in enumerate(row)
        )
        lines.append(f'<tr><th scope="row">{escape(classes[true])}</th>{cells}</tr>')
    body = "\n".join(lines)
    title = "Rows: the true class. Columns: the answer of the network."
    grid = (
        '<div class="scroll confusion" tabindex="0" role="region" aria-label="confusion matrix">'
        f"<table><caption>{title}</caption>"
        f"<thead><tr><td></td>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )
    caption = (
        "Each number counts images. Blue, on the diagonal: right, darker with the share of its row. "
        "Orange, off it: wrong, darker with the count; the darkest is the most frequent confusion."
    )
    return figure(grid, caption)


def _count(count: int, share: float, right: bool) -> str:
    if count == 0:
        return '<td class="zero">0</td>'
    # a tint, not a full colour, so that the text keeps its contrast in both themes
    tint = 0.08 + 0.37 * share
    return f'<td style="background:rgba(var(--{"heat" if right else "slip"}),{tint:.2f})">{count}</td>'


def mistake_pictures(
    images: NDArray[Any], true: list[str], answers: list[str], confidences: list[float], *, caption: str = ""
) -> str:
    """Show wrongly classified images, each with the truth and the answer.

    Parameters
    ----------
    images : ndarray of shape (N, 1, H, W) or (N, 3, H, W)
    true, answers : list of str
        The names of the classes.
    confidences : list of float
        The probability the network gave its answer, 0 to 1.
    caption : str
        HTML before the sentence that says how the grey levels were scaled.
    """
    low, high = float(images.min(initial=0.0)), float(images.max(initial=1.0))
    items = []
    for image, name, answer, confidence in zip(images, true, answers, confidences, strict=True):
        pixels = grey(high + low - image[0], low, high) if len(image) != 3 else rgb(image, low, high)
        alt = f"a {name} that the network took for a {answer}"
        note = f"a <b>{escape(name)}</b>, taken for <b>{escape(answer)}</b><br>at {confidence:.0%}"
        items.append(
            f'<li><img class="pixels" src="{data_uri(pixels)}" alt="{escape(alt, quote=True)}">'
            f'<span class="note">{note}</span></li>'
        )
    scaling = f"All on one scale: paper is {low:g}, black ink {high:g}."
    return figure(f'<ul class="mistakes">{"".join(items)}</ul>', f"{caption} {scaling}".strip())


@draws("Evaluation")
@renders("Evaluation", "plot")
def plot_evaluation(evaluation: Evaluation, ax: Any = None) -> Any:
    """Draw the confusion matrix with its counts, darker with the share of the row."""
    ax = figure_and_axes(ax, (5.0, 4.6))
    counts = np.asarray(evaluation.confusion)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    ax.imshow(shares, cmap="Blues", vmin=0, vmax=1.4)  # the darkest blue would hide the count
    if len(counts) <= 30:
        for (row, column), count in np.ndenumerate(counts):
            ax.text(
                column, row, str(count), ha="center", va="center", color=INK["ink"] if count else INK["line"]
            )
        ax.set_xticks(range(len(counts)))
        ax.set_yticks(range(len(counts)))
    ax.set_xlabel("answer of the network")
    ax.set_ylabel("true class")
    return ax
