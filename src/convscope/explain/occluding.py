"""Occlusion: what the network answers while a part of the image is covered."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope.errors import InvalidValue, UnknownName, nearest_names
from convscope.explain.class_maps import last_map
from convscope.explain.covering import CoveredRuns
from convscope.explain.run import check_finite, run_one
from convscope.explain.sanity import CheckedView, check_sanity
from convscope.explain.shown import shown
from convscope.explain.target import Target, class_name, find_target, values_of
from convscope.network import Activations, Network, scores_of

__all__ = ["Occlusion", "occlusion"]

Array = NDArray[Any]
Pair = tuple[int, int]


@dataclass(frozen=True, eq=False)
class Occlusion(CheckedView):
    """What becomes of an answer while a square moves over the image: the three panels.

    Each map has one cell for each place of the square; see `corners`.

    Attributes
    ----------
    score : ndarray of shape (rows, columns)
        The target's value with the square there.
    strongest : ndarray of shape (rows, columns), or None
        The sum of the strongest map with the square there; None if the network has no maps.
    likely : ndarray of shape (rows, columns), int, or None
        The class that is answered with the square there; None if the output is not one vector.
    drop : ndarray of shape (H, W)
        For each pixel how much the value falls on average when it is covered.
    value : float
        The target's value of the whole image.
    target, label : str
        The cell that is explained, and the class's name.
    map : str
        The strongest map's address, such as "relu5[12]": the channel with the largest sum in the
        uncovered image; "" if there is none.
    map_value : float
        The sum of the strongest map of the whole image.
    classes : dict of int to str
        The names of the classes in `likely`.
    size, stride : (int, int)
        Of the square, and from place to place, in input pixels, rows and columns.
    fill : float
        What the square holds, in the units of the input.
    corners : (ndarray of int, ndarray of int)
        The first row of each row of places, and the first column of each column.
    pixels, preparation
        The image as people see it, and what was done to it before the network saw it.
    """

    score: Array
    strongest: Array | None
    likely: Array | None
    drop: Array
    value: float
    target: str
    label: str
    map: str
    map_value: float
    classes: dict[int, str]
    size: Pair
    stride: Pair
    fill: float
    corners: tuple[Array, Array]


def occlusion(
    net: Network,
    image: Any,
    target: int | str | None = None,
    size: int | Pair | None = None,
    stride: int | Pair | None = None,
    *,
    fill: float = 0.0,
    node: str | None = None,
    algorithm: str = "direct",
    progress: Callable[[int, int], None] | None = None,
) -> Occlusion:
    """Cover a square of the image, place by place, and see what the network makes of the rest.

    Parameters
    ----------
    net : Network
    image : path, PIL image or ndarray
        As `net.input` prepares it; a float (C, H, W) or (1, C, H, W) is used untouched.
    target : int, str, optional
        A class by number or name, or an address as in `saliency`; a channel's strongest cell stays the
        one of the whole image. Without it the class that is answered.
    size : int or (rows, columns), optional
        Of the square in input pixels; a sixth of the image unless given.
    stride : int or (rows, columns), optional
        Pixels from place to place; a third of the size unless given. The last square of a row or column
        may reach beyond the image.
    fill : float
        What the square holds, in the units of the input: 0 is the mean where one is subtracted.
    node : str, optional
        The node whose strongest map is watched; the last maps before the classes' layer unless given.
    algorithm : {"direct", "auto", "winograd"}
        How convolutions are computed.
    progress : callable, optional
        `progress(done, total)` is called after each batch of places.

    Raises
    ------
    InvalidValue, UnknownName
        If the target or node does not exist, or the square is larger than the image.

    References
    ----------
    Zeiler and Fergus (2013), Visualizing and understanding convolutional networks, section 4.2, figure 7.

    Examples
    --------
    >>> import convscope as cs
    >>> view = occlusion(cs.models.small_cnn(), cs.data.digits().x[0], 3, size=3, stride=1)
    >>> view.score.shape, view.likely.shape, view.drop.shape
    ((6, 6), (6, 6), (8, 8))
    """
    activations = run_one(net, image, "occlusion", algorithm)
    x = activations[net.input_name]
    if x.ndim != 4:
        raise InvalidValue(f"occlusion: the network must take images (C, H, W); it takes {x.shape[1:]}.")
    check_finite(x, "occlusion")
    if isinstance(fill, bool) or not isinstance(fill, int | float | np.number) or not np.isfinite(fill):
        raise InvalidValue(f"occlusion: fill must be a finite number, in the input's units; got {fill!r}.")
    cell = find_target(net, target, activations, "occlusion")
    places = _places(x.shape[2:], size, stride)
    if node is not None and node not in net.nodes:
        raise UnknownName(f"occlusion: there is no node {node!r}; {nearest_names(node, net.nodes)}.")
    maps = last_map(net, cell.node) if node is None else node
    if maps is not None and activations[maps].ndim != 4:
        raise InvalidValue(f"occlusion: node must name a node with maps (C, H, W); got {maps!r}.")
    channel = 0 if maps is None else int(activations[maps][0].sum(axis=(1, 2)).argmax())
    watched = Watched(cell, None if maps is None else (maps, channel), _scores(net))
    score, strongest, likely = covered(net, activations, watched, places, fill, algorithm, progress)
    value = float(values_of([cell], activations)[0])

    def again(other: Network) -> Array:
        run = other.run(x, algorithm=algorithm)
        own, alone = values_of([cell], run)[0], Watched(cell, None, None)
        return np.asarray(own - covered(other, run, alone, places, fill, algorithm, None)[0])

    return Occlusion(
        score=score,
        strongest=strongest,
        likely=likely,
        drop=places.spread(value - score),
        value=value,
        target=cell.address,
        label=cell.label,
        map="" if maps is None else f"{maps}[{channel}]",
        map_value=0.0 if maps is None else float(activations[maps][0, channel].sum()),
        classes={} if likely is None else _named(net, likely),
        size=places.size,
        stride=places.stride,
        fill=float(fill),
        corners=(places.rows, places.columns),
        pixels=shown(net, x[0]),
        preparation=activations.preparation,
        _check=partial(check_sanity, net, again, cell.node, original=value - score),
    )


@dataclass(frozen=True)
class Watched:
    """What is read at each place of the square.

    Attributes
    ----------
    cell : Target
    map : (str, int), optional
        The node and channel whose sum is read.
    scores : str, optional
        The node whose largest entry is the answer.
    """

    cell: Target
    map: tuple[str, int] | None
    scores: str | None

    @property
    def nodes(self) -> tuple[str, ...]:
        """The nodes that must be kept."""
        names = [self.cell.node, self.map[0] if self.map else None, self.scores]
        return tuple(dict.fromkeys(name for name in names if name is not None))


@dataclass(frozen=True, eq=False)
class Places:
    """Where the square goes: rows x columns of places, as Captum lays them."""

    rows: Array
    columns: Array
    size: Pair
    stride: Pair
    image: Pair

    def __len__(self) -> int:
        return len(self.rows) * len(self.columns)

    def boxes(self) -> Iterator[tuple[int, int, int, int]]:
        """Give top, left, bottom, right of every square within the image, row by row."""
        for top in self.rows:
            for left in self.columns:
                bottom = min(int(top) + self.size[0], self.image[0])
                yield int(top), int(left), bottom, min(int(left) + self.size[1], self.image[1])

    def spread(self, values: Array) -> Array:
        """Give each pixel the mean of the values of all squares that cover it."""
        total, count = np.zeros(self.image), np.zeros(self.image)
        for value, (top, left, bottom, right) in zip(values.ravel(), self.boxes(), strict=True):
            total[top:bottom, left:right] += value
            count[top:bottom, left:right] += 1
        return np.asarray(total / count)


def covered(
    net: Network,
    activations: Activations,
    watched: Watched,
    places: Places,
    fill: float,
    algorithm: str,
    progress: Callable[[int, int], None] | None,
    chunk: int = 16,
) -> tuple[Array, Array | None, Array | None]:
    """Give value, map's sum and answer with the square at each place."""
    boxes = list(places.boxes())
    shape = (len(places.rows), len(places.columns))
    dtype, runs = net.dtype, CoveredRuns(net, activations, watched.nodes, algorithm)
    score = np.empty(len(boxes), dtype)
    strongest = None if watched.map is None else np.empty(len(boxes), dtype)
    likely = None if watched.scores is None else np.empty(len(boxes), np.int64)
    for first in range(0, len(boxes), chunk):
        part = boxes[first : first + chunk]
        found = runs(part, fill)
        here = slice(first, first + len(part))
        score[here] = [one[watched.cell.place] for one in found[watched.cell.node]]
        if strongest is not None and watched.map is not None:
            strongest[here] = found[watched.map[0]][:, watched.map[1]].sum(axis=(1, 2))
        if likely is not None and watched.scores is not None:
            likely[here] = found[watched.scores].reshape(len(part), -1).argmax(axis=1)
        if progress is not None:
            progress(min(first + chunk, len(boxes)), len(boxes))
    return (
        score.reshape(shape),
        None if strongest is None else strongest.reshape(shape),
        None if likely is None else likely.reshape(shape),
    )


