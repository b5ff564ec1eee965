"""Which pixels of the image (or places of a sound or a volume) a cell can depend on, and how much it does."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope.errors import InvalidValue
from convscope.explain.general import MOVES
from convscope.explain.intervals import before_layer, every_cell
from convscope.explain.labelled import Images, as_images
from convscope.explain.links import SEPARABLE, links_of
from convscope.layers import Layer
from convscope.network import Activations, Address, Network, parse_address
from convscope.result import Result

__all__ = ["EffectiveField", "GaussianFit", "NodeField", "cell_spans", "field_box", "receptive_field"]

_CHOOSING = ("ArgMax", "GlobalMaxPool2d", "MaxPool2d", "MaxPoolNd", "Maximum", "Minimum", "Where")


@dataclass(frozen=True)
class GaussianFit:
    """The Gaussian that comes nearest to the gradient's energy, by least squares.

    Attributes
    ----------
    centre : tuple of float
        Row and column, in input pixels; one number for each axis of place.
    sigma : tuple of float
        Along each axis, in input pixels.
    explained : float
        Share of the energy's variance over the image that it explains.
    """

    centre: tuple[float, ...]
    sigma: tuple[float, ...]
    explained: float


@dataclass(frozen=True, eq=False)
class EffectiveField(Result):
    """How strongly the pixels act on a cell: the gradient's energy, averaged over images.

    Attributes
    ----------
    energy : ndarray of the image's shape, such as (H, W)
        Mean over the images of the squared gradient, summed over the channels.
    fit : GaussianFit or None
        None where there are too few pixels, or no gradient at all.
    inside, outside : int
        Pixels with a gradient in some image, within the rectangle and beyond it; `outside` is 0
        unless the field is wrong.
    images : int
    """

    energy: NDArray[np.float64]
    fit: GaussianFit | None
    inside: int
    outside: int
    images: int


@dataclass(frozen=True, eq=False)
class NodeField(Result):
    """The receptive field of a node's cells, in input pixels.

    Each tuple has one entry for every axis of place: rows and columns of an image, samples of a sound,
    depth, rows and columns of a volume.

    Attributes
    ----------
    address : str
        The cell whose rectangle is given: the one asked for, else the middle one.
    size : tuple of int
        Pixels that a cell sees at most, padding included.
    stride : tuple of float
        Pixels between the fields of neighbouring cells; 0 where all see the same.
    padding : tuple of int
        Pixels by which the first cell's field begins before the image.
    start : tuple of int
        The first pixel of the first cell's field; negative in the padding.
    spans : tuple of (int, int)
        The rectangle of the cell: first and last pixel; it may reach beyond the image. (0, -1) if
        the cell depends on no pixel, in the holes that a transposed convolution may leave.
    image : tuple of int
        Size of the image.
    status : str
        "exact": each pixel of the rectangle that lies in the image can change the cell. "upper
        bound": some within it cannot, as where a dilation leaves holes. "depends on data": each image
        decides which of them do, since the largest of several values is chosen on the way.
    seen : ndarray of bool, of the image's shape
        The pixels that can change the cell.
    effective : EffectiveField or None
        Measured if images were given.
    """

    address: str
    size: tuple[int, ...]
    stride: tuple[float, ...]
    padding: tuple[int, ...]
    start: tuple[int, ...]
    spans: tuple[tuple[int, int], ...]
    image: tuple[int, ...]
    status: str
    seen: NDArray[np.bool_]
    effective: EffectiveField | None = None

    @property
    def rows(self) -> tuple[int, int]:
        """First and last row; of a sound, which has none, (0, 0)."""
        return self.spans[-2] if len(self.spans) > 1 else (0, 0)

    @property
    def columns(self) -> tuple[int, int]:
        """First and last column, or sample."""
        return self.spans[-1]


def receptive_field(net: Network, at: str, images: Any = None, *, seed: int = 0) -> NodeField:
    """Say which pixels a node's cells see, for any graph, of images, sounds or volumes.

    Parameters
    ----------
    net : Network
        Of images (C, H, W), sounds (C, L) or volumes (C, D, H, W) of its usual size.
    at : str
        A node, or one of its cells ``node[channel,row,column]``.
    images : ndarray of shape (N, C, H, W), one image, a list of images, folder or data set, optional
        Measures the effective field over them and checks that no gradient lies outside.
    seed : int
        Without a channel in `at` the gradients of all channels are measured at once, with signs drawn
        from this seed, so that the mean energy is the sum of the channels' own.

    Raises
    ------
    UnknownName, InvalidValue
        If `at` does not exist, or the network takes neither images nor sounds nor volumes.

    References
    ----------
    Araujo, Norris and Sim (2019), Computing receptive fields of convolutional neural networks, Distill.
    Luo, Li, Urtasun and Zemel (2016), Understanding the effective receptive field, NeurIPS.

    Examples
    --------
    >>> import convscope as cs
    >>> field = receptive_field(cs.models.lenet5(), "conv2[0,0,0]")
    >>> field.size, field.stride, field.start, field.rows
    ((14, 14), (2, 2), (0, 0), (0, 13))
    """
    shapes = {name: shape[1:] for name, shape in net.shapes().items()}
    image = shapes[net.input_name]
    rank = len(image) - 1
    if not 1 <= rank <= 3:
        raise InvalidValue(
            "receptive_field: the network must take images (C, H, W), sounds (C, L) or volumes (C, D, H, W); "
            f"it takes {image}."
        )
    address = parse_address(at, net.shapes())
    cell = _cell(address, shapes[address.node], rank)
    spans = [cell_spans(net, shapes, address.node, axis) for axis in range(rank)]
    seen = _seen(net, shapes, address.node, cell)
    start = tuple(_first(first) for first, _ in spans)
    box = tuple(_span(first[i], last[i]) for (first, last), i in zip(spans, cell, strict=True))
    field = NodeField(
        address=str(_spoken(address, cell, shapes[address.node])),
        size=tuple(int(np.maximum(last - first + 1, 0).max()) for first, last in spans),
        stride=tuple(_stride(first) for first, _ in spans),
        padding=tuple(-s for s in start),
        start=start,
        spans=box,
        image=image[1:],
        status=_status(net, shapes, address.node, seen, box),
        seen=seen,
    )
    if images is None:
        return field
    return replace(field, effective=_effective(net, address, cell, field, images, seed))


def _cell(address: Address, shape: tuple[int, ...], rank: int) -> tuple[int, ...]:
    if len(shape) != 1 + rank:
        return (0,) * rank
    if len(address.place) == 1 + rank:
        return address.place[1:]
    return tuple(size // 2 for size in shape[1:])


def _spoken(address: Address, cell: tuple[int, ...], shape: tuple[int, ...]) -> Address:
    if len(shape) != 1 + len(cell) or len(address.place) == len(shape):
        return address
    return Address(address.node, (*(address.place or (0,)), *cell))


def _first(first: NDArray[np.float64]) -> int:
    """Give where the first field that is not empty begins; 0 if there is none."""
    finite = first[np.isfinite(first)]
    return int(finite[0]) if len(finite) else 0


def _span(first: float, last: float) -> tuple[int, int]:
    """Give the first and last pixel; (0, -1) where a transposed convolution leaves a hole."""
    return (int(first), int(last)) if first <= last else (0, -1)


def _stride(first: NDArray[np.float64]) -> float:
    """Pixels from one field to the next; the mean where they are not alike, as after a resizing."""
    finite = first[np.isfinite(first)]
    if len(finite) < 2:
        return 0
    stride = float(finite[-1] - finite[0]) / (len(finite) - 1)
    return int(stride) if stride == int(stride) else stride


def field_box(
    net: Network, node: str, place: tuple[int, ...], image: tuple[int, ...]
) -> tuple[int, int, int, int]:
    """Give a cell's receptive field as top, left, bottom, right in input pixels, the last two exclusive.

    It may reach beyond the image; (0, 0, 0, 0) if the cell depends on no pixel.

    Parameters
    ----------
    net : Network
    node : str
    place : tuple of int
        The cell, without the batch axis.
    image : (C, H, W)
        Of the input.

    Examples
    --------
    >>> import convscope as cs
    >>> field_box(cs.models.lenet5(), "conv2", (0, 1, 0), (1, 28, 28))
    (2, 0, 16, 14)
    """
    shapes = {name: shape[1:] for name, shape in net.shapes(image).items()}
    cell = place[1:] if len(place) == 3 else (0, 0)
    ends = []
    for axis in (0, 1):
        first, last = cell_spans(net, shapes, node, axis)
        ends.append(_span(first[cell[axis]], last[cell[axis]]))
    (top, bottom), (left, right) = ends
    return top, left, bottom + 1, right + 1


def cell_spans(
    net: Network, shapes: dict[str, tuple[int, ...]], node: str, axis: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give for every cell of a node along one axis the first and last pixel, padding included."""
    rank = len(shapes[net.input_name]) - 1
    spans = {node: every_cell(shapes[node], axis, rank)}
    for name in reversed(list(net.nodes)):
        if name not in spans:
            continue
        first, last = spans.pop(name)
        reader = net.nodes[name]
        read = tuple(shapes[source] for source in reader.inputs)
        for index, source in enumerate(reader.inputs):
            low, high = before_layer(reader.layer, read, index, shapes[name], axis, rank, first, last)
            if source in spans:
                low, high = np.minimum(low, spans[source][0]), np.maximum(high, spans[source][1])
            spans[source] = low, high
    if net.input_name not in spans:
        raise InvalidValue(f"receptive_field: {node!r} does not depend on the image.")
    return spans[net.input_name]


