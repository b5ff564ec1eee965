"""Is a picture of the kind a network was trained on? Each feature's responses, each picture's distance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope.data.source import check_whole
from convscope.errors import InvalidValue, UnknownName, nearest_names
from convscope.explain.features import checked_nodes
from convscope.explain.labelled import Images, Progress
from convscope.explain.naming import maker_of, name_of
from convscope.explain.neighbours import Space
from convscope.explain.telling import RocCurve, roc_area, roc_curve
from convscope.explain.three_sets import Rows, ThreeSets
from convscope.network import Network, scores_of
from convscope.result import Result

__all__ = ["FamiliarFeature", "Familiarity", "NodeFamiliarity", "familiarity"]


@dataclass(frozen=True)
class FamiliarFeature:
    """One feature on both sets.

    Attributes
    ----------
    node : str
    channel : int
    name : str
        The verdict on the filter that made it; "" where no filter did.
    mostly : str
        The class of most of its strongest reference images, "" where they have no labels.
    mostly_share : float
        How large a share of them is of that class.
    strongest_reference, strongest_test : float
        Its largest response on either set.
    level : float
        From where on it is said to fire: what only so many of the reference images exceed.
    reference_share, test_share : float
        On how large a share of each set it fires.
    area : float
        How well its response alone tells the sets apart: 1 always larger on the test images, 0 always
        smaller, 0.5 not at all.
    weight : float
        Its share of what the test images are further away than familiar ones.
    """

    node: str
    channel: int
    name: str
    mostly: str
    mostly_share: float
    strongest_reference: float
    strongest_test: float
    level: float
    reference_share: float
    test_share: float
    area: float
    weight: float

    @property
    def never(self) -> bool:
        """Whether it fires on reference images, and on no test image."""
        return self.reference_share > 0 and self.test_share == 0


@dataclass(frozen=True, eq=False)
class NodeFamiliarity:
    """The strongest responses of one node's features on both sets.

    Attributes
    ----------
    node : str
    reference_top, test_top : ndarrays of shape (C, k)
        Each feature's strongest responses, the largest first, one for each image.
    reference_image, test_image : ndarrays of shape (C, k), int64
        The images they are from, as they are counted in their set.
    """

    node: str
    reference_top: NDArray[Any]
    reference_image: NDArray[np.int64]
    test_top: NDArray[Any]
    test_image: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Familiarity(Result):
    """How far a set of images is from what a network's features know.

    Attributes
    ----------
    features : tuple of FamiliarFeature
        Those that tell the sets apart best come first.
    nodes : tuple of NodeFamiliarity
    held, test : ndarrays of shape (N,), (M,)
        The score of each picture: its distance from the images that the features are known by; large is
        strange. Of the familiar images that were held out, and of the test images.
    curve : RocCurve
        Of telling the test images from the familiar ones by the score.
    baseline : RocCurve
        The same by one minus the largest probability of a class (Hendrycks and Gimpel 2017).
    reference_name, test_name, held_name : str
    counts : tuple of int
        How many reference images, held-out familiar ones and test images there were.
    in_sample : bool
        Whether the familiar images were taken from the reference itself.
    quantile : float
        A feature fires on the share 1 - quantile of the reference images.
    neighbours, most, seed : int
        As in `familiarity`.
    """

    features: tuple[FamiliarFeature, ...]
    nodes: tuple[NodeFamiliarity, ...] = field(repr=False)
    held: NDArray[np.float64] = field(repr=False)
    test: NDArray[np.float64] = field(repr=False)
    curve: RocCurve
    baseline: RocCurve
    reference_name: str
    test_name: str
    held_name: str
    counts: tuple[int, int, int]
    in_sample: bool
    quantile: float
    neighbours: int
    most: int
    seed: int
    _sets: ThreeSets = field(repr=False)

    def pictures(
        self, node: str, channel: int, k: int = 5
    ) -> tuple[list[NDArray[np.uint8]], list[NDArray[np.uint8]]]:
        """Give the images of a feature's strongest responses, (H, W, 3): reference ones and test ones."""
        top, sets = self[node], self._sets
        return (
            [sets.known.picture(int(index)) for index in top.reference_image[channel, :k]],
            [sets.strange.picture(int(index)) for index in top.test_image[channel, :k]],
        )

    @property
    def never(self) -> tuple[FamiliarFeature, ...]:
        """The features that fire on no test image, those that fire on most reference images first."""
        found = [feature for feature in self.features if feature.never]
        return tuple(sorted(found, key=lambda one: -one.reference_share))

    def __getitem__(self, node: str) -> NodeFamiliarity:
        """Give the strongest responses of one node's features."""
        for one in self.nodes:
            if one.node == node:
                return one
        known = [one.node for one in self.nodes]
        raise UnknownName(f"familiarity: there is no node {node!r}; {nearest_names(node, known)}.")


