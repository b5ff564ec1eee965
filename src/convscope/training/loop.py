"""The training loop: where it is, one step, one epoch, and what is kept for when it goes wrong."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope.data import Augment, Batch, Loader, Source
from convscope.errors import DivergedError
from convscope.network import Network, Steps
from convscope.ops import Randomness
from convscope.training.clipping import clip_gradients
from convscope.training.evaluation import evaluate
from convscope.training.history import BatchRecord, EpochRecord
from convscope.training.interrupts import Interrupts
from convscope.training.losses import Loss, scores_of
from convscope.training.optimizer import Optimizer
from convscope.training.schedule import Progress, Schedule
from convscope.training.threads import loader_threads

__all__ = ["Keeper", "Loop", "Place", "Settings", "Weights"]


@dataclass(frozen=True)
class Settings:
    """What training depends on besides network and data; see `fit`."""

    epochs: int
    batch_size: int
    optimizer: Optimizer
    schedule: Schedule | None
    loss: Loss
    seed: int
    augment: Augment | None = None
    clip_norm: float | None = None
    patience: int | None = None


@dataclass
class Place:
    """How far a run has come: `batch` steps of `epoch` are done, with these sums over their images."""

    epoch: int = 1
    batch: int = 0
    loss: float = 0.0
    right: int = 0
    seen: int = 0
    learning_rate: float = math.nan
    seconds: float = 0.0


class Keeper:
    """Called where a run is whole; a run that is kept on disk overrides both. Ctrl-C waits for them."""

    def after_step(self, loop: Loop) -> None:
        """A step is done and an epoch is not."""

    def after_epoch(self, loop: Loop, record: EpochRecord, best: bool) -> None:
        """An epoch is done and `record` is the last of `loop.records`; `best` if none was better."""


class Weights:
    """A copy of a network's parameters and running statistics, to go back to."""

    def __init__(self, net: Network) -> None:
        self._net = net
        self._copy: dict[str, NDArray[Any]] = {}

    def take(self) -> None:
        """Copy what the network holds now; later copies use the same memory."""
        for name, array in (*self._net.parameters.items(), *self._net.statistics.items()):
            if name in self._copy:
                np.copyto(self._copy[name], array)
            else:
                self._copy[name] = array.copy()

    def restore(self) -> None:
        """Give the network what it held at the last `take`; nothing if there was none."""
        for arrays in (self._net.parameters, self._net.statistics):
            for name, array in arrays.items():
                if name in self._copy:
                    np.copyto(array, self._copy[name])


