"""Carrying values back from one cell of each of many images."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convscope.explain.ending import Ending, ending_of
from convscope.explain.lean import lean
from convscope.explain.part import before, up_to
from convscope.explain.target import Target, find_targets, one_each, seed_of, values_of
from convscope.network import Network, Workspace
from convscope.ops.memory import empty_channels_last

__all__ = ["Backward", "BackwardRuns", "backward_runs", "chunk_size"]

Array = NDArray[Any]


class Backward(NamedTuple):
    """What one pass forth and back gave.

    Attributes
    ----------
    grads : ndarray of shape (N, ...)
        At the node that was asked for.
    kept : ndarray of shape (N, ...)
        The values of that node; the images, where it is the input.
    targets : list of Target
    values : ndarray of shape (N,)
        The targets' values.
    """

    grads: Array
    kept: Array
    targets: list[Target]
    values: Array


class BackwardRuns:
    """Runs a network on images up to a target's node, and carries a value back from each image's target.

    Parameters
    ----------
    net : Network
    node : str
        Where the targets lie.
    to : str, optional
        Where the way back ends; the input when left out.
    algorithm : str
        How convolutions are computed.
    who : str
        Who asks, for messages.
    """

    def __init__(self, net: Network, node: str, to: str | None = None, *, algorithm: str, who: str) -> None:
        self._net, self._algorithm, self._who = net, algorithm, who
        self._to = net.input_name if to is None else to
        self._ending = _ending(net, node, self._to)
        end = node if self._ending is None else self._ending.reads
        names = (end,) if self._to in (end, net.input_name) else (end, self._to)
        self._body = lean(up_to(net, names), names)
        self._workspace = Workspace()
        self.chunk = chunk_size(self._body)

    def __call__(self, x: Array, target: Any, rule: str = "gradient", *, weighted: bool = False) -> Backward:
        """Carry 1, or if `weighted` the target's own value, back from the target of each image.

        Parameters
        ----------
        x : ndarray of shape (N, C, H, W)
        target : int, str, None or Target, or one for each image
        rule : str
            How a ReLU passes it on.
        weighted : bool

        Returns
        -------
        Backward
            Its arrays hold until the next call.
        """
        run = self._body.run(x, keep="gradients", algorithm=self._algorithm, workspace=self._workspace)
        if self._ending is None:
            targets = find_targets(self._net, target, run, self._who)
            values = values_of(targets, run)
            seeds = seed_of(targets, run, values if weighted else None)
        else:
            end = run[self._ending.reads]
            targets = self._ending.aimed(self._net, target, end, self._algorithm, self._who)
            grad, values = self._ending.back(end, targets, weighted, rule, self._algorithm)
            seeds = {self._ending.reads: grad}
        kept = x if self._to == self._net.input_name else run[self._to]
        found = self._body.backward(run, seeds, rule, parameters=False, to=(self._to,), consume=True)
        grads = (found.inputs if self._to == self._net.input_name else found.nodes).get(self._to)
        return Backward(np.zeros_like(kept) if grads is None else grads, kept, targets, values)

    def chunks(self, x: Array, target: Any, rule: str, *, weighted: bool = False) -> Iterator[Backward]:
        """Go through any number of images, a few at a time."""
        aims = one_each(target, len(x), self._who)
        for first in range(0, len(x), self.chunk):
            here = slice(first, first + self.chunk)
            yield self(x[here], aims[here], rule, weighted=weighted)

    def arrays(self, x: Array, target: Any, rule: str, *, weighted: bool = False) -> Backward:
        """Give what comes out at the input for any number of images, in an array of its own."""
        grads = empty_channels_last(x.shape, x.dtype)
        targets: list[Target] = []
        values = []
        for found in self.chunks(x, target, rule, weighted=weighted):
            grads[len(targets) : len(targets) + len(found.targets)] = found.grads
            targets += found.targets
            values.append(found.values)
        return Backward(grads, x, targets, np.concatenate(values))


def _ending(net: Network, node: str, to: str) -> Ending | None:
    """Give the ending at a node, where what is wanted lies before it."""
    ending = None if net.more_inputs else ending_of(net, node)
    if ending is None or to == net.input_name or to in before(net, ending.reads):
        return ending
    return None


def chunk_size(net: Network, memory: int = 1 << 26) -> int:
    """Give how many images' activations fit into `memory` bytes, some times what caches hold; at least 1."""
    values = sum(int(np.prod(shape[1:])) for shape in net.shapes().values())
    return max(1, memory // max(values * net.dtype.itemsize, 1))


def backward_runs(
    net: Network, node: str, to: str | None = None, *, algorithm: str, who: str
) -> AbstractContextManager[BackwardRuns]:
    """Borrow `BackwardRuns` that the network keeps: who explains many images prepares it once."""
    key = "backward runs", node, to, algorithm, who
    return net.borrowed(key, lambda: BackwardRuns(net, node, to, algorithm=algorithm, who=who))
