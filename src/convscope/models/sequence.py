"""A network of layers one after the other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from convscope.errors import DtypeError
from convscope.layers import Layer
from convscope.models.builder import Builder
from convscope.models.initialise import Promise
from convscope.network import Network

__all__ = ["Item", "sequential"]

#: A layer, a promise of one, or either with its name
Item = Layer | Promise | tuple[str, Layer | Promise]

_SHORT = {
    "Conv2d": "conv",
    "TableConv2d": "conv",
    "Linear": "fc",
    "MaxPool2d": "pool",
    "AvgPool2d": "pool",
    "GlobalAvgPool2d": "pool",
    "BatchNorm": "bn",
    "ChannelScale": "scale",
}


def sequential(
    layers: Iterable[Item],
    input_shape: Sequence[int],
    *,
    seed: int = 0,
    name: str = "",
    **settings: Any,
) -> Network:
    """Build a network of layers one after the other.

    Parameters
    ----------
    layers : iterable of layers, promised layers, or (name, layer) pairs
        `models.conv2d`, `models.linear` and `models.batch_norm` promise layers whose input
        channels follow from what is before them. Without a name, layers are called conv1, relu1,
        pool1, conv2 ...
    input_shape : (C, H, W) or (features,)
    seed : int
        Of the drawn weights.
    name : str
    **settings
        Further arguments of `Network`: input, classes.

    Examples
    --------
    >>> from convscope.layers import Flatten, MaxPool2d, ReLU
    >>> from convscope.models import conv2d, linear
    >>> net = sequential([conv2d(4, 3), ReLU(), MaxPool2d(2), Flatten(), linear(10)], (1, 8, 8))
    >>> list(net.nodes)
    ['conv1', 'relu1', 'pool1', 'flatten1', 'fc1']
    >>> net.parameters["fc1.weight"].shape
    (10, 36)
    """
    build = Builder(input_shape, seed)
    counts: dict[str, int] = {}
    source = build.input_name
    for item in layers:
        given, layer = item if isinstance(item, tuple) else ("", item)
        if not isinstance(layer, Layer | Promise):
            raise DtypeError(f"sequential: an item must be a layer or (name, layer); got {item!r}.")
        short = _SHORT.get(layer.kind, layer.kind.lower())
        counts[short] = counts.get(short, 0) + 1
        source = build.add(given or f"{short}{counts[short]}", layer, source)
    return build.network(name, **settings)