def familiarity(
    net: Network,
    reference: Any,
    test: Any,
    *,
    held: Any = None,
    nodes: str | Sequence[str] | None = None,
    k: int = 9,
    quantile: float = 0.95,
    neighbours: int = 10,
    most: int = 10_000,
    names: int = 12,
    seed: int = 0,
    batch_size: int = 64,
    progress: Progress | None = None,
) -> Familiarity:
    """Compare the responses of a network's features on the images they were learned from with another set.

    Each feature answers an image with its largest value anywhere. The score of a picture is its distance
    from its `neighbours`-th nearest reference image, each feature measured in its own spread over the
    reference and each layer given the same say (Sun et al. 2022). It rises where familiar features are
    missing, where they are too strong, and where they come in a combination that no reference image has.

    Parameters
    ----------
    net : Network
    reference : data set, (x, y), float array (N, C, H, W) or list of images
        What the network was trained on.
    test : as `reference`
        The other set.
    held : as `reference`, optional
        Familiar images that were not trained on, against which the test images are told. Without them
        half of the reference is held out for it.
    nodes : str or sequence of str, optional
        Whose channels are the features; every hidden layer after its activation when left out.
    k : int
        How many strongest responses are kept.
    quantile : float
        A feature fires where it exceeds this quantile of its responses on the reference.
    neighbours : int
    most : int
        How many reference images are neighbours at most; drawn at random if there are more.
    names : int
        How many features of either list, those that tell and those that never fire, are named.
    seed : int
        Of both draws.
    batch_size : int
    progress : callable, optional
        Told (images done, images).

    Raises
    ------
    UnknownName, InvalidValue, DtypeError
        If a node does not exist, there are too few images, or they do not fit the network.

    References
    ----------
    Sun, Ming, Zhu & Li (2022), Out-of-distribution detection with deep nearest neighbors, ICML.
    Dietterich & Guyer (2022), The familiarity hypothesis, Pattern Recognition 132.
    Hendrycks & Gimpel (2017), A baseline for detecting misclassified and out-of-distribution examples.

    Examples
    --------
    >>> import convscope as cs
    >>> digits = cs.data.digits().x
    >>> found = familiarity(cs.models.small_cnn(), digits[:600], 1 - digits[600:800], names=0)
    >>> found.counts, found.curve.area > 0.99
    ((300, 300, 200), True)
    """
    _check_numbers(k, quantile, neighbours, most, names, batch_size)
    sets = ThreeSets.of(net, reference, test, held, seed, neighbours)
    chosen = checked_nodes(net, nodes, "familiarity")
    scores, _ = scores_of(net, "familiarity")
    known, familiar, strange = sets.responses(net, (*chosen, scores), batch_size, progress)
    space = Space({name: known[name] for name in chosen}, neighbours, most, seed)
    held_score, held_parts = space.distances(familiar)
    test_score, test_parts = space.distances(strange)
    columns = _columns(chosen, known, familiar, strange, quantile, test_parts - held_parts)
    tops = tuple(_tops(name, known[name], strange[name], sets, min(k, *sets.counts)) for name in chosen)
    return Familiarity(
        features=_features(net, chosen, tops, columns, sets, names),
        nodes=tops,
        held=held_score,
        test=test_score,
        curve=roc_curve("distance in the space of features", held_score, test_score),
        baseline=roc_curve("1 - largest softmax", _doubt(familiar[scores]), _doubt(strange[scores])),
        reference_name=sets.known.name,
        test_name=sets.strange.name,
        held_name=sets.familiar.name,
        counts=sets.counts,
        in_sample=held is None,
        quantile=quantile,
        neighbours=neighbours,
        most=most,
        seed=seed,
        _sets=sets,
    )


