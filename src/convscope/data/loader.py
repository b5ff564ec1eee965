"""Batches of an epoch, in an order that the seed fixes, made ahead by threads.

    order(epoch)   7 3 9 1 | 0 4 8 2 | 6 5          one batch a task, cut from the shuffled order
    threads          A         B         A          at most `threads + ahead` batches exist at a time
    consumer       batch 0   batch 1   batch 2      in order, whichever thread is ready first

A batch is a function of (seed, epoch, its number) alone. So it is the same for any number of threads,
and a training that was interrupted goes on from any batch.
"""

from __future__ import annotations

import math
import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convscope.data.augment import Augment
from convscope.data.dataset import Dataset
from convscope.data.keyed import Keyed
from convscope.data.source import Source, check_whole

__all__ = ["Batch", "Loader"]

Images = NDArray[np.floating[Any]]


class Batch(NamedTuple):
    """Images `x` (n, C, H, W), labels `y` (n,) and `samples` (n,): which image of the data set each is."""

    x: Images
    y: NDArray[np.int64]
    samples: NDArray[np.int64]


class Loader:
    """Give the batches of an epoch.

    Parameters
    ----------
    dataset : Dataset, ImageFolder, MappedImages, Subset or any other Source
    batch_size : int
        The last batch of an epoch may be smaller.
    seed : int
        Fixes the order of each epoch and what `augment` does.
    augment : Augment, optional
    shuffle : bool
        False keeps the order of the data set in every epoch.
    threads : int, optional
        How many threads read, decode and augment ahead of the consumer; 0 does it when a batch is asked
        for. Without it 0 for a Dataset, which is in memory, and else the number of processors this
        process may use, at most 8.
    ahead : int
        How many batches may wait to be taken, beyond one in each thread.

    Raises
    ------
    InvalidValue, DtypeError
        If an argument is out of range, or `augment` does not go with the images.

    Examples
    --------
    >>> import convscope as cs
    >>> loader = Loader(cs.data.digits(), batch_size=600, seed=1)
    >>> [len(batch.y) for batch in loader.epoch(0)]
    [600, 600, 597]
    >>> rest = loader.epoch(0, start=2)  # as after an interruption
    >>> np.array_equal(next(rest).samples, loader.order(0)[1200:])
    True
    """

    def __init__(
        self,
        dataset: Source,
        batch_size: int = 64,
        *,
        seed: int = 0,
        augment: Augment | None = None,
        shuffle: bool = True,
        threads: int | None = None,
        ahead: int = 2,
    ) -> None:
        self.dataset, self.augment, self.shuffle = dataset, augment, shuffle
        self.batch_size = check_whole(batch_size, "batch_size", "Loader", 1)
        self.seed = check_whole(seed, "seed", "Loader", 0)
        self.threads = _threads(dataset) if threads is None else check_whole(threads, "threads", "Loader", 0)
        self._ahead = check_whole(ahead, "ahead", "Loader", 0)
        if augment is not None:
            augment.check(dataset.image_shape)

    def __len__(self) -> int:
        """Give the number of batches in an epoch."""
        return math.ceil(len(self.dataset) / self.batch_size)

    def order(self, epoch: int) -> NDArray[np.int64]:
        """Give the images in the order of an epoch: sorted by a number that each draws for itself."""
        everyone = np.arange(len(self.dataset), dtype=np.int64)
        if not self.shuffle:
            return everyone
        return np.argsort(Keyed(self.seed, epoch, everyone).fraction("shuffle"), kind="stable")

    def epoch(self, epoch: int, start: int = 0, *, reuse: bool = False) -> Iterator[Batch]:
        """Give the batches of an epoch, from number `start` on.

        Parameters
        ----------
        epoch : int
        start : int
            How many batches to leave out, without reading them.
        reuse : bool
            Write the images of later batches where those of earlier ones are: `x` holds until the next
            batch is asked for, and nothing large is allocated after the first ones.

        Raises
        ------
        FileError
            When a batch is asked for that has an image which cannot be read. The batches before it came.
        """
        epoch = check_whole(epoch, "epoch", "Loader", 0)
        start = check_whole(start, "start", "Loader", 0, len(self))
        order = self.order(epoch)
        parts = [order[i : i + self.batch_size] for i in range(0, len(order), self.batch_size)][start:]
        return self._in_threads(parts, epoch, reuse) if self.threads else self._in_turn(parts, epoch, reuse)

    def _in_turn(self, parts: list[NDArray[np.int64]], epoch: int, reuse: bool) -> Iterator[Batch]:
        out = self._room() if reuse and parts else None
        for samples in parts:
            yield self._batch(samples, epoch, out)

    def _in_threads(self, parts: list[NDArray[np.int64]], epoch: int, reuse: bool) -> Iterator[Batch]:
        limit = min(self.threads + self._ahead, len(parts))
        # One more than are under way: that of the batch which the consumer has.
        rooms = [self._room() for _ in range(limit + 1)] if reuse else [None]
        waiting: deque[Future[Batch]] = deque()
        with ThreadPoolExecutor(self.threads, "convscope-loader") as pool:
            try:
                for number, samples in enumerate(parts):
                    ready = waiting.popleft().result() if len(waiting) == limit else None
                    room = rooms[number % len(rooms)]
                    waiting.append(pool.submit(self._batch, samples, epoch, room))
                    if ready is not None:
                        yield ready
                while waiting:
                    yield waiting.popleft().result()
            finally:  # also when the consumer stops early: what has not begun never begins
                pool.shutdown(wait=True, cancel_futures=True)

    def _batch(self, samples: NDArray[np.int64], epoch: int, out: Images | None) -> Batch:
        room = None if out is None else out[: len(samples)]
        x, y = self.dataset.batch(samples, room)
        if self.augment is not None:
            x = self.augment.apply(x, seed=self.seed, epoch=epoch, samples=samples)
            if room is not None:
                room[...] = x
                x = room
        return Batch(x, y, samples)

    def _room(self) -> Images:
        size = min(self.batch_size, len(self.dataset))
        return np.empty((size, *self.dataset.image_shape), self.dataset.dtype)


def _threads(dataset: Source) -> int:
    if isinstance(dataset, Dataset):
        return 0
    mine = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(mine, 8)
