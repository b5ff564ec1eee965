"""Running a network for its outputs alone: fused, packed once, in memory that is used again.

What is kept must never be out of date: `kept` says how a change is noticed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from convscope.layers.base import Array, Shape
from convscope.network.fusion import fused_nodes
from convscope.network.graph import Node, shapes_of
from convscope.network.kept import Parameters
from convscope.network.plan import Memory, Plan
from convscope.ops import get_threads
from convscope.ops.memory import empty_result

__all__ = ["Predictor"]

CACHE = 4 << 20  # bytes that a run may spread over: about what stays near a processor
MOST_PLANS = 8  # input shapes a worker remembers
MOST_WORKERS = 16  # sets of memory that are kept for threads of the caller; more at once get theirs anew
MOST_BESIDE = 512 << 20  # bytes that groups of images at the same time may take; more are computed in turn
WORTH_A_THREAD = 64_000_000  # products of a group of images: those of fewer are shared out layer by layer


class Predictor:
    """Runs a network for some of its nodes; any number of threads may call it.

    Parameters
    ----------
    nodes : mapping of str to Node, in topological order
    outputs : sequence of str
    shapes : function that gives a mapping of str to shape
        Of every node, batch axis included, for more images than one: what is the same for all is told from
        what there is for each.
    dtype : dtype
    """

    def __init__(
        self,
        nodes: Mapping[str, Node],
        outputs: Sequence[str],
        shapes: Callable[[], Mapping[str, Shape]],
        dtype: np.dtype[np.generic],
    ) -> None:
        self._nodes, self._outputs, self._dtype = nodes, tuple(outputs), dtype
        self._shapes = shapes
        self._state: _State | None = None

    def __call__(
        self, inputs: Mapping[str, Array], *, copy: bool = True, apart: bool = False
    ) -> dict[str, Array]:
        """Give the outputs for the inputs, in arrays of their own, or without `copy` until the next call.

        With `apart`, no image's output depends on the others: as many are computed at a time as is fastest.
        """
        state = self._current()
        count = len(next(iter(inputs.values())))
        some, beside = state.shares(inputs, self._outputs, count) if apart and count > 1 else (count, 1)
        workers = [self._worker(state) for _ in range(beside)]
        if some >= count:
            results = workers[0].run(inputs, copy)
        else:
            results = _run_apart(workers, self._outputs, inputs, count, some)
        room = max(MOST_WORKERS, beside) - len(state.idle)
        state.idle.extend(workers[: max(0, room)])
        return results

    def _worker(self, state: _State) -> _Worker:
        try:
            return state.idle.pop()
        except IndexError:
            return _Worker(state.nodes, self._outputs, self._dtype)

    def _current(self) -> _State:
        """Give what is kept, made anew if the network has changed."""
        state = self._state
        if state is None or not state.of.unchanged():
            state = self._state = _State(Parameters(self._nodes), self._fused)
        return state

    def _fused(self) -> list[Node]:
        return fused_nodes(self._nodes, self._outputs, self._shapes())


class _State:
    """A network as it was: its parameters, its fused nodes, and the memory of those who run it."""

    def __init__(self, of: Parameters, fused: Callable[[], list[Node]]) -> None:
        self.of = of  # made before anything is folded or packed: a later change is noticed
        self.nodes = fused()
        self.idle: list[_Worker] = []
        self._at_once: dict[tuple[Shape, ...], tuple[int, int, int]] = {}

    def shares(self, inputs: Mapping[str, Array], outputs: tuple[str, ...], count: int) -> tuple[int, int]:
        """Say how many images are best computed together, and how many such groups at the same time.

        Every thread takes a group through the whole network where there is one for each and they are worth
        it: then they need not wait for each other after every layer.
        """
        some, work, size = self._images_at_once(inputs, outputs)
        threads = get_threads()
        each = min(some, count // threads)
        pays = threads > 1 and each * work >= WORTH_A_THREAD and threads * each * size <= MOST_BESIDE
        return (each, threads) if pays else (some, 1)

    def _images_at_once(self, inputs: Mapping[str, Array], outputs: tuple[str, ...]) -> tuple[int, int, int]:
        """Say how many images are best computed together; and the products, and bytes of maps, of one.

        As many as the cache holds the maps of; but so many that the weights are read no oftener than the
        maps. (Measured, batch 32: MobileNetV2 in 0.71 of the time, SqueezeNet 1.1 in 0.88, ResNet-18 alike.)
        """
        single = tuple((1, *array.shape[1:]) for array in inputs.values())
        found = self._at_once.get(single)
        if found is None:
            shapes = shapes_of(
                {node.name: node for node in self.nodes}, dict(zip(inputs, single, strict=True))
            )
            dtype = next(iter(inputs.values())).dtype
            size = Plan(self.nodes, outputs, shapes, tuple(inputs), dtype).size
            maps = sum(math.prod(shapes[node.name]) for node in self.nodes)  # each written, then read
            weights = sum(array.size for node in self.nodes for array in node.layer.parameters.values())
            work = sum(
                node.layer.multiply_adds(*(shapes[name] for name in node.inputs)) for node in self.nodes
            )
            found = self._at_once[single] = max(1, CACHE // size, weights // (2 * maps)), work, size
        return found


class _Worker:
    """Plans and memory for one call at a time."""

    def __init__(self, nodes: list[Node], outputs: tuple[str, ...], dtype: np.dtype[np.generic]) -> None:
        self._nodes, self._outputs, self._dtype = nodes, outputs, dtype
        self._memory = Memory()
        self._plans: dict[tuple[Shape, ...], Plan] = {}

    def run(self, inputs: Mapping[str, Array], copy: bool) -> dict[str, Array]:
        """Give the outputs, or copies of them."""
        plan = self.plan(inputs)
        plan.run(inputs)
        results = {name: plan.arrays[name] for name in self._outputs}
        return {name: array.copy(order="K") for name, array in results.items()} if copy else results

    def plan(self, inputs: Mapping[str, Array]) -> Plan:
        """Give the plan for inputs of these shapes."""
        key = tuple(array.shape for array in inputs.values())
        plan = self._plans.get(key)
        if plan is None:
            plan = self._make(inputs)
            if len(self._plans) >= MOST_PLANS:
                self._plans.clear()
            self._plans[key] = plan
        return plan

    def _make(self, inputs: Mapping[str, Array]) -> Plan:
        nodes = {node.name: node for node in self._nodes}
        shapes = shapes_of(nodes, {name: array.shape for name, array in inputs.items()})
        plan = Plan(self._nodes, self._outputs, shapes, tuple(inputs), self._dtype)
        if self._memory.at_least(plan.size):
            self._plans.clear()  # they lie in the smaller block
        plan.bind(self._memory.block)
        return plan


def _run_apart(
    workers: list[_Worker], outputs: tuple[str, ...], inputs: Mapping[str, Array], count: int, some: int
) -> dict[str, Array]:
    """Give the outputs for `count` images, `some` at a time: on all workers, or what is left on one."""

    def part(start: int) -> dict[str, Array]:
        return {name: array[start : start + some] for name, array in inputs.items()}

    plans = [worker.plan(part(0)) for worker in workers]
    found = {name: plans[0].arrays[name] for name in outputs}
    results = {name: empty_result((count, *y.shape[1:]), y.dtype) for name, y in found.items()}
    groups = count // some
    beside = len(plans) > 1 and Plan.run_groups(plans, inputs, results, groups)
    for start in range(groups * some if beside else 0, count, some):
        plan = workers[0].plan(part(start))
        plan.run(part(start))
        for name in outputs:
            results[name][start : start + some] = plan.arrays[name]
    return results
