"""Bars where somebody watches; for training a line for every epoch too."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from convscope.training import BatchRecord, EpochRecord

__all__ = ["Bar", "TrainingProgress"]

_HEAD = ("epoch", "loss", "accuracy", "held-out loss", "held-out accuracy", "seconds")


class Bar:
    """A bar on stderr; call it with how much is done and of how much.

    Parameters
    ----------
    what : str
        What is going on; a call may say it anew.
    counted : bool
        Whether what is done are things to be counted, or a share of 1.

    Examples
    --------
    >>> with Bar("images") as bar:
    ...     bar(1, 2)
    """

    def __init__(self, what: str = "", *, counted: bool = True) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        from convscope.cli.console import console

        counts = (MofNCompleteColumn(), TimeRemainingColumn()) if counted else ()
        self._bar: Any = Progress(
            BarColumn(bar_width=24),
            *counts,
            TextColumn("{task.description}"),
            console=console(stderr=True),
            transient=True,
            disable=not sys.stderr.isatty(),
        )
        self._task = self._bar.add_task(what, total=None)

    def __enter__(self) -> Bar:
        self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.stop()

    def __call__(self, done: float, total: float = 1.0, what: str | None = None) -> None:
        """Move the bar on."""
        self._bar.update(self._task, completed=done, total=total, description=what)


class TrainingProgress:
    """Print each epoch as a row of a table on stdout; keep a bar below it on a terminal.

    Parameters
    ----------
    epochs : int
        Of the whole run.
    done : float
        How many epochs were done before.
    quiet : bool
        Print nothing at all.
    """

    def __init__(self, epochs: int, done: float = 0.0, quiet: bool = False) -> None:
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        from convscope.cli.console import console

        self._quiet = quiet
        self._bar: Any = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[told]}"),
            TimeRemainingColumn(),
            console=console(),
            transient=True,
            disable=quiet or not sys.stdout.isatty(),
        )
        self._task = self._bar.add_task("training", total=epochs, told="")
        self._bar.update(self._task, completed=done)
        self._started, self._images = time.perf_counter(), 0

    def __enter__(self) -> TrainingProgress:
        self._bar.start()
        if not self._quiet:
            self._bar.console.print("  ".join(_HEAD), style="bold")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def batch(self, record: BatchRecord) -> None:
        """Move the bar on; say images a second, loss and accuracy so far."""
        if self._bar.disable:
            return
        self._images += record.images
        rate = self._images / max(time.perf_counter() - self._started, 1e-9)
        told = f"{rate:,.0f} images/s, loss {record.loss:.4f}, accuracy {record.accuracy:.2%}, left"
        done = record.epoch - 1 + record.batch / record.batches
        name = f"epoch {record.epoch} of {record.epochs}"
        self._bar.update(self._task, completed=done, told=told, description=name)

    def epoch(self, record: EpochRecord) -> None:
        """Print the epoch's row."""
        if self._quiet:
            return
        held_loss = "" if record.validation_loss is None else f"{record.validation_loss:.4f}"
        held = "" if record.validation_accuracy is None else f"{record.validation_accuracy:.2%}"
        cells = (
            str(record.epoch),
            f"{record.loss:.4f}",
            f"{record.accuracy:.2%}",
            held_loss,
            held,
            f"{record.seconds:.2f}",
        )
        row = "  ".join(cell.rjust(len(head)) for cell, head in zip(cells, _HEAD, strict=True))
        self._bar.console.print(row)
