"""What images wake and why: strongest patches with deconvnet beside them, and the evidence for classes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope.errors import ConvscopeError
from convscope.explain import (
    GradCam,
    Occlusion,
    PatchTables,
    Saliency,
    TopPatches,
    grad_cam,
    occlusion,
    saliency,
)
from convscope.explain import top_patches as find_patches
from convscope.explain.deconvolution import projections
from convscope.explain.kernel_tables import convolutions
from convscope.explain.part import up_to
from convscope.explain.sanity import Sanity
from convscope.explain.shown import shown
from convscope.explain.target import Target
from convscope.inspection.evidence import BATCH
from convscope.inspection.layer import LayerAccount
from convscope.inspection.pictures import Pictures
from convscope.network import Network
from convscope.result import Result

__all__ = ["ChannelView", "Evidence", "evidence", "patches"]

Array = NDArray[Any]


@dataclass(frozen=True)
class _Budget:
    """How much is looked at: nodes, channels of each, patches of each; images explained."""

    nodes: int
    channels: int
    patches: int
    images: int
    methods: tuple[str, ...]
    places: int  # of the square of occlusion along a side
    stages: int  # of the sanity check


_BUDGETS = {
    "quick": _Budget(3, 6, 3, 2, ("gradient",), 7, 4),
    "full": _Budget(8, 12, 9, 6, ("gradient", "gradient-x-input", "guided", "integrated", "smooth"), 15, 10),
}


@dataclass(frozen=True, eq=False)
class ChannelView(Result):
    """What wakes one channel most.

    Attributes
    ----------
    node : str
    channel : int
    verdict : str
        The family of the filter that makes it, where it was judged.
    values : tuple of float
        Its strongest responses, one an image.
    names : tuple of str
        The images they come from.
    pictures : tuple of ndarray of shape (h, w, 3), uint8
        The patches that the cells see; where that is much of the image, the square that holds almost all
        energy of the projection.
    projections : tuple of ndarray of shape (C, h, w)
        The same patches as deconvnet projects the responses back to pixels.
    """

    node: str
    channel: int
    verdict: str
    values: tuple[float, ...]
    names: tuple[str, ...]
    pictures: tuple[NDArray[np.uint8], ...] = field(repr=False)
    projections: tuple[Array, ...] = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Give names and numbers as plain Python, without the pictures."""
        kept = super().to_dict()
        return {name: value for name, value in kept.items() if name not in ("pictures", "projections")}


@dataclass(frozen=True, eq=False)
class Evidence(Result):
    """Why the network answers what it answers at one image.

    Attributes
    ----------
    name : str
        What the image is called.
    saliencies : tuple of Saliency
        One for each method.
    cam : GradCam or None
    occlusion : Occlusion or None
    sanity : Sanity or None
        Whether the first saliency depends on what was learned; of the first image only.
    """

    name: str
    saliencies: tuple[Saliency, ...]
    cam: GradCam | None
    occlusion: Occlusion | None
    sanity: Sanity | None

    def to_dict(self) -> dict[str, Any]:
        """Give names and numbers as plain Python, without the maps."""
        first = self.saliencies[0]
        return {
            "name": self.name,
            "target": first.target,
            "label": first.label,
            "value": first.value,
            "methods": [view.method for view in self.saliencies],
            "sanity": None if self.sanity is None else self.sanity.verdict,
        }


def patches(
    pictures: Pictures, layers: Sequence[LayerAccount], budget: str, tell: Callable[[str, float], object]
) -> tuple[ChannelView, ...]:
    """Find what wakes some channels of some convolutions, from the first to the last.

    The channels are those with the strongest response in units of their node's.
    """
    net, plan = pictures.net, _BUDGETS[budget]
    names = [layer.node for layer in layers if not layer.pointwise] or [layer.node for layer in layers]
    if not names:
        return ()
    chosen = [names[i] for i in sorted({round(s) for s in np.linspace(0, len(names) - 1, plan.nodes)})]
    families = {layer.node: layer.table.family for layer in layers}
    tell("looking for the strongest responses", 0.4)
    found = find_patches(net, pictures.x, chosen, plan.patches, batch_size=BATCH)
    assert isinstance(found, PatchTables)  # of several nodes
    views = []
    for step, best in enumerate(found.nodes):
        tell(f"projecting the strongest responses of {best.node} back", 0.45 + 0.2 * step / len(chosen))
        strongest = np.where(np.isfinite(best.values[:, 0]), best.values[:, 0], -np.inf)
        channels = np.sort(np.argsort(-strongest, kind="stable")[: plan.channels]).tolist()
        projected = _projected(pictures, best, channels)
        views += [_channel(pictures, best, c, str(families[best.node][c]), projected[c]) for c in channels]
    return tuple(view for view in views if view.values)


def _alive(best: TopPatches, channel: int) -> NDArray[np.bool_]:
    """Say which of a channel's strongest responses are of an image and above zero."""
    return np.asarray((best.image[channel] >= 0) & (best.values[channel] > 0))


