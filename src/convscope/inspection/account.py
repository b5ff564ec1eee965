"""The whole account of a network, and its parts."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from convscope.explain import Evolution, Familiarity, Maximum
from convscope.explain.from_image import SeenFromImage
from convscope.inspection.baseline import Baseline
from convscope.inspection.evidence import ImagesAccount
from convscope.inspection.findings import NetworkFinding
from convscope.inspection.layer import LayerAccount
from convscope.inspection.views import ChannelView, Evidence
from convscope.network import Summary
from convscope.result import Result, plain
from convscope.training import History

__all__ = ["Inspection", "Missing"]


@dataclass(frozen=True)
class Missing(Result):
    """Something the account does not say, and how to get it."""

    what: str
    how: str


@dataclass(frozen=True, eq=False)
class Inspection(Result):
    """The whole account of a network: `save("report.html")`, `.json` or `.md`.

    Attributes
    ----------
    name : str
    budget : str
        "quick" or "full".
    words : tuple of str
        What the network is, what its first layer does, the dominant finding and what to do, in plain words.
    findings : tuple of NetworkFinding
        The most important first.
    passed : tuple of str
        What was looked for and not found.
    layers : tuple of LayerAccount
        The convolutions that were judged, in the order of the network.
    left_out : dict of str to str
        Convolutions that were not judged, and why.
    summary : Summary or None
        The map of the network; None for a file of weights.
    baseline : Baseline or None
        What changed since another network, or since a training began.
    images : ImagesAccount or None
    channels : tuple of ChannelView
        What wakes some channels most.
    evidence : tuple of Evidence
        Why some images are answered so.
    seen_from_image : tuple of SeenFromImage
        The kernels of the first deeper layers, composed with those before them; of a full inspection.
    painted : tuple of Maximum
        Inputs that some channels like best; of a full inspection.
    history : History or None
        Of the training.
    evolution : Evolution or None
        How the kernels came about, where there are snapshots.
    familiarity : Familiarity or None
        How far the images are from a reference.
    missing : tuple of Missing
    facts : dict of str to str
        Version, instruction set, algorithm, seed, hash of the model, date.
    """

    name: str
    budget: str
    words: tuple[str, ...]
    findings: tuple[NetworkFinding, ...]
    passed: tuple[str, ...]
    layers: tuple[LayerAccount, ...]
    left_out: dict[str, str]
    summary: Summary | None
    baseline: Baseline | None
    images: ImagesAccount | None
    channels: tuple[ChannelView, ...]
    evidence: tuple[Evidence, ...]
    seen_from_image: tuple[SeenFromImage, ...]
    painted: tuple[Maximum, ...]
    history: History | None
    evolution: Evolution | None
    familiarity: Familiarity | None
    missing: tuple[Missing, ...]
    facts: Mapping[str, str]

    def to_dict(self) -> dict[str, Any]:
        """Give everything as plain Python, of the evolution and the familiarity what is not a picture."""
        evolution, familiarity = self.evolution, self.familiarity
        small = dataclasses.replace(self, evolution=None, familiarity=None, seen_from_image=(), painted=())
        told = super(Inspection, small).to_dict()
        told["seen_from_image"] = {one.node: one.table.counts for one in self.seen_from_image}
        told["painted"] = {one.at: {"value": one.value, "peak": one.peak} for one in self.painted}
        if evolution is not None:
            shares = {layer.node: layer.formed_share.tolist() for layer in evolution.layers}
            told["evolution"] = {"epochs": list(evolution.epochs), "share_not_noise": shares}
        if familiarity is not None:
            told["familiarity"] = {
                "area": familiarity.curve.area,
                "error": familiarity.curve.error,
                "baseline_area": familiarity.baseline.area,
                "counts": list(familiarity.counts),
                "features": plain(familiarity.features[:64]),
            }
        return told

    @property
    def first(self) -> LayerAccount | None:
        """The first convolution that reads the image; of a file of weights the first array."""
        return next((layer for layer in self.layers if layer.reads_image), None)

    def __getitem__(self, node: str) -> LayerAccount:
        """Give a layer by its node's name."""
        return {layer.node: layer for layer in self.layers}[node]
