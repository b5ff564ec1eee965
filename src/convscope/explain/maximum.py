"""The input that a channel, a cell or a class score likes best, found by climbing its gradient."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convscope.data.source import check_whole
from convscope.errors import DtypeError, InvalidValue
from convscope.explain.labelled import Progress, as_images
from convscope.explain.naming import maker_of, name_of
from convscope.explain.painting import Canvas, Sampler
from convscope.explain.shown import shown
from convscope.explain.target import class_index, class_name
from convscope.layers.base import Shape
from convscope.network import Address, Network, Workspace, parse_address, scores_of
from convscope.result import Result

__all__ = ["Maximum", "maximize"]

Array = NDArray[Any]

_RECTIFIERS = ("CELU", "ELU", "GELU", "HardSwish", "LeakyReLU", "ReLU", "SELU", "SiLU", "Sigmoid", "Tanh")
_SHAKE = 0.05
_RATE, _DECAYS, _EPS = 0.05, (0.9, 0.999), 1e-8  # Adam's (Kingma & Ba 2015), as in Distill's lucid


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
    goal = _goal(net, at, shape)
    limits = _limits(net, images, low, high)
    canvas = Canvas(shape, limits.low, limits.high, net.input.channels if net.input else "")
    shift = min(8.0, max(shape[1:]) / 16) if jitter is None else float(jitter)
    sampler = Sampler(_amount("jitter", shift), _amount("turn", turn), _amount("zoom", zoom, 0.9))
    painted, first, history = _climb(_part(net, goal.climbed), goal, canvas, sampler, steps, seed, progress)
    reading = _part(net, goal.node)
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


class _Goal(NamedTuple):
    """What is maximised: a place in a node, a whole channel where it names no cell."""

    node: str
    place: tuple[int, ...]
    label: str
    climbed: str
    climbed_place: tuple[int, ...]

    def read(self, part: Network, image: Array) -> tuple[float, float]:
        """Give the value and the largest cell of the channel."""
        values = part.run(image[None], keep=(self.node,), algorithm="direct")[self.node][0][self.place]
        return _value(np.asarray(values)), float(values.max())

    def seed(self, values: Array) -> Array:
        """Give the gradient of the goal by the climbed node's values (1, ...), but for its length."""
        grad = np.zeros_like(values)
        cells = np.asarray(values[(0, *self.climbed_place)])
        above = np.maximum(cells, 0)
        if above.ndim and not above.any():  # the one that is nearest to being above zero
            above = (cells == cells.max()).astype(cells.dtype)
        grad[(0, *self.climbed_place)] = above / np.linalg.norm(above) if above.ndim else 1
        return grad


def _value(cells: Array) -> float:
    """Give a cell itself, of a map the root mean square of what is above zero."""
    if not cells.ndim:
        return float(cells)
    return float(np.sqrt(np.mean(np.maximum(cells, 0, dtype=np.float64) ** 2)))


class _Limits(NamedTuple):
    low: Array
    high: Array
    said: str


class _Real(NamedTuple):
    value: float | None = None
    which: str = ""
    images: int = 0


def _goal(net: Network, at: Any, shape: tuple[int, ...]) -> _Goal:
    if isinstance(at, bool) or not isinstance(at, int | str | np.integer):
        raise DtypeError(
            f"maximize: at must be a channel such as 'conv2[3]', a cell or a class; got {type(at).__name__}."
        )
    known = {name: shape for name, shape in net.shapes().items() if name in net.nodes}
    named = isinstance(at, str) and (at in known or any(at.startswith(f"{name}[") for name in known))
    if at in net.classes or not named:
        node, count = scores_of(net, "maximize")
        index = class_index(net, at, "maximize") if isinstance(at, str) else int(at)
        check_whole(index, "the class", "maximize", 0, count - 1)
        place = (index, *(0 for _ in known[node][2:]))
        return _Goal(node, place, class_name(net, index), node, place)
    at = str(at)
    node = parse_address(at, known).node
    own = {node: _part(net, node).shapes(shape)[node]}
    address: Address = parse_address(at, own)
    if not address.place:
        raise InvalidValue(f"maximize: at must name a channel or a cell, such as '{node}[0]'; got {at!r}.")
    climbed, channel = _before_rectifier(net, known, node, address.place[0])
    return _Goal(node, address.place, "", climbed, (channel, *address.place[1:]))


