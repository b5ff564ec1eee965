"""`convscope ablate`: what a network can no longer do without some of its channels."""

from __future__ import annotations

from typing import Annotated

import typer

from convscope.cli.arguments import Json, LabelledImages, ModelFile, Output, Part
from convscope.cli.numbers import indices_of
from convscope.cli.opening import OpenNetwork, opens_network
from convscope.cli.progress import Bar
from convscope.cli.views import tell
from convscope.errors import InvalidValue

__all__ = ["ablate"]


@opens_network
def ablate(
    model: ModelFile,
    data: LabelledImages,
    node: Annotated[
        str | None, typer.Option("--node", "-n", help="Whose channels are switched off.", show_default=False)
    ] = None,
    off: Annotated[
        str | None,
        typer.Option(
            "--off",
            help="The channels to switch off together, such as 3,5,8-11; each by itself unless given.",
            show_default=False,
        ),
    ] = None,
    carrying: Annotated[
        str | None,
        typer.Option(
            "--class",
            help="Switch off the channels that carry this class, by the ledgers of its images, and compare "
            "with random ones.",
            show_default=False,
        ),
    ] = None,
    count: Annotated[int, typer.Option("--count", "-k", help="So many channels of --class.", min=1)] = 8,
    controls: Annotated[
        int | None,
        typer.Option(
            "--controls", help="Draws of as many other channels; 20 with --class.", min=0, show_default=False
        ),
    ] = None,
    mean_instead: Annotated[
        bool, typer.Option("--mean-instead", help="Put a channel's mean in its place and not zero.")
    ] = False,
    part: Part = None,
    most: Annotated[int | None, typer.Option("--images", help="Only so many images.", min=1)] = None,
    seed: Annotated[int, typer.Option("--seed", help="Of the draws.", min=0)] = 0,
    json: Json = False,
    output: Output = None,
    *,
    open_network: OpenNetwork,
) -> None:
    """Switch channels off and measure what each class loses, beside as many channels at random."""
    from convscope.cli.evaluate import open_part
    from convscope.data import Subset
    from convscope.explain import ablate as measure
    from convscope.explain import carriers

    if (carrying is None) == (node is None):
        raise InvalidValue("ablate: either --node or --class must be given, and not both.")
    net = open_network(model)
    source, _ = open_part(net, data, part, {})
    if most is not None and most < len(source):
        source = Subset(source, range(most))
    chosen = None if off is None else indices_of("ablate: --off", off)
    if carrying is not None:
        label = int(carrying) if carrying.isdecimal() and carrying not in net.classes else carrying
        # chosen on other images than those they are measured on, where there are any
        carried = carriers(net, open_part(net, data, "train", {})[0], label)
        node, chosen = carried.node, chosen or list(carried.channels(count))
        if not json:
            print(f"{carried}\n")
    assert node is not None
    draws = controls if controls is not None else 20 if carrying is not None else 0
    with Bar("images") as bar:
        found = measure(
            net,
            source,
            node,
            chosen,
            instead="mean" if mean_instead else "zero",
            controls=draws,
            seed=seed,
            progress=bar,
        )
    tell(found, json=json, output=output)
