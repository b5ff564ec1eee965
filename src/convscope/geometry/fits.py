"""The nearest settings for which windows cover an axis exactly."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

from convscope.geometry.padding import Padding, kernel_span, resolve_padding, whole

__all__ = ["Fit", "nearest_fits"]


class Fit(NamedTuple):
    """Settings along one axis that leave nothing over; `change` names the one that differs."""

    stride: int
    padding: tuple[int, int]
    kernel: int
    output: int
    change: str


def nearest_fits(
    size: int, kernel: int, *, stride: int = 1, padding: Padding = 0, dilation: int = 1
) -> list[Fit]:
    """Give the nearest stride, padding and kernel that fit exactly, each changed alone.

    For each of the three the next smaller and the next larger value that fits is given,
    where there is one (of paddings only larger sums, since a smaller one drops even more).
    Settings that fit already give an empty list.

    Returns
    -------
    list of Fit
        Ordered: strides, padding, kernels.

    Examples
    --------
    >>> for fit in nearest_fits(227, 11, stride=5):
    ...     print(fit.change, "gives", fit.output)
    stride 4 gives 55
    stride 6 gives 37
    padding 2 gives 45
    kernel 7 gives 45
    kernel 12 gives 44
    """
    size, stride = whole("size", size, 1), whole("stride", stride, 1)
    pads = resolve_padding(padding, size, kernel, stride, dilation)
    room = size + sum(pads) - kernel_span(kernel, dilation)
    if room >= 0 and room % stride == 0:
        return []
    found = [*_strides(room, stride, pads, kernel)]
    found += _paddings(room, stride, pads, kernel)
    found += _kernels(size + sum(pads), stride, pads, kernel, dilation)
    return found


def _strides(room: int, stride: int, pads: tuple[int, int], kernel: int) -> Iterator[Fit]:
    """Strides that divide the room; each below its root has a partner above."""
    low = [s for s in range(1, math.isqrt(max(room, 0)) + 1) if room % s == 0]
    divisors = {*low, *(room // s for s in low)}
    smaller = max((s for s in divisors if s < stride), default=None)
    larger = min((s for s in divisors if s > stride), default=None)
    for found in (smaller, larger):
        if found:
            yield Fit(found, pads, kernel, room // found + 1, f"stride {found}")


def _paddings(room: int, stride: int, pads: tuple[int, int], kernel: int) -> Iterator[Fit]:
    missing = -room if room < 0 else -room % stride
    low, high = sorted(pads)
    # even out the two sides first, then share what is left; an odd pixel goes to the end
    total = low + high + missing
    padding = (total // 2, total - total // 2) if missing >= high - low else (pads[0], pads[1] + missing)
    shown = f"{padding[0]}" if padding[0] == padding[1] else f"{padding}"
    yield Fit(stride, padding, kernel, (room + missing) // stride + 1, f"padding {shown}")


def _kernels(padded: int, stride: int, pads: tuple[int, int], kernel: int, dilation: int) -> Iterator[Fit]:
    largest = (padded - 1) // dilation + 1

    def fits(k: int) -> bool:
        return (padded - kernel_span(k, dilation)) % stride == 0

    # what is left over repeats with the stride, so it is enough to look that far
    below, above = min(kernel - 1, largest), kernel + 1
    smaller = next((k for k in range(below, max(0, below - stride), -1) if fits(k)), None)
    larger = next((k for k in range(above, min(largest, kernel + stride) + 1) if fits(k)), None)
    for found in (smaller, larger):
        if found:
            outputs = (padded - kernel_span(found, dilation)) // stride + 1
            yield Fit(stride, pads, found, outputs, f"kernel {found}")