def _seen(
    net: Network, shapes: dict[str, tuple[int, ...]], node: str, cell: tuple[int, ...]
) -> NDArray[np.bool_]:
    """Mark the pixels that a cell can depend on, going back through the graph."""
    rank = len(cell)

    def blank(name: str) -> NDArray[np.float32]:
        shape = shapes[name]
        return np.zeros(shape[1:] if len(shape) == 1 + rank else (1,) * rank, np.float32)

    marks = {node: blank(node)}
    marks[node][cell] = 1
    for name in reversed(list(net.nodes)):
        if name not in marks:
            continue
        mark, reader = marks.pop(name), net.nodes[name]
        read = tuple(shapes[source] for source in reader.inputs)
        for index, source in enumerate(reader.inputs):
            found = mark
            for links in links_of(reader.layer, read, index, shapes[name], rank):
                # the first axis goes, and what it reads comes last: after all axes the order is as before
                found = np.tensordot(found, links.astype(np.float32), (0, 0))
            marks[source] = np.maximum(marks.get(source, blank(source)), (found > 0).astype(np.float32))
    return marks[net.input_name] > 0


def _status(
    net: Network,
    shapes: dict[str, tuple[int, ...]],
    node: str,
    seen: NDArray[np.bool_],
    box: tuple[tuple[int, int], ...],
) -> str:
    before = {node}
    for name in reversed(list(net.nodes)):
        if name in before:
            before.update(net.nodes[name].inputs)
    layers = [net.nodes[name].layer for name in before if name in net.nodes]
    if any(_chooses(layer) for layer in layers):
        return "depends on data"
    mixed = any(layer.kind in MOVES and layer.kind not in SEPARABLE for layer in layers)
    return "exact" if not mixed and seen[_within(box)].all() else "upper bound"


