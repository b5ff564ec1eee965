"""The learning curve of a training run."""

from __future__ import annotations

from functools import partial
from typing import Any

from convscope.report.drawing import draws
from convscope.report.page import figure, table
from convscope.report.picture import INK, chart, figure_and_axes
from convscope.result import renders
from convscope.training import History

__all__ = ["epoch_table", "learning_curve", "plot_history"]


@draws("History")
@renders("History", "plot")
def plot_history(history: History, ax: Any = None, *, what: str = "loss") -> Any:
    """Draw loss or accuracy by epoch, training and held-out; `what` is "loss" or "accuracy"."""
    ax = figure_and_axes(ax, (5.2, 3.4))
    epochs = [record.epoch for record in history.epochs]
    lines = {
        "training": ([getattr(r, what) for r in history.epochs], INK["blue"], "-", "o"),
        "held out": ([getattr(r, f"validation_{what}") for r in history.epochs], INK["orange"], "-", "s"),
    }
    percent = 100 if what == "accuracy" else 1
    for name, (values, colour, style, marker) in lines.items():
        if any(v is None for v in values):
            continue
        shown = [v * percent for v in values]
        ax.plot(epochs, shown, style, marker=marker, markersize=3, color=colour, linewidth=1.8, label=name)
    _dress(ax, what)
    return ax


def _dress(ax: Any, what: str) -> None:
    from matplotlib.ticker import MaxNLocator

    ax.set_xlabel("epoch", color=INK["muted"])
    ax.set_ylabel("cross entropy" if what == "loss" else "accuracy, %", color=INK["muted"])
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.grid(axis="y", color=INK["line"], linewidth=0.8)
    ax.set_axisbelow(True)
    for side in ("top", "right", "left"):
        ax.spines[side].set_visible(False)
    ax.spines["bottom"].set_color(INK["line"])
    ax.tick_params(colors=INK["muted"], length=0)
    ax.legend(frameon=False, labelcolor=INK["ink"], loc="upper right" if what == "loss" else "lower right")
    if what == "loss":
        ax.set_ylim(bottom=0)


def learning_curve(history: History) -> str:
    """Show loss and accuracy by epoch side by side, with the numbers in a table that unfolds."""
    parts = []
    for what, title in (("loss", "Loss"), ("accuracy", "Accuracy")):
        picture = chart(partial(plot_history, history, what=what), _in_words(history, what))
        parts.append(f"<div><h3>{title}</h3>{picture}</div>")
    caption = (
        "Blue circles: the images trained on, averaged over each epoch while the network was still changing. "
        "Orange squares: the held-out digits, after each epoch. The loss axis starts at zero; the accuracy "
        "axis does not."
    )
    return figure(f'<div class="charts">{"".join(parts)}</div>', caption)


def epoch_table(history: History) -> str:
    """Set the numbers of every epoch in a table."""
    head = ["epoch", "loss", "accuracy", "held-out loss", "held-out accuracy", "learning rate", "seconds"]
    rows = [
        [
            str(r.epoch),
            f"{r.loss:.4f}",
            f"{r.accuracy:.2%}",
            "" if r.validation_loss is None else f"{r.validation_loss:.4f}",
            "" if r.validation_accuracy is None else f"{r.validation_accuracy:.2%}",
            f"{r.learning_rate:.3g}",
            f"{r.seconds:.2f}",
        ]
        for r in history.epochs
    ]
    return table(head, rows, caption="Every epoch", text_columns=())


def _in_words(history: History, what: str) -> str:
    first, last = history.epochs[0], history.epochs[-1]

    def say(record: Any) -> str:
        form = "{:.1%}" if what == "accuracy" else "{:.3f}"
        held = getattr(record, f"validation_{what}")
        text = form.format(getattr(record, what)) + " on the training data"
        return text if held is None else f"{text}, {form.format(held)} held out"

    return f"{what} by epoch. Epoch {first.epoch}: {say(first)}. Epoch {last.epoch}: {say(last)}."
