"""Everything there is to say about windows along one axis."""

from __future__ import annotations

from dataclasses import dataclass

from convscope.errors import InvalidValue
from convscope.geometry.fits import Fit, nearest_fits
from convscope.geometry.padding import Padding, kernel_span, resolve_padding, whole
from convscope.geometry.size import (
    conv_formula,
    conv_output_size,
    conv_transpose_output_size,
    transpose_padding,
)

__all__ = ["AxisGeometry", "conv_geometry"]


@dataclass(frozen=True)
class AxisGeometry:
    """Where the windows of a convolution or pooling lie along one axis.

    Positions are pixels of the input, 0 the first; padding has positions below 0 and
    from `size` on. For a transposed convolution windows lie on the output: window i is
    where input pixel i is written to.

    Attributes
    ----------
    size, kernel, stride, dilation, output_padding : int
        The settings, in pixels.
    padding : (int, int)
        Pixels added (transposed: cut) before and after.
    transposed, ceil_mode : bool
        The kind of arithmetic.
    span : int
        Pixels from the first to the last tap, ``dilation*(kernel - 1) + 1``.
    output : int
        The output size.
    starts : tuple of int
        Position of the first tap of each window.
    exact : bool
        Whether the formula's value is whole (always so for a transposed convolution).
    dropped : int
        Positions at the end of the padded input that lie behind the last window because
        the size was floored (in ``ceil_mode``: because a last window that would start behind the image
        is left out).
    dropped_pixels : range
        Those of them that are pixels of the image and not padding.
    overhang : int
        Positions beyond the padded input that the last window covers (``ceil_mode`` only).
    formula : str
        The formula with its numbers, and how the value was rounded.
    fits : tuple of Fit
        The nearest settings that fit exactly; empty if these do.
    """

    size: int
    kernel: int
    stride: int
    padding: tuple[int, int]
    dilation: int
    output: int
    starts: tuple[int, ...]
    exact: bool
    dropped: int
    formula: str
    overhang: int = 0
    fits: tuple[Fit, ...] = ()
    transposed: bool = False
    ceil_mode: bool = False
    output_padding: int = 0

    @property
    def span(self) -> int:
        """Pixels from the first to the last tap, both counted."""
        return kernel_span(self.kernel, self.dilation)

    @property
    def dropped_pixels(self) -> range:
        """Pixels of the image that lie behind the last window."""
        return range(self.size - max(0, self.dropped - self.padding[1]), self.size)

    def taps(self, index: int) -> range:
        """Give the positions that window `index` reads (transposed: writes), padding included.

        Examples
        --------
        >>> conv_geometry(7, 3, stride=2, padding=1).taps(0)
        range(-1, 2)
        >>> list(conv_geometry(7, 3, dilation=2).taps(1))
        [1, 3, 5]
        """
        start = self.starts[index]
        return range(start, start + self.span, self.dilation)

    def reads(self) -> tuple[int, ...]:
        """Count for each pixel (transposed: of the output) how many windows hold it.

        0 is a pixel nobody reads, because it is dropped at the end or lies between windows.

        Examples
        --------
        >>> conv_geometry(6, 3).reads()
        (1, 2, 3, 3, 2, 1)
        >>> conv_geometry(6, 1, stride=2).reads()
        (1, 0, 1, 0, 1, 0)
        """
        counts = [0] * (self.output if self.transposed else self.size)
        for index in range(len(self.starts)):
            for position in self.taps(index):
                if 0 <= position < len(counts):
                    counts[position] += 1
        return tuple(counts)

    def unread(self) -> tuple[int, ...]:
        """Give the pixels that no window holds.

        Examples
        --------
        >>> conv_geometry(10, 3, stride=2).unread()
        (9,)
        """
        return tuple(pixel for pixel, count in enumerate(self.reads()) if count == 0)

    def explanation(self) -> str:
        """Say in one sentence what rounding the size leaves out, and where.

        Examples
        --------
        >>> conv_geometry(10, 3, stride=2).explanation()
        'The floor drops 1 position at the end: pixel 9 of the image.'
        >>> conv_geometry(227, 11, stride=4).explanation()
        'The last window ends with the padded input; nothing is dropped.'
        """
        if self.transposed:
            cut = _count(sum(self.padding))
            return f"Each input pixel is written to {_count(self.kernel)}; {cut} at the ends are cut away."
        if self.overhang:
            return f"The ceiling adds a window that reaches {_count(self.overhang)} beyond the padded input."
        if not self.dropped:
            return "The last window ends with the padded input; nothing is dropped."
        pixels = self.dropped_pixels
        if not pixels:
            where = "padding only, no pixel of the image"
        elif len(pixels) == 1:
            where = f"pixel {pixels[0]} of the image"
        else:
            where = f"pixels {pixels[0]} to {pixels[-1]} of the image"
        padding = self.dropped - len(pixels)
        and_padding = f" and {padding} of the padding" if pixels and padding else ""
        who = "Leaving out a window behind the image drops" if self.ceil_mode else "The floor drops"
        return f"{who} {_count(self.dropped)} at the end: {where}{and_padding}."


