"""`convscope ledger`: which channels and places made a value."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from convscope.cli.arguments import ImageFile, Json, ModelFile, output_option
from convscope.cli.opening import OpenNetwork, opens_network
from convscope.cli.views import tell

__all__ = ["ledger"]


@opens_network
def ledger(
    model: ModelFile,
    image: ImageFile,
    at: Annotated[
        str,
        typer.Option("--at", help="The cell: 'conv2[3,5,7]', or a class score: 'fc[3]'.", show_default=False),
    ],
    names: Annotated[
        int, typer.Option("--names", help="How many channels to name by their filters.", min=0)
    ] = 24,
    json: Json = False,
    output: Annotated[Path | None, output_option("Also write it to .html, .png, .txt, .md or .json.")] = None,
    *,
    open_network: OpenNetwork,
) -> None:
    """Show which input channels made a value, each one's exact part, the strongest first."""
    from convscope.cli.console import console
    from convscope.explain import ledger as written

    net = open_network(model)
    # the first look at a size of kernel computes what random ones score, which takes seconds
    with console(stderr=True).status("adding up the parts and naming the channels"):
        result = written(net, image, at, names=names)
    tell(result, json=json, output=output, wrap=False)
