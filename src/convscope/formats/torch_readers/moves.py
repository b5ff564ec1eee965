"""Where values go, not what they are: shapes, slices, picks, copies, padding; and resizing."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from convscope import layers
from convscope.errors import InvalidValue
from convscope.formats.torch_readers.row import (
    BATCH,
    Arguments,
    Row,
    axes_of,
    of_input,
    shape_of,
    source_of,
)
from convscope.layers import Layer
from convscope.ops.interpolate import AxisRule

if TYPE_CHECKING:
    from convscope.formats.torch_in import TorchReader

__all__ = ["MOVES"]


def _cat(reader: TorchReader, item: Any, given: Arguments) -> None:
    reader.add(item, layers.Concatenate(given["dim"]), *given["tensors"])


def _stack(reader: TorchReader, item: Any, given: Arguments) -> None:
    axis = given["dim"] % len(shape_of(item))
    parts = [
        reader.step(item, f"part {i}", layers.Unsqueeze((axis,)), value)
        for i, value in enumerate(given["tensors"])
    ]
    reader.add(item, layers.Concatenate(axis), *parts)


def _reshape(reader: TorchReader, item: Any, given: Arguments) -> None:
    """The batch axis stays free where it stays first."""
    source = given.get("self", given.get("input"))
    old, new = shape_of(source), shape_of(item)
    if old == new:
        reader.add(item, layers.Cast("float"), source)
    elif new[0] == old[0] and len(new) == 2 and len(old) == 4:
        reader.add(item, layers.Flatten(), source)
    elif new.count(BATCH) == 1 and new[0] != BATCH:  # the batch was moved: it is what varies
        reader.add(item, layers.Reshape([-1 if n == BATCH else n for n in new]), source)
    elif new[0] == old[0]:
        reader.add(item, layers.Reshape((0, *new[1:])), source)
    else:  # the batch is among the first axis's values
        reader.add(item, layers.Reshape((-1, *new[1:])), source)


def _permute(reader: TorchReader, item: Any, given: Arguments) -> None:
    """Every way to say an order of the axes."""
    rank = len(shape_of(given["self"]))
    order = [*range(rank)]
    if "dims" in given:
        order = [a % rank for a in given["dims"]]
    elif "source" in given:
        first = [a % rank for a in axes_of(given["source"])]
        last = [a % rank for a in axes_of(given["destination"])]
        order = [a for a in order if a not in first]
        for place, axis in sorted(zip(last, first, strict=True)):
            order.insert(place, axis)
    else:
        one, other = given.get("dim0", given.get("axis0", -2)), given.get("dim1", given.get("axis1", -1))
        order[one % rank], order[other % rank] = other % rank, one % rank
    reader.add(item, layers.Transpose(order), given["self"])


def _slice(reader: TorchReader, item: Any, given: Arguments) -> None:
    start, end = given.get("start") or 0, given.get("end")
    if given["dim"] == 0 and (start, end) in ((0, None), (0, 2**63 - 1), (0, BATCH)):
        reader.add(item, layers.Cast("float"), given["self"])
        return
    reader.add(item, layers.Slice({given["dim"]: (start, end, given["step"])}), given["self"])


def _put(reader: TorchReader, item: Any, given: Arguments) -> None:
    """Put values in the place of a slice, or of one pick, along an axis."""
    whole, part, axis = given["self"], given["src"], given["dim"]
    length = shape_of(whole)[axis]
    if "index" in given:
        start = given["index"] % length
        end, part = start + 1, reader.step(item, "part", layers.Unsqueeze((axis,)), part)
    else:
        start, end, step = slice(given["start"], given["end"], given["step"]).indices(length)
        if step != 1:
            raise InvalidValue(f"the places must lie side by side; got every {step}")
    parts = [part]
    if start > 0:
        parts.insert(0, reader.step(item, "before", layers.Slice({axis: (0, start, 1)}), whole))
    if end < length:
        parts.append(reader.step(item, "after", layers.Slice({axis: (end, None, 1)}), whole))
    if axis % len(shape_of(whole)) == 0 and len(parts) > 1:
        raise InvalidValue("the batch axis must stay")
    reader.add(item, layers.Concatenate(axis) if len(parts) > 1 else layers.Cast("float"), *parts)


def _overwrite(reader: TorchReader, item: Any, given: Arguments) -> None:
    """Other values, stretched to the shape of what they replace."""
    zeros = reader.step(item, "zeros", layers.Clip(0, 0), given["self"])
    reader.add(item, layers.Add(), zeros, given["src"])


def _narrow(reader: TorchReader, item: Any, given: Arguments) -> None:
    start, length = given["start"], given["length"]
    reader.add(item, layers.Slice({given["dim"]: (start, start + length, 1)}), given["self"])


def _flip(reader: TorchReader, item: Any, given: Arguments) -> None:
    reader.add(item, layers.Slice(dict.fromkeys(given["dims"], (None, None, -1))), given["self"])


def _select(reader: TorchReader, item: Any, given: Arguments) -> None:
    reader.add(item, layers.Gather(np.array(given["index"]), given["dim"]), given["self"])


def _pick(reader: TorchReader, item: Any, given: Arguments) -> None:
    """x.index_select(axis, known places)."""
    reader.add(item, layers.Gather(_whole(reader, given["index"]), given["dim"]), given["self"])


def _index(reader: TorchReader, item: Any, given: Arguments) -> None:
    """x[:, places]: one axis by known places."""
    found = [(axis, index) for axis, index in enumerate(given["indices"]) if index is not None]
    if len(found) != 1:
        raise InvalidValue("only one axis may be indexed by an array")
    ((axis, index),) = found
    reader.add(item, layers.Gather(_whole(reader, index), axis), given["self"])


def _whole(reader: TorchReader, item: Any) -> NDArray[np.int64]:
    array: NDArray[Any] = reader.array(item)
    if array.dtype.kind not in "iu":
        raise InvalidValue("places must be whole numbers")
    return array.astype(np.int64)


def _repeat_each(reader: TorchReader, item: Any, given: Arguments) -> None:
    if given.get("dim") is None or not isinstance(given["repeats"], int):
        raise InvalidValue("repeat_interleave must have an axis and one number")
    length = shape_of(given["self"])[given["dim"]]
    places = np.repeat(np.arange(length), given["repeats"])
    reader.add(item, layers.Gather(places, given["dim"]), given["self"])


def _roll(reader: TorchReader, item: Any, given: Arguments) -> None:
    value, pairs = given["self"], [*zip(axes_of(given["shifts"]), axes_of(given["dims"]), strict=True)]
    for number, (shift, axis) in enumerate(pairs):
        layer = layers.Gather(np.roll(np.arange(shape_of(given["self"])[axis]), shift), axis)
        if number + 1 == len(pairs):
            reader.add(item, layer, value)
        else:
            value = reader.step(item, f"axis {axis}", layer, value)


def _expand(reader: TorchReader, item: Any, given: Arguments) -> None:
    """The batch stretches by itself."""
    old, new = shape_of(given["self"]), shape_of(item)
    if len(new) != len(old) or new[0] != old[0]:
        raise InvalidValue(f"only the axes of one image may be stretched; got {old} to {new}")
    reader.add(item, layers.Expand((1, *new[1:])), given["self"])


def _tile(reader: TorchReader, item: Any, given: Arguments) -> None:
    repeats = tuple(given.get("repeats", given.get("dims", ())))
    rank = len(shape_of(given["self"]))
    repeats = (1,) * (rank - len(repeats)) + repeats
    if len(repeats) != rank or repeats[0] != 1:
        raise InvalidValue(f"only the axes of one image may be repeated; got {repeats}")
    reader.add(item, layers.Tile(repeats), given["self"])


def _split(reader: TorchReader, item: Any, given: Arguments) -> None:
    """Each part is a slice."""
    axis = given["dim"]
    lengths = [int(part.shape[axis]) for part in item.meta["val"]]
    ends = np.cumsum(lengths).tolist()
    reader.parts[item.name] = [
        reader.step(item, str(i), layers.Slice({axis: (end - length, end, 1)}), given["self"])
        for i, (length, end) in enumerate(zip(lengths, ends, strict=True))
    ]


def _unbind(reader: TorchReader, item: Any, given: Arguments) -> None:
    """Each part is a pick."""
    reader.parts[item.name] = [
        reader.step(item, str(i), layers.Gather(np.array(i), given["dim"]), given["self"])
        for i in range(len(item.meta["val"]))
    ]


def _pad(reader: TorchReader, item: Any, given: Arguments) -> None:
    """PyTorch names the last axis first."""
    pads, rank = list(given["pad"]), len(shape_of(given["self"]))
    pairs = [(pads[i], pads[i + 1]) for i in range(0, len(pads), 2)][::-1]
    ends = [(0, 0)] * (rank - len(pairs)) + pairs
    mode, value = given.get("mode", "constant"), float(given.get("value") or 0)
    if rank == 4 and ends[:2] == [(0, 0), (0, 0)] and min(min(pair) for pair in ends) >= 0:
        reader.add(item, layers.Pad2d((ends[2], ends[3]), mode=mode, value=value), given["self"])
    else:
        mode = {"replicate": "edge", "circular": "wrap"}.get(str(mode), str(mode))
        reader.add(item, layers.PadAxes(ends, mode=mode, value=value), given["self"])


def _upsample(mode: str, coordinates: str = "half_pixel", rounding: str = "floor") -> Row:
    """Images the fast way; sound, volumes and what is smoothed before by a rule for each axis."""

    def row(reader: TorchReader, item: Any, given: Arguments) -> None:
        source = source_of(given)
        old, size = shape_of(source)[2:], shape_of(item)[2:]
        said, smooth = _scales(given, len(old)), "_aa" in str(item.target)
        scales = said or [m / n for n, m in zip(old, size, strict=True)]
        if said and reader.dtype == np.float32:
            scales = _kept(old, said, size)
        place = "align_corners" if given.get("align_corners") else coordinates
        if place == "asymmetric":  # PyTorch takes the very pixel, or each twice, whatever the factor
            scales = [m / n if m in (n, 2 * n) else s for n, m, s in zip(old, size, scales, strict=True)]
        words: dict[str, Any] = {"mode": mode, "coordinates": place}
        if len(old) == 2 and not smooth:
            words["mode"] = "bilinear" if mode == "linear" else mode
            words |= {"rounding": rounding} if mode == "nearest" else {}
            pair, both = (scales[0], scales[1]), (size[0], size[1])
            layer: Layer = layers.Resize2d(both, **words)
            if (said and place != "align_corners") or _exact(old, scales, size):
                layer = layers.Resize2d(scale=pair, **words)
        else:
            if place == "align_corners":  # the corners lie on whole cells
                scales = [m / n for n, m in zip(old, size, strict=True)]
            words |= {"antialias": True, "exclude_outside": True, "cubic_a": -0.5} if smooth else {}
            rules = [AxisRule(2 + i, size[i], scales[i], rounding=rounding, **words) for i in range(len(old))]
            layer = layers.ResizeAxes(rules)
        reader.add(item, layer, source)

    return row


def _kept(old: Sequence[int], scales: Sequence[float], size: Sequence[int]) -> list[float]:
    """Give the factors as a file keeps them, in float32, where the sizes are the same then."""
    rounded = [float(np.float32(s)) for s in scales]
    same = all(math.floor(n * s) == m for n, s, m in zip(old, rounded, size, strict=True))
    return rounded if same else [*scales]


def _exact(old: Sequence[int], scales: Sequence[float], size: Sequence[int]) -> bool:
    """Say whether the factors, which a file keeps in float32, serve images of other sizes too."""
    return all(n * s == m and float(np.float32(s)) == s for n, s, m in zip(old, scales, size, strict=True))


def _scales(given: Arguments, rank: int) -> list[float] | None:
    """Give the factors, which PyTorch keeps under different names."""
    found = given.get("scale_factors")
    if found is None:
        names = ("scales_d", "scales_h", "scales_w") if rank > 1 else ("scales",)
        found = [given.get(name) for name in names[-rank:]]
    return None if any(s is None for s in found) else [float(s) for s in found]


def _shuffle(layer_class: Any, factor: str) -> Row:
    return of_input(lambda given: layer_class(given[factor], "CRD"))


def _copy(reader: TorchReader, item: Any, given: Arguments) -> None:
    """Contiguous, detach, to: the same value."""
    source = given["self"]
    reader.sources[item.name] = reader.source(source)


def _squeeze(reader: TorchReader, item: Any, given: Arguments) -> None:
    shape = shape_of(given["self"])
    asked = axes_of(given["dim"]) if "dim" in given else range(len(shape))
    axes = [a % len(shape) for a in asked if shape[a] == 1]
    reader.add(item, layers.Squeeze(axes), given["self"])


MOVES: Mapping[str, Row] = {
    **dict.fromkeys(("view", "reshape", "flatten", "_unsafe_view", "unflatten", "view_as"), _reshape),
    **dict.fromkeys(
        ("permute", "transpose", "swapaxes", "swapdims", "movedim", "moveaxis", "mT", "t"), _permute
    ),
    **dict.fromkeys(("chunk", "split", "split_with_sizes", "tensor_split", "unsafe_chunk"), _split),
    **dict.fromkeys(
        (
            *("contiguous", "detach", "clone", "alias", "to", "_to_copy", "type_as"),
            *("identity", "lift_fresh_copy"),
        ),
        _copy,
    ),
    **dict.fromkeys(("expand", "expand_as", "broadcast_to"), _expand),
    **dict.fromkeys(("repeat", "tile"), _tile),
    "cat": _cat,
    "flip": _flip,
    "index": _index,
    "index_select": _pick,
    "narrow": _narrow,
    "pad": _pad,
    "pixel_shuffle": _shuffle(layers.DepthToSpace, "upscale_factor"),
    "pixel_unshuffle": _shuffle(layers.SpaceToDepth, "downscale_factor"),
    "repeat_interleave": _repeat_each,
    "roll": _roll,
    "select": _select,
    **dict.fromkeys(("slice_scatter", "select_scatter"), _put),
    "copy": _overwrite,
    "slice": _slice,
    "squeeze": _squeeze,
    "stack": _stack,
    "unbind": _unbind,
    "unsqueeze": of_input(lambda a: layers.Unsqueeze((a["dim"],))),
    **dict.fromkeys(("upsample_bicubic2d", "_upsample_bicubic2d_aa"), _upsample("cubic")),
    **dict.fromkeys(
        ("upsample_linear1d", "upsample_bilinear2d", "upsample_trilinear3d", "_upsample_bilinear2d_aa"),
        _upsample("linear"),
    ),
    **dict.fromkeys(
        ("upsample_nearest1d", "upsample_nearest2d", "upsample_nearest3d"), _upsample("nearest", "asymmetric")
    ),
    **dict.fromkeys(
        ("_upsample_nearest_exact1d", "_upsample_nearest_exact2d", "_upsample_nearest_exact3d"),
        _upsample("nearest", "half_pixel", "round_prefer_ceil"),
    ),
}
