"""The three sets of images that familiarity compares: known, held out, and another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope.data.source import check_whole
from convscope.errors import InvalidValue
from convscope.explain.features import responses
from convscope.explain.labelled import Images, Progress, as_images
from convscope.network import Network

__all__ = ["Rows", "ThreeSets"]

#: Each channel's largest value on each image, (N, C), by node.
Rows = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, eq=False)
class ThreeSets:
    """The images a network was trained on, others of their kind, and another set; and which are used."""

    known: Images
    known_part: NDArray[np.int64]
    familiar: Images
    familiar_part: NDArray[np.int64]
    strange: Images

    @classmethod
    def of(cls, net: Network, reference: Any, test: Any, held: Any, seed: int, least: int) -> ThreeSets:
        known = as_images(net, reference, "familiarity", "reference")
        strange = as_images(net, test, "familiarity", "test")
        if held is None:
            random = np.random.default_rng(check_whole(seed, "seed", "familiarity", 0))
            order = random.permutation(len(known))
            parts = np.sort(order[: len(known) // 2]), np.sort(order[len(known) // 2 :])
            sets = cls(known, parts[0], known, parts[1], strange)
        else:
            familiar = as_images(net, held, "familiarity", "held")
            sets = cls(known, np.arange(len(known)), familiar, np.arange(len(familiar)), strange)
        if sets.counts[0] < least:
            half = " (half of the reference is held out)" if held is None else ""
            raise InvalidValue(
                f"familiarity: there must be at least {least} reference images, one for each neighbour; got "
                f"{sets.counts[0]}{half}."
            )
        return sets

    @property
    def counts(self) -> tuple[int, int, int]:
        return len(self.known_part), len(self.familiar_part), len(self.strange)

    def responses(
        self, net: Network, nodes: Sequence[str], batch_size: int, progress: Progress | None
    ) -> list[Rows]:
        """Run the three sets, one after the other, under one count of progress."""
        found, before = [], 0
        parts = (
            (self.known, self.known_part),
            (self.familiar, self.familiar_part),
            (self.strange, np.arange(len(self.strange))),
        )
        for images, part in parts:
            tell = _after(before, sum(self.counts), progress)
            found.append(responses(net, images, nodes, part=part, batch_size=batch_size, progress=tell))
            before += len(part)
        return found


def _after(before: int, total: int, progress: Progress | None) -> Progress | None:
    if progress is None:
        return None
    return lambda done, _: progress(before + done, total)
