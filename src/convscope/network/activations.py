"""What a network computed, forward and backward."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from convscope.errors import InvalidValue, UnknownName, nearest_names
from convscope.layers.base import Array, Shape
from convscope.network.workspace import Workspace

__all__ = ["Activations", "Gradients"]


class Activations(Mapping[str, Array]):
    """The record of one run: every array that was kept, by the name of its node.

    The input is there under its own name. The arrays belong to this record, unless a
    workspace lent them: then the next run with that workspace overwrites them.

    Attributes
    ----------
    outputs : dict of str to ndarray
        The network's outputs.
    caches : dict of str to anything
        What each layer keeps for its backward pass; empty unless everything was kept.
    statistics : dict of str to ndarray
        The new running statistics after a run in training ("bn1.running_mean"); the network
        itself is unchanged: ``net.statistics.update(activations.statistics)`` takes them over.
    preparation : tuple of str
        What was done to the image before the network saw it, step by step; empty for a float array.
    training : bool
    algorithm : str
    """

    def __init__(
        self,
        arrays: dict[str, Array],
        outputs: tuple[str, ...],
        *,
        caches: dict[str, Any],
        statistics: dict[str, Array],
        preparation: tuple[str, ...] = (),
        training: bool = False,
        algorithm: str = "auto",
        workspace: Workspace | None = None,
        known: Mapping[str, Any] | None = None,
    ) -> None:
        self._arrays = arrays
        self._known = arrays if known is None else known
        self.outputs = {name: arrays[name] for name in outputs}
        self.caches = caches
        self.statistics = statistics
        self.preparation = preparation
        self.training = training
        self.algorithm = algorithm
        self.workspace = workspace

    @property
    def output(self) -> Array:
        """The one output; a network with several has `outputs`."""
        if len(self.outputs) != 1:
            raise InvalidValue(
                f"Activations.output: there are several: {', '.join(self.outputs)}; use .outputs[name]."
            )
        return next(iter(self.outputs.values()))

    @property
    def shapes(self) -> dict[str, Shape]:
        """The shape of every array that was kept."""
        return {name: array.shape for name, array in self._arrays.items()}

    def __getitem__(self, name: str) -> Array:
        if name in self._arrays:
            return self._arrays[name]
        if name in self._known:
            raise UnknownName(f"activations: {name!r} was not kept; run with keep='all' or keep=[{name!r}].")
        raise UnknownName(f"activations: there is no node {name!r}; {nearest_names(name, self._known)}.")

    def __contains__(self, name: object) -> bool:
        return name in self._arrays

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)

    def __repr__(self) -> str:
        inside = ", ".join(f"{name}: {shape}" for name, shape in self.shapes.items())
        return f"Activations({inside})"


@dataclass(frozen=True, eq=False)
class Gradients:
    """What a backward pass gave.

    Attributes
    ----------
    nodes : dict of str to ndarray
        The gradient with respect to each node's output, where the pass came by.
    inputs : dict of str to ndarray
        The gradient with respect to the network's input, by its name.
    parameters : dict of str to ndarray
        "conv1.weight" and so on; what the pass did not reach is absent: its gradient is 0.
    """

    nodes: dict[str, Array] = field(default_factory=dict)
    inputs: dict[str, Array] = field(default_factory=dict)
    parameters: dict[str, Array] = field(default_factory=dict)

    @property
    def input(self) -> Array:
        """The gradient with respect to the one input."""
        if not self.inputs:
            raise InvalidValue(
                "Gradients.input: the gradient did not reach the input, or it was not asked for."
            )
        return next(iter(self.inputs.values()))

    def __repr__(self) -> str:
        def names(arrays: Mapping[str, Array]) -> str:
            return ", ".join(arrays) or "-"

        return (
            f"Gradients(nodes: {names(self.nodes)}; inputs: {names(self.inputs)}; "
            f"parameters: {names(self.parameters)})"
        )
