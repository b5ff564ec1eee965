"""What stands in an ONNX graph: its inputs, constants and operators, checked and as plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope.errors import FileError
from convscope.formats.onnx_operators import READERS
from convscope.formats.onnx_operators.folding import FOLDS
from convscope.formats.onnx_operators.registry import Operator

__all__ = ["FLOATS", "image_shapes", "operators", "plain", "read_constants", "refuse_unknown_operators"]

# TensorProto's number of a type -> what convscope computes it in; float16 and bfloat16 in float32
FLOATS: Mapping[int, Any] = {1: np.float32, 10: np.float32, 11: np.float64, 16: np.float32}


def refuse_unknown_operators(graph: Any, file: Path) -> None:
    """Name every operator that has no reader, with the first node and how many there are."""
    unknown: dict[str, list[str]] = {}
    for node in graph.node:
        kind = node.op_type if node.domain in ("", "ai.onnx") else f"{node.domain}.{node.op_type}"
        if kind not in READERS and kind not in FOLDS:
            unknown.setdefault(kind, []).append(node.name or (node.output[0] if node.output else ""))
    if unknown:
        listed = "; ".join(
            f"{kind} ({len(names)} node{'s' if len(names) > 1 else ''}, first {names[0]!r})"
            for kind, names in unknown.items()
        )
        raise FileError(
            f"{file}: convscope does not know the operator {listed}. Its kernels can still be analysed."
        )


def plain(array: NDArray[Any]) -> NDArray[Any]:
    """Give small floating types (float16, bfloat16) as float32."""
    if array.dtype in (np.float32, np.float64) or array.dtype.kind in "iubO":
        return array
    return array.astype(np.float32)


def read_constants(graph: Any, file: Path) -> dict[str, NDArray[Any]]:
    """Read the initialisers."""
    from onnx import numpy_helper

    if graph.sparse_initializer:
        raise FileError(f"{file}: sparse initialisers are not known.")
    constants: dict[str, NDArray[Any]] = {}
    for weight in graph.initializer:
        try:
            if any(length < 0 for length in weight.dims):  # numpy would take -1 for "whatever is left"
                raise ValueError(f"its shape is {list(weight.dims)}")
            constants[weight.name] = plain(numpy_helper.to_array(weight))
        except (ValueError, TypeError, KeyError, OverflowError, MemoryError) as error:
            raise FileError(f"{file}: the initialiser {weight.name!r} is broken: {error}.") from error
    return constants


def image_shapes(
    graph: Any,
    file: Path,
    input_shape: tuple[int, ...] | None,
    constants: Mapping[str, Any],
    size: Any = None,
) -> tuple[dict[str, tuple[int, ...]], int | None, Any]:
    """Give the inputs' whole shapes, the batch's length if it is fixed, and the type to compute in."""
    inputs = [value for value in graph.input if value.name not in constants]
    if not inputs:
        raise FileError(f"{file}: a network must have an input; got none.")
    shapes: dict[str, tuple[int, ...]] = {}
    batch: int | None = None
    for value in inputs:
        tensor = value.type.tensor_type
        if tensor.elem_type not in FLOATS:
            raise FileError(
                f"{file}: the input {value.name!r} must be float32 or float64; "
                f"got type {tensor.elem_type} of ONNX."
            )
        lengths = [axis.dim_value if axis.HasField("dim_value") else 0 for axis in tensor.shape.dim]
        if not shapes:
            batch = lengths[0] if lengths and lengths[0] > 0 else None
            lengths = _filled(lengths, size)
            image = tuple(lengths[1:]) if input_shape is None else tuple(input_shape)
        else:
            image = tuple(lengths[1:])
        if len(lengths) < 2 or len(image) != len(lengths) - 1 or min(image) < 1 or lengths[0] < 0:
            hint = "; say the input's size, or load's input_shape=(C, H, W)" if len(lengths) == 4 else ""
            raise FileError(
                f"{file}: the input {value.name!r} must be images (N, C, H, W) or other arrays with a batch "
                f"axis; got {lengths} (0: left open){hint}."
            )
        shapes[value.name] = (max(1, lengths[0]), *image)
    types = {value.type.tensor_type.elem_type for value in inputs}
    return shapes, batch, np.result_type(*(FLOATS[kind] for kind in types))


def _filled(lengths: list[int], size: Any) -> list[int]:
    """Put a size (height, width) where an image's is left open; what is no size is refused elsewhere."""
    if len(lengths) != 4 or not isinstance(size, list | tuple) or len(size) != 2:
        return lengths
    sizes = [n if n else said for n, said in zip(lengths[2:], size, strict=True) if isinstance(said, int)]
    return [*lengths[:2], *sizes] if len(sizes) == 2 else lengths


def operators(graph: Any, version: int, taken: set[str], file: Path) -> list[Operator]:
    """Give every node under a name of its own, its attributes as plain values."""
    made: set[str] = set()
    found = []
    for node in graph.node:
        if not node.output or not node.output[0] or made & set(filter(None, node.output)):
            raise FileError(f"{file}: {node.op_type} node {node.name!r} has no output of its own.")
        made.update(node.output)
        name = _unique((node.name, node.output[0]), taken)
        taken.add(name)
        try:
            attributes = {item.name: _attribute(item) for item in node.attribute}
        except (ValueError, TypeError, KeyError, OverflowError, MemoryError) as error:
            where = f"{node.op_type} node {name!r}"
            raise FileError(f"{file}: {where} has a broken attribute: {error}.") from error
        inputs, outputs = tuple(node.input), tuple(node.output)
        found.append(Operator(node.op_type, name, inputs, outputs, attributes, version))
    return found


def _unique(wished: Sequence[str], taken: set[str]) -> str:
    for name in wished:
        if name and name not in taken:
            return name
    count = 2
    while f"{wished[-1]}_{count}" in taken:
        count += 1
    return f"{wished[-1]}_{count}"


def _attribute(item: Any) -> Any:
    """Give an attribute as a number, text, list or array."""
    import onnx

    value = onnx.helper.get_attribute_value(item)
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, onnx.TensorProto):
        return plain(onnx.numpy_helper.to_array(value))
    if item.type == onnx.AttributeProto.FLOAT:
        # ONNX keeps float32; the shortest decimal that rounds to it is what was meant: 0.1, not 0.10000000149
        return float(str(np.float32(value)))
    return value
