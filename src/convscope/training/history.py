"""What a training run reports: batch by batch, epoch by epoch, and as a whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from convscope.result import Result

__all__ = ["BatchRecord", "EpochRecord", "History"]


@dataclass(frozen=True)
class BatchRecord:
    """One step: `batch` counts from 1 to `batches` within the epoch, `epoch` from 1 to `epochs`.

    `loss` and `accuracy` are means over the epoch so far; `images` is the number of images in this batch.
    """

    epoch: int
    epochs: int
    batch: int
    batches: int
    images: int
    loss: float
    accuracy: float
    learning_rate: float


@dataclass(frozen=True)
class EpochRecord:
    """One pass over the training data.

    `loss` (in nats) and `accuracy` (from 0 to 1) are means over the epoch, measured on each batch before
    its step, in training mode; the `validation_` values are measured after the epoch and are None without
    validation data. `learning_rate` is that of the epoch's last step, `seconds` includes the validation.
    """

    epoch: int
    loss: float
    accuracy: float
    validation_loss: float | None
    validation_accuracy: float | None
    learning_rate: float
    seconds: float


@dataclass(frozen=True)
class History(Result):
    """A training run.

    Attributes
    ----------
    epochs : tuple of EpochRecord
    settings : dict
        What it takes to repeat the run: network, data, batch_size, optimizer, schedule, seed.
    best_epoch : int or None
        The epoch with the smallest validation loss (the first of equals), or None without validation data.
    """

    epochs: tuple[EpochRecord, ...]
    settings: dict[str, Any]
    best_epoch: int | None = None

    @property
    def seconds(self) -> float:
        """How long all epochs took together."""
        return sum(record.seconds for record in self.epochs)
