"""What is known without running the network: arithmetic on shapes and weights, done while reading.

A row for each operator: a function of the operator and its inputs, plain NumPy. An operator whose inputs
are all known and that has no row becomes a node like any other.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope.formats.batch import is_open
from convscope.formats.onnx_operators.registry import CannotRead, Operator
from convscope.ops.moves import reshape_to

__all__ = ["FOLDS", "fold"]

Known = NDArray[Any]
Fold = Callable[..., Any]

_TYPES: Mapping[int, Any] = {
    1: np.float32, 2: np.uint8, 3: np.int8, 4: np.uint16, 5: np.int16, 6: np.int32, 7: np.int64, 9: np.bool_,
    10: np.float16, 11: np.float64, 12: np.uint32, 13: np.uint64,
}  # fmt: skip


def fold(operator: Operator, values: list[Known | None], max_bytes: int) -> list[Known] | None:
    """Give the operator's outputs, or None if it has no row here.

    Raises
    ------
    CannotRead
        If NumPy cannot compute it, or the result would have more than `max_bytes`.
    """
    function = FOLDS.get(operator.kind)
    if function is None:
        return None
    size = _SIZES.get(operator.kind)
    try:
        if size is not None and float(size(operator, *values)) * 8 > max_bytes:
            raise CannotRead(f"its output would have more than max_bytes, {max_bytes:,}")
        with np.errstate(all="ignore"):
            found = function(operator, *values)
    except (ValueError, TypeError, IndexError, OverflowError, MemoryError, ZeroDivisionError) as error:
        raise CannotRead(f"it cannot be computed: {str(error) or type(error).__name__}") from error
    return [_settled(np.asarray(value)) for value in (found if isinstance(found, list) else [found])]


def _settled(array: Known) -> Known:
    """Give lengths among which the open batch axis is no more as plain whole numbers."""
    if array.dtype != object or is_open(array):
        return array
    return array.astype(np.int64)


def _axes(operator: Operator, values: tuple[Known | None, ...], rank: int) -> tuple[int, ...]:
    given = values[0] if values and values[0] is not None else operator.get("axes")
    return tuple(range(rank)) if given is None else tuple(int(a) for a in np.reshape(given, -1))


def _divide(operator: Operator, a: Known, b: Known) -> Any:
    if a.dtype.kind in "iu" and b.dtype.kind in "iu":  # whole numbers are cut off towards zero
        return (np.sign(a) * np.sign(b) * (np.abs(a) // np.abs(b))).astype(a.dtype)
    return a / b


def _reduction(function: Callable[..., Any]) -> Fold:
    def run(operator: Operator, x: Known, *axes: Known | None) -> Any:
        along = _axes(operator, axes, x.ndim)
        if not along:
            if operator.get("noop_with_empty_axes", 0):
                return x
            along = tuple(range(x.ndim))
        result = function(x, axis=along, keepdims=bool(operator.get("keepdims", 1)))
        return np.asarray(result, x.dtype)

    return run


def _squeeze(operator: Operator, x: Known, axes: Known | None = None) -> Any:
    if axes is None and operator.get("axes") is None:
        return np.squeeze(x)
    return np.squeeze(x, _axes(operator, (axes,), x.ndim))


def _unsqueeze(operator: Operator, x: Known, axes: Known | None = None) -> Any:
    return np.expand_dims(x, _axes(operator, (axes,), x.ndim))


def slices(operator: Operator, values: tuple[Known | None, ...]) -> dict[int, tuple[int, int, int]]:
    """Give (start, stop, step) by axis: attributes up to opset 9, inputs since."""
    if operator.opset < 10:
        starts, ends, axes, steps = (operator.get("starts"), operator.get("ends"), operator.get("axes"), None)
    else:
        starts, ends, axes, steps = (*values, None, None, None, None)[:4]
    if starts is None or ends is None:
        raise CannotRead("it must have starts and ends")
    starts, ends = np.reshape(starts, -1).tolist(), np.reshape(ends, -1).tolist()
    by_axis = range(len(starts)) if axes is None else np.reshape(axes, -1).tolist()
    by_step = [1] * len(starts) if steps is None else np.reshape(steps, -1).tolist()
    if not len(starts) == len(ends) == len(by_axis) == len(by_step) or 0 in by_step:
        raise CannotRead("starts, ends, axes and steps must be of one length, and no step 0")
    return {int(a): (s, e, step) for a, s, e, step in zip(by_axis, starts, ends, by_step, strict=True)}


def _slice(operator: Operator, x: Known, *values: Known | None) -> Any:
    index = [slice(None)] * x.ndim
    for axis, part in slices(operator, values).items():
        index[axis] = slice(*part)
    return x[tuple(index)]


def split_lengths(operator: Operator, length: int, values: tuple[Known | None, ...]) -> list[int]:
    """Give the length of each part."""
    given = values[0] if values and values[0] is not None else operator.get("split")
    if given is not None:
        return [int(n) for n in np.reshape(given, -1)]
    count = int(operator.get("num_outputs", len(operator.outputs)))
    if count != len(operator.outputs):
        raise CannotRead(f"num_outputs must be as many as it has, {len(operator.outputs)}; got {count}")
    part = -(-length // count)
    return [min(part, length - i * part) for i in range(count)]


def _split(operator: Operator, x: Known, *values: Known | None) -> Any:
    axis = int(operator.get("axis", 0))
    ends = np.cumsum(split_lengths(operator, x.shape[axis], values))[:-1]
    return [*np.split(x, ends, axis=axis)]


def _reshape(operator: Operator, x: Known, target: Known) -> Any:
    wished = tuple(int(n) for n in target.reshape(-1))
    if operator.get("allowzero", 0):
        return x.reshape(wished)
    return x.reshape(reshape_to(x.shape, wished))


def _cast(operator: Operator, x: Known) -> Any:
    if x.dtype == object:  # an open batch axis has no type
        return x
    if operator.get("to") not in _TYPES:
        raise CannotRead(f"to must be a type of numbers; got {operator.get('to')}")
    return x.astype(_TYPES[operator.get("to")])


def _constant_of_shape(operator: Operator, shape: Known) -> Any:
    value = operator.get("value", np.zeros(1, np.float32))
    return np.full(_of_one_image(shape), value.reshape(-1)[0])


def _of_one_image(lengths: Known) -> list[int]:
    """Give lengths in which an open batch axis is 1: what is the same for all images stretches."""
    return [n if isinstance(n, int) else n.times for n in lengths.reshape(-1).tolist()]


def _arg_max(operator: Operator, x: Known) -> Any:
    axis, last = int(operator.get("axis", 0)), operator.get("select_last_index", 0)
    found = x.shape[axis] - 1 - np.flip(x, axis).argmax(axis) if last else x.argmax(axis)
    return np.expand_dims(found, axis) if operator.get("keepdims", 1) else found


def _pad(operator: Operator, x: Known, *values: Known | None) -> Any:
    pads = np.reshape(np.asarray(values[0] if values else operator.get("pads")), -1)
    fill = values[1] if len(values) > 1 and values[1] is not None else operator.get("value", 0)
    named = values[2] if len(values) > 2 and values[2] is not None else range(x.ndim)
    axes, half = [int(axis) for axis in np.reshape(named, -1)], len(pads) // 2
    if half != len(axes):
        raise CannotRead(f"pads must have two numbers for each of {len(axes)} axes; got {pads.tolist()}")
    ends = np.zeros((x.ndim, 2), np.int64)
    ends[axes] = np.reshape(pads, (2, half)).T
    mode = operator.get("mode", "constant")
    more = {"constant_values": np.reshape(fill, -1)[0]} if mode == "constant" else {}
    kept = x[tuple(slice(-min(a, 0), n + min(b, 0)) for n, (a, b) in zip(x.shape, ends, strict=True))]
    return np.pad(kept, np.maximum(ends, 0), mode=mode, **more)


def _gather(operator: Operator, x: Known, at: Known) -> Any:
    return np.take(x, at.astype(np.int64), axis=int(operator.get("axis", 0)))


def _power(operator: Operator, a: Known, b: Known) -> Any:
    return np.power(a.astype(np.result_type(a, b)), b).astype(a.dtype)


def _extreme(function: Any) -> Fold:
    def run(operator: Operator, *values: Known) -> Any:
        result = values[0]
        for value in values[1:]:
            result = function(result, value)
        return result

    return run


def _plain(function: Callable[..., Any]) -> Fold:
    return lambda operator, *values: function(*values)


FOLDS: Mapping[str, Fold] = {
    "Abs": _plain(np.abs),
    "Add": _plain(np.add),
    "And": _plain(np.logical_and),
    "ArgMax": _arg_max,
    "Cast": _cast,
    "Ceil": _plain(np.ceil),
    "Concat": lambda operator, *xs: np.concatenate(xs, axis=int(operator.get("axis", 1))),
    "ConstantOfShape": _constant_of_shape,
    "Div": _divide,
    "Equal": _plain(np.equal),
    "Expand": lambda operator, x, shape: np.array(x * np.ones(_of_one_image(shape), x.dtype)),
    "Floor": _plain(np.floor),
    "Gather": _gather,
    "Greater": _plain(np.greater),
    "GreaterOrEqual": _plain(np.greater_equal),
    "Identity": _plain(np.asarray),
    "Less": _plain(np.less),
    "LessOrEqual": _plain(np.less_equal),
    "Max": _extreme(np.maximum),
    "Min": _extreme(np.minimum),
    "Mod": lambda operator, a, b: (np.fmod if operator.get("fmod", 0) else np.mod)(a, b),
    "Mul": _plain(np.multiply),
    "Neg": _plain(np.negative),
    "Not": _plain(np.logical_not),
    "Or": _plain(np.logical_or),
    "Pad": _pad,
    "Pow": _power,
    "Range": _plain(lambda start, limit, delta: np.arange(start, limit, delta, dtype=start.dtype)),
    "ReduceMax": _reduction(np.max),
    "ReduceMin": _reduction(np.min),
    "ReduceProd": _reduction(np.prod),
    "ReduceSum": _reduction(np.sum),
    "Reshape": _reshape,
    "Shape": lambda operator, x: np.array(x.shape, np.int64)[operator.get("start", 0) : operator.get("end")],
    "Size": lambda operator, x: np.array(x.size, np.int64),
    "Slice": _slice,
    "Split": _split,
    "Sqrt": _plain(np.sqrt),
    "Squeeze": _squeeze,
    "Sub": _plain(np.subtract),
    "Sum": _extreme(np.add),
    "Tile": lambda operator, x, repeats: np.tile(x, _of_one_image(repeats)),
    "Transpose": lambda operator, x: np.transpose(x, operator.get("perm")),
    "Unsqueeze": _unsqueeze,
    "Where": _plain(np.where),
}


def _length(start: Known, limit: Known, delta: Known) -> float:
    return max(0.0, math.ceil((float(limit) - float(start)) / float(delta)))


def _product(shape: Known) -> float:
    return math.prod(float(n) for n in shape.tolist() if isinstance(n, int | float))


# how many values an operator makes out of few
_SIZES: Mapping[str, Callable[..., float]] = {
    "ConstantOfShape": lambda operator, shape: _product(shape),
    "Expand": lambda operator, x, shape: _product(shape) * x.size,
    "Tile": lambda operator, x, repeats: _product(repeats) * x.size,
    "Range": lambda operator, start, limit, delta: _length(start, limit, delta),
    "Pad": lambda operator, x, *values: math.prod(
        n + abs(float(p))
        for n, p in zip(x.shape * 2, np.reshape(values[0] if values else 0, -1), strict=False)
    ),
}
