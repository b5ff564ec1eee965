"""Resize and Upsample."""

from __future__ import annotations

import math
from collections.abc import Sequence
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
        if scales[axis] != 1 or output[axis] != shape[axis] or words["coordinates"] == "tf_crop_and_resize"
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
    h, w = graph.shapes[node.inputs[0]][2:]
    if layer.scale is not None:
        scales = np.array([1, 1, *layer.scale], np.float32)
        inputs = [*node.inputs, "", graph.constant(f"{node.name}.scales", scales)]
    else:
        rows, columns = graph.shapes[node.name][2:]
        # as scales, not sizes, so that the batch stays free
        scales = np.array([1, 1, _scale(h, rows), _scale(w, columns)], np.float32)
        inputs = [*node.inputs, "", graph.constant(f"{node.name}.scales", scales)]
    graph.emit(
        "Resize",
        node.name,
        inputs,
        mode={"bilinear": "linear"}.get(layer.mode, layer.mode),
        coordinate_transformation_mode=layer.coordinates,
        nearest_mode=layer.rounding,
    )


def _scale(old: int, new: int) -> np.float32:
    """Give the scale in float32 whose floored product is the new size."""
    scale = np.float32(new / old)
    while math.floor(float(scale) * old) < new:
        scale = np.nextafter(scale, np.float32(np.inf))
    return scale


@writes("ResizeAxes", opset=19)
def write_resize_axes(node: Node, layer: ResizeAxes, graph: GraphWriter) -> None:
    """One operator for each axis, since each has a rule of its own; the last one has the node's name."""
    shape, value = list(graph.shapes[node.inputs[0]]), node.inputs[0]
    if not layer.rules:
        graph.emit("Identity", node.name, [value])
    for index, rule in enumerate(layer.rules):
        scale = np.float32(rule.scale)
        if math.floor(float(scale) * shape[rule.axis]) != rule.output:
            scale = _scale(shape[rule.axis], rule.output)
        inputs = [
            value,
            graph.constant(f"{node.name}.region", np.array(rule.region, np.float32)),
            graph.constant(f"{node.name}.scale", np.array([scale], np.float32)),
        ]
        last = index == len(layer.rules) - 1
        value = graph.emit(
            "Resize",
            node.name if last else f"{node.name}/axis {rule.axis}",
            inputs,
            axes=[rule.axis],
            mode=rule.mode,
            coordinate_transformation_mode=rule.coordinates,
            nearest_mode=rule.rounding,
            antialias=int(rule.antialias),
            exclude_outside=int(rule.exclude_outside),
            cubic_coeff_a=rule.cubic_a,
            extrapolation_value=rule.extrapolation,
        )
        shape[rule.axis] = rule.output
