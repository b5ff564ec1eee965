"""How many pixels are added before and after an axis."""

from __future__ import annotations

import operator

from convscope.errors import DtypeError, InvalidValue

__all__ = ["Padding", "keeping_padding", "kernel_span", "resolve_padding", "same_padding", "whole"]

# pixels on both sides, (before, after), or "same", "same_lower", "valid"
Padding = int | tuple[int, int] | str


def whole(name: str, value: object, least: int) -> int:
    """Give `value` as an int of at least `least`, or say what is wrong with it."""
    if isinstance(value, bool):
        raise DtypeError(f"geometry: {name} must be a whole number; got {value!r}.")
    try:
        number = operator.index(value)  # type: ignore[arg-type]  # what is no number is the error caught
    except TypeError:
        raise DtypeError(f"geometry: {name} must be a whole number; got {value!r}.") from None
    if number < least:
        raise InvalidValue(f"geometry: {name} must be at least {least}; got {name}={number}.")
    return number


def kernel_span(kernel: int, dilation: int = 1) -> int:
    """Give the pixels from the first to the last tap of a kernel, both counted.

    Examples
    --------
    >>> kernel_span(3), kernel_span(3, dilation=2)
    (3, 5)
    """
    return whole("dilation", dilation, 1) * (whole("kernel", kernel, 1) - 1) + 1


def same_padding(size: int, kernel: int, stride: int = 1, dilation: int = 1) -> tuple[int, int]:
    """Give the padding that makes the output ceil(size / stride), as "same" does.

    With stride 1 the size is kept: P = (F - 1)/2 on both sides for an odd kernel F.
    An even kernel needs one pixel more on one side; it is put at the end, as PyTorch
    and ONNX's SAME_UPPER do.

    Parameters
    ----------
    size, kernel, stride, dilation : int
        Pixels along one axis.

    Returns
    -------
    (before, after) : pixels to add.

    Examples
    --------
    >>> same_padding(28, 5), same_padding(28, 4)
    ((2, 2), (1, 2))

    The rule P = (F - S)/2, which some texts give for "same", gives W/S and not W:

    >>> from convscope.geometry import conv_output_size
    >>> conv_output_size(28, 4, stride=2, padding=(4 - 2) // 2)
    14
    """
    size, stride = whole("size", size, 1), whole("stride", stride, 1)
    outputs = -(-size // stride)
    return _split(max(0, (outputs - 1) * stride + kernel_span(kernel, dilation) - size))


def keeping_padding(size: int, kernel: int, stride: int = 1, dilation: int = 1) -> tuple[int, int]:
    """Give the padding that keeps the size for any stride: (size - 1)*stride + span - size in all.

    For stride 1 it is that of `same_padding`; for larger strides it is far more than
    anybody uses, since the windows then walk well beyond the image.

    Returns
    -------
    (before, after) : pixels to add; an odd number puts one more at the end.

    Examples
    --------
    >>> keeping_padding(28, 5)
    (2, 2)
    >>> keeping_padding(28, 5, stride=2)
    (15, 16)
    >>> from convscope.geometry import conv_output_size
    >>> conv_output_size(28, 5, stride=2, padding=(15, 16), exact=True)
    28
    """
    size, stride = whole("size", size, 1), whole("stride", stride, 1)
    return _split((size - 1) * stride + kernel_span(kernel, dilation) - size)


def resolve_padding(
    padding: Padding, size: int, kernel: int, stride: int = 1, dilation: int = 1
) -> tuple[int, int]:
    """Turn any form of padding into pixels (before, after).

    Parameters
    ----------
    padding : int, (before, after), "same", "same_lower" or "valid"
        "same" puts an odd pixel at the end, "same_lower" at the beginning; "valid" is none.

    Raises
    ------
    InvalidValue
        If it is negative or an unknown word.

    Examples
    --------
    >>> [resolve_padding(p, 28, 4) for p in (1, (0, 2), "same", "same_lower", "valid")]
    [(1, 1), (0, 2), (1, 2), (2, 1), (0, 0)]
    """
    if isinstance(padding, str):
        if padding == "valid":
            return 0, 0
        if padding not in ("same", "same_lower"):
            raise InvalidValue(
                "geometry: padding must be a number of pixels, (before, after), "
                f"'same', 'same_lower' or 'valid'; got {padding!r}."
            )
        before, after = same_padding(size, kernel, stride, dilation)
        return (before, after) if padding == "same" else (after, before)
    if isinstance(padding, tuple | list):
        if len(padding) != 2:
            raise InvalidValue(f"geometry: padding must be one number or (before, after); got {padding!r}.")
        return whole("padding", padding[0], 0), whole("padding", padding[1], 0)
    pixels = whole("padding", padding, 0)
    return pixels, pixels


def _split(total: int) -> tuple[int, int]:
    return total // 2, total - total // 2
