"""What the rows of the tables share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from convscope.layers import Layer, Multiply

if TYPE_CHECKING:
    from convscope.formats.torch_in import TorchReader

__all__ = ["BATCH", "Arguments", "Row", "axes_of", "each", "of_input", "several", "shape_of", "source_of"]

# Shapes are followed for so many images, a number that no other length is likely to have, so that the
# batch axis is told from the others.
BATCH = 499

Arguments = Mapping[str, Any]
Row = Callable[["TorchReader", Any, Arguments], None]


def shape_of(item: Any) -> tuple[int, ...]:
    """Give the shape of an operation's value, for `BATCH` images."""
    return tuple(int(n) for n in item.meta["val"].shape)


def source_of(given: Arguments) -> Any:
    """Give the one input, which PyTorch calls "self" or "input"."""
    return given.get("self", given.get("input"))


def each(value: Any, rank: int) -> tuple[int, ...]:
    """Give one number for each axis."""
    items = [value] if isinstance(value, int) else list(value)
    return tuple(items * rank) if len(items) == 1 else tuple(items)


def axes_of(value: Any) -> tuple[int, ...]:
    """Give one axis, several or none as a tuple."""
    return () if value is None else (value,) if isinstance(value, int) else tuple(value)


def of_input(make: Callable[[Arguments], Layer]) -> Row:
    """An operation of one input."""

    def row(reader: TorchReader, item: Any, given: Arguments) -> None:
        reader.add(item, make(given), source_of(given))

    return row


def several(layer_class: Any) -> Row:
    """An operation of two inputs, of which one may be a number."""

    def row(reader: TorchReader, item: Any, given: Arguments) -> None:
        inputs = []
        for key in ("self", "other"):
            value = given.get(key, given.get("exponent", given.get("mat2")))
            inputs.append(reader.number(item, key, value) if isinstance(value, int | float) else value)
        if given.get("alpha", 1) != 1:
            factor = reader.number(item, "alpha", given["alpha"])
            inputs[1] = reader.step(item, "scaled", Multiply(), inputs[1], factor)
        reader.add(item, layer_class(), *inputs)

    return row
