"""The part of a network after one node, run again with that node's output changed."""

from __future__ import annotations

from collections.abc import Mapping

from convscope.errors import UnknownName, nearest_names
from convscope.layers.base import Array
from convscope.network import Network, passes

__all__ = ["Tail"]


class Tail:
    """Everything of a network that depends on one node.

    Parameters
    ----------
    net : Network
    node : str
        The node whose output is to be changed; the network's input is one too.
    who : str
        Begins the message of an error.

    Attributes
    ----------
    sources : tuple of str
        The arrays that the part reads from outside, the node's own first: what `Network.run` must keep.

    Raises
    ------
    UnknownName
        If there is no such node.

    Examples
    --------
    >>> import numpy as np
    >>> import convscope as cs
    >>> net = cs.models.small_cnn()
    >>> tail = Tail(net, "relu2", "example")
    >>> before = net.run(cs.data.digits().x[:2], keep=tail.sources)
    >>> again = tail.run({"relu2": before["relu2"]}, "fc")
    >>> np.array_equal(again, before.output)
    True
    """

    def __init__(self, net: Network, node: str, who: str) -> None:
        known = (net.input_name, *net.nodes)
        if node not in known:
            raise UnknownName(f"{who}: there is no node {node!r}; {nearest_names(node, known)}.")
        after = {node}
        self._nodes = {}
        for name, one in net.nodes.items():
            if name != node and after.intersection(one.inputs):
                after.add(name)
                self._nodes[name] = one
        self.node = node
        inside = set(self._nodes)
        read = (name for one in self._nodes.values() for name in one.inputs)
        self.sources = tuple(dict.fromkeys((node, *(name for name in read if name not in inside))))

    def __contains__(self, name: str) -> bool:
        return name == self.node or name in self._nodes

    def run(self, arrays: Mapping[str, Array], wanted: str, algorithm: str = "direct") -> Array:
        """Compute one node of the part from the arrays it reads.

        Parameters
        ----------
        arrays : mapping of str to ndarray
            Each of `sources`.
        wanted : str
            A node of the part.
        """
        if wanted == self.node:
            return arrays[self.node]
        found, _, _ = passes.forward(
            self._nodes,
            {name: arrays[name] for name in self.sources},
            outputs=(wanted,),
            keep=frozenset((wanted,)),
            training=False,
            random=None,
            algorithm=algorithm,
            workspace=None,
            keep_caches=False,
        )
        return found[wanted]
