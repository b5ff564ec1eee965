"""A training run as it goes: a line for every epoch, and a bar where somebody watches."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Any

from convscope.training import BatchRecord, EpochRecord

__all__ = ["TrainingProgress"]

_HEAD = ("epoch", "loss", "accuracy", "held-out loss", "held-out accuracy", "seconds")


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
