"""Does a view depend on what was learned? The sanity check of Adebayo et al. (2018).

The weights are replaced by random ones, layer by layer from the output down, each time more of them
(cascading randomisation); after each step the view is made again. A view that still looks the same
shows the image or the architecture, and not what the network has learned.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
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

# A random network in which the target is shut (behind a rectifier that is 0) says nothing of the view, which
# is then zero everywhere; it is drawn again, at most so often. One draw in two may be so.
_MOST_DRAWS = 16


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
        now = _randomly(random, made, view, (seed, step), draws=_MOST_DRAWS if first.any() else 1)
        maps.append(_signed(now))
        found.append(
            SanityStage(
                layers,
                rank_correlation(_signed(first), _signed(now)),
                rank_correlation(_magnitude(first), _magnitude(now)),
                structural_similarity(_magnitude(first), _magnitude(now)),
            )
        )
    depends, verdict = _verdict(found, maps)
    return Sanity(tuple(found), np.stack(maps), depends, verdict)


def _randomly(
    random: Network,
    layers: Sequence[str],
    view: Callable[[Network], Array],
    seed: tuple[int, int],
    draws: int,
) -> Array:
    """Make the view with layers of random weights, drawn afresh, so that the steps are independent.

    What is zero everywhere says nothing, and is drawn again.
    """
    for draw in range(draws):
        for name in layers:
            _randomise(random, name, seed if draw == 0 else (*seed, draw))
        now = np.asarray(view(random))
        if now.any():
            break
    return now


def _verdict(stages: list[SanityStage], maps: list[Array]) -> tuple[bool, str]:
    if not stages:
        return False, "No layer with weights lies before it: it depends on nothing that was learned."
    if not maps[0].any():
        return False, "The view is zero everywhere: there is nothing that could depend on what was learned."
    telling = [stage.rank for stage, values in zip(stages, maps[1:], strict=True) if values.any()]
    if not telling:
        return False, (
            "It cannot be told whether it depends on what was learned: with random weights the view is zero "
            "everywhere."
        )
    rank = float(np.mean(telling))
    depends = rank <= MOST_ALIKE
    text = f"{round(rank, 2) + 0.0:.2f}".replace("-", "−")  # + 0.0: no minus before 0
    silent = len(stages) - len(telling)
    left_out = f"; {silent} of {len(stages)} steps, which are zero everywhere, are left out" if silent else ""
    return depends, (
        f"It {'depends' if depends else 'does not depend'} on what was learned: over the cascade its "
        f"rank correlation with the view before is {text} on average (1 is the same, 0 unlike; the "
        f"limit is {MOST_ALIKE}{left_out})."
    )


def _groups(net: Network, node: str, stages: int) -> list[tuple[str, ...]]:
    """Share the layers with weights that lie before a node, from it down, among at most so many steps."""
    layers = [name for name in reversed(before(net, node)) if net.nodes[name].layer.parameters]
    parts = np.array_split(np.array(layers, object), min(stages, len(layers))) if layers else []
    return [tuple(str(name) for name in part) for part in parts]


def _randomise(net: Network, name: str, seed: tuple[int, ...]) -> None:
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
