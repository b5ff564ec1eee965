"""`convscope maximize`: the input that a channel, a cell or a class likes best."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from convscope.cli.arguments import Json, ModelFile, Output
from convscope.cli.numbers import size_of
from convscope.cli.opening import OpenNetwork, opens_network
from convscope.cli.progress import Bar
from convscope.cli.views import tell

__all__ = ["maximize"]


@opens_network
def maximize(
    model: ModelFile,
    at: Annotated[
        list[str],
        typer.Argument(
            metavar="AT...",
            help="A channel 'conv2[3]', a cell 'conv2[3,5,7]' or a class by number or name; one or several.",
            show_default=False,
        ),
    ],
    pixels: Annotated[
        str | None,
        typer.Option("--pixels", help="Of the image: 128, or 96x128 (height x width).", show_default=False),
    ] = None,
    steps: Annotated[int, typer.Option("--steps", help="How often the gradient is climbed.", min=1)] = 128,
    seed: Annotated[int, typer.Option("--seed", help="Of the start and of all moves.", min=0)] = 0,
    data: Annotated[
        str | None,
        typer.Option(
            "--images",
            help="Real images, whose largest value is given beside the one reached: a folder, a folder of "
            "IDX files, an .npz file, or digits, lines, edges.",
            show_default=False,
        ),
    ] = None,
    jitter: Annotated[
        float | None,
        typer.Option("--jitter", help="The largest shift, in pixels.", min=0, show_default=False),
    ] = None,
    turn: Annotated[float, typer.Option("--turn", help="The largest turn, in degrees.", min=0)] = 5.0,
    zoom: Annotated[float, typer.Option("--zoom", help="The largest enlargement, a share.", min=0)] = 0.1,
    json: Json = False,
    output: Output = None,
    *,
    open_network: OpenNetwork,
) -> None:
    """Paint the input that a channel, a cell or the score of a class likes best."""
    from convscope.cli.patches import opened_images
    from convscope.explain import maximize as paint

    net = open_network(model)
    options: dict[str, Any] = {"steps": steps, "seed": seed, "jitter": jitter, "turn": turn, "zoom": zoom}
    if pixels is not None:
        options["size"] = size_of("--pixels", pixels)
    if data is not None:
        options["images"] = opened_images(net, data, None)
    found = []
    for one in at:
        with Bar(one) as bar:
            found.append(paint(net, int(one) if one.isdecimal() else one, progress=bar, **options))
    if len(found) == 1:
        tell(found[0], json=json, output=output)
        return
    _tell_all(found, json, output)


def _tell_all(found: list[Any], json: bool, output: Path | None) -> None:
    """Show several: one sheet, a list in JSON."""
    from convscope.cli.console import print_json, printable, wrapped
    from convscope.errors import InvalidValue
    from convscope.report.maximum import maximum_sheet

    if output is not None:
        if output.suffix.lower() not in (".png", ".svg", ".pdf"):
            raise InvalidValue(
                f"maximize: a sheet of several must be .png, .svg or .pdf; got {str(output)!r}."
            )
        maximum_sheet(found).save(output)
    if json:
        print_json(found)
        return
    print(printable(wrapped("\n".join(map(str, found)))))
    if output is not None:
        print(f"\nWritten to {output}")
