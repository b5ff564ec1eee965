"""Grad-CAM: which places of a late map speak for a class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convscope import ops
from convscope.errors import InvalidValue, UnknownName, nearest_names
from convscope.explain.backward_runs import backward_runs
from convscope.explain.part import before
from convscope.explain.run import one_image
from convscope.explain.sanity import CheckedView, check_sanity
from convscope.explain.shown import shown
from convscope.explain.target import Target, node_of
from convscope.network import Network
from convscope.network.input import as_batch

__all__ = ["GradCam", "class_maps", "grad_cam", "last_map"]

Array = NDArray[Any]

# what lies between the last convolution's maps and the scores and only gathers them
_GATHERING = (
    "AvgPool2d",
    "Dropout",
    "Flatten",
    "GlobalAvgPool2d",
    "GlobalMaxPool2d",
    "LpPool2d",
    "MaxPool2d",
    "Reshape",
)
_NORMS = ("BatchNorm", "LocalResponseNorm")


@dataclass(frozen=True, eq=False)
class GradCam(CheckedView):
    """Where in a late map the evidence for a class lies.

    Attributes
    ----------
    map : ndarray of shape (H, W)
        At the size of the input, interpolated (bilinear); not negative.
    coarse : ndarray of shape (h, w)
        As it was computed: one value for each cell of the node.
    node : str
        The node whose maps were weighed.
    weights : ndarray of shape (channels,)
        How much each channel counts.
    target, label : str
        The cell that is explained, and the class's name.
    value : float
        The target's value.
    plus_plus : bool
    pixels, preparation
        The image as people see it, and what was done to it before the network saw it.
    """

    map: Array
    coarse: Array
    node: str
    weights: Array
    target: str
    label: str
    value: float
    plus_plus: bool


def grad_cam(
    net: Network,
    image: Any,
    target: int | str | None = None,
    node: str | None = None,
    *,
    plus_plus: bool = False,
    algorithm: str = "direct",
) -> GradCam:
    """Weigh the maps of a late layer by how much each speaks for a class, add them up, keep what is positive.

    Parameters
    ----------
    net : Network
    image : path, PIL image or ndarray
        As `net.input` prepares it; a float (C, H, W) or (1, C, H, W) is used untouched.
    target : int, str, optional
        A class by number or name, or an address as in `saliency`. Without it the class that is answered.
    node : str, optional
        Whose maps are weighed. Without it the last maps of convolutions (after their rectifier, before
        pooling) that the classes' own layer reads.
    plus_plus : bool
        Weigh as Grad-CAM++ does, for several objects of a class in one image.
    algorithm : {"direct", "auto", "winograd"}
        How convolutions are computed.

    Raises
    ------
    UnknownName, InvalidValue
        If the node or target does not exist, the node has no maps, or the target does not depend on it.

    References
    ----------
    Selvaraju et al. (2017), Grad-CAM, equations 1 and 2.
    Chattopadhay, Sarkar, Howlader and Balasubramanian (2018), Grad-CAM++, equations 10 and 19.

    Examples
    --------
    >>> import convscope as cs
    >>> view = grad_cam(cs.models.small_cnn(), cs.data.digits().x[0], 3)
    >>> view.node, view.coarse.shape, view.map.shape
    ('relu2', (4, 4), (8, 8))
    """
    x, preparation = one_image(net, image, "grad_cam")
    found = _weighed(net, x, target, node, plus_plus, algorithm)
    cell, large = found.cells[0], enlarged(found.maps[0], x.shape[2:])

    def again(other: Network) -> Array:
        return enlarged(_weighed(other, x, cell, found.node, plus_plus, algorithm).maps[0], x.shape[2:])

    return GradCam(
        map=large,
        coarse=found.maps[0],
        node=found.node,
        weights=found.weights[0],
        target=cell.address,
        label=cell.label,
        value=float(found.values[0]),
        plus_plus=plus_plus,
        pixels=shown(net, x[0]),
        preparation=preparation,
        _check=partial(check_sanity, net, again, cell.node, original=large),
    )


def class_maps(
    net: Network,
    images: Any,
    target: Any = None,
    node: str | None = None,
    *,
    plus_plus: bool = False,
    algorithm: str = "direct",
) -> Array:
    """Give the coarse Grad-CAM maps of many images at once, (N, h, w); see `grad_cam`.

    Examples
    --------
    >>> import convscope as cs
    >>> class_maps(cs.models.small_cnn(), cs.data.digits().x[:3], 3).shape
    (3, 4, 4)
    """
    x = as_batch(images, net.input, net.input_shape, net.dtype)[0]
    return _weighed(net, x, target, node, plus_plus, algorithm).maps


def last_map(net: Network, target: str) -> str | None:
    """Name the node of the last maps before a node's own layer, before any pooling; None if there are none.

    Examples
    --------
    >>> import convscope as cs
    >>> last_map(cs.models.lenet5(), "fc3")
    'relu2'
    """
    shapes = net.shapes()
    weighted = [name for name in before(net, target) if net.nodes[name].layer.parameters]
    # the classes' own layer is the last one with weights: what it makes are classes, not features
    reads = before(net, weighted[-1])[:-1] if weighted else []
    maps = [name for name in reads if len(shapes[name]) == 4 and shapes[name][2] * shapes[name][3] > 1]
    if not maps:
        return None
    name = found = maps[-1]
    while net.nodes[name].layer.kind in (*_GATHERING, *_NORMS) and net.nodes[name].inputs[0] in net.nodes:
        gathers = net.nodes[name].layer.kind in _GATHERING
        name = net.nodes[name].inputs[0]
        found = name if gathers else found
    return found


def enlarged(coarse: Array, size: Sequence[int]) -> Array:
    """Bring a coarse map to a size, bilinear, the corners of pixels aligned as PyTorch does by default."""
    return np.asarray(ops.resize2d(coarse[None, None], (int(size[0]), int(size[1])), mode="bilinear")[0, 0])


def _node(net: Network, node: str | None, aim: str) -> str:
    chosen = last_map(net, aim) if node is None else node
    if chosen is None:
        raise InvalidValue(
            f"grad_cam: there must be maps of more than one cell before {aim!r}; this network has none."
        )
    if chosen not in net.nodes:
        raise UnknownName(f"grad_cam: there is no node {chosen!r}; {nearest_names(chosen, net.nodes)}.")
    shape = net.shapes()[chosen]
    if len(shape) != 4:
        raise InvalidValue(f"grad_cam: node must have maps (C, H, W); {chosen!r} gives {shape[1:]}.")
    if chosen not in before(net, aim):
        raise InvalidValue(f"grad_cam: {aim!r} does not depend on {chosen!r}; name a node before it.")
    return chosen


class _Weighed(NamedTuple):
    """Maps (N, h, w), weights (N, channels), and what they are of."""

    maps: Array
    weights: Array
    node: str
    cells: list[Target]
    values: Array


def _weighed(
    net: Network, x: Array, target: Any, node: str | None, plus_plus: bool, algorithm: str
) -> _Weighed:
    """Run a batch, carry the gradient back to the node only, and weigh its maps."""
    aim = node_of(net, target, "grad_cam")
    node = _node(net, node, aim)
    parts = []
    with backward_runs(net, aim, node, algorithm=algorithm, who="grad_cam") as runs:
        for found in runs.chunks(x, target, "gradient"):
            weights = _plus_plus(found.kept, found.grads) if plus_plus else found.grads.mean(axis=(2, 3))
            heat = np.maximum((weights[:, :, None, None] * found.kept).sum(axis=1), 0)
            parts.append((heat, weights, found.targets, found.values))
    maps, weighed, cells, values = zip(*parts, strict=True)
    return _Weighed(
        np.concatenate(maps), np.concatenate(weighed), node, [*chain(*cells)], np.concatenate(values)
    )


def _plus_plus(maps: Array, grad: Array) -> Array:
    """Weigh the positive gradients by alpha = g^2 / (2 g^2 + g^3 * sum of the map).

    Equation 19, for a score behind an exponential: its factor exp(score) is one for all channels and is
    left out, so that the map has no scale of its own.
    """
    square, cube = grad**2, grad**3
    below = 2 * square + cube * maps.sum(axis=(2, 3), keepdims=True)
    alpha = np.divide(square, below, out=np.zeros_like(grad), where=below != 0)
    return np.asarray((alpha * np.maximum(grad, 0)).sum(axis=(2, 3)))