class Loop:
    """Trains a network from any place of a run to its end; everything a step needs is allocated once.

    Attributes
    ----------
    place : Place
    records : list of EpochRecord
    best_epoch : int or None
        With the smallest validation loss, `best_loss`.
    memory : Memory
        Of the optimiser.
    """

    def __init__(self, net: Network, data: Source, held_out: Source | None, settings: Settings) -> None:
        self.net, self.settings = net, settings
        self.interrupts = Interrupts()
        self.place = Place()
        self.records: list[EpochRecord] = []
        self.best_epoch: int | None = None
        self.best_loss = math.inf
        self._held_out = held_out
        self._scores, _ = scores_of(net, "fit", settings.loss.before_softmax)
        # Steps change arrays in place, so they must be nobody else's: not the caller's, not read-only.
        for arrays in (net.parameters, net.statistics):
            arrays.update({name: array.copy(order="K") for name, array in arrays.items()})
        self.memory = settings.optimizer.start(net.parameters)
        self._steps = Steps(net.joined(self._scores), self._scores)
        self._good = Weights(net)
        self._loader = Loader(
            data,
            settings.batch_size,
            seed=settings.seed,
            augment=settings.augment,
            threads=loader_threads(data, settings.augment is not None),
        )

    @property
    def batches(self) -> int:
        """How many steps an epoch has."""
        return len(self._loader)

    @property
    def finished(self) -> bool:
        """Whether all epochs are done, or the validation loss has not fallen for `patience` epochs."""
        patience = self.settings.patience
        if patience is not None and self.best_epoch is not None:
            return self.place.epoch > min(self.settings.epochs, self.best_epoch + patience)
        return self.place.epoch > self.settings.epochs

    def run(
        self,
        keeper: Keeper,
        on_batch: Callable[[BatchRecord], object] | None = None,
        on_epoch: Callable[[EpochRecord], object] | None = None,
    ) -> None:
        """Train to the end.

        Raises
        ------
        DivergedError
            If the loss or a weight is no longer a number; the good weights are back then.
        """
        with np.errstate(all="ignore"):
            while not self.finished:
                record = self._epoch(keeper, on_batch)
                if on_epoch is not None:
                    on_epoch(record)

    def _epoch(self, keeper: Keeper, on_batch: Callable[[BatchRecord], object] | None) -> EpochRecord:
        """See every image that this epoch has not seen yet, then measure."""
        place, started = self.place, time.perf_counter() - self.place.seconds
        with self._batches() as batches:
            for batch in batches:
                self._step(batch, started, keeper)
                if on_batch is not None:
                    where = (place.epoch, self.settings.epochs, place.batch, self.batches, len(batch.y))
                    means = (place.loss / place.seen, place.right / place.seen)
                    on_batch(BatchRecord(*where, *means, place.learning_rate))
        if not all(np.isfinite(array).all() for array in self.net.parameters.values()):
            self._diverged("a weight became infinite or NaN")
        loss, accuracy = self._measure()
        if loss is not None and not math.isfinite(loss):
            self._diverged(f"the validation loss became {loss}")
        seconds = time.perf_counter() - started
        means = (place.loss / place.seen, place.right / place.seen)
        record = EpochRecord(place.epoch, *means, loss, accuracy, place.learning_rate, seconds)
        with self.interrupts.held():
            best = loss is None or loss < self.best_loss
            if loss is not None and best:
                self.best_epoch, self.best_loss = place.epoch, loss
            self.records.append(record)
            self.place = Place(place.epoch + 1)
            keeper.after_epoch(self, record, best)
        return record

    @contextmanager
    def _batches(self) -> Iterator[Iterator[Batch]]:
        """Give what is left of the epoch; threads that read ahead end with the block."""
        batches = self._loader.epoch(self.place.epoch, self.place.batch, reuse=True)
        try:
            yield batches
        finally:
            getattr(batches, "close", lambda: None)()

    def _step(self, batch: Batch, started: float, keeper: Keeper) -> None:
        """Run forward, backward and update."""
        place, settings = self.place, self.settings
        rate = self._rate()
        random = Randomness(settings.seed, place.epoch, batch.samples)
        scores, statistics = self._steps.forward(batch.x, random)
        loss, gradient = settings.loss(scores, batch.y)
        if not math.isfinite(loss):
            place.batch, place.learning_rate = place.batch + 1, rate
            self._diverged(f"the loss became {loss}")
        if place.batch == 0:
            # Only now is it known that the weights at the end of the last epoch were good.
            self._good.take()
        correct = int((scores.reshape(len(batch.y), -1).argmax(axis=1) == batch.y).sum())
        gradients = self._steps.backward(gradient)
        if settings.clip_norm is not None:
            clip_gradients(gradients, settings.clip_norm)
        with self.interrupts.held():
            settings.optimizer.step(self.net.parameters, gradients, self.memory, rate)
            self.net.statistics.update(statistics)
            place.batch, place.learning_rate = place.batch + 1, rate
            place.loss, place.seen = place.loss + float(loss) * len(batch.y), place.seen + len(batch.y)
            place.right += correct
            place.seconds = time.perf_counter() - started
            keeper.after_step(self)

    def _rate(self) -> float:
        rate, schedule = self.settings.optimizer.learning_rate, self.settings.schedule
        if schedule is None:
            return rate
        epoch, epochs = self.place.epoch, self.settings.epochs
        step = (epoch - 1) * self.batches + self.place.batch
        return rate * schedule(Progress(step, epochs * self.batches, epoch, epochs))

    def _measure(self) -> tuple[float | None, float | None]:
        if self._held_out is None:
            return None, None
        result = evaluate(self.net, self._held_out, loss=self.settings.loss)
        return result.loss, result.accuracy

    def _diverged(self, what: str) -> None:
        place = self.place
        with self.interrupts.held():
            self._good.restore()
        raise DivergedError(
            f"fit: {what} in epoch {place.epoch}, batch {place.batch}, at learning rate "
            f"{place.learning_rate:g}; the last good weights, from the beginning of epoch {place.epoch}, "
            "were kept; try a smaller rate."
        )
