"""Which nodes of a network hold features, and how strongly each feature responds to images."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope.errors import DtypeError, InvalidValue, UnknownName, nearest_names
from convscope.explain.labelled import Images, Progress
from convscope.network import Network
from convscope.network.graph import consumers

__all__ = ["by_channel", "checked_nodes", "feature_nodes", "responses"]

_MAKING = ("Conv2d", "ConvNd", "ConvTranspose2d", "ConvTransposeNd", "Linear", "MatMul", "TableConv2d")
# what belongs to the layer before it: norms and activations
_SHAPING = (
    "BatchNorm", "CELU", "ChannelScale", "Clip", "Dropout", "ELU", "GELU", "GroupNorm", "Hardsigmoid",
    "Hardswish", "InstanceNorm", "LeakyReLU", "Mish", "PReLU", "ReLU", "SELU", "SiLU", "Sigmoid", "Softplus",
    "Softsign", "Tanh",
)  # fmt: skip


def feature_nodes(net: Network) -> tuple[str, ...]:
    """Name the nodes whose channels are the network's features: each layer after its norm and activation.

    The class scores are no features.

    Examples
    --------
    >>> import convscope as cs
    >>> feature_nodes(cs.models.lenet5())
    ('relu1', 'relu2', 'relu3', 'relu4')
    """
    readers = consumers(net.nodes)
    answers = {_maker_of_answer(net, name) for name in net.outputs}
    found = []
    for name, node in net.nodes.items():
        if node.layer.kind not in _MAKING:
            continue
        chain = [name]
        while len(readers[chain[-1]]) == 1 and net.nodes[readers[chain[-1]][0]].layer.kind in _SHAPING:
            chain.append(readers[chain[-1]][0])
        if name not in answers:
            found.append(chain[-1])
    return tuple(found)


def _maker_of_answer(net: Network, name: str) -> str:
    """Go up from an output to the layer that makes it, through softmax, pooling and flattening."""
    while net.nodes[name].layer.kind not in _MAKING and net.nodes[name].inputs[0] in net.nodes:
        name = net.nodes[name].inputs[0]
    return name


def checked_nodes(net: Network, nodes: str | Sequence[str] | None, who: str) -> tuple[str, ...]:
    """Take names of nodes, or all that hold features."""
    if nodes is None:
        found = feature_nodes(net)
        if not found:
            raise InvalidValue(f"{who}: the network must have a hidden layer with features; name nodes.")
        return found
    names = tuple(nodes) if isinstance(nodes, Iterable) and not isinstance(nodes, str) else (nodes,)
    if not all(isinstance(name, str) for name in names):
        raise DtypeError(
            f"{who}: a node must be given by its name, several as a list of names; got {nodes!r}."
        )
    known = (net.input_name, *net.nodes)
    for name in names:
        if name not in known:
            raise UnknownName(f"{who}: there is no node {name!r}; {nearest_names(name, known)}.")
    if not names:
        raise InvalidValue(f"{who}: there must be at least one node; got none.")
    return names


def by_channel(values: NDArray[Any]) -> NDArray[Any]:
    """Give each channel's largest value, (N, C), of maps (N, C, H, W) or of a vector (N, C) itself.

    Examples
    --------
    >>> by_channel(np.arange(8.0).reshape(1, 2, 2, 2))
    array([[3., 7.]])
    """
    return values if values.ndim <= 2 else values.max(axis=tuple(range(2, values.ndim)))


def responses(
    net: Network,
    images: Images,
    nodes: Iterable[str],
    *,
    part: NDArray[np.int64] | None = None,
    batch_size: int = 64,
    progress: Progress | None = None,
) -> Mapping[str, NDArray[Any]]:
    """Give each channel's largest value on each image, in one pass.

    Parameters
    ----------
    net : Network
    images : Images
    nodes : iterable of str
    part : ndarray of int64, optional
        Which images; all of them when left out.
    batch_size : int
    progress : callable, optional
        Told (images done, images).

    Returns
    -------
    dict of str to ndarray of shape (N, C)
        A vector stays what it is.
    """
    names = tuple(dict.fromkeys(nodes))
    total = len(images) if part is None else len(part)
    shapes = net.shapes()
    found = {name: np.empty((total, shapes[name][1]), net.dtype) for name in names}
    done = 0
    for x in images.batches(batch_size, part):
        run = net.run(x, keep=names, algorithm="direct")
        for name, rows in found.items():
            rows[done : done + len(x)] = by_channel(run[name])
        done += len(x)
        if progress is not None:
            progress(done, total)
    return found
