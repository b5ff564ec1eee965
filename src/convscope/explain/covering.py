"""Running a network on images that differ from one known image in a rectangle each: only what changes.

    the image      conv, 3x3        pooling, 2x2 by 2
    . . . . . .    . . . . . .      . . .
    . # # . . .    o o o o . .      o o .       # covered
    . # # . . .    o o o o . .      o o .       o computed again
    . . . . . .    o o o o . .      . . .       . taken from the run of the whole image
    . . . . . .    . . . . . .

Of every node the rectangle of cells that can change is computed, from a patch of its input in which the
rest of the known image stands; padding is written out as it would be seen. Sums have the same terms in
the same order, so that the values are those of whole runs. The rectangles of a batch have one size.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convscope.explain.part import up_to
from convscope.geometry import resolve_padding
from convscope.layers import AvgPool2d, Conv2d, Layer, MaxPool2d
from convscope.layers.base import Context, Window
from convscope.network import Activations, Network, Node
from convscope.network.graph import consumers
from convscope.ops import PackedConv2d, avg_pool2d, max_pool2d
from convscope.ops.memory import empty_channels_last

__all__ = ["CoveredRuns"]

Array = NDArray[Any]
Box = tuple[int, int, int, int]

# One cell of the output reads the same cell of each input, whatever the channel
_CELL_BY_CELL = (
    "Add", "BatchNorm", "CELU", "ChannelScale", "Clip", "Dropout", "ELU", "GELU", "Hardsigmoid", "Hardswish",
    "LeakyReLU", "LocalResponseNorm", "Mish", "PReLU", "ReLU", "SELU", "SiLU", "Sigmoid", "Softplus",
    "Softsign", "Tanh",
)  # fmt: skip
# Beyond this share of a map it is computed whole
_WHOLE = 0.7


class _Changed(NamedTuple):
    """The cells of a node that may differ from the known image's, for each image of a batch."""

    values: Array  # (N, C, h, w)
    tops: Array  # (N,)
    lefts: Array


class _Step(NamedTuple):
    """A node, or a convolution with the rectifier that alone reads it, and what it computes on a patch.

    `compute` is None where the layer needs whole maps.
    """

    node: Node
    inputs: tuple[str, ...]
    windows: tuple[Window, Window]
    beyond: float
    compute: Callable[..., Array] | None


