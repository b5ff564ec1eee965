"""`convscope trace`: one cell of a network, down to the last multiply-add."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from convscope.cli.arguments import ImageFile, Json, ModelFile, output_option
from convscope.cli.opening import OpenNetwork, opens_network
from convscope.cli.views import tell

__all__ = ["trace"]


@opens_network
def trace(
    model: ModelFile,
    image: ImageFile,
    at: Annotated[
        str,
        typer.Option(
            "--at",
            help="The cell: 'conv1[3,5,7]' is channel, row, column; 'fc[3]' a score; with --backward also "
            "'conv1.weight[0,0,1,2]'.",
            show_default=False,
        ),
    ],
    depth: Annotated[int, typer.Option("--depth", "-d", help="How many layers to follow down.", min=1)] = 1,
    follow: Annotated[
        int, typer.Option("--follow", help="How many cells to follow at each step.", min=1)
    ] = 3,
    backward: Annotated[
        str | None,
        typer.Option("--backward", help="Write out the gradient of this cell, such as 'fc[3]', instead."),
    ] = None,
    json: Json = False,
    output: Annotated[Path | None, output_option("Also write it to .html, .txt, .md or .json.")] = None,
    *,
    open_network: OpenNetwork,
) -> None:
    """Write one cell out: every input, weight and product, their sum, and what the engine computed.

    The terms add up to the engine's value within the bound that rounding allows.
    """
    from convscope.explain import trace as traced

    net = open_network(model)
    result = (
        traced(net, image, at, depth, follow=follow)
        if backward is None
        else traced(net, image, at, backward=backward)
    )
    tell(result, json=json, output=output, wrap=False)
