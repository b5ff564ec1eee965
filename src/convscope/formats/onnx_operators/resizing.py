"""Resize and Upsample."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from convscope.formats.batch import Batch
from convscope.formats.onnx_operators.registry import CannotRead, Operator, reads, writes
from convscope.layers import Resize2d, ResizeAxes
from convscope.ops.interpolate import AxisRule
from convscope.ops.resize import COORDINATES

if TYPE_CHECKING:
    from convscope.formats.onnx_reader import GraphReader
    from convscope.formats.onnx_writer import GraphWriter
    from convscope.network import Node


@reads("Upsample")
def read_upsample(operator: Operator, graph: GraphReader) -> None:
    """The older Resize: scales are an attribute up to opset 8, and the first pixel's corner stays."""
    scales = operator.get("scales") if operator.opset < 9 else graph.constant(operator, 1)
    words = {"mode": _mode(operator), "coordinates": "asymmetric", "rounding": "floor"}
    _add(operator, graph, [float(s) for s in np.reshape(scales, -1)], None, words, {})


@reads("Resize")
def read_resize(operator: Operator, graph: GraphReader) -> None:
    shape = graph.shape(operator.inputs[0])
    rank = len(shape)
    axes = [int(a) % rank for a in operator.get("axes", range(rank))]
    if operator.opset < 11:
        words = {"mode": _mode(operator), "coordinates": "asymmetric", "rounding": "floor"}
        scales = [float(s) for s in graph.constant(operator, 1).reshape(-1)]
        _add(operator, graph, scales, None, words, {})
        return
    words = {
        "mode": _mode(operator),
        "coordinates": operator.get("coordinate_transformation_mode", "half_pixel"),
        "rounding": operator.get("nearest_mode", "round_prefer_floor"),
    }
    more = {
        "antialias": bool(operator.get("antialias", 0)),
        "exclude_outside": bool(operator.get("exclude_outside", 0)),
        "cubic_a": float(operator.get("cubic_coeff_a", -0.75)),
        "extrapolation": float(operator.get("extrapolation_value", 0.0)),
    }
    regions = _regions(operator, graph, axes, rank)
    given = graph.optional(operator, 2)
    sizes = graph.optional(operator, 3)
    if given is not None and given.size:
        _add(operator, graph, _spread(given, axes, [1.0] * rank), None, words, more, regions)
    elif sizes is not None:
        wished = [shape[a] if isinstance(n, Batch) else int(n) for a, n in zip(axes, sizes, strict=True)]
        scales, lengths = _kept_ratio(operator, shape, axes, wished)
        _add(operator, graph, scales, lengths, words, more, regions)
    else:
        raise CannotRead("either scales or sizes must be given")


def _add(
    operator: Operator,
    graph: GraphReader,
    scales: Sequence[float],
    lengths: Sequence[int] | None,
    words: dict[str, str],
    more: dict[str, Any],
    regions: Sequence[tuple[float, float]] | None = None,
) -> None:
    """Add the fast layer where it can do it: rows and columns of images, in the usual ways."""
    shape = graph.shape(operator.inputs[0])
    if len(scales) != len(shape) or not all(s > 0 and math.isfinite(s) for s in scales):
        raise CannotRead(f"there must be a scale above 0 for each of {len(shape)} axes; got {list(scales)}")
    usual = {"antialias": False, "exclude_outside": False, "cubic_a": -0.75}
    plain = all(more.get(key, value) == value for key, value in usual.items())
    whole = lengths is None and all(float(n * s).is_integer() for n, s in zip(shape, scales, strict=True))
    if words["coordinates"] == "align_corners" and lengths is None and not whole:
        plain = False  # the corners lie where they would without rounding
    if len(shape) == 4 and plain and words["coordinates"] in COORDINATES and (scales[0], scales[1]) == (1, 1):
        mode = {"linear": "bilinear"}.get(words["mode"], words["mode"])
        settings: dict[str, Any] = {**words, "mode": mode}
        if lengths is None:
            graph.add(operator, Resize2d(scale=(scales[2], scales[3]), **settings))
            return
        if operator.get("keep_aspect_ratio_policy", "stretch") == "stretch":
            graph.add(operator, Resize2d((lengths[2], lengths[3]), **settings))
            return
    output = [math.floor(n * s) for n, s in zip(shape, scales, strict=True)] if lengths is None else lengths
    rules = [
        AxisRule(axis, output[axis], scales[axis], **_words(words, more, regions, axis))
        for axis in range(len(shape))
        if scales[axis] != 1
        or output[axis] != shape[axis]
        or (regions is not None and regions[axis] != (0.0, 1.0))
    ]
    graph.add(operator, ResizeAxes(rules))


def _words(
    words: dict[str, str], more: dict[str, Any], regions: Sequence[tuple[float, float]] | None, axis: int
) -> dict[str, Any]:
    return {**words, **more, **({} if regions is None else {"region": regions[axis]})}


def _regions(
    operator: Operator, graph: GraphReader, axes: Sequence[int], rank: int
) -> list[tuple[float, float]] | None:
    found = graph.optional(operator, 1)
    if operator.get("coordinate_transformation_mode") != "tf_crop_and_resize" or found is None:
        return None
    half = len(axes)
    regions = [(0.0, 1.0)] * rank
    for index, axis in enumerate(axes):
        regions[axis] = (float(found[index]), float(found[half + index]))
    return regions