def conv_geometry(
    size: int,
    kernel: int,
    *,
    stride: int = 1,
    padding: Padding = 0,
    dilation: int = 1,
    exact: bool = False,
    ceil_mode: bool = False,
    transposed: bool = False,
    output_padding: int = 0,
) -> AxisGeometry:
    """Lay the windows of a convolution, pooling or transposed convolution along one axis.

    Parameters are those of `conv_output_size`, and `conv_transpose_output_size` if `transposed`.

    Raises
    ------
    InvalidValue
        If the kernel is larger than the padded input, or with `exact` if the size is not whole.

    Examples
    --------
    >>> g = conv_geometry(10, 3, stride=2)
    >>> g.formula
    '(10 - 3 + 2*0)/2 + 1 = 4.5, floored to 4'
    >>> g.starts, g.dropped, list(g.dropped_pixels)
    ((0, 2, 4, 6), 1, [9])
    >>> [fit.change for fit in g.fits]
    ['stride 1', 'stride 7', 'padding (0, 1)', 'kernel 2', 'kernel 4']

    The volume of an 11-pixel input under F = 5, S = 2: cell 0 reads X[:5], cell 1 X[2:7], ...

    >>> [(t.start, t.stop) for t in map(conv_geometry(11, 5, stride=2).taps, range(4))]
    [(0, 5), (2, 7), (4, 9), (6, 11)]
    """
    if transposed:
        if ceil_mode:
            raise InvalidValue(
                "geometry: ceil_mode must be off for a transposed convolution: nothing is rounded."
            )
        return _transposed(size, kernel, stride, padding, dilation, output_padding)
    if whole("output_padding", output_padding, 0):
        raise InvalidValue(
            "geometry: output_padding must be 0 unless the convolution is transposed; "
            f"got output_padding={output_padding}."
        )
    output = conv_output_size(
        size, kernel, stride=stride, padding=padding, dilation=dilation, exact=exact, ceil_mode=ceil_mode
    )
    pads = resolve_padding(padding, size, kernel, stride, dilation)
    span = kernel_span(kernel, dilation)
    rest = size + sum(pads) - ((output - 1) * stride + span)
    whole_size = (size + sum(pads) - span) % stride == 0
    left_out = ceil_mode and rest > 0
    rounding = "" if whole_size else f", {'ceiled' if ceil_mode else 'floored'} to {output + left_out}"
    if left_out:
        rounding += f", less a last window that would start behind the image: {output}"
    return AxisGeometry(
        size=size,
        kernel=kernel,
        stride=stride,
        padding=pads,
        dilation=dilation,
        output=output,
        starts=tuple(range(-pads[0], -pads[0] + output * stride, stride)),
        exact=whole_size,
        dropped=max(0, rest),
        overhang=max(0, -rest),
        formula=conv_formula(size, kernel, stride, pads, dilation) + rounding,
        fits=tuple(nearest_fits(size, kernel, stride=stride, padding=pads, dilation=dilation)),
        ceil_mode=ceil_mode,
    )


def _transposed(
    size: int, kernel: int, stride: int, padding: Padding, dilation: int, output_padding: int
) -> AxisGeometry:
    pads = transpose_padding(size, kernel, stride, padding, dilation, output_padding)
    output = conv_transpose_output_size(
        size, kernel, stride=stride, padding=pads, dilation=dilation, output_padding=output_padding
    )
    cut = f"2*{pads[0]}" if pads[0] == pads[1] else f"{pads[0]} - {pads[1]}"
    span = f"{kernel}" if dilation == 1 else f"({dilation}*({kernel} - 1) + 1)"
    extra = f" + {output_padding}" if output_padding else ""
    return AxisGeometry(
        size=size,
        kernel=kernel,
        stride=stride,
        padding=pads,
        dilation=dilation,
        output=output,
        starts=tuple(range(-pads[0], -pads[0] + size * stride, stride)),
        exact=True,
        dropped=0,
        formula=f"({size} - 1)*{stride} - {cut} + {span}{extra} = {output}",
        transposed=True,
        output_padding=output_padding,
    )


def _count(positions: int) -> str:
    return f"{positions} position" + ("" if positions == 1 else "s")