def _places(image: tuple[int, ...], size: int | Pair | None, stride: int | Pair | None) -> Places:
    sizes = _pair("size", [max(1, round(length / 6)) for length in image] if size is None else size)
    steps = _pair("stride", [max(1, length // 3) for length in sizes] if stride is None else stride)
    if sizes[0] > image[0] or sizes[1] > image[1]:
        raise InvalidValue(
            f"occlusion: size must be at most the image's {image[0]}x{image[1]} pixels; "
            f"got {sizes[0]}x{sizes[1]}."
        )
    if steps[0] > sizes[0] or steps[1] > sizes[1]:
        raise InvalidValue(
            f"occlusion: stride must be at most the size, so that every pixel is covered; got stride "
            f"{steps[0]}x{steps[1]} and size {sizes[0]}x{sizes[1]}."
        )
    rows, columns = (
        np.arange(-(-(length - wide) // step) + 1) * step
        for length, wide, step in zip(image, sizes, steps, strict=True)
    )
    return Places(rows, columns, sizes, steps, (int(image[0]), int(image[1])))


def _pair(name: str, value: Any) -> Pair:
    values = tuple(value) if isinstance(value, Sequence | np.ndarray) else (value, value)
    whole = [isinstance(v, int | np.integer) and not isinstance(v, bool) and v > 0 for v in values]
    if len(values) != 2 or not all(whole):
        raise InvalidValue(
            f"occlusion: {name} must be a whole number of pixels of at least 1, or two (rows, columns); "
            f"got {value!r}."
        )
    return int(values[0]), int(values[1])


def _scores(net: Network) -> str | None:
    try:
        return scores_of(net, "occlusion")[0]
    except InvalidValue:  # several outputs, or maps: there is no one answer
        return None


def _named(net: Network, likely: Array) -> dict[int, str]:
    return {int(index): class_name(net, int(index)) for index in np.unique(likely)}
