"""A training run as it goes: a line for every epoch, and a bar where somebody watches."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any

from convscope.training import BatchRecord, EpochRecord

__all__ = ["TrainingProgress"]

_HEAD = ("epoch", "loss", "accuracy", "held-out loss", "held-out accuracy", "seconds")


class TrainingProgress:
    """Print each epoch as a row of a table on stdout; keep a bar below it on a terminal."""

    def __init__(self, epochs: int) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        from convscope.cli.console import console

        self._bar: Any = Progress(
            TextColumn("[bold]training"),
            BarColumn(bar_width=40),
            MofNCompleteColumn(),
            TextColumn("epochs"),
            TimeRemainingColumn(),
            console=console(),
            transient=True,
            disable=not sys.stdout.isatty(),
        )
        self._task = self._bar.add_task("", total=epochs)

    def __enter__(self) -> TrainingProgress:
        self._bar.start()
        self._bar.console.print("  ".join(_HEAD), style="bold")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def batch(self, record: BatchRecord) -> None:
        """Move the bar on."""
        self._bar.update(self._task, completed=round(record.epoch - 1 + record.batch / record.batches, 2))

    def epoch(self, record: EpochRecord) -> None:
        """Print the epoch's row."""
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
