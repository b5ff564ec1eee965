"""Windows of a convolution as text, from what the engine touched."""

from __future__ import annotations

from collections.abc import Iterator

from convscope.explain import AxisWindows, Windows
from convscope.result import renders

__all__ = ["axis_picture", "windows_text"]

_GAP = " … "
_SHOWN = 5  # windows at each end of a long axis
TAP, PADDING, PASSED, UNREAD, PIXEL = "█", "░", "·", "×", "─"


@renders("Windows", "text")
def windows_text(windows: Windows, width: int = 80) -> str:
    """Write the formula with its numbers, what a floor drops, what would fit, and a picture of each axis."""
    axes = [("", windows.rows)] if windows.square else [("height", windows.rows), ("width", windows.columns)]
    return "\n\n".join(_axis_text(name, axis, width) for name, axis in axes)


def _axis_text(name: str, axis: AxisWindows, width: int) -> str:
    geometry = axis.geometry
    lines = [f"{name}:"] if name else []
    spread = f"{geometry.dilation}*({geometry.kernel} - 1) + 1 = {geometry.span}"
    span = f"F      = {spread}, the kernel spread by its dilation"
    meaning = (
        "output = (W - 1)*S - 2P + F, W input, S stride, P padding, F kernel"
        if geometry.transposed
        else "output = (W - F + 2P)/S + 1, W input, F kernel, P padding, S stride"
    )
    lines += [meaning, *([span] if geometry.dilation > 1 else []), f"       = {geometry.formula}"]
    lines += [geometry.explanation(), *_passed_over(axis)]
    if geometry.fits:
        lines += ["Would fit exactly:", *(f"  {fit.change} gives {fit.output}" for fit in geometry.fits)]
    return "\n".join([*lines, "", axis_picture(axis, width)])


def _passed_over(axis: AxisWindows) -> list[str]:
    """Say how many positions lie between taps of all windows; the dropped ones are spoken of elsewhere."""
    geometry = axis.geometry
    unread = [
        pixel for pixel in geometry.unread() if geometry.transposed or pixel not in geometry.dropped_pixels
    ]
    if not unread:
        return []
    shown = ", ".join(map(str, unread[:8])) + (", ..." if len(unread) > 8 else "")
    what = "Nothing is written to" if geometry.transposed else "No window reads"
    return [f"{what} {len(unread)} of the others: {shown}."]


def axis_picture(axis: AxisWindows, width: int = 80) -> str:
    """Draw the windows of one axis, one a line.

    A long axis is cut in the middle: the first and the last windows are shown, each over as many
    positions as `width` characters hold.

    Parameters
    ----------
    axis : AxisWindows
    width : int
        Characters a line may have, at least 40.

    Examples
    --------
    >>> from convscope.explain import draw_windows
    >>> print(axis_picture(draw_windows((8, 8), (3, 3), stride=(2, 2), padding=(1, 1)).rows))
     position   0       7
     window 0  ░██
     window 1    ███
     window 2      ███
     window 3        ███
       pixels  ░────────░
    █ tap, ░ padding, ─ pixel
    """
    transposed = axis.geometry.transposed
    what, image = ("pixel", "output") if transposed else ("window", "pixels")
    margin = max(len("position"), len(f"{what} {len(axis.taps) - 1}"))
    parts = _parts(axis.taps.shape[1], max(width, 40) - margin - 1)
    lines = [_line("position", margin, [_ruler(axis, part) for part in parts], _GAP)]
    for index in _indices(len(axis.taps)):
        drawn = ["⋮"] if index is None else [_window(axis, index, part) for part in parts]
        lines.append(_line("" if index is None else f"{what} {index}", margin, drawn, " " * len(_GAP)))
    lines.append(_line(image, margin, [_axis(axis, part) for part in parts], _GAP))
    return "\n".join([*lines, _legend("".join(lines), transposed)])


def _parts(length: int, room: int) -> list[range]:
    """Give the positions that are drawn: all, or as many at both ends as there is room for."""
    if length <= room:
        return [range(length)]
    half = (room - len(_GAP)) // 2
    return [range(half), range(length - half, length)]


def _indices(count: int) -> Iterator[int | None]:
    """Give the windows that are drawn; None stands for those left out."""
    if count <= 2 * _SHOWN + 1:
        yield from range(count)
        return
    yield from range(_SHOWN)
    yield None
    yield from range(count - _SHOWN, count)


def _line(label: str, margin: int, parts: list[str], gap: str) -> str:
    return f"{label.rjust(margin)} {gap.join(parts)}".rstrip()


def _ruler(axis: AxisWindows, part: range) -> str:
    """Number the first and last pixel and every tenth, where there is room."""
    wanted = {axis.before, axis.before + axis.length - 1}
    tens = [axis.before + pixel for pixel in range(0, axis.length, 10)]
    text = [" "] * len(part)
    for column in [*sorted(wanted), *tens]:
        label = str(column - axis.before)
        at = min(column - part.start, len(part) - len(label)) if column in part else -1
        room = text[max(at - 1, 0) : at + len(label) + 1]
        if at >= 0 and all(c == " " for c in room):
            text[at : at + len(label)] = label
    return "".join(text)


def _inside(axis: AxisWindows, column: int) -> bool:
    return axis.before <= column < axis.before + axis.length


def _window(axis: AxisWindows, index: int, part: range) -> str:
    touched = axis.taps[index].nonzero()[0]
    span = range(int(touched.min()), int(touched.max()) + 1) if len(touched) else range(0)

    def mark(column: int) -> str:
        if axis.taps[index, column]:
            return TAP if _inside(axis, column) else PADDING
        return PASSED if column in span else " "

    return "".join(mark(column) for column in part)


def _axis(axis: AxisWindows, part: range) -> str:
    read = (axis.taps > 0).sum(axis=0)

    def mark(column: int) -> str:
        if not _inside(axis, column):
            return PADDING
        return PIXEL if read[column] else UNREAD

    return "".join(mark(column) for column in part)


def _legend(drawn: str, transposed: bool) -> str:
    words = {
        TAP: "written" if transposed else "tap",
        PADDING: "cut away" if transposed else "padding",
        PASSED: "passed over by the dilation",
        UNREAD: "nothing is written" if transposed else "pixel no window reads",
        PIXEL: "output" if transposed else "pixel",
    }
    return ", ".join(f"{mark} {word}" for mark, word in words.items() if mark in drawn)
