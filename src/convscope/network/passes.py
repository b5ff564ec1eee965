"""The two passes over the graph: forward and backward."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from convscope import ops
from convscope.errors import ConvscopeError, DtypeError, InvalidValue, UnknownName, nearest_names
from convscope.layers import Context
from convscope.layers.base import Array, check_rule
from convscope.network.activations import Activations, Gradients
from convscope.network.graph import Node
from convscope.network.workspace import Workspace
from convscope.ops import Randomness

__all__ = ["backward", "forward"]


def forward(
    nodes: Mapping[str, Node],
    sources: Mapping[str, Array],
    *,
    outputs: tuple[str, ...],
    keep: frozenset[str] | None,
    training: bool,
    random: Randomness | None,
    algorithm: str,
    workspace: Workspace | None,
    keep_caches: bool | None = None,
) -> tuple[dict[str, Array], dict[str, Any], dict[str, Array]]:
    """Run every node; give the arrays (if `keep` is None: all), the caches and the new statistics.

    Caches are kept with all arrays, unless `keep_caches` says otherwise.
    """
    arrays, caches, statistics = dict(sources), {}, {}
    readers = Counter(name for node in nodes.values() for name in node.inputs)
    for node in nodes.values():
        context = Context(
            training=training,
            random=random,
            algorithm=algorithm,
            lend=None if workspace is None else workspace.lender(node.name),
            name=node.name,
        )
        try:
            y, cache = node.layer.forward(*(arrays[name] for name in node.inputs), context=context)
        except ConvscopeError as error:
            raise type(error)(f"node {node.name!r}: {error}") from error
        arrays[node.name] = y
        for name, value in node.layer.new_statistics(cache).items():
            statistics[f"{node.name}.{name}"] = value
        if keep is None if keep_caches is None else keep_caches:
            caches[node.name] = cache
        if keep is None:
            continue
        # Let go of what nobody will read any more.
        for name in node.inputs:
            readers[name] -= 1
        for name in {*node.inputs, node.name}:
            if readers[name] == 0 and name not in keep and name not in outputs:
                arrays.pop(name, None)
    return arrays, caches, statistics


def backward(
    nodes: Mapping[str, Node],
    sources: Sequence[str],
    activations: Activations,
    seeds: Mapping[str, Array],
    rule: str,
    *,
    parameters: bool,
    wanted: frozenset[str],
    keep: frozenset[str] | None = None,
    consume: bool = False,
) -> Gradients:
    """Carry the gradients of `seeds` back to every name in `wanted`, and to the parameters.

    With `keep` only the gradients of these names are given; the others are let go on the way.
    With `consume` so are the caches.
    """
    check_rule(rule)
    if not activations.caches:
        raise InvalidValue("Network.backward: the run must have kept everything; run with keep='all'.")
    grads = {name: _seed(name, grad, activations) for name, grad in seeds.items()}
    found: dict[str, Array] = {}
    sums = _Sums(activations.workspace)
    for node in reversed([*nodes.values()]):
        cache = activations.caches.pop(node.name) if consume else activations.caches[node.name]
        if node.name not in grads or node.name not in wanted:
            continue
        wants_input = any(name in wanted for name in node.inputs)
        if not wants_input and not (parameters and node.layer.parameters):
            continue
        context = Context(
            training=activations.training,
            algorithm=activations.algorithm,
            lend=None if activations.workspace is None else activations.workspace.lender(node.name),
            name=node.name,
            wants_parameters=parameters,
            wants_input=wants_input,
        )
        grad = grads[node.name] if keep is None or node.name in keep else grads.pop(node.name)
        grad_inputs, own = node.layer.backward(grad, cache, rule, context)
        del grad, cache
        if parameters:
            found.update({f"{node.name}.{name}": grad for name, grad in own.items()})
        if grad_inputs is None or not wants_input:
            continue
        parts = grad_inputs if isinstance(grad_inputs, tuple) else (grad_inputs,)
        for name, part in zip(node.inputs, parts, strict=True):
            if name in wanted:
                grads[name] = part if name not in grads else sums.add(name, grads[name], part)
        del grad_inputs, parts, part
    if keep is not None:
        grads = {name: grad for name, grad in grads.items() if name in keep}
    inputs = {name: grads.pop(name) for name in sources if name in grads}
    return Gradients(grads, inputs, found)


class _Sums:
    """Adds up the gradients of a node that several nodes read."""

    def __init__(self, workspace: Workspace | None) -> None:
        self._workspace = workspace
        self._made: set[str] = set()  # the names whose total was made here

    def add(self, name: str, total: Array, part: Array) -> Array:
        """Give total + part. Only a sum made here is ever written to: an array may have several owners."""
        out = total if name in self._made else None
        if out is None and self._workspace is not None:
            out = self._workspace.lend(name, "gradient sum", total.shape, total.dtype)
        self._made.add(name)
        return ops.add(total, part, out=out)


def _seed(name: str, grad: Any, activations: Activations) -> Array:
    if name not in activations:
        raise UnknownName(f"Network.backward: there is no node {name!r}; {nearest_names(name, activations)}.")
    output = activations[name]
    array = np.asarray(grad)
    if array.dtype != output.dtype:
        raise DtypeError(
            f"Network.backward: the gradient of {name!r} must be {output.dtype} like its output; "
            f"got {array.dtype}."
        )
    if array.shape != output.shape:
        raise InvalidValue(
            f"Network.backward: the gradient of {name!r} must have shape {output.shape}; got {array.shape}."
        )
    return array
