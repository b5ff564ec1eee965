"""Many values to one along axes: means, sums, extremes and their places, norms, variances."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from convscope import layers
from convscope.errors import InvalidValue
from convscope.formats.torch_readers.row import Arguments, Row, axes_of, several, shape_of

if TYPE_CHECKING:
    from convscope.formats.torch_in import TorchReader

__all__ = ["REDUCTIONS"]


def _reduce(how: str) -> Row:
    def row(reader: TorchReader, item: Any, given: Arguments) -> None:
        axes = axes_of(given.get("dim"))
        if not axes or 0 in axes:
            raise InvalidValue("the batch axis must stay")
        reader.add(item, layers.Reduce(how, axes, keepdims=bool(given.get("keepdim", False))), given["self"])

    return row


def _l2(reader: TorchReader, item: Any, given: Arguments) -> None:
    axes = axes_of(given["dim"])
    p = float(given.get("ord", given.get("p")) or 2)
    layer = layers.Reduce("norm", axes, keepdims=given["keepdim"], p=p)
    reader.add(item, layer, given["self"])


def _var(reader: TorchReader, item: Any, given: Arguments) -> None:
    """The mean of the squared distances from the mean, times n / (n - correction)."""
    axes, source = axes_of(given.get("dim")), given["self"]
    if not axes or 0 in axes:
        raise InvalidValue("the batch axis must stay")
    count = math.prod(shape_of(source)[a] for a in axes)
    correction = given.get("correction", int(given.get("unbiased", True)))
    mean = reader.step(item, "mean", layers.Reduce("mean", axes, keepdims=True), source)
    far = reader.step(item, "distance", layers.Subtract(), source, mean)
    squared = reader.step(item, "squared", layers.Multiply(), far, far)
    layer = layers.Reduce("mean", axes, keepdims=bool(given.get("keepdim", False)))
    found = reader.step(item, "of n", layer, squared)
    factor = reader.number(item, "factor", count / (count - (1 if correction is None else correction)))
    root = "std" in str(item.target)
    if root:
        found = reader.step(item, "variance", layers.Multiply(), found, factor)
        reader.add(item, layers.Sqrt(), found)
    else:
        reader.add(item, layers.Multiply(), found, factor)


def _extreme_along(how: str) -> Row:
    """The values, and where they are."""

    def row(reader: TorchReader, item: Any, given: Arguments) -> None:
        if "other" in given:
            several(layers.Maximum if how == "max" else layers.Minimum)(reader, item, given)
            return
        if "dim" not in given:
            raise InvalidValue("the batch axis must stay")
        keep, source = bool(given["keepdim"]), given["self"]
        value = reader.step(item, "values", layers.Reduce(how, (given["dim"],), keepdims=keep), source)
        signed = source if how == "max" else reader.step(item, "negated", layers.Negate(), source)
        place = reader.step(item, "places", layers.ArgMax(given["dim"], keepdims=keep), signed)
        reader.parts[item.name] = [value, place]

    return row


def _arg_max(reader: TorchReader, item: Any, given: Arguments) -> None:
    if given.get("dim") is None:
        raise InvalidValue("the batch axis must stay")
    reader.add(item, layers.ArgMax(given["dim"], keepdims=bool(given["keepdim"])), given["self"])


REDUCTIONS: Mapping[str, Row] = {
    "amax": _reduce("max"),
    "amin": _reduce("min"),
    "argmax": _arg_max,
    "max": _extreme_along("max"),
    "mean": _reduce("mean"),
    "min": _extreme_along("min"),
    "sum": _reduce("sum"),
    **dict.fromkeys(("linalg_vector_norm", "norm"), _l2),
    **dict.fromkeys(("var", "std"), _var),
}
