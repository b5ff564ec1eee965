"""Where values go, not what they are: shapes, slices, picks, copies, padding."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from convscope.formats.batch import Batch
from convscope.formats.onnx_operators.folding import slices, split_lengths
from convscope.formats.onnx_operators.registry import CannotRead, Operator, reads, writes
from convscope.layers import (
    Add,
    Cast,
    Clip,
    Concatenate,
    DepthToSpace,
    Expand,
    Flatten,
    Gather,
    Pad2d,
    PadAxes,
    Reduce,
    Reshape,
    Slice,
    SpaceToDepth,
    Squeeze,
    Tile,
    Transpose,
    Unsqueeze,
)
from convscope.ops.moves import reshape_to

if TYPE_CHECKING:
    from convscope.formats.onnx_reader import GraphReader
    from convscope.formats.onnx_writer import GraphWriter
    from convscope.network import Node


@reads("Flatten")
def read_flatten(operator: Operator, graph: GraphReader) -> None:
    shape = graph.shape(operator.inputs[0])
    axis = int(operator.get("axis", 1))
    axis += len(shape) if axis < 0 else 0
    if not 0 <= axis <= len(shape):
        raise CannotRead(f"axis must be one of {len(shape)}; got {operator.get('axis')}")
    if axis != 1 and graph.batch is None:
        raise CannotRead(f"axis must be 1, which keeps an open batch axis apart; got {axis}")
    if axis == 1 and len(shape) in (2, 4):
        graph.add(operator, Flatten())
    elif axis == 1:
        graph.add(operator, Reshape((0, math.prod(shape[1:]))))
    elif axis == 0:
        graph.add(operator, Reshape((1, -1)))
    else:
        graph.add(operator, Reshape((-1, math.prod(shape[axis:]))))


@writes("Flatten")
def write_flatten(node: Node, layer: Flatten, graph: GraphWriter) -> None:
    graph.emit("Flatten", node.name, node.inputs, axis=1)


@reads("Reshape")
def read_reshape(operator: Operator, graph: GraphReader) -> None:
    """A first length that is the batch's stays free, however the file says it."""
    if operator.opset >= 5 and len(operator.inputs) > 1:
        wished = graph.constant(operator, 1).reshape(-1).tolist()
    else:
        wished = list(operator.get("shape", ()))
    shape = graph.shape(operator.inputs[0])
    numbers = tuple(n.times if isinstance(n, Batch) else int(n) for n in wished)
    if operator.get("allowzero", 0) and 0 in numbers:
        raise CannotRead(f"no length may be 0; got {list(numbers)}")
    full = reshape_to(shape, numbers)
    flat = math.prod(shape[1:])
    if shape and full and full[0] == shape[0] and math.prod(full[1:]) == flat:
        whole_image = len(full) == 2 and len(shape) in (2, 4)
        graph.add(operator, Flatten() if whole_image else Reshape((0, *full[1:])))
        return
    opened = [axis for axis, n in enumerate(wished) if isinstance(n, Batch) or n == -1]
    if graph.batch is None and not opened:
        raise CannotRead(
            f"the batch axis, which the file leaves open, must stay apart; got {shape} to {wished}"
        )
    # Among a -1 and the batch, the batch is what varies.
    free = next((a for a, n in enumerate(wished) if isinstance(n, Batch)), opened[0] if opened else None)
    graph.add(operator, Reshape([-1 if axis == free else n for axis, n in enumerate(full)]))


@writes("Reshape")
def write_reshape(node: Node, layer: Reshape, graph: GraphWriter) -> None:
    target = graph.constant(f"{node.name}.shape", np.array(layer.shape, np.int64))
    graph.emit("Reshape", node.name, [*node.inputs, target])


@reads("Concat")
def read_concat(operator: Operator, graph: GraphReader) -> None:
    axis = int(operator.get("axis", 1))
    if axis % max(1, len(graph.shape(operator.inputs[0]))) == 0 and graph.batch is None:
        raise CannotRead("axis must not be that of the batch, which the file leaves open")
    graph.add(operator, Concatenate(axis), _for_each_image(operator, graph))


def _for_each_image(operator: Operator, graph: GraphReader) -> list[str]:
    """Let constants of one image stretch over an open batch axis: to each, a zero of each image is added."""
    computed = [value for value in operator.inputs if graph.known(value) is None]
    if graph.batch is not None or not computed:
        return [*operator.inputs]
    values, rank = [], len(graph.shape(computed[0]))
    for index, value in enumerate(operator.inputs):
        known = graph.known(value)
        if known is not None and known.shape[:1] == (1,):
            most = Reduce("max", range(1, rank))
            largest = graph.step(operator, f"largest for {index}", most, computed[:1])
            zero = graph.step(operator, f"zero for {index}", Clip(0, 0), [largest])
            value = graph.step(operator, f"images of {index}", Add(), [value, zero])
        values.append(value)
    return values


@writes("Concatenate")
def write_concat(node: Node, layer: Concatenate, graph: GraphWriter) -> None:
    graph.emit("Concat", node.name, node.inputs, axis=layer.axis)