def _chooses(layer: Layer) -> bool:
    if layer.kind == "Reduce":
        return bool(layer.settings()["how"] in ("max", "min"))
    return layer.kind in _CHOOSING


def _within(box: tuple[tuple[int, int], ...]) -> tuple[slice, ...]:
    return tuple(slice(max(first, 0), max(last + 1, 0)) for first, last in box)


def _effective(
    net: Network, address: Address, cell: tuple[int, ...], field: NodeField, images: Any, seed: int
) -> EffectiveField:
    """Carry a gradient back from the cell for each image."""
    rng = np.random.default_rng(seed)
    total = np.zeros(field.image)
    source = _images(net, images)
    for index in range(len(source)):
        activations = net.run(source.one(index), algorithm="direct")
        if activations[net.input_name].shape[2:] != field.image:
            raise InvalidValue(
                f"receptive_field: the images must be {'x'.join(map(str, field.image))} pixels; "
                f"got {activations[net.input_name].shape[2:]}."
            )
        grad = net.backward(activations, _seed(activations, address, cell, rng), parameters=False).input[0]
        total += np.square(grad, dtype=np.float64).sum(axis=0)
    touched = total > 0
    inside = int(touched[_within(field.spans)].sum())
    return EffectiveField(
        energy=total / len(source),
        fit=_fit(total),
        inside=inside,
        outside=int(touched.sum()) - inside,
        images=len(source),
    )


def _images(net: Network, images: Any) -> Images:
    """Take one image, several of them, a folder or a data set."""
    if isinstance(images, np.ndarray) and images.ndim > len(net.input_shape):
        images = list(images)
    elif not isinstance(images, str | os.PathLike | list | tuple) and not hasattr(images, "batch"):
        images = [images]
    return as_images(net, images, "receptive_field")


def _seed(
    activations: Activations, address: Address, cell: tuple[int, ...], rng: np.random.Generator
) -> dict[str, NDArray[Any]]:
    output = activations[address.node]
    grad = np.zeros_like(output)
    place = cell if output.ndim == 2 + len(cell) else ()
    if address.place:
        grad[(0, address.place[0], *place)] = 1
    else:
        every: Any = (0, slice(None), *place)
        grad[every] = rng.choice([-1.0, 1.0], output.shape[1])
    return {address.node: grad}


def _fit(energy: NDArray[np.float64]) -> GaussianFit | None:
    """Fit a * exp(-sum over the axes of (r - c)^2 / 2s^2), from the moments on, by least squares."""
    from scipy.optimize import least_squares

    total, rank = energy.sum(), energy.ndim
    if not total > 0 or not math.isfinite(total) or (energy > 0).sum() < 2 + 2 * rank:
        return None
    share = energy / energy.max()
    axes = np.indices(energy.shape)
    centre = [float((axis * energy).sum() / total) for axis in axes]
    width = [
        max(0.5, math.sqrt(float((np.square(axis - middle) * energy).sum() / total)))
        for axis, middle in zip(axes, centre, strict=True)
    ]

    def model(p: NDArray[np.float64]) -> NDArray[np.float64]:
        squares = sum(np.square((axes[a] - p[1 + a]) / p[1 + rank + a]) for a in range(rank))
        return np.asarray(p[0] * np.exp(-0.5 * squares))

    low = [0, *(-np.inf,) * rank, *(0.05,) * rank]
    found = least_squares(lambda p: (model(p) - share).ravel(), [1, *centre, *width], bounds=(low, np.inf))
    residual = float(np.square(model(found.x) - share).sum())
    spread = float(np.square(share - share.mean()).sum())
    best = [float(v) for v in found.x[1:]]
    return GaussianFit(tuple(best[:rank]), tuple(best[rank:]), 1 - residual / spread if spread else 0.0)
