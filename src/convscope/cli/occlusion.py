"""`convscope occlusion`: what the network answers while a square covers a part of the image."""

from __future__ import annotations

from typing import Annotated

import typer

from convscope.cli.arguments import ImageFile, Json, ModelFile, Output, SanityCheck, TargetName
from convscope.cli.numbers import size_of
from convscope.cli.opening import OpenNetwork, opens_network
from convscope.cli.progress import Bar
from convscope.cli.views import checked, tell

__all__ = ["occlusion"]


@opens_network
def occlusion(
    model: ModelFile,
    image: ImageFile,
    target: TargetName = None,
    square: Annotated[
        str | None,
        typer.Option(
            "--square", help="Pixels: 32, or 32x48 (rows x columns); a sixth of the image unless given."
        ),
    ] = None,
    stride: Annotated[
        str | None,
        typer.Option("--stride", help="Pixels from place to place; a third of the square unless given."),
    ] = None,
    fill: Annotated[
        float, typer.Option("--fill", help="What the square holds, in the units of the input.")
    ] = 0.0,
    node: Annotated[
        str | None,
        typer.Option("--node", "-n", help="Whose strongest map is watched.", show_default=False),
    ] = None,
    sanity: SanityCheck = False,
    json: Json = False,
    output: Output = None,
    *,
    open_network: OpenNetwork,
) -> None:
    """Cover a square of the image, place by place: the score, the strongest map and the answer."""
    from convscope import explain

    net = open_network(model)
    with Bar("places") as bar:
        result = explain.occlusion(
            net,
            image,
            target,
            None if square is None else size_of("--square", square),
            None if stride is None else size_of("--stride", stride),
            fill=fill,
            node=node,
            progress=bar,
        )
    tell(result, sanity=checked(result, sanity), json=json, output=output)
