"""The training loop: one epoch, one step, and what is kept for when it goes wrong."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope.data import Dataset
from convscope.errors import DivergedError
from convscope.network import Network, Workspace
from convscope.ops import Randomness
from convscope.training.history import BatchRecord, EpochRecord
from convscope.training.interrupts import Interrupts
from convscope.training.losses import cross_entropy, scores_of
from convscope.training.optimizer import Optimizer
from convscope.training.schedule import Progress, Schedule

__all__ = ["Loop", "Weights"]


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
    """Trains a network epoch by epoch; everything a step needs is allocated once."""

    def __init__(
        self,
        net: Network,
        data: Dataset,
        epochs: int,
        batch_size: int,
        optimizer: Optimizer,
        schedule: Schedule | None,
        seed: int,
        on_batch: Callable[[BatchRecord], object] | None,
    ) -> None:
        self.interrupts = Interrupts()
        self._net, self._optimizer, self._schedule = net, optimizer, schedule
        self._epochs, self._seed, self._on_batch = epochs, seed, on_batch
        self._scores, _ = scores_of(net, "fit")
        # Steps change arrays in place, so they must be nobody else's: not the caller's, not read-only.
        for arrays in (net.parameters, net.statistics):
            arrays.update({name: array.copy(order="K") for name, array in arrays.items()})
        self._memory = optimizer.start(net.parameters)
        self._workspace = Workspace()
        self._good = Weights(net)
        self._x, self._y = np.ascontiguousarray(data.x), data.y
        self._batch_size = batch_size
        self._batches = math.ceil(len(data) / batch_size)
        self._images = np.empty((batch_size, *data.x.shape[1:]), data.x.dtype)

    def epoch(self, epoch: int, validate: Callable[[], tuple[float, float]] | None) -> EpochRecord:
        """See every image once, then measure; `epoch` counts from 1.

        Raises
        ------
        DivergedError
            If the loss or a weight is no longer a number; the good weights are back then.
        """
        start = time.perf_counter()
        order = self._order(epoch)
        total, right, seen, rate = 0.0, 0, 0, math.nan
        for batch in range(self._batches):
            ids = order[batch * self._batch_size : (batch + 1) * self._batch_size]
            rate = self._rate(epoch, batch)
            loss, correct = self._step(epoch, batch, ids, rate)
            total, right, seen = total + loss * len(ids), right + correct, seen + len(ids)
            if self._on_batch is not None:
                means = (total / seen, right / seen)
                place = (epoch, self._epochs, batch + 1, self._batches)
                self._on_batch(BatchRecord(*place, len(ids), *means, rate))
        if not all(np.isfinite(array).all() for array in self._net.parameters.values()):
            self._diverged("a weight became infinite or NaN", epoch, self._batches, rate)
        loss_after, accuracy_after = (None, None) if validate is None else validate()
        if loss_after is not None and not math.isfinite(loss_after):
            self._diverged(f"the validation loss became {loss_after}", epoch, self._batches, rate)
        seconds = time.perf_counter() - start
        return EpochRecord(epoch, total / seen, right / seen, loss_after, accuracy_after, rate, seconds)

    def _step(self, epoch: int, batch: int, ids: NDArray[np.int64], rate: float) -> tuple[float, int]:
        """Run forward, backward and update; give the loss and how many answers were right."""
        # mode="clip" makes take write straight into `out`; every index is in range anyway.
        images = self._x.take(ids, axis=0, out=self._images[: len(ids)], mode="clip")
        random = Randomness(self._seed, epoch, ids)
        run = self._net.run(images, training=True, rng=random, workspace=self._workspace)
        scores, labels = run[self._scores], self._y[ids]
        loss, gradient = cross_entropy(scores, labels)
        if not math.isfinite(loss):
            self._diverged(f"the loss became {loss}", epoch, batch + 1, rate)
        if batch == 0:
            # Only now is it known that the weights at the end of the last epoch were good.
            self._good.take()
        correct = int((scores.reshape(len(ids), -1).argmax(axis=1) == labels).sum())
        gradients = self._net.backward(run, {self._scores: gradient}, inputs=False)
        with self.interrupts.held():
            self._optimizer.step(self._net.parameters, gradients.parameters, self._memory, rate)
            self._net.statistics.update(run.statistics)
        return float(loss), correct

    def _order(self, epoch: int) -> NDArray[np.int64]:
        """Give the order of the images in an epoch: sorted by a number that each draws for itself."""
        everyone = np.arange(len(self._x), dtype=np.int64)
        drawn = Randomness(self._seed, epoch, everyone).uniform("shuffle", (len(everyone),))
        return np.argsort(drawn, kind="stable")

    def _rate(self, epoch: int, batch: int) -> float:
        if self._schedule is None:
            return self._optimizer.learning_rate
        step = (epoch - 1) * self._batches + batch
        at = Progress(step, self._epochs * self._batches, epoch, self._epochs)
        return self._optimizer.learning_rate * self._schedule(at)

    def _diverged(self, what: str, epoch: int, batch: int, rate: float) -> None:
        with self.interrupts.held():
            self._good.restore()
        raise DivergedError(
            f"fit: {what} in epoch {epoch}, batch {batch}, at learning rate {rate:g}; "
            f"the last good weights, from the beginning of epoch {epoch}, were kept; try a smaller rate."
        )
