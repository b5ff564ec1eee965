"""`convscope familiarity`: are these images of the kind a network was trained on?"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from convscope.cli.arguments import Json, ModelFile, Output
from convscope.cli.opening import OpenNetwork, opens_network
from convscope.cli.progress import Bar
from convscope.cli.views import tell

__all__ = ["familiarity"]

_DATA = "A folder of images, a folder of IDX files, an .npz file, or digits, lines, edges"


@opens_network
def familiarity(
    model: ModelFile,
    reference: Annotated[
        str,
        typer.Argument(
            metavar="REFERENCE",
            help=f"What the network was trained on. {_DATA}. Its test part, where it has one, or else half "
            "of it, is what the other images are told from.",
            show_default=False,
        ),
    ],
    test: Annotated[
        str, typer.Argument(metavar="TEST", help=f"The other images. {_DATA}.", show_default=False)
    ],
    nodes: Annotated[
        list[str] | None,
        typer.Option(
            "--node", "-n", help="A node, or several; all hidden layers unless given.", show_default=False
        ),
    ] = None,
    neighbours: Annotated[
        int, typer.Option("--neighbours", help="The distance is that from so manieth nearest image.", min=1)
    ] = 10,
    most: Annotated[
        int, typer.Option("--most", help="Neighbours are sought among so many reference images.", min=1)
    ] = 10_000,
    seed: Annotated[int, typer.Option("--seed", help="Of what is drawn.", min=0)] = 0,
    json: Json = False,
    output: Output = None,
    *,
    open_network: OpenNetwork,
) -> None:
    """Compare a network's features on what it was trained on and on other images: which never fire there?"""
    from convscope.cli.patches import opened_images
    from convscope.explain import familiarity as compare

    net = open_network(model)
    known, held = _parts(net, reference)
    with Bar("images") as bar:
        found = compare(
            net,
            known,
            opened_images(net, test, None),
            held=held,
            nodes=nodes,
            neighbours=neighbours,
            most=most,
            seed=seed,
            progress=bar,
        )
    tell(found, json=json, output=output)


def _parts(net: Any, data: str) -> tuple[Any, Any]:
    """Open what the network was trained on, and what was held out of it."""
    from convscope.cli.patches import opened_images
    from convscope.errors import InvalidValue

    known = opened_images(net, data, "train")
    if not hasattr(known, "batch"):  # a folder of files has no parts
        return known, None
    try:
        return known, opened_images(net, data, "test")
    except InvalidValue:
        return known, None