def _kept_ratio(
    operator: Operator, shape: tuple[int, ...], axes: Sequence[int], wished: Sequence[int]
) -> tuple[list[float], list[int]]:
    """Give scales and lengths for wished sizes, which may be limits for one common scale."""
    policy = operator.get("keep_aspect_ratio_policy", "stretch")
    scales, lengths = [1.0] * len(shape), list(shape)
    if policy == "stretch":
        for axis, length in zip(axes, wished, strict=True):
            scales[axis], lengths[axis] = length / shape[axis], length
        return scales, lengths
    choose = min if policy == "not_larger" else max
    common = choose(length / shape[axis] for axis, length in zip(axes, wished, strict=True))
    for axis in axes:
        scales[axis], lengths[axis] = common, math.floor(common * shape[axis] + 0.5)
    return scales, lengths


def _spread(values: Any, axes: Sequence[int], filled: list[float]) -> list[float]:
    for axis, value in zip(axes, np.reshape(values, -1), strict=True):
        filled[axis] = float(value)
    return filled


def _mode(operator: Operator) -> str:
    mode = str(operator.get("mode", "nearest"))
    return {"bilinear": "linear"}.get(mode, mode)


@writes("Resize2d")
def write_resize(node: Node, layer: Resize2d, graph: GraphWriter) -> None:
    """Sizes for rows and columns alone, so that the batch stays free, need opset 18; scales do not."""
    attributes = {
        "mode": {"bilinear": "linear"}.get(layer.mode, layer.mode),
        "coordinate_transformation_mode": layer.coordinates,
        "nearest_mode": layer.rounding,
    }
    old, new = graph.shapes[node.inputs[0]][2:], graph.shapes[node.name][2:]
    if layer.scale is None:
        graph.need_opset(18)
        sizes = graph.constant(f"{node.name}.sizes", np.array(new, np.int64))
        graph.emit("Resize", node.name, [*node.inputs, "", "", sizes], axes=[2, 3], **attributes)
        return
    scales = [1, 1, *(_scale(*item) for item in zip(layer.scale, old, new, strict=True))]
    stored = graph.constant(f"{node.name}.scales", np.array(scales, np.float32))
    graph.emit("Resize", node.name, [*node.inputs, "", stored], **attributes)


def _scale(wished: float, old: int, new: int) -> np.float32:
    """Give the scale in float32, the nearest above if its floored product were not the new size."""
    scale = np.float32(wished)
    if math.floor(float(scale) * old) == new:
        return scale
    scale = np.float32(new / old)
    while math.floor(float(scale) * old) < new:
        scale = np.nextafter(scale, np.float32(np.inf))
    return scale


@writes("ResizeAxes", opset=19)
def write_resize_axes(node: Node, layer: ResizeAxes, graph: GraphWriter) -> None:
    """One operator for axes of one rule; the last one has the node's name."""
    shape, value = list(graph.shapes[node.inputs[0]]), node.inputs[0]
    if not layer.rules:
        graph.emit("Identity", node.name, [value])
    groups = _alike(layer.rules, shape)
    for index, rules in enumerate(groups):
        last = index == len(groups) - 1
        name = node.name if last else f"{node.name}/axis {rules[0].axis}"
        value = _write_rules(name, value, rules, shape, graph)
        for rule in rules:
            shape[rule.axis] = rule.output


def _alike(rules: Sequence[AxisRule], shape: Sequence[int]) -> list[list[AxisRule]]:
    """Put neighbours that one operator can say into one group."""
    groups: list[list[AxisRule]] = []
    key = None
    for rule in rules:
        same = replace(rule, axis=0, output=1, scale=1.0, region=(0.0, 1.0)), _by_scale(rule, shape)
        if same == key:
            groups[-1].append(rule)
        else:
            groups.append([rule])
        key = same
    return groups


def _by_scale(rule: AxisRule, shape: Sequence[int]) -> bool:
    """Say whether the scale in float32 is the very scale, and tells the new length."""
    return (
        float(np.float32(rule.scale)) == rule.scale
        and math.floor(rule.scale * shape[rule.axis]) == rule.output
    )


def _by_size(rule: AxisRule, shape: Sequence[int]) -> bool:
    """Say whether the new length tells the scale."""
    return rule.scale == rule.output / shape[rule.axis]


def _write_rules(
    name: str, value: str, rules: Sequence[AxisRule], shape: Sequence[int], graph: GraphWriter
) -> str:
    rule = rules[0]
    region = [rule.region[0] for rule in rules] + [rule.region[1] for rule in rules]
    inputs = [value, graph.constant(f"{name}.region", np.array(region, np.float32))]
    sized = [_by_size(rule, shape) for rule in rules]
    common = any(sized) and all(
        rule.scale == rules[0].scale and math.floor(rule.scale * shape[rule.axis] + 0.5) == rule.output
        for rule in rules
    )
    policy = {}
    if _by_scale(rule, shape) or not (all(sized) or common):
        scales = [_scale(rule.scale, shape[rule.axis], rule.output) for rule in rules]
        inputs.append(graph.constant(f"{name}.scale", np.array(scales, np.float32)))
    else:  # of one scale that only one axis tells, the others' limits are far
        far = 2**20
        sizes = [rule.output if exact else far for rule, exact in zip(rules, sized, strict=True)]
        inputs += ["", graph.constant(f"{name}.sizes", np.array(sizes, np.int64))]
        policy = {} if all(sized) else {"keep_aspect_ratio_policy": "not_larger"}
    return graph.emit(
        "Resize",
        name,
        inputs,
        axes=[rule.axis for rule in rules],
        mode=rule.mode,
        coordinate_transformation_mode=rule.coordinates,
        nearest_mode=rule.rounding,
        antialias=int(rule.antialias),
        exclude_outside=int(rule.exclude_outside),
        cubic_coeff_a=rule.cubic_a,
        extrapolation_value=rule.extrapolation,
        **policy,
    )
