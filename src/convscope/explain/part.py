"""The part of a network that some nodes depend on."""

from __future__ import annotations

from convscope.network import Network
from convscope.network.graph import consumers

__all__ = ["before", "rectified", "up_to"]


def before(net: Network, *names: str) -> list[str]:
    """Name the nodes that some nodes depend on, these included, in the order of computation.

    Examples
    --------
    >>> import convscope as cs
    >>> before(cs.models.lenet5(), "pool1")
    ['conv1', 'relu1', 'pool1']
    """
    found = set(names)
    for name in reversed([*net.nodes]):
        if name in found:
            found.update(net.nodes[name].inputs)
    return [name for name in net.nodes if name in found]


def up_to(net: Network, names: tuple[str, ...]) -> Network:
    """Give the part of a network that the nodes depend on; its layers are the same objects."""
    needed = set(before(net, *names))
    read = {name for node in needed for name in net.nodes[node].inputs}
    return Network(
        (node for node in net.nodes.values() if node.name in needed),
        net.input_shape,
        input_name=net.input_name,
        outputs=names,
        name=net.name,
        input=net.input,
        more_inputs={other: shape for other, shape in net.more_inputs.items() if other in read},
        dtype=net.dtype,
    )


def rectified(net: Network, kept: tuple[str, ...]) -> dict[str, str]:
    """Name each convolution that a ReLU alone reads, and that ReLU; what is kept keeps its own value.

    Examples
    --------
    >>> import convscope as cs
    >>> rectified(cs.models.lenet5(), ())
    {'conv1': 'relu1', 'conv2': 'relu2'}
    """
    readers = consumers(net.nodes)
    return {
        name: readers[name][0]
        for name, node in net.nodes.items()
        if node.layer.kind == "Conv2d"
        and name not in kept
        and len(readers[name]) == 1
        and net.nodes[readers[name][0]].layer.kind == "ReLU"
    }