def _before_rectifier(net: Network, shapes: Mapping[str, Shape], name: str, channel: int) -> tuple[str, int]:
    """Go up through rectifiers: a channel that is nowhere above zero has no gradient behind them."""
    above, place = name, channel
    while above in net.nodes:
        node = net.nodes[above]
        if node.layer.kind in _RECTIFIERS:
            above = node.inputs[0]
            name, channel = (above, place) if above in net.nodes else (name, channel)
        elif node.layer.kind == "Concatenate" and node.layer.settings()["axis"] in (1, -3):
            for above in node.inputs:
                if place < shapes[above][1]:
                    break
                place -= shapes[above][1]
        else:
            break
    return name, channel


def _part(net: Network, node: str) -> Network:
    """Give the part of a network that a node depends on; arrays are shared, not copied."""
    wanted = {node}
    for name in reversed([*net.nodes]):
        if name in wanted:
            wanted.update(net.nodes[name].inputs)
    nodes = [one for name, one in net.nodes.items() if name in wanted]
    return Network(nodes, net.input_shape, input_name=net.input_name, outputs=(node,))


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


def _climb(
    part: Network,
    goal: _Goal,
    canvas: Canvas,
    sampler: Sampler,
    steps: int,
    seed: int,
    progress: Progress | None,
) -> tuple[Array, Array, NDArray[np.float64]]:
    """Climb; give the last image, the first one, and the value at each step."""
    random = np.random.default_rng(seed)
    spectrum = canvas.start(random)
    first = canvas.image(spectrum).astype(part.dtype)
    mean, square = np.zeros_like(spectrum), np.zeros_like(spectrum)
    workspace, history = Workspace(), np.empty(steps)
    channels, height, width = canvas.shape
    for step in range(steps):
        if progress is not None:
            progress(step, steps)
        flat = canvas.image(spectrum).reshape(channels, -1)
        matrix = sampler.matrix(sampler.draw(random), height, width)
        moved = np.ascontiguousarray((matrix @ flat.T).T, part.dtype).reshape(1, channels, height, width)
        run = part.run(moved, workspace=workspace)
        values = run[goal.climbed]
        history[step] = _value(np.asarray(values[(0, *goal.climbed_place)]))
        grads = part.backward(run, {goal.climbed: goal.seed(values)}, parameters=False)
        if not grads.inputs:
            raise InvalidValue(f"maximize: {goal.climbed!r} must depend on the image; it does not.")
        back = (matrix.T @ np.asarray(grads.input[0], np.float64).reshape(channels, -1).T).T
        grad = canvas.grad(spectrum, back.reshape(canvas.shape))
        # Adam divides by the gradient's own size, so the unit of the goal does not matter; the tiny number
        # that keeps it from dividing by zero must not either
        largest = np.abs(grad).max()
        if largest == 0:  # every way up is shut by a rectifier: look elsewhere
            spectrum = spectrum + canvas.start(random, _SHAKE)
            continue
        grad = grad / largest
        mean = _DECAYS[0] * mean + (1 - _DECAYS[0]) * grad
        square = _DECAYS[1] * square + (1 - _DECAYS[1]) * grad**2
        rate = _RATE * np.sqrt(1 - _DECAYS[1] ** (step + 1)) / (1 - _DECAYS[0] ** (step + 1))
        spectrum = spectrum + rate * mean / (np.sqrt(square) + _EPS)
    if progress is not None:
        progress(steps, steps)
    return canvas.image(spectrum).astype(part.dtype), first, history


def _largest_real(net: Network, part: Network, goal: _Goal, images: Any) -> _Real:
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


def _named(net: Network, goal: _Goal) -> str:
    if goal.label:
        return ""
    blank = net.run(np.zeros((1, *net.input_shape), net.dtype))
    return name_of(net, goal.node, goal.place[0], maker_of(net, blank, goal.node, goal.place[0]))


def _levels(image: Array, limits: _Limits) -> NDArray[np.uint8]:
    """Give pixels of an input whose preparation is not known: black at the low end of its range."""
    levels = np.rint((image - limits.low) / (limits.high - limits.low) * 255).clip(0, 255).astype(np.uint8)
    shown_planes = levels if len(levels) == 3 else levels[:1].repeat(3, axis=0)
    return np.ascontiguousarray(shown_planes.transpose(1, 2, 0))