def _check_numbers(k: Any, quantile: Any, neighbours: Any, most: Any, names: Any, batch_size: Any) -> None:
    for name, value, least in (("k", k, 1), ("neighbours", neighbours, 1), ("names", names, 0)):
        check_whole(value, name, "familiarity", least)
    check_whole(most, "most", "familiarity", int(neighbours))
    check_whole(batch_size, "batch_size", "familiarity", 1)
    if not 0 < quantile < 1:
        raise InvalidValue(f"familiarity: quantile must be between 0 and 1; got {quantile!r}.")


def _doubt(scores: NDArray[Any]) -> NDArray[np.float64]:
    """Give one minus the largest softmax probability, from the scores (N, K)."""
    exponents = np.exp(scores.astype(np.float64) - scores.max(axis=1, keepdims=True))
    # 1 - 1/sum would round to 0 for every sure answer, and so tie them
    return np.asarray((exponents.sum(axis=1) - 1) / exponents.sum(axis=1))


def _columns(
    nodes: Sequence[str],
    known: Rows,
    familiar: Rows,
    strange: Rows,
    quantile: float,
    parts: NDArray[np.float64],
) -> dict[str, NDArray[np.float64]]:
    """Give each number of the features as one long column, node after node."""
    found: dict[str, list[NDArray[Any]]] = {}
    for name in nodes:
        level = np.quantile(known[name], quantile, axis=0)
        row = {
            "level": level,
            "strongest_reference": known[name].max(axis=0),
            "strongest_test": strange[name].max(axis=0),
            "reference_share": (known[name] > level).mean(axis=0),
            "test_share": (strange[name] > level).mean(axis=0),
            "area": roc_area(familiar[name], strange[name]),
        }
        for key, values in row.items():
            found.setdefault(key, []).append(values)
    columns = {key: np.concatenate(values).astype(np.float64) for key, values in found.items()}
    further = parts.sum()
    columns["weight"] = parts / further if further > 0 else np.zeros(len(parts))
    return columns


def _tops(node: str, known: NDArray[Any], strange: NDArray[Any], sets: ThreeSets, k: int) -> NodeFamiliarity:
    def strongest(rows: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.int64]]:
        index = np.argsort(-rows, axis=0, kind="stable")[:k].T
        return np.take_along_axis(rows.T, index, axis=1), index

    reference_top, reference_image = strongest(known)
    test_top, test_image = strongest(strange)
    return NodeFamiliarity(node, reference_top, sets.known_part[reference_image], test_top, test_image)


def _features(
    net: Network,
    nodes: Sequence[str],
    tops: Sequence[NodeFamiliarity],
    columns: dict[str, NDArray[np.float64]],
    sets: ThreeSets,
    names: int,
) -> tuple[FamiliarFeature, ...]:
    """Put the features together, best telling first, and name the first of either list."""
    places = [(top, c) for top in tops for c in range(len(top.reference_top))]
    order = np.argsort(-np.abs(columns["area"] - 0.5), kind="stable")
    never = np.flatnonzero((columns["reference_share"] > 0) & (columns["test_share"] == 0))
    never = never[np.argsort(-columns["reference_share"][never], kind="stable")]
    named = {*order[:names].tolist(), *never[:names].tolist()}
    empty = net.run(np.zeros((1, *net.input_shape), net.dtype), keep=nodes) if named else None
    found = []
    for index in order.tolist():
        top, channel = places[index]
        name = ""
        if index in named and empty is not None:
            name = name_of(net, top.node, channel, maker_of(net, empty, top.node, channel))
        mostly, share = _mostly(top.reference_image[channel], sets.known)
        numbers = {key: float(values[index]) for key, values in columns.items()}
        found.append(FamiliarFeature(top.node, channel, name, mostly, share, **numbers))
    return tuple(found)


def _mostly(images: NDArray[np.int64], known: Images) -> tuple[str, float]:
    """Say of which class most of the images are."""
    if known.labels is None:
        return "", 0.0
    labels, counts = np.unique(known.labels[images], return_counts=True)
    best = int(labels[counts.argmax()])
    return known.classes[best] if known.classes else str(best), float(counts.max() / len(images))
