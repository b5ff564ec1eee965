"""Numbers as they are written on the command line."""

from __future__ import annotations

from convscope.errors import InvalidValue

__all__ = ["indices_of", "scale_of", "shape_of", "size_of"]


def size_of(option: str, text: str, *, least: int | None = 1) -> tuple[int, int]:
    """Read 28 or 28x36, height x width, each `least` or more unless that is None.

    Examples
    --------
    >>> size_of("--size", "28x36"), size_of("--size", "28")
    ((28, 36), (28, 28))
    """
    numbers = _by_x(text)
    if len(numbers) not in (1, 2) or (least is not None and min(numbers) < least):
        raise InvalidValue(f"{option} must be a whole number or height x width such as 28x36; got {text!r}.")
    return numbers[0], numbers[-1]


def shape_of(option: str, text: str) -> tuple[int, ...]:
    """Read 3x224x224, channels x height x width.

    Examples
    --------
    >>> shape_of("--input", "3x224x224")
    (3, 224, 224)
    """
    shape = _by_x(text)
    if len(shape) != 3 or min(shape) < 1:
        raise InvalidValue(f"{option} must be channels x height x width such as 3x224x224; got {text!r}.")
    return tuple(shape)


def scale_of(option: str, text: str) -> float | tuple[float, ...]:
    """Read 1, 1/255 or 104,117,123.

    Examples
    --------
    >>> scale_of("--mean", "104,117,123"), scale_of("--scale", "1/4")
    ((104.0, 117.0, 123.0), 0.25)
    """
    found = []
    for part in text.split(","):
        above, _, below = part.partition("/")
        try:
            found.append(float(above) / float(below or 1))
        except (ValueError, ZeroDivisionError):
            raise InvalidValue(
                f"{option} must be a number or one for each channel, such as 1/255 or 104,117,123; "
                f"got {text!r}."
            ) from None
    return found[0] if len(found) == 1 else tuple(found)


def indices_of(option: str, text: str) -> list[int]:
    """Read 3,5,8-11.

    Examples
    --------
    >>> indices_of("--off", "3,5,8-11")
    [3, 5, 8, 9, 10, 11]
    """
    found: list[int] = []
    for part in text.split(","):
        first, dash, last = part.partition("-")
        try:
            found += range(int(first), int(last if dash else first) + 1)
        except ValueError:
            raise InvalidValue(f"{option} must be numbers such as 3,5,8-11; got {text!r}.") from None
    return found


def _by_x(text: str) -> list[int]:
    """Read whole numbers with an x between them; none where it is anything else."""
    try:
        return [int(part) for part in text.lower().replace("×", "x").split("x")]
    except ValueError:
        return []
