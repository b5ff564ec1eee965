"""Channels switched off: what the network can no longer do without them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope.data.source import check_whole
from convscope.errors import InvalidValue, UnknownName, nearest_names
from convscope.explain.labelled import Images, Progress, as_images
from convscope.explain.partial import Tail
from convscope.network import Network, scores_of
from convscope.result import Result

__all__ = ["Ablation", "Measured", "ablate"]

_INSTEAD = ("zero", "mean")


@dataclass(frozen=True, eq=False)
class Measured:
    """How a network does on the images.

    Attributes
    ----------
    accuracy : float
        The share of right answers, from 0 to 1.
    by_class : ndarray of shape (K,)
        The same of the images of each class; NaN where there are none.
    scores : ndarray of shape (K,)
        The mean score of each class, before any softmax, on its own images.
    """

    accuracy: float
    by_class: NDArray[np.float64]
    scores: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Ablation(Result):
    """What switching channels off did.

    Attributes
    ----------
    node : str
        Whose channels they are.
    groups : tuple of tuple of int
        The channels that were switched off together, one group after the other.
    whole : Measured
        With nothing switched off.
    without : tuple of Measured
        Without each group.
    controls : tuple of Measured
        Without as many other channels, drawn at random, as the first group has: one for each draw.
    drawn : tuple of tuple of int
        The channels of each draw.
    instead : str
        What stood in for the channels: "zero", or their "mean" over the images and places.
    classes : tuple of str
    counts : ndarray of shape (K,)
        How many images each class has.
    images : str
        What the images are called.
    seed : int
        Of the draws.
    """

    node: str
    groups: tuple[tuple[int, ...], ...]
    whole: Measured
    without: tuple[Measured, ...]
    controls: tuple[Measured, ...]
    drawn: tuple[tuple[int, ...], ...] = field(repr=False)
    instead: str
    classes: tuple[str, ...]
    counts: NDArray[np.int64]
    images: str
    seed: int

    @property
    def drop(self) -> NDArray[np.float64]:
        """How much accuracy each group's absence costs each class, (groups, K); above zero is worse."""
        return self.whole.by_class - np.stack([one.by_class for one in self.without])

    @property
    def control_drop(self) -> NDArray[np.float64]:
        """The same of the random draws, (draws, K)."""
        rows = [one.by_class for one in self.controls]
        return self.whole.by_class - np.array(rows).reshape(len(rows), len(self.counts))

    @property
    def score_drop(self) -> NDArray[np.float64]:
        """How much each group's absence takes from the mean score of each class, (groups, K)."""
        return self.whole.scores - np.stack([one.scores for one in self.without])

    def carriers(self, label: int | str, k: int = 5) -> tuple[tuple[int, ...], ...]:
        """Give the groups without which a class loses most, by accuracy and then by score.

        Raises
        ------
        UnknownName, InvalidValue
            If there is no such class.
        """
        index = class_index(self.classes, label, "Ablation.carriers")
        order = np.lexsort((-self.score_drop[:, index], -np.nan_to_num(self.drop[:, index])))
        return tuple(self.groups[i] for i in order[:k])


def ablate(
    net: Network,
    dataset: Any,
    node: str,
    channels: int | Iterable[int] | Iterable[Iterable[int]] | None = None,
    *,
    instead: str = "zero",
    controls: int = 0,
    seed: int = 0,
    batch_size: int = 64,
    progress: Progress | None = None,
) -> Ablation:
    """Switch channels of a node off and measure what the network loses.

    The part of the network up to the node runs once for each batch; only what comes after it runs
    again for each group of channels.

    Parameters
    ----------
    net : Network
        With one output: scores or probabilities of K classes.
    dataset : Dataset or another source, or (x, y)
    node : str
        Whose output is changed.
    channels : int, several of them, several groups of them, or None
        One group is switched off together. With None every channel by itself.
    instead : {"zero", "mean"}
        What stands in for a channel. Its mean over the images and places keeps the layer after it nearer
        to what it is used to, and so measures the information rather than the offset.
    controls : int
        How often as many other channels, drawn at random, are switched off for comparison.
    seed : int
        Of the draws.
    batch_size : int
    progress : callable, optional
        Told (images done, images) after every batch.

    Raises
    ------
    UnknownName, InvalidValue, DtypeError
        If there is no such node or channel, the scores do not depend on it, too few channels are left to
        draw from, or the data do not fit the network.

    Examples
    --------
    >>> import convscope as cs
    >>> net, digits = cs.models.small_cnn(), cs.data.digits()
    >>> found = ablate(net, digits, "relu2", [3, 5])
    >>> found.groups, found.drop.shape
    (((3, 5),), (1, 10))
    >>> len(ablate(net, digits, "relu1").groups)
    16
    """
    if instead not in _INSTEAD:
        raise InvalidValue(f"ablate: instead must be one of {', '.join(_INSTEAD)}; got {instead!r}.")
    check_whole(controls, "controls", "ablate", 0)
    check_whole(batch_size, "batch_size", "ablate", 1)
    images = as_images(net, dataset, "ablate", "dataset", labels=True)
    scores, classes = scores_of(net, "ablate")
    tail = Tail(net, node, "ablate")
    if scores not in tail or scores == node:
        raise InvalidValue(f"ablate: the scores {scores!r} must depend on the node; they do not on {node!r}.")
    count = net.shapes()[node][1]
    groups = _groups(channels, count)
    drawn = _draws(groups[0], count, controls, seed) if controls else ()
    work = _Work(net, tail, scores, batch_size)
    stand_in = work.means(images, count) if instead == "mean" else np.zeros(count)
    found = work.measured(images, classes, ((), *groups, *drawn), stand_in, progress)
    names = net.classes if len(net.classes) == classes else tuple(str(i) for i in range(classes))
    labels = np.asarray(images.labels)
    return Ablation(
        node=node,
        groups=groups,
        whole=found[0],
        without=tuple(found[1 : 1 + len(groups)]),
        controls=tuple(found[1 + len(groups) :]),
        drawn=drawn,
        instead=instead,
        classes=tuple(names),
        counts=np.bincount(labels, minlength=classes),
        images=images.name,
        seed=seed,
    )


