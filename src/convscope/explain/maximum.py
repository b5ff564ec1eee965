"""The input that a channel, a cell or a class score likes best, found by climbing its gradient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convscope.data.source import check_whole
from convscope.errors import InvalidValue
from convscope.explain.climbing import climb
from convscope.explain.goal import Goal, find_goal
from convscope.explain.labelled import Progress, as_images
from convscope.explain.naming import maker_of, name_of
from convscope.explain.painting import Canvas, Sampler
from convscope.explain.part import up_to
from convscope.explain.shown import shown
from convscope.network import Network
from convscope.result import Result

__all__ = ["Maximum", "maximize"]

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Maximum(Result):
    """An input that a part of a network answers strongly.

    Attributes
    ----------
    at : str
        What was maximised, as it was asked for.
    node : str
        The node whose values are given.
    climbed : str
        What the gradient climbed: the node itself, or what enters its rectifier, which is never flat.
    label : str
        The class, where its score was maximised; "" else.
    name : str
        The verdict on the filter that made the channel, "" where none did.
    image : ndarray of shape (C, H, W)
        As the network takes it.
    picture : ndarray of shape (H, W, 3), uint8
        The same as people see it.
    value : float
        What was maximised, at `image`: of a channel the root mean square of its map above zero, else the
        cell or the score.
    peak : float
        The largest cell of the channel at `image`; of a cell or a score the same as `value`.
    start : float
        The value at the image the climb began from.
    history : ndarray of shape (steps,)
        What the gradient climbed, at each step's moved image.
    largest_real : float or None
        The largest cell of the channel, or the largest score, on real images; None without any.
    real_image : str
        Which of them.
    real_images : int
        How many there were.
    range : str
        What the input's values were kept within.
    steps, seed : int
    jitter, turn, zoom : float
        How far each step's image was moved at most: pixels, degrees, share.
    """

    at: str
    node: str
    climbed: str
    label: str
    name: str
    image: Array = field(repr=False)
    picture: NDArray[np.uint8] = field(repr=False)
    value: float
    peak: float
    start: float
    history: NDArray[np.float64] = field(repr=False)
    largest_real: float | None
    real_image: str
    real_images: int
    range: str
    steps: int
    seed: int
    jitter: float
    turn: float
    zoom: float


def maximize(
    net: Network,
    at: int | str,
    *,
    size: int | Sequence[int] | None = None,
    steps: int = 128,
    seed: int = 0,
    images: Any = None,
    low: float | Sequence[float] | None = None,
    high: float | Sequence[float] | None = None,
    jitter: float | None = None,
    turn: float = 5.0,
    zoom: float = 0.1,
    progress: Progress | None = None,
) -> Maximum:
    """Paint an input that maximises a channel, a cell or the score of a class.

    The image is a sum of waves, each weighed by one over its frequency as in natural images, in colours that
    vary independently; before each step it is shifted, turned and enlarged a little by chance, so that
    nothing remains which depends on single pixels (Olah et al. 2017). Its values stay within those of a
    pixel. The steps are Adam's. One seed gives one image.

    Parameters
    ----------
    net : Network
    at : str or int
        A channel, ``conv2[3]``: the root mean square of its map above zero, so that strong cells count and
        those below zero do not (the mean of an edge filter's map would only say what is at the border). A
        cell, ``conv2[3,5,7]``. A class by its name or number: its score before a last softmax.
    size : int or (height, width), optional
        Of the image; any that the layers up to the target take. The network's own when left out.
    steps : int
    seed : int
    images : ndarray, data set, folder or list of paths, optional
        Real images; the largest value on them is given beside the one reached.
    low, high : float or one for each channel, optional
        The range of the input. By default that of `net.input`, else that of `images` if they are an array,
        else 0 to 1.
    jitter : float, optional
        The largest shift, in pixels; a sixteenth of the image when left out, at most 8.
    turn : float
        The largest turn, in degrees.
    zoom : float
        The largest enlargement or reduction, as a share.
    progress : callable, optional
        Told (steps done, steps).

    Raises
    ------
    UnknownName, InvalidValue, DtypeError
        If there is no such channel, cell or class, the layers do not take the size, or the input is no image.

    References
    ----------
    Olah, Mordvintsev & Schubert (2017), Feature visualization, Distill.

    Examples
    --------
    >>> import convscope as cs
    >>> found = maximize(cs.models.small_cnn(), "relu1[3]", steps=8, images=cs.data.digits())
    >>> found.value > found.start, found.image.shape, found.real_images
    (True, (1, 8, 8), 1797)
    """
    check_whole(steps, "steps", "maximize", 1)
    check_whole(seed, "seed", "maximize", 0)
    shape = _shape(net, size)
    goal = find_goal(net, at, shape)
    limits = _limits(net, images, low, high)
    canvas = Canvas(shape, limits.low, limits.high, net.input.channels if net.input else "")
    shift = min(8.0, max(shape[1:]) / 16) if jitter is None else float(jitter)
    sampler = Sampler(_amount("jitter", shift), _amount("turn", turn), _amount("zoom", zoom, 0.9))
    painted, first, history = climb(up_to(net, (goal.climbed,)), goal, canvas, sampler, steps, seed, progress)
    reading = up_to(net, (goal.node,))
    value, peak = goal.read(reading, painted)
    real = _largest_real(net, reading, goal, images)
    return Maximum(
        at=str(at),
        node=goal.node,
        climbed=goal.climbed,
        label=goal.label,
        name=_named(net, goal),
        image=painted,
        picture=shown(net, painted) if net.input else _levels(painted, limits),
        value=value,
        peak=peak,
        start=goal.read(reading, first)[0],
        history=history,
        largest_real=real.value,
        real_image=real.which,
        real_images=real.images,
        range=limits.said,
        steps=steps,
        seed=seed,
        jitter=shift,
        turn=turn,
        zoom=zoom,
    )


class _Limits(NamedTuple):
    low: Array
    high: Array
    said: str


class _Real(NamedTuple):
    value: float | None = None
    which: str = ""
    images: int = 0


def _shape(net: Network, size: Any) -> tuple[int, int, int]:
    if len(net.input_shape) != 3 or net.more_inputs:
        raise InvalidValue(
            f"maximize: the network must take one image (C, H, W); it takes {net.input_shape}."
        )
    channels, height, width = net.input_shape
    if size is not None:
        sides = (size, size) if isinstance(size, int | np.integer) else tuple(size)
        if len(sides) != 2:
            raise InvalidValue(f"maximize: size must be a number or (height, width); got {size!r}.")
        height, width = (check_whole(side, "size", "maximize", 1) for side in sides)
    return channels, height, width


def _limits(net: Network, images: Any, low: Any, high: Any) -> _Limits:
    """Say from where to where the input's values go."""
    known = getattr(images, "x", images)
    if low is not None and high is not None:
        found, said = (low, high), "the range asked for"
    elif low is not None or high is not None:
        raise InvalidValue("maximize: low and high must both be given, or neither.")
    elif net.input is not None:
        mean, scale = np.asarray(net.input.mean), np.asarray(net.input.scale)
        found = tuple(np.sort([(0 - mean) * scale, (255 - mean) * scale], axis=0))
        said = "pixels from 0 to 255, as the network's input is prepared"
    elif isinstance(known, np.ndarray) and known.size:
        found, said = (float(known.min()), float(known.max())), "the range of the real images"
    else:
        found, said = (0.0, 1.0), "0 to 1, since the network does not say how images are prepared"
    try:
        ends = [np.broadcast_to(np.asarray(end, np.float64), net.input_shape[:1]) for end in found]
    except ValueError:
        ends = [np.full(1, np.nan)] * 2
    if not (np.isfinite(ends).all() and (ends[0] < ends[1]).all()):
        raise InvalidValue(
            f"maximize: low must be below high, each a number or one for each of {net.input_shape[0]} "
            f"channels; got {found[0]} and {found[1]}."
        )
    return _Limits(ends[0].reshape(-1, 1, 1), ends[1].reshape(-1, 1, 1), said)


def _amount(name: str, value: Any, most: float = np.inf) -> float:
    if not isinstance(value, int | float | np.number) or not 0 <= value <= most:
        top = "" if most == np.inf else f" and at most {most}"
        raise InvalidValue(f"maximize: {name} must be at least 0{top}; got {value!r}.")
    return float(value)


def _largest_real(net: Network, part: Network, goal: Goal, images: Any) -> _Real:
    """Find the largest cell of the channel, or the largest score, on real images."""
    if images is None:
        return _Real()
    source = as_images(net, images, "maximize")
    best, which, begin = -np.inf, 0, 0
    for x in source.batches():
        values = part.run(x, keep=(goal.node,))[goal.node][:, goal.place[0]].reshape(len(x), -1).max(axis=1)
        if values.max() > best:
            best, which = float(values.max()), begin + int(values.argmax())
        begin += len(x)
    return _Real(best, source.label(which), len(source))


def _named(net: Network, goal: Goal) -> str:
    if goal.label:
        return ""
    blank = net.run(np.zeros((1, *net.input_shape), net.dtype))
    return name_of(net, goal.node, goal.place[0], maker_of(net, blank, goal.node, goal.place[0]))


def _levels(image: Array, limits: _Limits) -> NDArray[np.uint8]:
    """Give pixels of an input whose preparation is not known: black at the low end of its range."""
    share = np.nan_to_num((image - limits.low) / (limits.high - limits.low), nan=0.0)
    levels = np.rint(share * 255).clip(0, 255).astype(np.uint8)
    shown_planes = levels if len(levels) == 3 else levels[:1].repeat(3, axis=0)
    return np.ascontiguousarray(shown_planes.transpose(1, 2, 0))
