"""The graph: named nodes in topological order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from convscope.errors import ConvscopeError, InvalidValue, UnknownName, nearest_names
from convscope.layers import Layer
from convscope.layers.base import Shape

__all__ = ["Node", "check_outputs", "consumers", "ordered", "shape_after", "shapes_of"]


@dataclass(frozen=True, init=False)
class Node:
    """A layer with a name, and the names of the nodes it reads.

    Attributes
    ----------
    name : str
        Unique; it is also the name of the layer's output. It may hold slashes and dots.
    layer : Layer
    inputs : tuple of str, or one str
        Names of nodes, or of the network's input.
    """

    name: str
    layer: Layer
    inputs: tuple[str, ...]

    def __init__(self, name: str, layer: Layer, inputs: Iterable[str] | str) -> None:
        inputs = (inputs,) if isinstance(inputs, str) else tuple(inputs)
        for field, value in (("name", name), ("layer", layer), ("inputs", inputs)):
            object.__setattr__(self, field, value)
        if not isinstance(name, str) or not name:
            raise InvalidValue(f"Node: the name must be text and not empty; got {name!r}.")
        wanted = layer.inputs
        if (wanted is None and not inputs) or (wanted is not None and len(inputs) != wanted):
            count = "one or more inputs" if wanted is None else f"{wanted} input{'s' * (wanted != 1)}"
            raise InvalidValue(f"node {name!r}: {layer.kind} takes {count}; got {len(inputs)}: {inputs}.")


def ordered(nodes: Iterable[Node], inputs: Sequence[str]) -> dict[str, Node]:
    """Put the nodes into topological order, keeping the given order where it may stay.

    Raises
    ------
    InvalidValue
        If a name is taken twice or the graph has a cycle.
    UnknownName
        If a node reads what does not exist.
    """
    waiting = _by_name(nodes, inputs)
    known = [*inputs, *waiting]
    for node in waiting.values():
        for source in node.inputs:
            if source not in inputs and source not in waiting:
                raise UnknownName(
                    f"Network: node {node.name!r} reads {source!r}, which does not exist; "
                    f"{nearest_names(source, known)}."
                )
    result: dict[str, Node] = {}
    # Depth first, without recursion: deep networks have thousands of nodes.
    for start in waiting:
        stack, on_path = [start], {start: None}
        while stack:
            name = stack[-1]
            missing = [s for s in waiting[name].inputs if s not in inputs and s not in result]
            if name in result or not missing:
                result.setdefault(name, waiting[name])
                on_path.pop(stack.pop(), None)
            elif missing[0] in on_path:
                cycle = [*on_path][[*on_path].index(missing[0]) :]
                raise InvalidValue(
                    f"Network: the graph must have no cycle; got {' <- '.join([*cycle, cycle[0]])}."
                )
            else:
                stack.append(missing[0])
                on_path[missing[0]] = None
    return result


def consumers(nodes: Mapping[str, Node]) -> dict[str, list[str]]:
    """List for every name the nodes that read it, once for each time they do."""
    result: dict[str, list[str]] = {}
    for node in nodes.values():
        result.setdefault(node.name, [])
        for source in node.inputs:
            result.setdefault(source, []).append(node.name)
    return result


def shapes_of(nodes: Mapping[str, Node], inputs: Mapping[str, Shape]) -> dict[str, Shape]:
    """Give the shape of every input, (N, ...), and of every node's output.

    Raises
    ------
    ConvscopeError
        Of the layer that refuses, with the node's name in front.
    """
    shapes = {name: tuple(shape) for name, shape in inputs.items()}
    for node in nodes.values():
        shapes[node.name] = shape_after(node, shapes)
    return shapes


def shape_after(node: Node, shapes: Mapping[str, Shape]) -> Shape:
    """Give the shape of one node's output; an error of its layer gets the node's name in front."""
    try:
        return node.layer.output_shape(*(shapes[source] for source in node.inputs))
    except ConvscopeError as error:
        raise type(error)(f"node {node.name!r}: {error}") from error


def check_outputs(outputs: Sequence[str] | str | None, nodes: Mapping[str, Node]) -> tuple[str, ...]:
    """Give the names of the outputs: those asked for, or the nodes that nobody reads."""
    if outputs is None:
        return tuple(name for name, readers in consumers(nodes).items() if not readers and name in nodes)
    names = (outputs,) if isinstance(outputs, str) else tuple(outputs)
    for name in names:
        if name not in nodes:
            raise UnknownName(
                f"Network: there is no node {name!r} to be an output; {nearest_names(name, nodes)}."
            )
    if not names:
        raise InvalidValue("Network: there must be at least one output; got none.")
    return names


def _by_name(nodes: Iterable[Node], inputs: Sequence[str]) -> dict[str, Node]:
    result: dict[str, Node] = {}
    for node in nodes:
        if node.name in inputs or node.name in result:
            what = "the input's name" if node.name in inputs else "taken twice"
            raise InvalidValue(f"Network: names must be unique; {node.name!r} is {what}.")
        result[node.name] = node
    if not result:
        raise InvalidValue("Network: there must be at least one node; got none.")
    return result
