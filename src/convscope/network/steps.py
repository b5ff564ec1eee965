"""The passes of training, step after step: once they are known, there is no Python between the kernels.

A step of a small network takes a millisecond, and finding out again what it consists of takes as long. So a
step is recorded: which kernels it calls, with which arrays. Whether that is all it does is not taken on
trust: the record must give the same bits as the layers do, for a batch it was not made with.

    step 1   layer by layer: finds room for every array
    step 2   layer by layer, and recorded
    step 3   from the record and layer by layer: are they equal, to the bit?
    step 4   from the record, and so on
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto
from operator import is_

from convscope.layers.base import Array
from convscope.network.network import Network
from convscope.network.workspace import Workspace
from convscope.ops import Randomness
from convscope.ops.prepared import recorded

__all__ = ["Steps"]

LARGEST = 64 << 20  # bytes of arrays: larger steps have no time to gain, and a record keeps all of its arrays


class _Stage(Enum):
    """What the next step is for."""

    FIRST = auto()
    RECORD = auto()
    COMPARE = auto()
    REPEAT = auto()
    PLAIN = auto()


class Steps:
    """Runs a network forward and backward for training; what it gives is good until the next step.

    Parameters
    ----------
    net : Network
        As `Network.joined` gives it.
    scores : str
        The node at which the loss is measured.

    Examples
    --------
    >>> import numpy as np
    >>> from convscope import models
    >>> net = models.lenet5()
    >>> steps = Steps(net.joined("fc3"), "fc3")
    >>> for _ in range(5):
    ...     scores, statistics = steps.forward(np.ones((2, 1, 28, 28), np.float32), None)
    ...     gradients = steps.backward(np.ones_like(scores))
    >>> scores.shape, gradients["conv1.bias"].shape
    ((2, 10), (6,))
    """

    def __init__(self, net: Network, scores: str) -> None:
        self._plain = _Plain(net, scores)
        self._record: _Record | None = None
        layers = [node.layer for node in net.nodes.values()]
        self._next = _Stage.FIRST if all(layer.repeatable for layer in layers) else _Stage.PLAIN
        self._now = self._next

    def forward(self, x: Array, random: Randomness | None) -> tuple[Array, dict[str, Array]]:
        """Give the scores of a batch, and the new running statistics."""
        record, now = self._record, self._stage_for(x)
        self._now = now
        if record is not None and now in (_Stage.COMPARE, _Stage.REPEAT):
            record.forward(x)
            if now is _Stage.REPEAT:
                return record.scores, record.statistics()
        if now is _Stage.RECORD:
            self._record = _Record(self._plain, x, random)
        else:
            self._plain.forward(x, random)
        return self._plain.scores, self._plain.statistics()

    def backward(self, gradient: Array) -> dict[str, Array]:
        """Give the gradients of the parameters, from that of the scores of the last `forward`."""
        record, now = self._record, self._now
        if record is not None and now is _Stage.REPEAT:
            return record.backward(gradient)
        if record is not None and now is _Stage.RECORD:
            self._next = _Stage.COMPARE if record.record_backward(gradient) else _Stage.PLAIN
        elif record is not None and now is _Stage.COMPARE:
            plain = self._plain
            alike = _equal(
                {"": record.scores, **record.statistics()}, {"": plain.scores, **plain.statistics()}
            )
            found = record.backward(gradient)
            alike = _equal(found, plain.backward(gradient)) and alike
            self._next = _Stage.REPEAT if alike else _Stage.PLAIN
        else:
            self._plain.backward(gradient)
            if now is _Stage.FIRST:
                self._next = _Stage.RECORD if self._plain.workspace.nbytes <= LARGEST else _Stage.PLAIN
        if self._next is _Stage.PLAIN:
            self._record = None
        elif now is _Stage.COMPARE:
            self._plain.workspace = Workspace()  # the record has the arrays of the one before
        return self._plain.gradients

    def _stage_for(self, x: Array) -> _Stage:
        """Give the stage; a batch unlike the one that was recorded is run layer by layer."""
        if self._record is None or self._next is _Stage.PLAIN:
            return self._next
        return self._next if self._record.fits(x) else _Stage.PLAIN


class _Plain:
    """Layer by layer."""

    def __init__(self, net: Network, scores: str) -> None:
        self.net, self._name = net, scores
        self.workspace = Workspace()
        self.gradients: dict[str, Array] = {}

    def forward(self, x: Array, random: Randomness | None) -> None:
        self.gradients = {}  # their memory is free now
        self.run = self.net.run(x, keep="gradients", training=True, rng=random, workspace=self.workspace)
        self.scores = self.run.output

    def backward(self, gradient: Array) -> dict[str, Array]:
        found = self.net.backward(self.run, {self._name: gradient}, inputs=False, consume=True)
        self.gradients = found.parameters
        return self.gradients

    def statistics(self) -> dict[str, Array]:
        return self.run.statistics


class _Record:
    """The kernels of one step, and the arrays they work on."""

    def __init__(self, plain: _Plain, x: Array, random: Randomness | None) -> None:
        self._plain = plain
        self._x = x.copy(order="K")
        self._parameters = tuple(plain.net.parameters.values())
        self._forward = recorded(lambda: plain.forward(self._x, random))
        self.scores = plain.scores
        layers = {name: node.layer for name, node in plain.net.nodes.items() if node.layer.statistics}
        self._measured = {name: (layer, plain.run.caches[name]) for name, layer in layers.items()}

    def record_backward(self, gradient: Array) -> bool:
        """Record the other half; say whether both can be repeated."""
        self._gradient = gradient.copy(order="K")
        self._backward = recorded(lambda: self._plain.backward(self._gradient))
        self._gradients = self._plain.gradients
        return self._forward is not None and self._backward is not None

    def fits(self, x: Array) -> bool:
        """Say whether a batch is of the recorded shape, and the parameters are still the same arrays."""
        mine, parameters = self._x, self._plain.net.parameters.values()
        alike = x.shape == mine.shape and x.dtype == mine.dtype
        return (
            alike and len(parameters) == len(self._parameters) and all(map(is_, parameters, self._parameters))
        )

    def forward(self, x: Array) -> None:
        self._x[...] = x
        assert self._forward is not None
        self._forward()

    def backward(self, gradient: Array) -> dict[str, Array]:
        self._gradient[...] = gradient
        assert self._backward is not None
        self._backward()
        return dict(self._gradients)

    def statistics(self) -> dict[str, Array]:
        return {
            f"{node}.{name}": value
            for node, (layer, cache) in self._measured.items()
            for name, value in layer.new_statistics(cache).items()
        }


def _equal(found: Mapping[str, Array], expected: Mapping[str, Array]) -> bool:
    """Say whether arrays are equal to the bit."""
    return found.keys() == expected.keys() and all(
        found[name].tobytes() == expected[name].tobytes() for name in found
    )
