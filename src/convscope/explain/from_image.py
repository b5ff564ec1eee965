"""The filters of a deeper layer as seen from the image: composed with the layers before them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from convscope.errors import InvalidValue, UnknownName, nearest_names
from convscope.explain.kernel_tables import LARGEST, convolutions, kernel_table
from convscope.kernels import KernelTable
from convscope.layers import AvgPool2d, Conv2d, MaxPool2d
from convscope.layers.base import Array, Layer
from convscope.network import Network, Node
from convscope.result import Result

__all__ = ["SeenFromImage", "seen_from_image"]

_LINEAR = {
    "Add", "AvgPool2d", "BatchNorm", "ChannelScale", "Concatenate", "Conv2d", "ConvTranspose2d", "Pad2d",
    "TableConv2d",
}  # fmt: skip
_AS_IDENTITY = {
    "Cast", "CELU", "Clip", "Dropout", "ELU", "GELU", "Hardswish", "LeakyReLU", "LocalResponseNorm", "Mish",
    "PReLU", "ReLU", "SELU", "SiLU", "Softplus", "Tanh",
}  # fmt: skip


@dataclass(frozen=True)
class SeenFromImage(Result):
    """What a layer's filters would be if the network up to them were linear.

    Attributes
    ----------
    node : str
    table : KernelTable
        Its `weight` is (C_out, channels of the image, rows, columns), in pixels of the image; its
        `stride` how many pixels apart the layer's cells lie.
    assumptions : tuple of str
        What was replaced to make it linear.
    """

    node: str
    table: KernelTable = field(repr=False)
    assumptions: tuple[str, ...]


def seen_from_image(net: Network, node: str, *, channels: str | None = None) -> SeenFromImage:
    """Compose a layer's filters with all layers before it, and judge what they are for the image.

    The network is made linear: activations and local response norm count as identity, max pooling
    as the mean of its window, batch norm as its scale at inference. What comes out is exact for a
    network that has none of these, and a rough guide for others: a real ReLU network is another
    linear filter at every image. Cells at the border, where padding enters, are another matter;
    this is a cell in the middle.

    Composed kernels overlap their way to smoothness, even from random layers, so that chance (the
    p-values are against independent random weights) is almost never the verdict here.

    Parameters
    ----------
    net : Network
    node : str
        A convolution whose receptive field is at most 31 x 31 pixels.
    channels : "RGB" or "BGR", optional
        By default what `net.input` says.

    Raises
    ------
    UnknownName, InvalidValue
        If the node does not exist or is no convolution, a layer before it has no linear form, or
        its receptive field is larger than 31 x 31.

    Examples
    --------
    >>> import convscope as cs
    >>> seen = seen_from_image(cs.models.small_cnn(seed=0), "conv2")
    >>> seen.table.weight.shape, seen.table.stride
    ((32, 1, 10, 10), 2)
    >>> seen.assumptions
    ('relu1: ReLU as identity', 'pool1: max pooling as the mean of its window')
    """
    if node not in convolutions(net):
        raise UnknownName(
            f"seen_from_image: there is no convolution {node!r}; {nearest_names(node, convolutions(net))}."
        )
    nodes, assumptions = _linear(net, node)
    field_of = {row.name: row.receptive_field for row in net.summary().rows}[node]
    if field_of is None or max(field_of.size) > LARGEST:
        found = "unknown" if field_of is None else " x ".join(str(n) for n in field_of.size)
        raise InvalidValue(
            f"seen_from_image: a receptive field of at most {LARGEST} x {LARGEST} pixels can be judged; "
            f"that of {node!r} is {found}."
        )
    stride = tuple(max(1, round(step)) for step in field_of.stride)
    place = tuple(-(-pad // step) + 1 for pad, step in zip(field_of.padding, stride, strict=True))
    start = [i * step - pad for i, step, pad in zip(place, stride, field_of.padding, strict=True)]
    # one cell more at either side: no window of the cell reaches into any padding
    size = [
        s + length + 2 * step + pad
        for s, length, step, pad in zip(start, field_of.size, stride, field_of.padding, strict=True)
    ]
    linear = Network(
        nodes, (net.input_shape[0], *size), input_name=net.input_name, outputs=(node,), name=net.name
    )
    weight = _response(linear, node, place)
    weight = weight[:, :, start[0] : start[0] + field_of.size[0], start[1] : start[1] + field_of.size[1]]
    if channels is None and net.input is not None and net.input.channels in ("RGB", "BGR"):
        channels = net.input.channels
    table = kernel_table(
        np.ascontiguousarray(weight),
        f"{node} seen from the image",
        channels=channels if weight.shape[1] == 3 else None,
        stride=max(stride),
    )
    return SeenFromImage(node, table, assumptions)


def _linear(net: Network, last: str) -> tuple[list[Node], tuple[str, ...]]:
    """Give the nodes up to `last`, each made linear, and what that took."""
    needed, waiting = set(), [last]
    while waiting:
        name = waiting.pop()
        if name in net.nodes and name not in needed:
            needed.add(name)
            waiting += net.nodes[name].inputs
        elif name not in net.nodes and name != net.input_name:
            raise InvalidValue(f"seen_from_image: {last!r} reads {name!r}, which is not the image.")
    nodes: list[Node] = []
    instead: dict[str, str] = {}
    assumptions = []
    for name, node in net.nodes.items():
        if name not in needed:
            continue
        inputs = tuple(instead.get(source, source) for source in node.inputs)
        kind = node.layer.kind
        if kind in _AS_IDENTITY:
            instead[name] = inputs[0]
            if kind not in ("Cast", "Dropout"):
                assumptions.append(f"{name}: {kind} as identity")
        elif isinstance(node.layer, MaxPool2d) and set(node.layer.dilation) == {1}:
            nodes.append(Node(name, _mean(node.layer), inputs))
            assumptions.append(f"{name}: max pooling as the mean of its window")
        elif kind in _LINEAR:
            nodes.append(Node(name, _without_bias(node.layer), inputs))
        else:
            raise InvalidValue(f"seen_from_image: {name!r} ({kind}), before {last!r}, has no linear form.")
    return nodes, tuple(assumptions)


def _mean(layer: MaxPool2d) -> Layer:
    return AvgPool2d(
        layer.kernel_size,
        stride=layer.stride,
        padding=layer.padding,
        ceil_mode=layer.ceil_mode,
        count_include_pad=False,
    )


def _without_bias(layer: Layer) -> Layer:
    if type(layer) is not Conv2d:
        return layer
    settings = {name: getattr(layer, name) for name in ("stride", "padding", "dilation", "groups")}
    return Conv2d(layer.parameters["weight"], **settings)


def _response(linear: Network, node: str, place: tuple[int, ...]) -> Array:
    """Give the gradient of every channel's cell at `place` with respect to the image."""
    filters = linear.shapes()[node][1]
    activations = linear.run(np.zeros((filters, *linear.input_shape), linear.dtype), algorithm="direct")
    grad = np.zeros(activations[node].shape, linear.dtype)
    every = np.arange(filters)
    grad[every, every, place[0], place[1]] = 1
    return linear.backward(activations, {node: grad}, parameters=False).input
