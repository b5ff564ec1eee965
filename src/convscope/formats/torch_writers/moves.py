"""Where values go, not what they are: shapes, slices, picks, copies, padding; and resizing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from convscope.formats.torch_writers.maker import Call, Maker, functional, of_input

__all__ = ["MOVES"]


def _resize(layer: Any, shapes: list[tuple[int, ...]]) -> Call:
    """As the weighted sums they are: PyTorch lacks some of the ways."""
    import torch

    from convscope.ops.taps import resize_taps

    output = layer.output_shape(shapes[0])[2:]
    words = {"mode": layer.mode, "coordinates": layer.coordinates, "rounding": layer.rounding}
    matrices = []
    for axis in (0, 1):
        scale = None if layer.scale is None else float(layer.scale[axis])
        cells, weights = resize_taps(shapes[0][2 + axis], output[axis], scale=scale, **words)
        matrix = np.zeros((output[axis], shapes[0][2 + axis]))
        np.add.at(matrix, (np.arange(output[axis])[:, None], cells), weights)
        matrices.append(torch.from_numpy(matrix))
    rows, columns = matrices
    return lambda m, x: rows.to(x.dtype) @ x @ columns.T.to(x.dtype)


def _resize_axes(layer: Any, shapes: list[tuple[int, ...]]) -> Call:
    import torch

    from convscope.ops.interpolate import weights

    made = [weights(shapes[0][rule.axis], rule) for rule in layer.rules]
    steps = [
        (rule, torch.from_numpy(matrix.T.copy()), torch.from_numpy(outside) if outside.any() else None)
        for rule, (matrix, outside) in zip(layer.rules, made, strict=True)
    ]

    def call(m: Any, x: Any) -> Any:
        for rule, matrix, outside in steps:
            y = x.movedim(rule.axis, -1) @ matrix.to(x)
            if outside is not None:
                y = torch.where(outside, rule.extrapolation, y)
            x = y.movedim(-1, rule.axis)
        return x

    return call


def _slice(layer: Any, shapes: list[tuple[int, ...]]) -> Call:
    import torch

    shape = shapes[0]

    def call(m: Any, x: Any) -> Any:
        for axis, (start, stop, step) in layer.slices.items():
            if axis % len(shape) == 0 and (start, stop, step) in ((0, None, 1), (None, None, 1)):
                continue
            places = range(*slice(start, stop, step).indices(x.shape[axis]))
            x = x.index_select(axis % len(shape), torch.tensor([*places]))
        return x

    return call


def _gather(layer: Any, shapes: list[tuple[int, ...]]) -> Call:
    import torch

    axis = layer.axis % len(shapes[0])
    flat = torch.from_numpy((layer.indices % shapes[0][axis]).reshape(-1))

    def call(m: Any, x: Any) -> Any:
        shape = (*x.shape[:axis], *layer.indices.shape, *x.shape[axis + 1 :])
        return x.index_select(axis, flat).reshape(shape)

    return call


def _pad(layer: Any, shapes: list[tuple[int, ...]]) -> Call:
    f = functional()
    flat = [n for pair in reversed(layer.padding) for n in pair]
    return lambda m, x: f.pad(
        x, flat, mode=layer.mode, **({"value": layer.value} if layer.mode == "constant" else {})
    )


def _pad_axes(layer: Any, shapes: list[tuple[int, ...]]) -> Call:
    """Pick along each axis what NumPy's padding of the places says; -1 stands for the value."""
    import torch

    def call(m: Any, x: Any) -> Any:
        for axis, (before, after) in enumerate(layer.padding):
            if (before, after) == (0, 0):
                continue
            kept = np.arange(x.shape[axis])[-min(before, 0) : x.shape[axis] + min(after, 0)]
            widths = (max(before, 0), max(after, 0))
            fill = {"constant_values": -1} if layer.mode == "constant" else {}
            places = torch.from_numpy(np.pad(kept, widths, mode=layer.mode, **fill))
            x = x.index_select(axis, places.clamp(min=0))
            inside = (places >= 0).reshape(-1, *(1,) * (x.ndim - axis - 1))
            x = torch.where(inside, x, layer.value)
        return x

    return call


def _expand(layer: Any, shapes: list[tuple[int, ...]]) -> Call:

    return lambda m, x: x.broadcast_to(np.broadcast_shapes(tuple(x.shape), layer.shape)).clone()


def _concatenate(layer: Any, shapes: list[tuple[int, ...]]) -> Call:
    import torch

    return lambda m, *xs: torch.cat(xs, layer.axis)


def _reshape(x: Any, target: tuple[int, ...]) -> Any:
    return x.reshape([x.shape[axis] if n == 0 else n for axis, n in enumerate(target)])


def _unsqueezed(layer: Any, x: Any) -> Any:
    rank = x.ndim + len(layer.axes)
    for axis in sorted(a % rank for a in layer.axes):
        x = x.unsqueeze(axis)
    return x


def _depth(f: Any, layer: Any, x: Any) -> Any:
    if layer.mode == "CRD":
        return f.pixel_shuffle(x, layer.block)
    n, c, h, w = x.shape
    b = layer.block
    parts = x.reshape(n, b, b, c // b**2, h, w).permute(0, 3, 4, 1, 5, 2)
    return parts.reshape(n, c // b**2, h * b, w * b)


def _space(f: Any, layer: Any, x: Any) -> Any:
    if layer.mode == "CRD":
        return f.pixel_unshuffle(x, layer.block)
    n, c, h, w = x.shape
    b = layer.block
    parts = x.reshape(n, c, h // b, b, w // b, b).permute(0, 3, 5, 1, 2, 4)
    return parts.reshape(n, c * b**2, h // b, w // b)


MOVES: Mapping[str, Maker] = {
    "Concatenate": _concatenate,
    "DepthToSpace": of_input(_depth),
    "Expand": _expand,
    "Flatten": of_input(lambda f, a, x: x.flatten(1)),
    "Gather": _gather,
    "Pad2d": _pad,
    "PadAxes": _pad_axes,
    "Reshape": of_input(lambda f, a, x: _reshape(x, a.shape)),
    "Resize2d": _resize,
    "ResizeAxes": _resize_axes,
    "Slice": _slice,
    "SpaceToDepth": of_input(_space),
    "Squeeze": of_input(lambda f, a, x: x.squeeze(a.axes)),
    "Tile": of_input(lambda f, a, x: x.tile(a.repeats)),
    "Transpose": of_input(lambda f, a, x: x.permute(a.order)),
    "Unsqueeze": of_input(lambda f, a, x: _unsqueezed(a, x)),
}
