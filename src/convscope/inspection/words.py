"""The account in plain words: what the network is, what its first layer does, what matters most.

The words that decide stand between double asterisks, as in Markdown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from convscope.inspection.evidence import ImagesAccount
from convscope.inspection.findings import SHARES, NetworkFinding
from convscope.inspection.layer import LayerAccount
from convscope.inspection.subject import Subject
from convscope.network import Summary
from convscope.training import Evaluation, History

__all__ = ["counted", "in_words"]

# family: one of them, several of them
_NAMES = {
    "dead": ("dead filter", "dead filters"),
    "pointwise": ("pointwise filter (1×1)", "pointwise filters (1×1)"),
    "noise": ("filter like noise", "filters like noise"),
    "identity": ("identity", "identities"),
    "smoothing": ("smoothing filter", "smoothing filters"),
    "edge": ("edge detector", "edge detectors"),
    "line": ("line detector", "line detectors"),
    "centre-surround": ("centre-surround filter", "centre-surround filters"),
    "saddle": ("saddle", "saddles"),
    "higher-derivative": ("higher derivative", "higher derivatives"),
    "gabor": ("Gabor filter", "Gabor filters"),
    "sharpening": ("sharpening filter", "sharpening filters"),
    "colour-contrast": ("colour contrast", "colour contrasts"),
    "colour-blob": ("colour blob", "colour blobs"),
    "mixture": ("mixture of several patterns", "mixtures of several patterns"),
}


_WEIGHTY = 0.02  # importance from which a finding matters
# the beginning of a layer's kind: what it is called in words
_COUNTED = {"Conv": "convolution", "Linear": "dense layer"}


def in_words(
    subject: Subject,
    summary: Summary | None,
    layers: Sequence[LayerAccount],
    findings: Sequence[NetworkFinding],
    left_out: Mapping[str, str],
    seen: ImagesAccount | None = None,
) -> tuple[str, ...]:
    """Give the account as sentences, in the order they are read."""
    first = next((layer for layer in layers if layer.reads_image), None)
    said = [_what_it_is(subject, summary)]
    if first is not None:
        said.append(_first_layer(first))
    elif layers:
        said.append(_all_layers(layers))
    said += _without_kernels(subject, layers, left_out)
    if seen is not None and seen.evaluation is not None:
        said.append(_how_good(seen.evaluation))
    said += _what_matters(findings, layers)
    return tuple(said)


def _how_good(evaluation: Evaluation) -> str:
    count, wrong = len(evaluation.labels), len(evaluation.mistakes)
    return f"Of {count:,} labelled images it reads **{count - wrong:,} right** ({evaluation.accuracy:.2%})."


def counted(counts: Mapping[str, int]) -> str:
    """Say how many filters each family has.

    Examples
    --------
    >>> counted({"edge": 9, "gabor": 1, "mixture": 2})
    '9 edge detectors, 1 Gabor filter and 2 mixtures of several patterns'
    """
    parts = [f"{count} {_NAMES[family][count > 1]}" for family, count in counts.items()]
    return _listed(parts)


def _listed(parts: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(parts[:-1]), parts[-1]])) if parts else "none"


def _what_it_is(subject: Subject, summary: Summary | None) -> str:
    if summary is None:
        arrays = subject.weights
        total = sum(array.size for array in arrays.values())
        why = f" Its graph could not be run: {subject.note}" if subject.note else ""
        return (
            f"{subject.name} is a file of weights without a graph: {len(arrays)} "
            f"array{'s' * (len(arrays) != 1)} with {total:,} numbers, {len(subject.kernels)} of them the "
            f"kernels of convolutions.{why}"
        )
    kinds = [row.kind for row in summary.rows]
    numbers = {what: sum(kind.startswith(k) for kind in kinds) for k, what in _COUNTED.items()}
    parts = [f"{n} {what}{'s' * (n > 1)}" for what, n in numbers.items() if n]
    among = " among them" if len(kinds) > 1 else ""
    inside = f", {_listed(parts)}{among}" if parts else ""
    shape = "×".join(map(str, summary.input_shape))
    many = "s" * (len(kinds) != 1)
    trained = "" if subject.run is None else _trained(subject.run.history)
    parameters = f"**{summary.parameters:,} parameter{'s' * (summary.parameters != 1)}**"
    cost = f"{summary.multiply_adds:,} multiply-add{'s' * (summary.multiply_adds != 1)}"
    return (
        f"{subject.name} is a network of {len(kinds):,} node{many}{inside}, with {parameters}. "
        f"An input of {shape} costs it {cost}.{trained}"
    )


def _trained(history: History) -> str:
    epochs = history.epochs
    best = next((e for e in epochs if e.epoch == history.best_epoch), None)
    held = (
        "" if best is None else f"; the best, {best.epoch}, got {best.validation_accuracy:.2%} held out right"
    )
    return f" It was trained for {len(epochs)} epoch{'s' * (len(epochs) != 1)}{held}."


def _first_layer(first: LayerAccount) -> str:
    table = first.table
    filters, depth, height, width = table.weight.shape
    stride = f" at a stride of {table.stride}" if table.stride > 1 else ""
    many = "s" * (filters > 1)
    said = (
        f"Its first layer, `{first.node}`, slides {filters} filter{many} of {height}×{width} over the "
        f"{depth} channel{'s' * (depth > 1)} of the image{stride}: **{counted(table.counts)}**."
    )
    parts = (_doubtful, _directions, _bands, _colours)
    return " ".join([said, *(sentence for part in parts for sentence in part(first))])


def _doubtful(first: LayerAccount) -> list[str]:
    """Say how many filters stand between families."""
    sure = first.table.columns.get("confidence", np.ones(0))
    doubtful = 0 if first.pointwise else int((sure < 0.5).sum())
    if doubtful == 0:
        return []
    these = "One of these families is" if doubtful == 1 else f"{doubtful} of these families are"
    return [f"{these} more likely wrong than right: such a filter stands between two."]


def _directions(first: LayerAccount) -> list[str]:
    bins = first.layer.orientations
    oriented = int(bins.sum())
    if oriented == 0 or first.pointwise:
        return []
    empty = int((bins == 0).sum())
    covered = "every one" if empty == 0 else f"{12 - empty}"
    have = "has" if oriented == 1 else "have"
    are = "is" if empty in (0, 11) else "are"
    spread = f"{covered} of 12 directions, 15° apart, {are} covered"
    return [f"{oriented} of them {have} stripes of one direction; {spread}."]


def _bands(first: LayerAccount) -> list[str]:
    columns = first.table.columns
    alive = first.table.family != "dead"
    if first.pointwise or not alive.any() or "low" not in columns:
        return []
    shares = [float(np.nanmean(columns[name][alive])) for name in ("low", "middle", "high")]
    low, middle, high = (f"{100 * share:.0f} %" for share in shares)
    low = f"{low} of a filter's power lies below 0.125 cycles per pixel, in whatever direction"
    return [f"On average {low}, {middle} from there to 0.25, {high} above."]


def _colours(first: LayerAccount) -> list[str]:
    if "colour_name" not in first.table.columns:
        return []
    names = first.table.columns["colour_name"]
    grey = int((names == "luminance").sum())
    coloured = int((names != "").sum()) - grey
    return [f"{grey} look at brightness and {coloured} at colour."]


def _all_layers(layers: Sequence[LayerAccount]) -> str:
    if len(layers) == 1:
        return _one_layer(layers[0])
    total: dict[str, int] = {}
    for layer in layers:
        for family, count in layer.table.counts.items():
            total[family] = total.get(family, 0) + count
    ranked = dict(sorted(total.items(), key=lambda item: -item[1]))
    return f"Its {sum(total.values()):,} filters together: **{counted(ranked)}**."


def _one_layer(layer: LayerAccount) -> str:
    filters, depth, height, width = layer.table.weight.shape
    return (
        f"Its convolution `{layer.node}` has {filters} filter{'s' * (filters > 1)} of {height}×{width} over "
        f"{depth} channel{'s' * (depth > 1)}: **{counted(layer.table.counts)}**."
    )


def _without_kernels(
    subject: Subject, layers: Sequence[LayerAccount], left_out: Mapping[str, str]
) -> list[str]:
    others = _other_convolutions(subject)
    if not subject.kernels and not others:
        return ["**It has no convolution**, so there is no kernel to judge; its map and its sizes are below."]
    said = []
    if others:
        named = _listed([f"{count} {kind}" for kind, count in others.items()])
        which = "**None of its convolutions is judged**" if not subject.kernels else "Not judged"
        said.append(f"{which}: {named}; kernels are judged where a Conv2d slides over an image.")
    if left_out:
        many = "s" * (len(left_out) > 1)
        said.append(f"{len(left_out)} convolution{many} could not be judged; the reason is given below.")
    if layers and all(layer.pointwise for layer in layers):
        said.append(
            "**All its convolutions are 1×1**: they mix channels and look at no neighbourhood, so no filter "
            "of it has a shape."
        )
    return said


def _other_convolutions(subject: Subject) -> dict[str, int]:
    """Count by kind the convolutions that are not judged: of one or three dimensions, transposed."""
    if subject.net is None:
        return {}
    kinds = Counter(n.layer.kind for name, n in subject.net.nodes.items() if name not in subject.kernels)
    return {kind: count for kind, count in kinds.items() if kind.startswith("Conv")}


def _what_matters(findings: Sequence[NetworkFinding], layers: Sequence[LayerAccount]) -> list[str]:
    if not findings:
        if not layers:
            return []
        return ["Nothing was found that needs mending; what was looked for is listed below."]
    worst = findings[0]
    most = "What matters most" if worst.importance >= _WEIGHTY else "Nothing weighs much; the most there is"
    text = worst.text
    text = f"In {text}" if text.startswith(f"{worst.node}:") else worst.sentence
    found = f"{most}: **{worst.name}**. {text} (threshold {_threshold(worst)})."
    return [f"{found} What one might do: {worst.advice[0].lower()}{worst.advice[1:]}"]


def _threshold(finding: NetworkFinding) -> str:
    return f"{100 * finding.threshold:.0f} %" if finding.key in SHARES else f"{finding.threshold:g}"
