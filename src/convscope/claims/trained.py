"""Networks that several experiments share; each is trained once."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope.claims.material import Material
from convscope.models import small_cnn
from convscope.network import Network
from convscope.training import SGD, Cosine, EpochRecord, evaluate, fit

__all__ = ["SEEDS", "SNAPSHOTS", "Trained", "digits_network", "filters_of", "first_kernels"]

SEEDS = range(5)
SNAPSHOTS = (0, 1, 2, 5, 10, 20)


@dataclass(frozen=True, eq=False)
class Trained:
    """A trained network, what it was at some epochs, and how often it is right on images held out."""

    net: Network
    snapshots: dict[int, Network] = field(repr=False)
    accuracy: float


@lru_cache(maxsize=8)
def digits_network(seed: int = 0) -> Trained:
    """Train `small_cnn` on two thirds of the embedded digits for 20 epochs."""
    learn, test = Material().digits()
    net = small_cnn(seed=seed)
    snapshots = {0: net.copy()}

    def keep(record: EpochRecord) -> None:
        if record.epoch in SNAPSHOTS:
            snapshots[record.epoch] = net.copy()

    fit(
        net,
        learn,
        epochs=SNAPSHOTS[-1],
        batch_size=16,
        optimizer=SGD(0.1, momentum=0.9, weight_decay=1e-2),
        schedule=Cosine(),
        seed=seed,
        on_epoch=keep,
    )
    return Trained(net, snapshots, evaluate(net, test).accuracy)


def first_kernels(epoch: int = SNAPSHOTS[-1]) -> NDArray[Any]:
    """Give the first layer's kernels of the digits networks of all seeds, (80, 1, 5, 5)."""
    return np.concatenate(
        [digits_network(seed).snapshots[epoch].parameters["conv1.weight"] for seed in SEEDS]
    )


def filters_of(net: Network, node: str) -> NDArray[Any]:
    """Give a convolution's filters, (C_out, C_in, kH, kW)."""
    return net.parameters[f"{node}.weight"]
