"""The kernels of a network, judged: layer by layer, and as seen from the image."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, overload

import numpy as np

from convscope.errors import InvalidValue, UnknownName, nearest_names
from convscope.kernels import KernelTable, judge
from convscope.layers import Conv2d
from convscope.layers.base import Array
from convscope.network import Network
from convscope.result import Result

__all__ = ["KernelTables", "convolutions", "count_not_finite", "kernel_table", "reads_image", "weight_of"]

LARGEST = 31
# layers that leave every channel what it is, so that the next one still sees colours
_KEEPS_CHANNELS = {"BatchNorm", "Cast", "Dropout", "Pad2d", "PadAxes"}


@dataclass(frozen=True)
class KernelTables(Result, Mapping[str, KernelTable]):
    """The tables of several layers, by name, in the order of the network.

    Attributes
    ----------
    tables : dict of str to KernelTable
    left_out : dict of str to str
        Layers that were not judged, and why.
    """

    tables: dict[str, KernelTable] = field(repr=False)
    left_out: dict[str, str]

    def __getitem__(self, node: str) -> KernelTable:
        if node not in self.tables:
            raise UnknownName(
                f"KernelTables: there is no table of {node!r}; {nearest_names(node, self.tables)}."
            )
        return self.tables[node]

    def __iter__(self) -> Iterator[str]:
        return iter(self.tables)

    def __len__(self) -> int:
        return len(self.tables)


@overload
def kernel_table(
    net_or_weight: Network, node: str, *, channels: str | None = None, stride: int | None = None
) -> KernelTable: ...
@overload
def kernel_table(
    net_or_weight: Network | Mapping[str, Any],
    node: None = None,
    *,
    channels: str | None = None,
    stride: int | None = None,
) -> KernelTables: ...
@overload
def kernel_table(
    net_or_weight: Array, node: str | None = None, *, channels: str | None = None, stride: int | None = None
) -> KernelTable: ...
@overload
def kernel_table(
    net_or_weight: Any, node: str | None = None, *, channels: str | None = None, stride: int | None = None
) -> KernelTable | KernelTables: ...
def kernel_table(
    net_or_weight: Any, node: str | None = None, *, channels: str | None = None, stride: int | None = None
) -> KernelTable | KernelTables:
    """Say of every filter of a layer, or of every layer, what kind of filter it is.

    In a deeper layer a filter has a pattern for every input channel; what is judged is the
    dominant one (the first mode of its singular value decomposition), with its share of the
    energy and those of the next modes in `channel_shares`. Frequencies are in cycles per cell of
    the layer's input; what the image makes of them is `convscope.explain.seen_from_image`.

    Parameters
    ----------
    net_or_weight : Network, mapping of str to array, or array_like
        A weight is (C_out, C_in, kH, kW); a filter (C, kH, kW) or a kernel (kH, kW) makes a table
        of one. Of a mapping, such as a file of weights gives, the 4-D arrays are judged.
    node : str, optional
        A convolution of the network (or a name of the mapping); by default all of them.
    channels : "RGB" or "BGR", optional
        What the channels of the image are. By default what `net.input` says. It serves the layers
        that read the image itself.
    stride : int, optional
        By default the network's (the larger of the two), 1 without a network.

    Returns
    -------
    KernelTable, or KernelTables where several layers are judged

    Raises
    ------
    UnknownName
        If there is no such node.
    InvalidValue
        If the node is no convolution, the network has none, or a kernel is larger than 31 x 31.

    Examples
    --------
    >>> import convscope as cs
    >>> tables = kernel_table(cs.models.small_cnn(seed=0))
    >>> {name: len(table) for name, table in tables.items()}
    {'conv1': 16, 'conv2': 32}
    >>> kernel_table(cs.bank["prewitt-x"].array).counts
    {'edge': 1}
    """
    if isinstance(net_or_weight, Network):
        weights = _of_network(net_or_weight, channels, stride)
    elif isinstance(net_or_weight, Mapping):
        weights = _of_mapping(net_or_weight, channels, stride)
    else:
        array = np.asarray(net_or_weight)
        if array.ndim in (2, 3):
            array = array.reshape(1, *(1,) * (3 - array.ndim), *array.shape)
        return _judge(_Weight(array, channels, stride or 1, node or ""))
    if node is not None:
        return _judge(_chosen(net_or_weight, weights, node))
    tables, left_out = {}, {}
    for name, weight in weights.items():
        if max(weight.array.shape[2:]) > LARGEST:
            left_out[name] = f"its kernels are larger than {LARGEST} x {LARGEST}"
        elif bad := count_not_finite(weight.array):
            left_out[name] = f"{bad:,} of its {weight.array.size:,} weights are NaN or infinite"
        else:
            tables[name] = _judge(weight)
    return KernelTables(tables, left_out)


@dataclass(frozen=True, eq=False)
class _Weight:
    array: Array
    channels: str | None
    stride: int
    name: str


def _judge(weight: _Weight) -> KernelTable:
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it has no types

    # the products are small: threads of the BLAS would mostly wait for each other
    with threadpool_limits(1, user_api="blas"):
        return judge(weight.array, weight.channels, weight.stride, node=weight.name)


def count_not_finite(weight: Array) -> int:
    """Count the weights that are NaN or infinite."""
    # one pass: a sum is finite only if all of it is, overflow aside
    if weight.dtype.kind != "f" or np.isfinite(weight.sum(dtype=np.float64)):
        return 0
    return int(weight.size - np.isfinite(weight).sum())


def convolutions(net: Network) -> dict[str, Conv2d]:
    """Give the network's convolutions, by node name."""
    return {name: node.layer for name, node in net.nodes.items() if isinstance(node.layer, Conv2d)}