def _projected(pictures: Pictures, best: TopPatches, channels: Sequence[int]) -> dict[int, list[Array]]:
    """Project the strongest responses of some channels back, those of all channels in the same runs."""
    cut = up_to(pictures.net, (best.node,))
    cells = [
        (int(best.image[c, k]), Target(best.node, (c, int(best.row[c, k]), int(best.column[c, k]))))
        for c in channels
        for k in np.flatnonzero(_alive(best, c))
    ]
    back: dict[int, list[Array]] = {c: [] for c in channels}
    for start in range(0, len(cells), BATCH):
        images, targets = zip(*cells[start : start + BATCH], strict=True)
        found = projections(cut, pictures.x[list(images)], list(targets))
        for target, array in zip(targets, found.arrays, strict=True):
            back[target.place[0]].append(array)
    return back


def _channel(
    pictures: Pictures, best: TopPatches, channel: int, verdict: str, back: Sequence[Array]
) -> ChannelView:
    kept = _alive(best, channel)
    images = best.image[channel][kept]
    boxes = best.boxes[channel][kept].tolist()
    if best.size[0] > pictures.x.shape[2] // 4:  # a deep cell sees much and answers to little of it
        boxes = [_where(array) for array in back]
    shown_patches = [_picture(pictures.net, pictures.x[i], box) for i, box in zip(images, boxes, strict=True)]
    return ChannelView(
        node=best.node,
        channel=channel,
        verdict=verdict,
        values=tuple(float(v) for v in best.values[channel][kept]),
        names=tuple(pictures.names[i] for i in images),
        pictures=tuple(shown_patches),
        projections=tuple(_cut(array, box, 0.0) for array, box in zip(back, boxes, strict=True)),
    )


def _where(projection: Array) -> list[int]:
    """Give the square (top, left, bottom, right) that holds almost all of a projection's energy."""
    energy = (projection.astype(float) ** 2).sum(axis=0)
    if energy.sum() == 0:
        return [0, 0, *energy.shape]
    ends = []
    for axis in (1, 0):
        held = np.cumsum(energy.sum(axis=axis))
        low, high = np.searchsorted(held, [_TAIL * held[-1], (1 - _TAIL) * held[-1]])
        ends.append((int(low), int(high) + 1))
    side = max(_LEAST, *(high - low for low, high in ends))
    starts = [
        max(0, min((low + high - side) // 2, size - side))
        for (low, high), size in zip(ends, energy.shape, strict=True)
    ]
    return [*starts, *(min(s + side, size) for s, size in zip(starts, energy.shape, strict=True))]


_TAIL = 0.02  # share of the energy that may lie beyond each edge
_LEAST = 16  # pixels of a side


def _picture(net: Network, image: Array, box: Sequence[int]) -> NDArray[np.uint8]:
    """Show a box of an input, grey beyond it."""
    return np.asarray(_cut(shown(net, image).transpose(2, 0, 1), box, 128).transpose(1, 2, 0))


def _cut(image: Array, box: Sequence[int], beyond: float) -> Array:
    """Cut a box out of an image (C, H, W), a constant beyond it."""
    top, left, bottom, right = box
    height, width = image.shape[1:]
    before = max(0, -top), max(0, -left)
    after = max(0, bottom - height), max(0, right - width)
    padded = np.pad(image, ((0, 0), (before[0], after[0]), (before[1], after[1])), constant_values=beyond)
    return np.asarray(padded[:, top + before[0] : bottom + before[0], left + before[1] : right + before[1]])


def evidence(
    pictures: Pictures, target: int | str | None, budget: str, tell: Callable[[str, float], object]
) -> tuple[Evidence, ...]:
    """Explain the answers at some images, or the score of one class.

    () where the network's output is no class.
    """
    plan = _BUDGETS[budget]
    chosen = range(min(plan.images, len(pictures)))
    found = []
    for step, i in enumerate(chosen):
        tell(f"asking why {pictures.names[i]} is answered so", 0.7 + 0.3 * step / len(chosen))
        try:
            found.append(_why(pictures, i, target, plan, first=step == 0 or budget == "full"))
        except ConvscopeError:
            if target is not None:  # what was asked for must not be left out in silence
                raise
            return ()
    return tuple(found)


def _why(pictures: Pictures, index: int, target: int | str | None, plan: _Budget, first: bool) -> Evidence:
    net, x = pictures.net, pictures.x[index]
    views = tuple(saliency(net, x, target, method) for method in plan.methods)
    cam = grad_cam(net, x, target) if convolutions(net) else None
    side = min(x.shape[1:])
    stride = max(1, side // (plan.places + 1))
    covered = occlusion(net, x, target, size=2 * stride, stride=stride)
    sanity = views[0].check_sanity(plan.stages) if first else None
    return Evidence(pictures.names[index], views, cam, covered, sanity)
