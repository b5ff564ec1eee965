"""`convscope info`: the table of a network's layers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from convscope.errors import InvalidValue

__all__ = ["info"]


def info(
    model: Annotated[Path, typer.Argument(metavar="NET.onnx", help="An ONNX file.", show_default=False)],
    size: Annotated[
        str | None,
        typer.Option("--input", "-i", help="Input shape, such as 3x224x224, where the file leaves it open."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Show a network's layers.

    Shapes, parameters, multiply-adds, memory, receptive field, and what a floored size drops.
    """
    from convscope.cli.console import print_json, printable
    from convscope.formats import load

    summary = load(model, input_shape=_shape(size)).summary()
    if json:
        print_json(summary)
        return
    print(printable(str(summary)))


def _shape(text: str | None) -> tuple[int, ...] | None:
    if text is None:
        return None
    try:
        shape = tuple(int(part) for part in text.lower().replace("×", "x").split("x"))
    except ValueError:
        shape = ()
    if len(shape) != 3 or min(shape) < 1:
        raise InvalidValue(
            f"info: --input must be channels x height x width such as 3x224x224; got {text!r}."
        )
    return shape
