"""Output sizes of convolution, pooling and transposed convolution, along one axis."""

from __future__ import annotations

from convscope.errors import InvalidValue
from convscope.geometry.fits import nearest_fits
from convscope.geometry.padding import Padding, kernel_span, resolve_padding, whole

__all__ = ["conv_output_size", "conv_transpose_output_size", "kernel_span", "pool_output_size"]


def conv_output_size(
    size: int,
    kernel: int,
    *,
    stride: int = 1,
    padding: Padding = 0,
    dilation: int = 1,
    exact: bool = False,
    ceil_mode: bool = False,
) -> int:
    """Give the number of places a kernel takes along an axis: (W - F + 2P)/S + 1.

    Parameters
    ----------
    size, kernel, stride, dilation : int
        Pixels along one axis.
    padding : int, (before, after), "same", "same_lower" or "valid"
        Pixels added at the two ends.
    exact : bool
        Refuse a size that is not whole instead of flooring it.
    ceil_mode : bool
        Round up, as some pooling does; a last window that would start in the padding
        after the image is dropped, as PyTorch and ONNX do.

    Raises
    ------
    InvalidValue
        If the kernel is larger than the padded input, or, with `exact`, if the size is
        not whole; the message names the nearest settings that fit.

    References
    ----------
    Dumoulin and Visin (2016), A guide to convolution arithmetic for deep learning, relationships 5, 6 and 15.

    Examples
    --------
    AlexNet's first layer, and the VGG rule "kernel 3, padding 1 keeps the size":

    >>> conv_output_size(227, 11, stride=4), conv_output_size(14, 3, padding=1)
    (55, 14)

    A size that is not whole is floored, unless it must be exact:

    >>> conv_output_size(10, 3, stride=2)
    4
    >>> conv_output_size(10, 3, stride=2, exact=True)
    Traceback (most recent call last):
        ...
    convscope.errors.InvalidValue: geometry: (10 - 3 + 2*0)/2 + 1 = 4.5 is not whole; \
what fits: stride 1, stride 7, padding (0, 1), kernel 2, kernel 4.
    """
    size, stride = whole("size", size, 1), whole("stride", stride, 1)
    before, after = resolve_padding(padding, size, kernel, stride, dilation)
    span = kernel_span(kernel, dilation)
    room = size + before + after - span
    if room < 0:
        raise InvalidValue(_too_large(size, kernel, span, (before, after), dilation))
    if exact and room % stride:
        fits = nearest_fits(size, kernel, stride=stride, padding=(before, after), dilation=dilation)
        text = conv_formula(size, kernel, stride, (before, after), dilation)
        raise InvalidValue(
            f"geometry: {text} is not whole; what fits: {', '.join(fit.change for fit in fits)}."
        )
    if not ceil_mode:
        return room // stride + 1
    outputs = -(-room // stride) + 1
    starts_after_image = (outputs - 1) * stride >= size + before
    return outputs - 1 if starts_after_image else outputs


def pool_output_size(
    size: int,
    kernel: int,
    *,
    stride: int | None = None,
    padding: Padding = 0,
    dilation: int = 1,
    ceil_mode: bool = False,
    exact: bool = False,
) -> int:
    """Give the number of windows of a pooling; `stride` is the kernel size unless given.

    See `conv_output_size` for the parameters.

    Examples
    --------
    >>> pool_output_size(7, 2), pool_output_size(7, 2, ceil_mode=True)
    (3, 4)
    """
    return conv_output_size(
        size,
        kernel,
        stride=kernel if stride is None else stride,
        padding=padding,
        dilation=dilation,
        exact=exact,
        ceil_mode=ceil_mode,
    )


def conv_transpose_output_size(
    size: int,
    kernel: int,
    *,
    stride: int = 1,
    padding: Padding = 0,
    dilation: int = 1,
    output_padding: int = 0,
) -> int:
    """Give the output size of a transposed convolution: (W - 1)S - 2P + span + output_padding.

    Several input sizes of a strided convolution give the same output size;
    `output_padding` says which of them to go back to, and must be less than
    the stride or the dilation.

    Parameters
    ----------
    padding : int, (before, after), "same", "same_lower" or "valid"
        Pixels cut from the two ends of the output. "same" gives size * stride.

    Raises
    ------
    InvalidValue
        If nothing would be left, or `output_padding` is too large.

    References
    ----------
    Dumoulin and Visin (2016), relationship 14.

    Examples
    --------
    >>> conv_transpose_output_size(4, 3, stride=2, padding=1)
    7
    >>> conv_transpose_output_size(4, 3, stride=2, padding=1, output_padding=1)
    8

    Both are sizes that the convolution turns into 4:

    >>> [conv_output_size(w, 3, stride=2, padding=1) for w in (7, 8)]
    [4, 4]
    """
    before, after = transpose_padding(size, kernel, stride, padding, dilation, output_padding)
    full = (size - 1) * stride + kernel_span(kernel, dilation) + output_padding
    if full - before - after < 1:
        raise InvalidValue(
            f"geometry: the padding of a transposed convolution must leave at least one pixel of {full}; "
            f"got padding=({before}, {after})."
        )
    return full - before - after


def transpose_padding(
    size: int, kernel: int, stride: int, padding: Padding, dilation: int, output_padding: int
) -> tuple[int, int]:
    """Turn any form of padding into the pixels a transposed convolution cuts at the two ends."""
    size, stride = whole("size", size, 1), whole("stride", stride, 1)
    extra = whole("output_padding", output_padding, 0)
    span = kernel_span(kernel, dilation)
    if extra and extra >= max(stride, dilation):
        raise InvalidValue(
            "geometry: output_padding must be less than the stride or the dilation; "
            f"got output_padding={extra}, stride={stride}, dilation={dilation}."
        )
    if padding not in ("same", "same_lower"):
        return resolve_padding(padding, size, kernel, stride, dilation)
    total = span + extra - stride
    if total < 0:
        raise InvalidValue(
            f"geometry: padding={padding!r} needs a kernel that spans the stride, {stride}; "
            f"got kernel {kernel}; output_padding={stride - span} would fill the gap."
        )
    less, more = total // 2, total - total // 2
    return (less, more) if padding == "same" else (more, less)


def conv_formula(size: int, kernel: int, stride: int, padding: tuple[int, int], dilation: int) -> str:
    """Write (W - F + 2P)/S + 1 with its numbers and its unrounded value.

    Examples
    --------
    >>> conv_formula(227, 11, 4, (0, 0), 1)
    '(227 - 11 + 2*0)/4 + 1 = 55'
    >>> conv_formula(10, 3, 2, (1, 2), 2)
    '(10 - (2*(3 - 1) + 1) + 1 + 2)/2 + 1 = 5'
    """
    before, after = padding
    span = kernel_span(kernel, dilation)
    span_text = f"{kernel}" if dilation == 1 else f"({dilation}*({kernel} - 1) + 1)"
    pads = f"2*{before}" if before == after else f"{before} + {after}"
    value = (size - span + before + after) / stride + 1
    return f"({size} - {span_text} + {pads})/{stride} + 1 = {value:.6g}"


def _too_large(size: int, kernel: int, span: int, padding: tuple[int, int], dilation: int) -> str:
    before, after = padding
    padded = size + before + after
    dilated = f" with dilation {dilation} spans {span} pixels and" if dilation > 1 else ""
    largest = (padded - 1) // dilation + 1
    enough = -(-(span - size) // 2)
    return (
        f"geometry: kernel {kernel}{dilated} must not be larger than the padded input, {padded} pixels "
        f"(size {size}, padding {before} and {after}); what fits: kernel {largest}, padding {enough}."
    )