def weight_of(net_or_weights: Network | Mapping[str, Any], node: str) -> Array:
    """Give the weight (C_out, C_in, kH, kW) of one layer, without judging it.

    Raises
    ------
    UnknownName, InvalidValue
        As `kernel_table`.
    """
    if isinstance(net_or_weights, Network):
        return _chosen(net_or_weights, _of_network(net_or_weights, None, None), node).array
    return _chosen(net_or_weights, _of_mapping(net_or_weights, None, None), node).array


def reads_image(net: Network, node: str) -> bool:
    """Say whether a node sees the image's own channels, perhaps scaled or padded."""
    source = net.nodes[node].inputs[0]
    while source in net.nodes and net.nodes[source].layer.kind in _KEEPS_CHANNELS:
        source = net.nodes[source].inputs[0]
    return source == net.input_name


def _of_network(net: Network, channels: str | None, stride: int | None) -> dict[str, _Weight]:
    if channels is None and net.input is not None and net.input.channels in ("RGB", "BGR"):
        channels = net.input.channels
    weights = {}
    for name, layer in convolutions(net).items():
        array = layer.parameters["weight"]
        coloured = array.shape[1] == 3 and reads_image(net, name)
        step = max(layer.stride) if stride is None else stride
        weights[name] = _Weight(array, channels if coloured else None, step, name)
    if not weights:
        raise InvalidValue("kernel_table: the network must have a convolution; it has none.")
    return weights


def _of_mapping(arrays: Mapping[str, Any], channels: str | None, stride: int | None) -> dict[str, _Weight]:
    weights = {}
    for name, value in arrays.items():
        array = np.asarray(value)
        if array.ndim == 4 and array.size and array.dtype.kind in "fiu":
            weights[name] = _Weight(array, channels if array.shape[1] == 3 else None, stride or 1, name)
    if not weights:
        shapes = ", ".join(f"{name} {np.shape(value)}" for name, value in list(arrays.items())[:6])
        raise InvalidValue(
            f"kernel_table: one array must be (C_out, C_in, kH, kW); got {shapes or 'no arrays'}."
        )
    return weights


def _chosen(source: Any, weights: dict[str, _Weight], node: str) -> _Weight:
    if node in weights:
        return weights[node]
    if isinstance(source, Network) and node in source.nodes:
        kind = source.nodes[node].layer.kind
        near = nearest_names(node, weights)
        raise InvalidValue(f"kernel_table: the node must be a convolution; {node!r} is {kind}; {near}.")
    raise UnknownName(f"kernel_table: there is no convolution {node!r}; {nearest_names(node, weights)}.")
