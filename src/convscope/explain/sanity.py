"""Does a view depend on what was learned? The sanity check of Adebayo et al. (2018).

The weights are replaced by random ones, layer by layer from the output down, each time more of them
(cascading randomisation); after each step the view is made again. A view that still looks the same
shows the image or the architecture, and not what the network has learned.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope.errors import InvalidValue
from convscope.explain.labelled import Progress
from convscope.explain.part import before
from convscope.explain.similarity import rank_correlation, structural_similarity
from convscope.network import Network
from convscope.result import Result

__all__ = ["MOST_ALIKE", "CheckedView", "PixelView", "Sanity", "SanityStage", "check_sanity"]

Array = NDArray[Any]

#: A view whose rank correlation with the one before is above this, in the mean over the cascade, has not
#: changed. Gradients come out near 0 and guided backpropagation near 0.8; docs/views.md has the figures.
MOST_ALIKE = 0.5


@dataclass(frozen=True)
class SanityStage(Result):
    """One step of the cascade.

    Attributes
    ----------
    layers : tuple of str
        The layers that were made random at this step; those of the steps before stay random.
    rank : float
        Spearman's correlation of the signed maps, the channels added up.
    rank_absolute : float
        The same of the magnitudes, the channels' magnitudes added up.
    ssim : float
        Structural similarity of the magnitudes, each map scaled to [0, 1].
    """

    layers: tuple[str, ...]
    rank: float
    rank_absolute: float
    ssim: float


@dataclass(frozen=True, eq=False)
class Sanity(Result):
    """How a view changes while the weights are replaced by random ones, from the output down.

    Attributes
    ----------
    stages : tuple of SanityStage
        In the order of the cascade; after the last all layers are random.
    maps : ndarray of shape (stages + 1, H, W)
        The view before (first) and after each step, the channels added up.
    depends : bool
        Whether the view depends on what was learned.
    verdict : str
        One sentence, with the numbers that decide.
    """

    stages: tuple[SanityStage, ...]
    maps: Array
    depends: bool
    verdict: str


@dataclass(frozen=True, eq=False, kw_only=True)
class CheckedView(Result):
    """What views of one image that can be checked against random weights have in common.

    Attributes
    ----------
    pixels : ndarray of shape (H, W, 3), uint8
        The image.
    preparation : tuple of str
        What was done to the image before the network saw it.
    """

    pixels: NDArray[np.uint8] = field(repr=False)
    preparation: tuple[str, ...] = ()
    _check: Callable[..., Sanity] | None = field(default=None, repr=False)

    @cached_property
    def sanity(self) -> Sanity:
        """The same view under cascading randomisation of the weights; made when first read."""
        return self.check_sanity()

    def check_sanity(self, stages: int = 10, seed: int = 0, progress: Progress | None = None) -> Sanity:
        """Make the view again under cascading randomisation, in another number of steps or draw.

        Parameters
        ----------
        stages, seed
            See `convscope.explain.check_sanity`.
        progress : callable, optional
            Told (steps done, steps).
        """
        if self._check is None:
            raise InvalidValue(f"{type(self).__name__}: only a view that was computed can be checked.")
        return self._check(stages=stages, seed=seed, progress=progress)

    def watched_sanity(self, progress: Progress) -> Sanity:
        """Give `sanity`, telling `progress` if it has yet to be made."""
        if "sanity" not in vars(self):
            vars(self)["sanity"] = self.check_sanity(progress=progress)
        return self.sanity


@dataclass(frozen=True, eq=False)
class PixelView(CheckedView):
    """A checked view that gives every number of the input one of its own.

    Attributes
    ----------
    array : ndarray of shape (C, H, W)
        Signed.
    """

    array: Array

    @property
    def map(self) -> Array:
        """The array with its channels added up, (H, W)."""
        return np.asarray(self.array.sum(axis=0))


def check_sanity(
    net: Network,
    view: Callable[[Network], Array],
    node: str,
    *,
    original: Array | None = None,
    stages: int = 10,
    seed: int = 0,
    progress: Progress | None = None,
) -> Sanity:
    """Make a view again and again while more and more layers are random.

    Parameters
    ----------
    net : Network
        It is copied, not changed.
    view : callable
        Takes a network and gives the view's array (H, W) or (C, H, W).
    node : str
        What the view explains: only layers before it are made random.
    original : ndarray, optional
        The view of `net` itself, where it is known.
    stages : int
        At most so many steps; deeper networks lose several layers at a step.
    seed : int
        Of the random weights, normal with variance 2 / fan-in (He et al. 2015); biases become 0, norms
        become what they are before training.
    progress : callable, optional
        Told (steps done, steps).

    References
    ----------
    Adebayo, Gilmer, Muelly, Goodfellow, Hardt and Kim (2018), Sanity checks for saliency maps.
    """
    first = np.asarray(view(net) if original is None else original)
    random = net.copy()
    found, maps = [], [_signed(first)]
    made: list[str] = []
    groups = _groups(net, node, stages)
    for step, layers in enumerate(groups):
        if progress is not None:
            progress(step, len(groups))
        made.extend(layers)
        # drawn afresh at each step, so that the steps are independent: one draw may look alike by chance
        for name in made:
            _randomise(random, name, (seed, step))
        now = np.asarray(view(random))
        maps.append(_signed(now))
        found.append(
            SanityStage(
                layers,
                rank_correlation(_signed(first), _signed(now)),
                rank_correlation(_magnitude(first), _magnitude(now)),
                structural_similarity(_magnitude(first), _magnitude(now)),
            )
        )
    depends, verdict = _verdict(found)
    return Sanity(tuple(found), np.stack(maps), depends, verdict)


def _verdict(stages: list[SanityStage]) -> tuple[bool, str]:
    if not stages:
        return False, "No layer with weights lies before it: it depends on nothing that was learned."
    rank = float(np.mean([stage.rank for stage in stages]))
    depends = rank <= MOST_ALIKE
    text = f"{round(rank, 2) + 0.0:.2f}".replace("-", "−")  # + 0.0: no minus before 0
    rank = round(rank, 2) + 0.0  # no minus before a zero
    return depends, (
        f"It {'depends' if depends else 'does not depend'} on what was learned: over the cascade its "
        f"rank correlation with the view before is {text} on average (1 is the same, 0 unlike; the "
        f"limit is {MOST_ALIKE})."
    )


def _groups(net: Network, node: str, stages: int) -> list[tuple[str, ...]]:
    """Share the layers with weights that lie before a node, from it down, among at most so many steps."""
    layers = [name for name in reversed(before(net, node)) if net.nodes[name].layer.parameters]
    parts = np.array_split(np.array(layers, object), min(stages, len(layers))) if layers else []
    return [tuple(str(name) for name in part) for part in parts]


def _randomise(net: Network, name: str, seed: tuple[int, int]) -> None:
    """Replace a layer's parameters by those it might have before training."""
    layer = net.nodes[name].layer
    for key, array in layer.parameters.items():
        if array.ndim < 2:
            array[...] = 1 if layer.statistics and key == "weight" else 0
            continue
        rng = np.random.default_rng((*seed, zlib.crc32(f"{name}.{key}".encode())))
        fan_in = int(np.prod(array.shape[1:]))
        array[...] = rng.normal(0, np.sqrt(2 / fan_in), array.shape)
    for key, array in layer.statistics.items():
        array[...] = 1 if key == "running_var" else 0


def _signed(values: Array) -> Array:
    return values if values.ndim == 2 else values.sum(axis=0)


def _magnitude(values: Array) -> Array:
    return np.abs(values) if values.ndim == 2 else np.abs(values).sum(axis=0)