@reads("Identity")
def read_identity(operator: Operator, graph: GraphReader) -> None:
    """A node as any other, so that its value can be asked for by its name."""
    graph.add(operator, Cast("float"))


@reads("Constant")
def read_constant(operator: Operator, graph: GraphReader) -> None:
    for attribute in ("value", "value_float", "value_floats", "value_int", "value_ints"):
        if attribute in operator.attributes:
            value = operator.attributes[attribute]
            typed = {"value_float": np.float32, "value_floats": np.float32}.get(attribute)
            graph.define(operator, np.asarray(value, typed))
            return
    raise CannotRead(f"only numbers are known; got {', '.join(operator.attributes) or 'nothing'}")


@reads("Transpose")
def read_transpose(operator: Operator, graph: GraphReader) -> None:
    rank = len(graph.shape(operator.inputs[0]))
    order = tuple(operator.get("perm", range(rank)[::-1]))
    if graph.batch is None and order[:1] != (0,):
        graph.moved = graph.moved or operator
    graph.add(operator, Transpose(order))


@writes("Transpose")
def write_transpose(node: Node, layer: Transpose, graph: GraphWriter) -> None:
    graph.emit("Transpose", node.name, node.inputs, perm=list(layer.order))


@reads("Squeeze")
def read_squeeze(operator: Operator, graph: GraphReader) -> None:
    """The axes were an attribute up to opset 12; without any, all of length 1 but an open batch go."""
    axes = _axes(operator, graph)
    if axes is None:
        shape = graph.shape(operator.inputs[0])
        axes = [a for a, n in enumerate(shape) if n == 1 and (a > 0 or graph.batch is not None)]
    graph.add(operator, Squeeze(axes))


@reads("Unsqueeze")
def read_unsqueeze(operator: Operator, graph: GraphReader) -> None:
    graph.add(operator, Unsqueeze(_axes(operator, graph) or []))


@writes("Squeeze")
@writes("Unsqueeze")
def write_squeeze(node: Node, layer: Squeeze | Unsqueeze, graph: GraphWriter) -> None:
    axes = graph.constant(f"{node.name}.axes", np.array(layer.axes, np.int64))
    graph.emit(layer.kind, node.name, [*node.inputs, axes])


@reads("Slice")
def read_slice(operator: Operator, graph: GraphReader) -> None:
    found = tuple(graph.optional(operator, i) for i in range(1, len(operator.inputs)))
    graph.add(operator, Slice({axis: _python_slice(*part) for axis, part in slices(operator, found).items()}))


@writes("Slice")
def write_slice(node: Node, layer: Slice, graph: GraphWriter) -> None:
    far = 2**31 - 1
    columns: dict[str, list[int]] = {"starts": [], "ends": [], "axes": [], "steps": []}
    for axis, (start, stop, step) in layer.slices.items():
        columns["starts"].append((0 if step > 0 else far) if start is None else start)
        columns["ends"].append((far if step > 0 else -far) if stop is None else stop)
        columns["axes"].append(axis)
        columns["steps"].append(step)
    inputs = [graph.constant(f"{node.name}.{name}", np.array(v, np.int64)) for name, v in columns.items()]
    graph.emit("Slice", node.name, [*node.inputs, *inputs])


@reads("Split")
def read_split(operator: Operator, graph: GraphReader) -> None:
    """Each part is a node of its own, a slice: "name:0", "name:1" ..."""
    axis, shape = int(operator.get("axis", 0)), graph.shape(operator.inputs[0])
    if not -len(shape) <= axis < len(shape):
        raise CannotRead(f"axis must be one of {len(shape)}; got {axis}")
    given = tuple(graph.optional(operator, i) for i in range(1, len(operator.inputs)))
    lengths = split_lengths(operator, shape[axis], given)
    if sum(lengths) != shape[axis] or len(lengths) != len(operator.outputs) or min(lengths) < 1:
        raise CannotRead(f"the parts must add up to {shape[axis]}; got {lengths}")
    start = 0
    for index, length in enumerate(lengths):
        if operator.outputs[index]:
            graph.add_part(operator, index, Slice({axis: (start, start + length, 1)}))
        start += length


@reads("Gather")
def read_gather(operator: Operator, graph: GraphReader) -> None:
    graph.add(operator, Gather(graph.constant(operator, 1), int(operator.get("axis", 0))))


@writes("Gather")
def write_gather(node: Node, layer: Gather, graph: GraphWriter) -> None:
    indices = graph.constant(f"{node.name}.indices", layer.indices)
    graph.emit("Gather", node.name, [*node.inputs, indices], axis=layer.axis)


@reads("Tile")
def read_tile(operator: Operator, graph: GraphReader) -> None:
    graph.add(operator, Tile(_numbers(graph.constant(operator, 1))))


@writes("Tile")
def write_tile(node: Node, layer: Tile, graph: GraphWriter) -> None:
    repeats = graph.constant(f"{node.name}.repeats", np.array(layer.repeats, np.int64))
    graph.emit("Tile", node.name, [*node.inputs, repeats])


