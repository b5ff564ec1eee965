"""What is worth knowing about a whole network, by importance, and where it was seen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from convscope.kernels import Finding, Layer
from convscope.network import Summary
from convscope.result import Result

__all__ = [
    "CHECKS",
    "SHARES",
    "Check",
    "NetworkFinding",
    "Place",
    "by_importance",
    "check_of",
    "network_findings",
]


@dataclass(frozen=True)
class Check:
    """Something that is looked for in every layer.

    Attributes
    ----------
    key : str
        Its short name, for `--fail-on`.
    finding : str
        The name of the layer's `Finding`.
    what : str
        What the number is, with its unit.
    below : bool
        Whether small numbers are the bad ones.
    waste : bool
        Whether it costs work in its own layer only; otherwise it spoils what all later layers see.
    """

    key: str
    finding: str
    what: str
    below: bool = False
    waste: bool = False

    def worse(self, value: float, threshold: float) -> bool:
        """Say whether a value is on the wrong side of a threshold."""
        return value < threshold if self.below else value > threshold


CHECKS = (
    Check("broken", "broken weights", "weights that are NaN or infinite"),
    Check("zero", "zero layers", "layers whose weights are all zero"),
    Check("dead", "dead filters", "dead filters of a layer", waste=True),
    Check("duplicate", "duplicate filters", "share of a layer's filters that repeat another", waste=True),
    Check("aliasing", "aliasing", "share of a layer's power that its stride folds"),
    Check(
        "gap",
        "gap in the middle frequencies",
        "share of a layer's power between .125 and .25 cycles per pixel",
        below=True,
    ),
    Check("dominating", "dominating filters", "largest filter norm over the median"),
    Check("random", "like random initialisation", "share of filters like random ones", waste=True),
    Check("sparse", "sparse kernels", "share of kernels that are all but zero", waste=True),
)


#: Checks whose number is a share.
SHARES = ("aliasing", "gap", "duplicate", "random", "sparse", "silent")


def check_of(key_or_finding: str) -> Check:
    """Give a check by its key or by the name of its finding."""
    return next(check for check in CHECKS if key_or_finding in (check.key, check.finding))


@dataclass(frozen=True)
class Place(Result):
    """Where a finding was made: the layer, its number, and the number in words."""

    node: str
    value: float
    text: str


@dataclass(frozen=True)
class NetworkFinding(Result):
    """One finding about the network, over all layers where it was made.

    Attributes
    ----------
    key, name : str
        Short name and name.
    importance : float
        From 0 to 1, see `network_findings`; what is broken has 1.
    value, threshold : float
        Of the worst layer.
    text : str
        What was found, with the number.
    source, advice : str
    places : tuple of Place
        The layers, the worst first; () where it is said of the network as a whole.
    evidence : str
        The part of the account that shows it: "layers", "map" or "images".
    """

    key: str
    name: str
    importance: float
    value: float
    threshold: float
    text: str
    source: str
    advice: str
    places: tuple[Place, ...] = ()
    evidence: str = "layers"

    @property
    def node(self) -> str:
        """The layer where it is worst; empty where there is none."""
        return self.places[0].node if self.places else ""

    @property
    def sentence(self) -> str:
        """What was found, with a capital where it does not begin with the name of a layer."""
        return self.text if self.text.startswith(f"{self.node}:") else self.text[:1].upper() + self.text[1:]


def network_findings(
    layers: Mapping[str, Layer],
    broken: Mapping[str, int],
    zero: Sequence[str],
    summary: Summary | None,
) -> tuple[NetworkFinding, ...]:
    """Gather what was found in the layers, the most important first.

    The importance of a finding is how much of it there is (its share; for ratios one minus threshold over
    value) times the share of the network's multiply-adds that it touches: where it spoils what later
    layers see, those of its layer and all after it; where it only wastes work, those of its layer. Without
    multiply-adds (a file of weights) every layer counts alike. The rule is convscope's.

    Parameters
    ----------
    layers : mapping of node to Layer
        In the order of the network.
    broken : mapping of node to int
        How many weights of a layer are NaN or infinite.
    zero : sequence of str
        Layers whose weights are all zero.
    summary : Summary, optional
    """
    found = [*_broken(broken), *_zero(zero)]
    own, after = _work(layers, summary)
    for check in CHECKS:
        places = [
            (node, finding)
            for node, layer in layers.items()
            for finding in layer.findings
            if finding.name == check.finding and finding.found and node not in zero
        ]
        if places:
            touched = own if check.waste else after
            found.append(_joined(check, places, touched))
    return by_importance(found)


def by_importance(findings: Iterable[NetworkFinding]) -> tuple[NetworkFinding, ...]:
    """Put the most important first."""
    return tuple(sorted(findings, key=lambda finding: -finding.importance))


def _work(layers: Iterable[str], summary: Summary | None) -> tuple[dict[str, float], dict[str, float]]:
    """Give the share of the multiply-adds of each layer, and of it and all nodes after it."""
    names = list(layers)
    if summary is None or summary.multiply_adds == 0:
        count = len(names) or 1
        return dict.fromkeys(names, 1 / count), {name: 1 - i / count for i, name in enumerate(names)}
    work = np.array([row.multiply_adds for row in summary.rows], float) / summary.multiply_adds
    rest = dict(zip((row.name for row in summary.rows), np.cumsum(work[::-1])[::-1], strict=True))
    own = dict(zip((row.name for row in summary.rows), work, strict=True))
    return {n: float(own.get(n, 0)) for n in names}, {n: float(rest.get(n, 0)) for n in names}


def _joined(
    check: Check, places: Sequence[tuple[str, Finding]], touched: Mapping[str, float]
) -> NetworkFinding:
    """Make one finding of those of several layers."""
    ranked = sorted(places, key=lambda place: -_amount(check, place[1]) * touched[place[0]])
    weight = sum(_amount(check, finding) * touched[node] for node, finding in places)
    node, worst = ranked[0]
    others = len(places) - 1
    also = "" if others == 0 else f"; and in {others} other layer{'s' * (others > 1)}"
    return NetworkFinding(
        key=check.key,
        name=check.finding,
        importance=min(1.0, weight if check.waste else _amount(check, worst) * touched[node]),
        value=worst.value,
        threshold=worst.threshold,
        text=f"{node}: {worst.text}{also}",
        source=worst.source,
        advice=worst.advice,
        places=tuple(Place(name, finding.value, finding.text) for name, finding in ranked),
    )


def _amount(check: Check, finding: Finding) -> float:
    """How much of it there is, from 0 to 1."""
    if check.key == "dead":  # a count; the text says of how many
        return min(1.0, finding.value / max(1.0, float(finding.text.split()[2])))
    if check.key == "dominating":
        return 1 - finding.threshold / finding.value
    if check.below:
        return 1 - finding.value / finding.threshold
    return min(1.0, finding.value)


def _broken(broken: Mapping[str, int]) -> list[NetworkFinding]:
    if not broken:
        return []
    places = tuple(
        Place(node, count, f"{count:,} weights are NaN or infinite")
        for node, count in sorted(broken.items(), key=lambda item: -item[1])
    )
    total = sum(broken.values())
    names = ", ".join(place.node for place in places[:3]) + (", ..." if len(places) > 3 else "")
    return [
        NetworkFinding(
            key="broken",
            name="broken weights",
            importance=1.0,
            value=float(total),
            threshold=0.0,
            text=f"{total:,} weights are NaN or infinite, in {names}: every answer that depends on them is "
            "NaN too",
            source="IEEE 754: NaN spreads through sums and products",
            advice="The training diverged or the file is damaged: go back to an earlier snapshot, train with "
            "a lower learning rate, or clip gradients.",
            places=places,
        )
    ]


def _zero(zero: Sequence[str]) -> list[NetworkFinding]:
    if not zero:
        return []
    names = ", ".join(zero[:3]) + (", ..." if len(zero) > 3 else "")
    many = "s" * (len(zero) > 1)
    return [
        NetworkFinding(
            key="zero",
            name="zero layers",
            importance=1.0,
            value=float(len(zero)),
            threshold=0.0,
            text=f"all weights of {len(zero)} layer{many} are zero ({names}): nothing of the image passes "
            "them, only their bias",
            source="arithmetic: a sum of products with zero is zero",
            advice="Check how the file was made; such a layer was never trained or was lost on the way.",
            places=tuple(Place(node, 1.0, "all weights are zero") for node in zero),
        )
    ]
