"""`convscope info`: the table of a network's layers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from convscope.cli.arguments import InputShape, Json
from convscope.cli.numbers import shape_of

__all__ = ["info"]


def info(
    model: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="A network (.onnx), or weights (.safetensors, .npz, .npy, .pt, .pth, .h5).",
            show_default=False,
        ),
    ],
    shape: InputShape = None,
    json: Json = False,
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
    net = load(model, input_shape=None if shape is None else shape_of("info: --input", shape))
    summary = net.summary()
    if json:
        print_json(summary)
        return
    print(printable(str(summary)))
    if net.input is not None:
        print(printable(f"Input: {net.input.describe()}"))


_WEIGHTS = (".safetensors", ".npz", ".npy", ".pt", ".pth", ".h5", ".hdf5", ".keras")
