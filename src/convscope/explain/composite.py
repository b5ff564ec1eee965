"""The one convolution that several are together, where nothing bends between them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope.errors import InvalidValue, UnknownName, nearest_names
from convscope.geometry import resolve_padding
from convscope.kernels import Verdict, verdict
from convscope.layers import Layer
from convscope.network import Network
from convscope.result import Result

__all__ = ["CompositeKernel", "composite_kernel"]

Array = NDArray[Any]
_LARGEST = 31
_MOST = 20_000_000  # weights of the composed filters


@dataclass(frozen=True, eq=False)
class CompositeKernel(Result):
    """One convolution that equals a chain of layers, away from the edges.

    Attributes
    ----------
    source : str
        The node whose cells it reads.
    node : str
        The node whose cells it makes.
    through : tuple of str
        The layers that it stands for, in order.
    weight : ndarray of shape (C_out, C_in, kH, kW), float64
    bias : ndarray of shape (C_out,), float64
    stride : (int, int)
    padding : (int, int)
        Cells by which the first window begins before the map, rows and columns.
    """

    source: str
    node: str
    through: tuple[str, ...]
    weight: Array = field(repr=False)
    bias: Array = field(repr=False)
    stride: tuple[int, int]
    padding: tuple[int, int]

    def verdict(self, channel: int) -> Verdict:
        """Judge the composed filter of one output channel.

        Raises
        ------
        InvalidValue
            If there is no such channel, or the filter is larger than 31x31.
        """
        if not 0 <= channel < len(self.weight):
            raise InvalidValue(
                f"composite_kernel: the channel must be from 0 to {len(self.weight) - 1}; got {channel}."
            )
        return verdict(self.weight[channel], stride=max(self.stride))


def composite_kernel(net: Network, node: str, source: str | None = None) -> CompositeKernel:
    """Compose the convolutions, norms and mean poolings that lead to a node into one convolution.

    Parameters
    ----------
    net : Network
    node : str
    source : str, optional
        Where to begin; by default as far up as no activation, maximum, branch or dense layer lies
        between.

    Raises
    ------
    UnknownName
        If a node does not exist.
    InvalidValue
        If something that is no convolution lies between, or the filters would be too large.

    Notes
    -----
    At the edges padding of the later layers is 0 where the composed convolution would see what the
    earlier layers make of their own padding; there the two differ.

    Examples
    --------
    >>> import convscope as cs
    >>> net = cs.models.small_cnn()
    >>> composite_kernel(net, "conv2").through
    ('bn1', 'conv2')
    """
    for name in (node,) if source is None else (node, source):
        if name not in net.nodes and name != net.input_name:
            known = nearest_names(name, [net.input_name, *net.nodes])
            raise UnknownName(f"composite_kernel: there is no node {name!r}; {known}.")
    chain = _chain(net, node, source)
    shapes = net.shapes()
    channels = shapes[chain[0][1]][1]
    found = CompositeKernel(
        chain[0][1],
        node,
        tuple(name for name, _ in chain),
        np.eye(channels)[:, :, None, None],
        np.zeros(channels),
        (1, 1),
        (0, 0),
    )
    for name, before in chain:
        found = _then(found, net.nodes[name].layer, shapes[before][1:])
    return found


def _chain(net: Network, node: str, source: str | None) -> list[tuple[str, str]]:
    """List the nodes from `source` to `node`, each with the one it reads."""
    chain: list[tuple[str, str]] = []
    name = node
    while name not in (source, net.input_name) and net.nodes[name].layer.kind in _CONVOLUTIONS:
        (before,) = net.nodes[name].inputs
        chain.insert(0, (name, before))
        name = before
    if source is not None and name != source:
        what = "the input" if name == net.input_name else f"{name}, a {net.nodes[name].layer.kind},"
        raise InvalidValue(
            f"composite_kernel: only convolutions, batch norms and mean poolings may lie between "
            f"{source} and {node}; on the way up comes {what} first."
        )
    if not chain:
        raise InvalidValue(
            f"composite_kernel: {node} must be a convolution, a batch norm or a mean pooling; "
            f"it is {'the input' if node == net.input_name else 'a ' + net.nodes[node].layer.kind}."
        )
    return chain


def _then(first: CompositeKernel, layer: Layer, shape: tuple[int, ...]) -> CompositeKernel:
    """Let one more layer follow: out[o] = sum over m, u of second[o, m, u] * first[m, place + u*stride]."""
    weight, bias = _CONVOLUTIONS[layer.kind](layer, len(first.weight))
    windows = layer.window()
    assert windows is not None
    steps = [windows[axis].dilation * first.stride[axis] for axis in (0, 1)]
    size = [first.weight.shape[2 + a] + (weight.shape[2 + a] - 1) * steps[a] for a in (0, 1)]
    channels = (weight.shape[0], first.weight.shape[1])
    if channels[0] * channels[1] * size[0] * size[1] > _MOST:
        raise InvalidValue(
            f"composite_kernel: the composed filters must have at most {_MOST:,} weights; "
            f"got {channels[0]}x{channels[1]}x{size[0]}x{size[1]}."
        )
    total = np.zeros((*channels, *size))
    height, width = first.weight.shape[2:]
    for u in range(weight.shape[2]):
        for v in range(weight.shape[3]):
            part = np.tensordot(weight[:, :, u, v], first.weight, 1)
            rows, columns = u * steps[0], v * steps[1]
            total[:, :, rows : rows + height, columns : columns + width] += part
    before = [
        resolve_padding(w.padding, shape[1 + a], w.kernel, w.stride, w.dilation)[0]
        for a, w in enumerate(windows)
    ]
    return CompositeKernel(
        first.source,
        first.node,
        first.through,
        total,
        bias + weight.sum(axis=(2, 3)) @ first.bias,
        (first.stride[0] * windows[0].stride, first.stride[1] * windows[1].stride),
        (
            first.padding[0] + before[0] * first.stride[0],
            first.padding[1] + before[1] * first.stride[1],
        ),
    )


def _dense(layer: Layer, channels: int) -> tuple[Array, Array]:
    """Write the filters of all groups over all input channels."""
    weight = layer.parameters["weight"].astype(np.float64)
    filters, depth = weight.shape[:2]
    full = np.zeros((filters, channels, *weight.shape[2:]))
    per_group = filters * depth // channels
    for filter_ in range(filters):
        first = filter_ // per_group * depth
        full[filter_, first : first + depth] = weight[filter_]
    bias = layer.parameters.get("bias")
    return full, np.zeros(filters) if bias is None else bias.astype(np.float64)


def _norm(layer: Layer, channels: int) -> tuple[Array, Array]:
    values = {**layer.parameters, **layer.statistics}
    weight, bias, mean, var = (
        values[name].astype(np.float64) for name in ("weight", "bias", "running_mean", "running_var")
    )
    slope = weight / np.sqrt(var + layer.settings()["eps"])
    return np.diag(slope)[:, :, None, None], bias - mean * slope


def _scale(layer: Layer, channels: int) -> tuple[Array, Array]:
    weight, bias = (layer.parameters[name].astype(np.float64) for name in ("weight", "bias"))
    return np.diag(weight)[:, :, None, None], bias


def _mean(layer: Layer, channels: int) -> tuple[Array, Array]:
    height, width = layer.settings()["kernel_size"]
    box = np.full((1, 1, height, width), 1 / (height * width))
    return np.eye(channels)[:, :, None, None] * box, np.zeros(channels)


def _nothing(layer: Layer, channels: int) -> tuple[Array, Array]:
    return np.eye(channels)[:, :, None, None], np.zeros(channels)


_CONVOLUTIONS = {
    "AvgPool2d": _mean,
    "BatchNorm": _norm,
    "ChannelScale": _scale,
    "Conv2d": _dense,
    "Dropout": _nothing,
    "TableConv2d": _dense,
}
