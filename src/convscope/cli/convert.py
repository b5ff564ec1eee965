"""`convscope convert`: one kind of file to another."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from convscope.cli.arguments import InputShape
from convscope.cli.numbers import shape_of
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
    shape: InputShape = None,
    *,
    open_network: OpenNetwork,
) -> None:
    """Write a network or weights as another kind of file.

    A network keeps its node names; what a TOML file beside it, or an option here, says of its input goes
    into the target.
    """
    from convscope.formats import convert as convert_file

    given = None if shape is None else shape_of("convert: --input", shape)
    convert_file(source, target, input_shape=given, **open_network.settings())
    print(f"{target} ({target.stat().st_size:,} bytes)")
