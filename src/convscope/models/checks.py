"""Checking what builders are asked for."""

from __future__ import annotations

from collections.abc import Sequence

from convscope.errors import InvalidValue

__all__ = ["check_classes", "check_image"]


def check_classes(who: str, num_classes: object) -> int:
    """Refuse a number of classes that is not a whole number of at least 1."""
    if isinstance(num_classes, bool) or not isinstance(num_classes, int) or num_classes < 1:
        raise InvalidValue(f"{who}: num_classes must be a whole number of at least 1; got {num_classes!r}.")
    return num_classes


def check_image(who: str, input_shape: Sequence[int], least: int) -> tuple[int, int, int]:
    """Refuse an input that is not (C, H, W) with at least so many rows and columns."""
    shape = tuple(input_shape)
    if len(shape) != 3 or not all(isinstance(n, int) and n >= 1 for n in shape) or min(shape[1:]) < least:
        raise InvalidValue(
            f"{who}: input_shape must be (channels, height, width) with at least {least} rows and columns; "
            f"got {input_shape!r}."
        )
    return shape[0], shape[1], shape[2]