@reads("Expand")
def read_expand(operator: Operator, graph: GraphReader) -> None:
    """An open batch axis stretches by itself."""
    wished = graph.constant(operator, 1).reshape(-1).tolist()
    graph.add(operator, Expand([1 if isinstance(n, Batch) else int(n) for n in wished]))


@writes("Expand")
def write_expand(node: Node, layer: Expand, graph: GraphWriter) -> None:
    shape = graph.constant(f"{node.name}.shape", np.array(layer.shape, np.int64))
    graph.emit("Expand", node.name, [*node.inputs, shape])


@reads("DepthToSpace")
@reads("SpaceToDepth")
def read_depth(operator: Operator, graph: GraphReader) -> None:
    block, mode = int(operator.get("blocksize", 0)), operator.get("mode", "DCR")
    kind = DepthToSpace if operator.kind == "DepthToSpace" else SpaceToDepth
    graph.add(operator, kind(block, mode))


@writes("DepthToSpace")
@writes("SpaceToDepth")
def write_depth(node: Node, layer: DepthToSpace | SpaceToDepth, graph: GraphWriter) -> None:
    """ONNX's SpaceToDepth knows one order only; the other is a reshape and a transposition."""
    if layer.kind == "DepthToSpace":
        graph.emit("DepthToSpace", node.name, node.inputs, blocksize=layer.block, mode=layer.mode)
        return
    if layer.mode == "DCR":
        graph.emit("SpaceToDepth", node.name, node.inputs, blocksize=layer.block)
        return
    b, (_, c, h, w) = layer.block, graph.shapes[node.inputs[0]]
    parts = graph.constant(f"{node.name}.parts", np.array([0, c, h // b, b, w // b, b], np.int64))
    value = graph.emit("Reshape", f"{node.name}/parts", [*node.inputs, parts])
    value = graph.emit("Transpose", f"{node.name}/moved", [value], perm=[0, 1, 3, 5, 2, 4])
    shape = graph.constant(f"{node.name}.shape", np.array([0, c * b * b, h // b, w // b], np.int64))
    graph.emit("Reshape", node.name, [value, shape])


@reads("Pad")
def read_pad(operator: Operator, graph: GraphReader) -> None:
    """Up to opset 10 pads and value are attributes; since 18 there may be axes."""
    rank = len(graph.shape(operator.inputs[0]))
    if operator.opset < 11:
        pads, value = [*operator.get("pads", operator.get("paddings", ()))], operator.get("value", 0.0)
        axes = list(range(rank))
    else:
        given, fill, named = (graph.optional(operator, i) for i in (1, 2, 3))
        pads = _numbers(given)
        value = 0.0 if fill is None else float(fill.reshape(-1)[0])
        axes = list(range(rank)) if named is None else [a % rank for a in _numbers(named)]
    if len(pads) != 2 * len(axes):
        raise CannotRead(f"pads must have two numbers for each of {len(axes)} axes; got {pads}")
    ends = [(0, 0)] * rank
    for index, axis in enumerate(axes):
        ends[axis] = (int(pads[index]), int(pads[len(axes) + index]))
    mode = operator.get("mode", "constant")
    if rank == 4 and ends[:2] == [(0, 0), (0, 0)] and min(min(pair) for pair in ends) >= 0:
        graph.add(operator, Pad2d((ends[2], ends[3]), mode=mode, value=value))
    else:
        graph.add(operator, PadAxes(ends, mode=mode, value=value))


@writes("PadAxes", opset=19)
def write_pad_axes(node: Node, layer: PadAxes, graph: GraphWriter) -> None:
    _write_pad(node, layer.padding, layer.mode, layer.value, graph)


@writes("Pad2d", opset=19)
def write_pad(node: Node, layer: Pad2d, graph: GraphWriter) -> None:
    mode = {"replicate": "edge", "circular": "wrap"}.get(layer.mode, layer.mode)
    _write_pad(node, ((0, 0), (0, 0), *layer.padding), mode, layer.value, graph)


def _write_pad(node: Node, ends: Any, mode: str, value: float, graph: GraphWriter) -> None:
    pads = [before for before, _ in ends] + [after for _, after in ends]
    inputs = [*node.inputs, graph.constant(f"{node.name}.pads", np.array(pads, np.int64))]
    if mode == "constant":
        inputs.append(graph.constant(f"{node.name}.value", np.array(value, graph.dtype)))
    graph.emit("Pad", node.name, inputs, mode=mode)


def _axes(operator: Operator, graph: GraphReader) -> list[int] | None:
    """Axes were an attribute once and are an input now."""
    found = graph.optional(operator, 1) if len(operator.inputs) > 1 else operator.get("axes")
    return None if found is None else _numbers(np.asarray(found))


def _numbers(array: NDArray[Any] | None) -> list[int]:
    if array is None or any(isinstance(n, Batch) for n in array.reshape(-1).tolist()):
        raise CannotRead("its settings must not depend on the number of images")
    return [int(n) for n in array.reshape(-1)]


def _python_slice(start: Any, stop: Any, step: Any) -> tuple[int, int, int]:
    if any(isinstance(n, Batch) for n in (start, stop, step)):
        raise CannotRead("its limits must not depend on the number of images")
    return int(start), int(stop), int(step)