def class_index(classes: Sequence[str], label: int | str, who: str) -> int:
    """Find a class by its name or its number."""
    if isinstance(label, str):
        if label not in classes:
            raise UnknownName(f"{who}: there is no class {label!r}; {nearest_names(label, classes)}.")
        return list(classes).index(label)
    return check_whole(label, "the class", who, 0, len(classes) - 1)


def _groups(channels: Any, count: int) -> tuple[tuple[int, ...], ...]:
    if channels is None:
        return tuple((c,) for c in range(count))
    if isinstance(channels, int | np.integer):
        channels = (channels,)
    several = list(channels)
    if not several:
        raise InvalidValue("ablate: channels must name at least one channel; got none.")
    if all(isinstance(c, int | np.integer) for c in several):
        several = [several]
    return tuple(_group(group, count) for group in several)


def _group(group: Any, count: int) -> tuple[int, ...]:
    members = list(group) if isinstance(group, Iterable) else [group]
    if not members:
        raise InvalidValue("ablate: each group must name at least one channel; got an empty one.")
    return tuple(dict.fromkeys(check_whole(c, "channel", "ablate", 0, count - 1) for c in members))


def _draws(group: tuple[int, ...], count: int, draws: int, seed: int) -> tuple[tuple[int, ...], ...]:
    others = np.setdiff1d(np.arange(count), group)
    if len(others) < len(group):
        raise InvalidValue(
            f"ablate: there must be {len(group)} other channels to draw from; got {len(others)} of {count}."
        )
    random = np.random.default_rng(check_whole(seed, "seed", "ablate", 0))
    return tuple(
        tuple(sorted(random.choice(others, len(group), replace=False).tolist())) for _ in range(draws)
    )


class _Work:
    """Runs the part after the node again for each group."""

    def __init__(self, net: Network, tail: Tail, scores: str, batch_size: int) -> None:
        self.net, self.tail, self.scores, self.batch_size = net, tail, scores, batch_size

    def means(self, images: Images, count: int) -> NDArray[np.float64]:
        """Give the mean of each channel over all images and places."""
        total, seen = np.zeros(count), 0
        for x in images.batches(self.batch_size):
            values = self.net.run(x, keep=(self.tail.node,))[self.tail.node]
            total += np.moveaxis(values, 1, -1).reshape(-1, count).sum(axis=0, dtype=np.float64)
            seen += values.size // count
        return total / seen

    def measured(
        self,
        images: Images,
        classes: int,
        groups: Sequence[tuple[int, ...]],
        stand_in: NDArray[np.float64],
        progress: Progress | None,
    ) -> list[Measured]:
        """Count right answers and add up scores, for each group."""
        labels = np.asarray(images.labels)
        right, score = np.zeros((2, len(groups), classes))
        done = 0
        for x in images.batches(self.batch_size):
            run = self.net.run(x, keep=self.tail.sources)
            arrays = {name: run[name] for name in self.tail.sources}
            mine = labels[done : done + len(x)]
            for g, group in enumerate(groups):
                given = self._scores(arrays, group, stand_in)
                np.add.at(right[g], mine, given.argmax(axis=1) == mine)
                np.add.at(score[g], mine, given[np.arange(len(mine)), mine])
            done += len(x)
            if progress is not None:
                progress(done, len(images))
        counts = np.bincount(labels, minlength=classes)
        shares = np.where(counts > 0, counts, np.nan)
        return [
            Measured(float(r.sum() / counts.sum()), r / shares, s / shares)
            for r, s in zip(right, score, strict=True)
        ]

    def _scores(
        self, arrays: dict[str, NDArray[Any]], group: tuple[int, ...], stand_in: NDArray[np.float64]
    ) -> NDArray[Any]:
        values = arrays[self.tail.node]
        if group:
            values = values.copy(order="K")
            chosen = list(group)
            values[:, chosen] = stand_in[chosen].reshape(1, -1, *(1,) * (values.ndim - 2))
        scores = self.tail.run({**arrays, self.tail.node: values}, self.scores, algorithm="auto")
        return scores.reshape(len(values), -1)
