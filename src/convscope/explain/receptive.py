"""Which pixels of the image one cell can depend on, and how much it does."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope.errors import InvalidValue
from convscope.explain.intervals import before_layer, every_cell
from convscope.explain.links import links_of
from convscope.network import Activations, Address, Network, parse_address
from convscope.result import Result

__all__ = ["EffectiveField", "GaussianFit", "NodeField", "receptive_field"]

_CHOOSING = ("ArgMax", "GlobalMaxPool2d", "MaxPool2d", "MaxPoolNd", "Maximum", "Minimum", "Where")


@dataclass(frozen=True)
class GaussianFit:
    """The Gaussian that comes nearest to the gradient's energy, by least squares.

    Attributes
    ----------
    centre : (float, float)
        Row and column, in input pixels.
    sigma : (float, float)
        Along rows and columns, in input pixels.
    explained : float
        Share of the energy's variance over the image that it explains.
    """

    centre: tuple[float, float]
    sigma: tuple[float, float]
    explained: float


@dataclass(frozen=True, eq=False)
class EffectiveField(Result):
    """How strongly the pixels act on a cell: the gradient's energy, averaged over images.

    Attributes
    ----------
    energy : ndarray of shape (H, W)
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
    """The receptive field of a node's cells; each pair is (rows, columns), in input pixels.

    Attributes
    ----------
    address : str
        The cell whose rectangle is given: the one asked for, else the middle one.
    size : (int, int)
        Pixels that a cell sees at most, padding included.
    stride : (float, float)
        Pixels between the fields of neighbouring cells; 0 where all see the same.
    padding : (int, int)
        Pixels by which the first cell's field begins before the image.
    start : (int, int)
        The first pixel of the first cell's field; negative in the padding.
    rows, columns : (int, int)
        The rectangle of the cell: first and last pixel; it may reach beyond the image. (0, -1) if
        the cell depends on no pixel, in the holes that a transposed convolution may leave.
    image : (int, int)
        Size of the image.
    status : str
        "exact": each pixel of the rectangle that lies in the image can change the cell. "upper
        bound": some within it cannot, as where a dilation leaves holes. "depends on data": each image
        decides which of them do, since the largest of several values is chosen on the way.
    seen : ndarray of bool, shape (H, W)
        The pixels that can change the cell.
    effective : EffectiveField or None
        Measured if images were given.
    """

    address: str
    size: tuple[int, int]
    stride: tuple[float, float]
    padding: tuple[int, int]
    start: tuple[int, int]
    rows: tuple[int, int]
    columns: tuple[int, int]
    image: tuple[int, int]
    status: str
    seen: NDArray[np.bool_]
    effective: EffectiveField | None = None


def receptive_field(net: Network, at: str, images: Any = None, *, seed: int = 0) -> NodeField:
    """Say which pixels a node's cells see, for any graph.

    Parameters
    ----------
    net : Network
        Of images of its usual size.
    at : str
        A node, or one of its cells ``node[channel,row,column]``.
    images : ndarray of shape (N, C, H, W) or a list of images, optional
        Measures the effective field over them and checks that no gradient lies outside.
    seed : int
        Without a channel in `at` the gradients of all channels are measured at once, with signs drawn
        from this seed, so that the mean energy is the sum of the channels' own.

    Raises
    ------
    UnknownName, InvalidValue
        If `at` does not exist, or the network does not take images.

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
    if len(image) != 3:
        raise InvalidValue(f"receptive_field: the network must take images (C, H, W); it takes {image}.")
    address = parse_address(at, net.shapes())
    cell = _cell(address, shapes[address.node])
    spans = [_spans(net, shapes, address.node, axis) for axis in (0, 1)]
    seen = _seen(net, shapes, address.node, cell)
    lengths = [np.maximum(last - first + 1, 0) for first, last in spans]
    start = (_first(spans[0][0]), _first(spans[1][0]))
    rows, columns = (_span(first[i], last[i]) for (first, last), i in zip(spans, cell, strict=True))
    field = NodeField(
        address=str(_spoken(address, cell, shapes[address.node])),
        size=(int(lengths[0].max()), int(lengths[1].max())),
        stride=(_stride(spans[0][0]), _stride(spans[1][0])),
        padding=(-start[0], -start[1]),
        start=start,
        rows=rows,
        columns=columns,
        image=(image[1], image[2]),
        status=_status(net, address.node, seen, rows, columns),
        seen=seen,
    )
    if images is None:
        return field
    return NodeField(**{**vars(field), "effective": _effective(net, address, cell, field, images, seed)})


def _cell(address: Address, shape: tuple[int, ...]) -> tuple[int, int]:
    if len(shape) != 3:
        return 0, 0
    if len(address.place) == 3:
        return address.place[1], address.place[2]
    return shape[1] // 2, shape[2] // 2


def _spoken(address: Address, cell: tuple[int, int], shape: tuple[int, ...]) -> Address:
    if len(shape) != 3 or len(address.place) == 3:
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


def _spans(
    net: Network, shapes: dict[str, tuple[int, ...]], node: str, axis: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give for every cell of a node along one axis the first and last pixel, padding included."""
    spans = {node: every_cell(shapes[node], axis)}
    for name in reversed(list(net.nodes)):
        if name not in spans:
            continue
        first, last = spans.pop(name)
        reader = net.nodes[name]
        read = tuple(shapes[source] for source in reader.inputs)
        for index, source in enumerate(reader.inputs):
            low, high = before_layer(reader.layer, read, index, shapes[name], axis, first, last)
            if source in spans:
                low, high = np.minimum(low, spans[source][0]), np.maximum(high, spans[source][1])
            spans[source] = low, high
    if net.input_name not in spans:
        raise InvalidValue(f"receptive_field: {node!r} does not depend on the image.")
    return spans[net.input_name]