class CoveredRuns:
    """Runs a network on copies of one image, each covered in a box.

    Parameters
    ----------
    net : Network
    activations : Activations
        Of the image, a batch of one that kept everything.
    nodes : sequence of str
        What is wanted of each run.
    algorithm : str
        How convolutions are computed, the same as for `activations`.
    """

    def __init__(self, net: Network, activations: Activations, nodes: Sequence[str], algorithm: str) -> None:
        self._base, self._nodes = activations, tuple(nodes)
        self._input, self._algorithm = net.input_name, algorithm
        self._steps = _steps(up_to(net, self._nodes), self._nodes, algorithm)

    def __call__(self, boxes: Sequence[Box], fill: float) -> dict[str, Array]:
        """Give the wanted nodes' values, (N, ...), of the image covered in each box."""
        state: dict[str, _Changed] = {self._input: self._covered(boxes, fill)}
        for step in self._steps:
            if any(name in state for name in step.inputs):
                state[step.node.name] = self._run(step, state, len(boxes))
        return {name: self._whole(name, state, len(boxes)) for name in self._nodes}

    def _covered(self, boxes: Sequence[Box], fill: float) -> _Changed:
        """Cut a rectangle around each box, all of one size, and fill the box."""
        image = self._base[self._input]
        ends = np.array(boxes)
        rows, columns = (_common(ends[:, axis], ends[:, axis + 2], image.shape[2 + axis]) for axis in (0, 1))
        values = empty_channels_last((len(boxes), image.shape[1], rows[1], columns[1]), image.dtype)
        for index, (top, left, bottom, right) in enumerate(boxes):
            y, x = rows[0][index], columns[0][index]
            values[index] = image[0, :, y : y + rows[1], x : x + columns[1]]
            values[index, :, top - y : bottom - y, left - x : right - x] = fill
        return _Changed(values, rows[0], columns[0])

    def _run(self, step: _Step, state: dict[str, _Changed], count: int) -> _Changed:
        shape = self._base[step.node.name].shape[1:]
        if step.compute is None or len(shape) != 3:
            inputs = [self._whole(name, state, count) for name in step.inputs]
            context = Context(algorithm=self._algorithm, name=step.node.name)
            zeros = np.zeros(count, np.int64)
            return _Changed(step.node.layer.forward(*inputs, context=context)[0], zeros, zeros)
        regions = [self._region(step, state, axis, shape[1 + axis]) for axis in (0, 1)]
        if regions[0][1] * regions[1][1] > _WHOLE * shape[1] * shape[2]:
            regions = [(np.zeros(count, np.int64), length) for length in shape[1:]]
        (tops, high), (lefts, wide) = regions
        places = [
            _read(window, start, size, self._base[step.inputs[0]].shape[2 + axis])
            for axis, (window, start, size) in enumerate(
                zip(step.windows, (tops, lefts), (high, wide), strict=True)
            )
        ]
        patches = [self._patch(name, state, places, step.beyond) for name in step.inputs]
        return _Changed(step.compute(*patches), tops, lefts)

    def _region(self, step: _Step, state: dict[str, _Changed], axis: int, length: int) -> tuple[Array, int]:
        """Give where along an axis the output may change: the first cell for each image, and how many."""
        window, size = step.windows[axis], self._base[step.inputs[0]].shape[2 + axis]
        before, _ = resolve_padding(window.padding, size, window.kernel, window.stride, window.dilation)
        first, last = [], []
        for name in step.inputs:
            if name in state:
                start = state[name][1 + axis]
                end = start + state[name].values.shape[2 + axis] - 1
                reach = (window.kernel - 1) * window.dilation
                first.append(-(-(start + before - reach) // window.stride))
                last.append((end + before) // window.stride)
        low = np.clip(np.min(first, axis=0), 0, length - 1)
        high = np.clip(np.max(last, axis=0), low, length - 1)
        return _common(low, high + 1, length)

    def _patch(
        self, name: str, state: dict[str, _Changed], places: list[tuple[Array, int]], beyond: float
    ) -> Array:
        """Give what the cells read of one input: the known image's values, the changed ones over them."""
        base, (tops, high), (lefts, wide) = self._base[name], *places
        patch = empty_channels_last((len(tops), base.shape[1], high, wide), base.dtype)
        changed = state.get(name)
        for index in range(len(tops)):
            place = int(tops[index]), int(lefts[index])
            if not _lay(patch[index], place, base[0], (0, 0), covers=True):
                patch[index] = beyond
                _lay(patch[index], place, base[0], (0, 0))
            if changed is not None:
                start = int(changed.tops[index]), int(changed.lefts[index])
                _lay(patch[index], place, changed.values[index], start)
        return patch

    def _whole(self, name: str, state: dict[str, _Changed], count: int) -> Array:
        """Give a node's whole values, (N, ...)."""
        base = self._base[name]
        if name not in state:
            return np.repeat(base, count, axis=0)
        changed = state[name]
        if changed.values.shape[1:] == base.shape[1:]:
            return changed.values
        whole = empty_channels_last((count, *base.shape[1:]), base.dtype)
        whole[...] = base
        for index in range(count):
            start = int(changed.tops[index]), int(changed.lefts[index])
            _lay(whole[index], (0, 0), changed.values[index], start)
        return whole


def _steps(part: Network, wanted: Sequence[str], algorithm: str) -> list[_Step]:
    """Plan every node; a rectifier that alone reads a convolution is computed with it."""
    readers = consumers(part.nodes)
    steps: list[_Step] = []
    joined: dict[str, Node] = {}
    for node in part.nodes.values():
        if node.inputs[0] in joined and node.layer.kind == "ReLU":
            source = joined[node.inputs[0]]
            steps.append(_step(Node(node.name, source.layer, source.inputs), "relu", algorithm))
            continue
        alone = readers[node.name]
        if (
            type(node.layer) is Conv2d
            and len(alone) == 1
            and node.name not in wanted
            and part.nodes[alone[0]].layer.kind == "ReLU"
        ):
            joined[node.name] = node
            continue
        steps.append(_step(node, None, algorithm))
    return steps


def _step(node: Node, activation: str | None, algorithm: str) -> _Step:
    """Say what a node reads, what it sees beyond the border, and how it is computed on a patch."""
    layer, windows = node.layer, (Window(), Window())
    beyond, compute = 0.0, _computes(layer, activation, algorithm)
    if compute is not None and not _cell_by_cell(layer):
        found = layer.window()
        assert found is not None
        windows = found
        beyond = -np.inf if type(layer) is MaxPool2d else 0.0
    return _Step(node, node.inputs, windows, beyond, compute)


def _computes(layer: Layer, activation: str | None, algorithm: str) -> Callable[..., Array] | None:
    settings = layer.settings()
    if type(layer) is Conv2d:
        names = ("stride", "dilation", "groups")
        return PackedConv2d(
            layer.parameters["weight"],
            layer.parameters.get("bias"),
            activation=activation,
            algorithm=algorithm,
            **{name: settings[name] for name in names},
        )
    if type(layer) is MaxPool2d:
        kernel, stride, dilation = (settings[name] for name in ("kernel_size", "stride", "dilation"))
        return lambda x: max_pool2d(x, kernel, stride=stride, dilation=dilation)
    if type(layer) is AvgPool2d and settings["padding"] == ((0, 0), (0, 0)) and not settings["ceil_mode"]:
        return lambda x: avg_pool2d(x, settings["kernel_size"], stride=settings["stride"])
    if _cell_by_cell(layer):
        return lambda *inputs: layer.forward(*inputs)[0]
    return None


def _cell_by_cell(layer: Layer) -> bool:
    if layer.kind == "Concatenate":
        return layer.settings()["axis"] in (1, -3)
    return layer.kind in _CELL_BY_CELL


def _common(first: Array, beyond: Array, length: int) -> tuple[Array, int]:
    """Give spans the length of the longest, moved back where they would leave the map."""
    size = int((beyond - first).max())
    return np.minimum(first, length - size), size


def _read(window: Window, start: Array, size: int, length: int) -> tuple[Array, int]:
    """Give the span of the input that `size` cells from `start` on read; it may begin before the map."""
    before, _ = resolve_padding(window.padding, length, window.kernel, window.stride, window.dilation)
    reach = (window.kernel - 1) * window.dilation + 1
    return start * window.stride - before, (size - 1) * window.stride + reach


def _lay(
    target: Array, place: tuple[int, int], source: Array, start: tuple[int, int], covers: bool = False
) -> bool:
    """Copy of `source`, which begins at `start` of a map, what lies within `target`, which begins at `place`.

    With `covers` nothing is copied unless all of the target is covered; the answer says whether it was.
    """
    spans = []
    for axis in (0, 1):
        first = max(place[axis], start[axis])
        last = min(place[axis] + target.shape[1 + axis], start[axis] + source.shape[1 + axis])
        if covers and last - first < target.shape[1 + axis]:
            return False
        if first >= last:
            return True
        spans.append(
            (slice(first - place[axis], last - place[axis]), slice(first - start[axis], last - start[axis]))
        )
    (rows, from_rows), (columns, from_columns) = spans
    target[:, rows, columns] = source[:, from_rows, from_columns]
    return True
