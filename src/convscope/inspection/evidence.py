"""What images show: answers, mistakes, feature maps, one number written out, channels that stay silent."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope import ops
from convscope.errors import ConvscopeError
from convscope.explain import FeatureMaps, Trace, feature_maps, trace
from convscope.explain.kernel_tables import convolutions
from convscope.explain.shown import shown
from convscope.inspection.findings import NetworkFinding, Place
from convscope.inspection.pictures import Pictures
from convscope.network import Activations, Network, scores_of
from convscope.result import Result
from convscope.training import Evaluation, evaluate

__all__ = ["Answer", "ImagesAccount", "look_at", "silent_finding"]

Array = NDArray[Any]
SMALL = 24  # nodes up to which every one is shown
_SILENT = 0.02  # share of silent channels from which it is worth saying
BATCH = 4  # images that are run at once: with more, their maps are too large to stay in fast memory
_STAGES = 6  # nodes of a larger network that are shown


@dataclass(frozen=True)
class Answer(Result):
    """What the network takes one image for.

    Attributes
    ----------
    name : str
        What the image is called.
    classes : tuple of str
        The most probable first, at most five.
    probabilities : tuple of float
    truth : str or None
        The right class, where it is known.
    """

    name: str
    classes: tuple[str, ...]
    probabilities: tuple[float, ...]
    truth: str | None = None


@dataclass(frozen=True, eq=False)
class ImagesAccount(Result):
    """What the images showed.

    Attributes
    ----------
    count, total : int
        How many were looked at, of how many.
    how : str
        How pictures became the input.
    assumed : bool
        Whether that had to be assumed.
    pixels : tuple of ndarray of shape (H, W, 3), uint8
        The images as the network sees them.
    answers : tuple of Answer
        One for each image; () where the network's output is no class.
    evaluation : Evaluation or None
        Over all labelled images.
    mistakes : tuple of (ndarray, str, str, float)
        The most confident mistakes: input (C, H, W), the truth, the answer, its probability.
    maps : tuple of FeatureMaps
    traces : tuple of Trace
        One cell of a convolution each, written out.
    silent : dict of str to int
        Channels of each node of rectified values that were zero everywhere, at all images.
    channels : dict of str to int
        How many channels those nodes have.
    """

    count: int
    total: int
    how: str
    assumed: bool
    pixels: tuple[NDArray[np.uint8], ...] = field(repr=False)
    answers: tuple[Answer, ...]
    evaluation: Evaluation | None
    mistakes: tuple[tuple[Array, str, str, float], ...] = field(repr=False)
    maps: tuple[FeatureMaps, ...] = field(repr=False)
    traces: tuple[Trace, ...] = field(repr=False)
    silent: dict[str, int]
    channels: dict[str, int]

    def to_dict(self) -> dict[str, Any]:
        """Give what was found as plain Python, without the pictures."""
        kept = {name: value for name, value in super().to_dict().items() if name not in _PICTURES}
        if self.evaluation is not None:
            kept["evaluation"] = {"accuracy": self.evaluation.accuracy, "loss": self.evaluation.loss,
                                  "confusion": self.evaluation.confusion.tolist()}  # fmt: skip
        return kept


_PICTURES = ("pixels", "mistakes", "maps", "traces")


def look_at(pictures: Pictures) -> ImagesAccount:
    """Run the images and keep what they show.

    Channels are called silent where a rectifier gave zero everywhere at every image.
    """
    net, x = pictures.net, pictures.x
    scores, silent, channels = _through(pictures)
    evaluation = _evaluated(pictures)
    return ImagesAccount(
        count=len(x),
        total=pictures.total,
        how=pictures.how,
        assumed=pictures.assumed,
        pixels=tuple(shown(net, image) for image in x),
        answers=() if scores is None else _answers(pictures, scores),
        evaluation=evaluation,
        mistakes=() if evaluation is None else _mistakes(pictures, evaluation),
        maps=_maps(pictures),
        traces=_traces(net, x[:1]),
        silent=silent,
        channels=channels,
    )


def _class_names(net: Network, count: int, source: Any = None) -> tuple[str, ...]:
    if len(net.classes) == count:
        return tuple(net.classes)
    named = () if source is None else tuple(source.classes)
    return named if len(named) == count else tuple(f"class {i}" for i in range(count))


def _through(pictures: Pictures) -> tuple[Array | None, dict[str, int], dict[str, int]]:
    """Run all images, a few at a time: scores, silent channels of each node, and its channels.

    Without scores where the network's output is no class.
    """
    net = pictures.net
    try:
        name, count = scores_of(net, "inspect")
    except ConvscopeError:
        name, count = "", 0
    scores, loudest = [], []
    for start in range(0, len(pictures), BATCH):
        run = net.run(pictures.x[start : start + BATCH], algorithm="direct")
        loudest.append(_loudest(net, run))
        if name:
            scores.append(run[name].reshape(-1, count))
    most = {node: np.max([part[node] for part in loudest], axis=0) for node in loudest[0]}
    silent = {node: int((values <= 0).sum()) for node, values in most.items()}
    channels = {node: len(values) for node, values in most.items()}
    return np.concatenate(scores) if scores else None, silent, channels


def _answers(pictures: Pictures, scores: Array) -> tuple[Answer, ...]:
    probabilities = ops.softmax(scores)
    names = _class_names(pictures.net, scores.shape[1], pictures.source)
    answers = []
    for i, row in enumerate(probabilities):
        best = np.argsort(-row, kind="stable")[:5]
        truth = None if pictures.labels is None else names[int(pictures.labels[i])]
        chosen = tuple(names[c] for c in best), tuple(float(row[c]) for c in best)
        answers.append(Answer(pictures.names[i], *chosen, truth))
    return tuple(answers)


def _evaluated(pictures: Pictures) -> Evaluation | None:
    if pictures.source is None:
        return None
    try:
        return evaluate(pictures.net, pictures.source)
    except ConvscopeError:  # labels of other classes, or an output that is no class
        return None


def _mistakes(
    pictures: Pictures, evaluation: Evaluation, most: int = 12
) -> tuple[tuple[Array, str, str, float], ...]:
    worst = evaluation.mistakes[:most]
    if not len(worst):
        return ()
    images = pictures.source.batch(worst)[0]
    names = evaluation.classes
    return tuple(
        (np.array(image), names[evaluation.labels[i]], names[evaluation.predictions[i]],
         float(evaluation.probabilities[i, evaluation.predictions[i]]))
        for image, i in zip(images, worst, strict=True)
    )  # fmt: skip


def _maps(pictures: Pictures) -> tuple[FeatureMaps, ...]:
    """Three images through every node of a small network, one through the stages of a larger one."""
    net, small = pictures.net, len(pictures.net.nodes) <= SMALL
    nodes = [net.input_name, *net.nodes] if small else _stages(net)
    chosen = _various(pictures) if small else [0]
    return tuple(feature_maps(net, pictures.x[i : i + 1], nodes, title=_title(pictures, i)) for i in chosen)


def _various(pictures: Pictures) -> list[int]:
    """Choose three images, of different classes where these are known."""
    if pictures.labels is None:
        return list(range(min(3, len(pictures))))
    firsts = np.unique(pictures.labels, return_index=True)[1]
    return sorted(int(i) for i in firsts[:: max(1, len(firsts) // 3)][:3])


def _title(pictures: Pictures, index: int) -> str:
    if pictures.labels is None:
        return pictures.names[index]
    count = int(pictures.labels.max()) + 1
    names = _class_names(pictures.net, max(count, len(pictures.net.classes)), pictures.source)
    return f"{names[int(pictures.labels[index])]} ({pictures.names[index]})"


def _stages(net: Network) -> list[str]:
    """Choose the input, the last node of each size of map (of many, some), and the answer."""
    shapes = net.shapes()
    last: dict[tuple[int, ...], str] = {}
    for name in net.nodes:
        if len(shapes[name]) == 4 and max(shapes[name][2:]) > 1:
            last[shapes[name][2:]] = name
    stages = list(last.values())
    if len(stages) > _STAGES:
        stages = [stages[i * len(stages) // _STAGES] for i in range(_STAGES)]
    return [net.input_name, *stages, *(name for name in net.outputs if name not in stages)]


def _traces(net: Network, x: Array) -> tuple[Trace, ...]:
    """Write out the strongest inner cell of the first two convolutions."""
    activations = net.run(x, algorithm="direct")
    traces = []
    for name, layer in list(convolutions(net).items())[:2]:
        maps = activations[name][0]
        if maps.ndim != 3 or not np.isfinite(maps).all():
            continue
        edge = layer.parameters["weight"].shape[-1] // 2
        edge = min(edge, (min(maps.shape[1:]) - 1) // 2)
        inner = maps[:, edge : maps.shape[1] - edge, edge : maps.shape[2] - edge]
        channel, row, column = (int(i) for i in np.unravel_index(int(inner.argmax()), inner.shape))
        traces.append(
            trace(net, x, f"{name}[{channel},{row + edge},{column + edge}]", activations=activations)
        )
    return tuple(traces)


def _loudest(net: Network, run: Activations) -> dict[str, Array]:
    """Give the largest value of each channel of the rectified nodes."""
    return {
        name: run[name].max(axis=tuple(axis for axis in range(run[name].ndim) if axis != 1))
        for name, node in net.nodes.items()
        if node.layer.kind == "ReLU" and run[name].ndim >= 2
    }


def silent_finding(account: ImagesAccount, least: int = 8) -> list[NetworkFinding]:
    """Say which channels stayed silent; a handful of images says nothing."""
    if account.count < least or not any(account.silent.values()):
        return []
    places = [
        Place(name, count / account.channels[name], f"{count} of its {account.channels[name]} channels")
        for name, count in account.silent.items()
        if count
    ]
    places.sort(key=lambda place: -place.value)
    silent, every = sum(account.silent.values()), sum(account.channels.values())
    if silent <= _SILENT * every:
        return []
    worst = places[0]
    return [
        NetworkFinding(
            key="silent",
            name="silent channels",
            # a few images say little: half the weight at a hundred
            importance=silent / every * account.count / (account.count + 100),
            value=silent / every,
            threshold=_SILENT,
            text=f"{silent} of {every} rectified channels are zero everywhere at all {account.count} "
            f"images, most in {worst.node} ({worst.text})",
            source="dying rectifiers, Lu, Shin, Su & Karniadakis (2020); the 2 % is ours",
            advice="With few images this is expected of channels that wait for something rare; if it stays "
            "so over many, they can be removed.",
            places=tuple(places),
            evidence="images",
        )
    ]
