"""`convscope convert`: one kind of file to another."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from convscope.cli.opening import OpenNetwork, opens_network

__all__ = ["convert"]


@opens_network
def convert(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="SOURCE",
            help="A network (.onnx), or weights (.safetensors, .npz, .npy, .pt, .pth, .h5).",
            show_default=False,
        ),
    ],
    target: Annotated[
        Path,
        typer.Argument(metavar="TARGET", help=".onnx, .safetensors or .npz.", show_default=False),
    ],
    shape_text: Annotated[
        str | None,
        typer.Option("--input", "-i", help="Input shape, such as 3x224x224, where the file leaves it open."),
    ] = None,
    *,
    open_network: OpenNetwork,
) -> None:
    """Write a network or weights as another kind of file.

    A network keeps its node names; what a TOML file beside it, or an option here, says of its input goes
    into the target.
    """
    from convscope.cli.info import input_shape
    from convscope.formats import convert as convert_file

    shape = input_shape("convert", shape_text)
    convert_file(source, target, input_shape=shape, **open_network.settings())
    print(f"{target} ({target.stat().st_size:,} bytes)")