def _seen(
    net: Network, shapes: dict[str, tuple[int, ...]], node: str, cell: tuple[int, int]
) -> NDArray[np.bool_]:
    """Mark the pixels that a cell can depend on, going back through the graph."""

    def blank(name: str) -> NDArray[np.float32]:
        shape = shapes[name]
        return np.zeros(shape[1:] if len(shape) == 3 else (1, 1), np.float32)

    marks = {node: blank(node)}
    marks[node][cell] = 1
    for name in reversed(list(net.nodes)):
        if name not in marks:
            continue
        mark, reader = marks.pop(name), net.nodes[name]
        read = tuple(shapes[source] for source in reader.inputs)
        for index, source in enumerate(reader.inputs):
            rows, columns = links_of(reader.layer, read, index, shapes[name])
            found = rows.T.astype(np.float32) @ mark @ columns.astype(np.float32)
            marks[source] = np.maximum(marks.get(source, blank(source)), (found > 0).astype(np.float32))
    return marks[net.input_name] > 0


def _status(
    net: Network, node: str, seen: NDArray[np.bool_], rows: tuple[int, int], columns: tuple[int, int]
) -> str:
    before = {node}
    for name in reversed(list(net.nodes)):
        if name in before:
            before.update(net.nodes[name].inputs)
    if any(net.nodes[name].layer.kind in _CHOOSING for name in before if name in net.nodes):
        return "depends on data"
    return "exact" if seen[_within(rows), _within(columns)].all() else "upper bound"


def _within(span: tuple[int, int]) -> slice:
    return slice(max(span[0], 0), max(span[1] + 1, 0))


def _effective(
    net: Network, address: Address, cell: tuple[int, int], field: NodeField, images: Any, seed: int
) -> EffectiveField:
    """Carry a gradient back from the cell for each image."""
    rng = np.random.default_rng(seed)
    total = np.zeros(field.image)
    batch = images if isinstance(images, list | tuple) else list(np.asarray(images))
    for image in batch:
        activations = net.run(image, algorithm="direct")
        if activations[net.input_name].shape[2:] != field.image:
            raise InvalidValue(
                f"receptive_field: the images must be {field.image[0]}x{field.image[1]} pixels; "
                f"got {activations[net.input_name].shape[2:]}."
            )
        grad = net.backward(activations, _seed(activations, address, cell, rng), parameters=False).input[0]
        total += np.square(grad, dtype=np.float64).sum(axis=0)
    touched = total > 0
    inside = int(touched[_within(field.rows), _within(field.columns)].sum())
    return EffectiveField(
        energy=total / len(batch),
        fit=_fit(total),
        inside=inside,
        outside=int(touched.sum()) - inside,
        images=len(batch),
    )


def _seed(
    activations: Activations, address: Address, cell: tuple[int, int], rng: np.random.Generator
) -> dict[str, NDArray[Any]]:
    output = activations[address.node]
    grad = np.zeros_like(output)
    place = cell if output.ndim == 4 else ()
    if address.place:
        grad[(0, address.place[0], *place)] = 1
    else:
        grad[(0, slice(None), *place)] = rng.choice([-1.0, 1.0], output.shape[1])
    return {address.node: grad}


def _fit(energy: NDArray[np.float64]) -> GaussianFit | None:
    """Fit a*exp(-(r - r0)^2/2sr^2 - (c - c0)^2/2sc^2), from the moments on, by least squares."""
    from scipy.optimize import least_squares

    total = energy.sum()
    if not total > 0 or not math.isfinite(total) or (energy > 0).sum() < 6:
        return None
    share = energy / energy.max()
    rows, columns = np.indices(energy.shape)
    centre = [float((axis * energy).sum() / total) for axis in (rows, columns)]
    width = [
        max(0.5, math.sqrt(float((np.square(axis - middle) * energy).sum() / total)))
        for axis, middle in zip((rows, columns), centre, strict=True)
    ]

    def model(p: NDArray[np.float64]) -> NDArray[np.float64]:
        squares = np.square((rows - p[1]) / p[3]) + np.square((columns - p[2]) / p[4])
        return np.asarray(p[0] * np.exp(-0.5 * squares))

    low = [0, -np.inf, -np.inf, 0.05, 0.05]
    found = least_squares(lambda p: (model(p) - share).ravel(), [1, *centre, *width], bounds=(low, np.inf))
    residual = float(np.square(model(found.x) - share).sum())
    spread = float(np.square(share - share.mean()).sum())
    _, row, column, by_row, by_column = (float(v) for v in found.x)
    return GaussianFit((row, column), (by_row, by_column), 1 - residual / spread if spread else 0.0)
