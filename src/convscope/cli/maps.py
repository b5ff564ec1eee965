"""`convscope maps`: what every node makes of an image."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from convscope.cli.arguments import ImageFile, Json, ModelFile, Output
from convscope.cli.opening import OpenNetwork, opens_network
from convscope.cli.views import tell

__all__ = ["maps"]

_MANY = 24  # nodes; of more only those that hold features are shown


class Scale(StrEnum):
    """Which maps share a colour scale."""

    layer = "layer"
    map = "map"


@opens_network
def maps(
    model: ModelFile,
    image: ImageFile,
    nodes: Annotated[
        list[str] | None,
        typer.Option(
            "--node",
            "-n",
            help="One node, or several, each with its own --node; by default all, of large networks each "
            "layer after its activation.",
            show_default=False,
        ),
    ] = None,
    scale_by: Annotated[
        Scale,
        typer.Option(
            "--one-scale", help="One colour scale a layer, so maps compare; or one a map, so weak ones show."
        ),
    ] = Scale.layer,
    names: Annotated[
        int,
        typer.Option("--names", help="How many of a node's strongest maps to name by their filters.", min=0),
    ] = 0,
    json: Json = False,
    output: Output = None,
    *,
    open_network: OpenNetwork,
) -> None:
    """Show the feature maps of an image, node by node, white for zero."""
    from convscope.explain import feature_maps, feature_nodes

    net = open_network(model)
    chosen = nodes or (None if len(net.nodes) <= _MANY else feature_nodes(net))
    tell(
        feature_maps(net, image, chosen, scale=scale_by.value, names=names, title=image.name),
        json=json,
        output=output,
    )
