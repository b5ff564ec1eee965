"""`convscope geometry`: sizes, what a floor drops, what would fit, and a picture of the windows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from convscope.cli.arguments import Json, output_option
from convscope.cli.numbers import size_of
from convscope.errors import InvalidValue

if TYPE_CHECKING:
    from convscope.explain import Windows
    from convscope.geometry import AxisGeometry

__all__ = ["geometry"]


def geometry(
    size: Annotated[
        str, typer.Option("--input", "-i", help="Input size: 227, or 227x300 for height x width.")
    ],
    kernel: Annotated[str, typer.Option("--kernel", "-k", help="Kernel size: 11 or 3x5.")],
    stride: Annotated[str, typer.Option("--stride", "-s", help="Stride: 4 or 2x1.")] = "1",
    padding: Annotated[
        str,
        typer.Option(
            "--padding", "-p", help="Padding: 2, 1x2, 'same', 'same_lower' or 'valid'; 0:1 pads only the end."
        ),
    ] = "0",
    dilation: Annotated[str, typer.Option("--dilation", "-d", help="Dilation: 2 or 1x2.")] = "1",
    transposed: Annotated[bool, typer.Option("--transposed", help="A transposed convolution.")] = False,
    output_padding: Annotated[
        str, typer.Option(help="Extra output at the end, transposed only: 1 or 1x0.")
    ] = "0",
    ceil_mode: Annotated[bool, typer.Option("--ceil-mode", help="Round up, as some pooling does.")] = False,
    exact: Annotated[bool, typer.Option("--exact", help="Refuse a size that is not whole.")] = False,
    json: Json = False,
    output: Annotated[Path | None, output_option("Also write a picture: .png, .svg or .pdf.")] = None,
) -> None:
    """Show the windows of a convolution: the formula with its numbers, what a floor drops, what would fit.

    The picture is drawn by the engine: it shows which pixels each window really reads.
    """
    from convscope.cli.console import print_json, printable, width
    from convscope.explain import draw_windows
    from convscope.report.windows import windows_text

    windows = draw_windows(
        _pair("--input", size),
        _pair("--kernel", kernel),
        stride=_pair("--stride", stride),
        padding=_padding(padding),
        dilation=_pair("--dilation", dilation),
        exact=exact,
        ceil_mode=ceil_mode,
        transposed=transposed,
        output_padding=_pair("--output-padding", output_padding),
    )
    if output is not None:
        windows.save(output)
    if json:
        print_json(_account(windows))
        return
    print(printable(windows_text(windows, width())))
    if output is not None:
        print(f"\nWritten to {output}")


def _account(windows: Windows) -> dict[str, Any]:
    """Give what the text says as plain data, by axis, without the large matrix of taps."""
    from dataclasses import asdict

    def account(axis: AxisGeometry) -> dict[str, Any]:
        return {
            **asdict(axis),
            "fits": [fit._asdict() for fit in axis.fits],
            "explanation": axis.explanation(),
            "unread": axis.unread(),
        }

    return {"height": account(windows.rows.geometry), "width": account(windows.columns.geometry)}


def _pair(option: str, text: str) -> tuple[int, int]:
    """Read one number for both axes, or height x width; which ones fit is said by the geometry itself."""
    return size_of(f"geometry: {option}", text, least=None)


def _padding(text: str) -> tuple[Any, Any]:
    """Read a padding for each axis: a word, a number, or before:after."""
    if text in ("same", "same_lower", "valid"):
        return text, text
    sides = []
    for part in text.lower().replace("×", "x").split("x"):
        try:
            numbers = [int(number) for number in part.split(":")]
        except ValueError:
            numbers = []
        if len(numbers) not in (1, 2):
            raise InvalidValue(
                "geometry: --padding must be a number such as 2, 1x2 for height x width, 0:1 for "
                f"before:after, 'same', 'same_lower' or 'valid'; got {text!r}."
            )
        sides.append((numbers[0], numbers[-1]))
    if len(sides) > 2:
        raise InvalidValue(f"geometry: --padding must be for at most two axes; got {text!r}.")
    return sides[0], sides[-1]
