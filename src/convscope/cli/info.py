"""`convscope info`: the table of a network's layers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from convscope.errors import InvalidValue

__all__ = ["info", "input_shape"]


def info(
    model: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="A network (.onnx), or weights (.safetensors, .npz, .npy, .pt, .pth, .h5).",
            show_default=False,
        ),
    ],
    size: Annotated[
        str | None,
        typer.Option("--input", "-i", help="Input shape, such as 3x224x224, where the file leaves it open."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Show a network's layers, or the arrays in a file of weights.

    Shapes, parameters, multiply-adds, memory, receptive field, and what a floored size drops.
    """
    from convscope.cli.console import print_json, printable
    from convscope.formats import load, read_weights

    weights = model.suffix.lower() in _WEIGHTS
    if weights:
        arrays = read_weights(model)
        rows = [
            {"name": name, "shape": array.shape, "dtype": str(array.dtype)} for name, array in arrays.items()
        ]
        if json:
            print_json(rows)
            return
        width = max((len(name) for name in arrays), default=0)
        for name, array in arrays.items():
            shape = "x".join(map(str, array.shape)) or "one number"
            print(printable(f"{name:<{width}}  {shape:<16}  {array.dtype}"))
        print(f"{len(arrays)} arrays, {sum(array.size for array in arrays.values()):,} numbers; no graph")
        return
    net = load(model, input_shape=input_shape("info", size))
    summary = net.summary()
    if json:
        print_json(summary)
        return
    print(printable(str(summary)))
    if net.input is not None:
        print(printable(f"Input: {net.input.describe()}"))


_WEIGHTS = (".safetensors", ".npz", ".npy", ".pt", ".pth", ".h5", ".hdf5", ".keras")


def input_shape(command: str, text: str | None) -> tuple[int, ...] | None:
    """Read a shape such as 3x224x224."""
    if text is None:
        return None
    try:
        shape = tuple(int(part) for part in text.lower().replace("×", "x").split("x"))
    except ValueError:
        shape = ()
    if len(shape) != 3 or min(shape) < 1:
        raise InvalidValue(
            f"{command}: --input must be channels x height x width such as 3x224x224; got {text!r}."
        )
    return shape
