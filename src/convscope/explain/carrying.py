"""Which channels carry a class, by the ledgers of its images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from convscope.data.source import check_whole
from convscope.errors import InvalidValue
from convscope.explain.ablation import class_index
from convscope.explain.labelled import as_images
from convscope.explain.ledgers import LedgerEntry, entries_of, ledger
from convscope.network import Activations, Network, scores_of
from convscope.result import Result

__all__ = ["Carriers", "carriers"]


@dataclass(frozen=True, eq=False)
class Carriers(Result):
    """The mean part of each channel in the score of a class.

    Attributes
    ----------
    label : str
        The class.
    node : str
        Whose channels they are: what enters the layer that makes the scores.
    score : str
        The cell: ``fc[3]``.
    entries : tuple of LedgerEntry
        Each channel with its mean part over the images; the largest part first, not the largest magnitude.
    images : int
        Of how many images of the class the ledgers were written.
    """

    label: str
    node: str
    score: str
    entries: tuple[LedgerEntry, ...]
    images: int

    def channels(self, k: int = 8) -> tuple[int, ...]:
        """Give the k channels that add most to the score."""
        return tuple(entry.channel for entry in self.entries[:k] if entry.part > 0)


def carriers(net: Network, dataset: Any, label: int | str, *, images: int = 50, names: int = 8) -> Carriers:
    """Say by the ledger which channels carry a class: whose parts add most to its score on its images.

    Parameters
    ----------
    net : Network
        With one output: scores or probabilities of K classes.
    dataset : Dataset or another source, or (x, y)
    label : int or str
        The class, by its number or name.
    images : int
        Of how many images of the class, the first ones, ledgers are written.
    names : int
        How many of the channels are named by the verdict on their filters.

    Raises
    ------
    UnknownName, InvalidValue
        If there is no such class, or no image of it.

    Examples
    --------
    >>> import convscope as cs
    >>> found = carriers(cs.models.small_cnn(), cs.data.digits(), 3, images=2, names=0)
    >>> found.node, found.score, len(found.channels(4))
    ('bn2', 'fc[3]', 4)
    """
    check_whole(images, "images", "carriers", 1)
    data = as_images(net, dataset, "carriers", "dataset", labels=True)
    scores, count = scores_of(net, "carriers")
    classes = net.classes if len(net.classes) == count else tuple(str(i) for i in range(count))
    index = class_index(classes, label, "carriers")
    mine = np.flatnonzero(data.labels == index)[:images]
    if not len(mine):
        raise InvalidValue(
            f"carriers: the dataset must have images of class {classes[index]!r}; it has none."
        )
    at = f"{scores}[{','.join(map(str, (index, *(0 for _ in net.shapes()[scores][2:]))))}]"
    parts: dict[tuple[str, int], float] = {}
    activations: Activations | None = None
    for image in mine:
        activations = net.run(data.one(int(image)), algorithm="direct")
        for entry in ledger(net, None, at, names=0, activations=activations).entries:
            key = (entry.node, entry.channel)
            parts[key] = parts.get(key, 0.0) + entry.part / len(mine)
    assert activations is not None
    node = _strongest_node(parts)
    ranked = sorted(((part, c) for (name, c), part in parts.items() if name == node), key=lambda p: -p[0])
    entries = entries_of(net, activations, [(node, c, part) for part, c in ranked], names)
    return Carriers(classes[index], node, at, tuple(entries), len(mine))


def _strongest_node(parts: dict[tuple[str, int], float]) -> str:
    """Where several nodes enter the scores, take the one with the most in it."""
    totals: dict[str, float] = {}
    for (name, _), part in parts.items():
        totals[name] = totals.get(name, 0.0) + abs(part)
    return max(totals, key=lambda name: totals[name])
