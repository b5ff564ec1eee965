"""`convscope kernels`: what kind of filter each kernel is."""

from __future__ import annotations

import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from convscope.cli.arguments import Json, output_option
from convscope.errors import InvalidValue

if TYPE_CHECKING:
    from convscope.network import Network

__all__ = ["Channels", "kernels", "open_weights"]


class Channels(StrEnum):
    """The order of an image's channels."""

    rgb = "RGB"
    bgr = "BGR"


def kernels(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="MODEL_OR_WEIGHTS",
            help="A network (.onnx), or weights (.npz, .npy, .safetensors, .pt, .h5).",
            show_default=False,
        ),
    ],
    node: Annotated[
        str | None, typer.Option("--node", "-n", help="One layer; by default the first, and all in short.")
    ] = None,
    channels: Annotated[
        Channels | None,
        typer.Option("--channels", "-c", help="The image's channels, where the file does not say."),
    ] = None,
    from_image: Annotated[
        bool,
        typer.Option(
            "--from-image",
            help="The layer's kernels as seen from the image, the layers before it linearised.",
        ),
    ] = False,
    stride: Annotated[
        int | None, typer.Option("--stride", help="For files of weights, which know no stride.", min=1)
    ] = None,
    most: Annotated[int, typer.Option("--most", help="Filters shown in the terminal.", min=1)] = 64,
    json: Json = False,
    output: Annotated[
        Path | None, output_option("Also write a sheet (.png, .pdf) or a table (.csv, .json).")
    ] = None,
) -> None:
    """Say what kind of filter each kernel is: smoothing, edge, Gabor, ..., with the numbers that decide."""
    from convscope.cli.console import console, print_json, printable

    order = None if channels is None else channels.value
    # the first look at a size of kernel computes what random ones score, which takes seconds
    with console(stderr=True).status("judging kernels"):
        found, layers = _judged(open_weights(source), node, order, from_image, stride)
    table = getattr(found, "table", found)
    whole = found if layers is None else layers
    if output is not None:
        # a sheet is of one layer; a table holds them all
        (whole if output.suffix.lower() in (".csv", ".json") and not from_image else table).save(output)
    if json:
        print_json(whole)
        return
    _tell(found, layers, most, printable)
    if output is not None:
        print(f"\nWritten to {output}")


def open_weights(source: Path) -> Network | dict[str, Any]:
    """Open a network, or where that cannot be its bare weights; the terminal is told."""
    from convscope.inspection import open_network_or_weights

    opened, note = open_network_or_weights(source)
    if note:
        print(f"convscope: {note} Its weights are read without the graph.", file=sys.stderr)
    return opened


def _judged(
    source: Any, node: str | None, channels: str | None, from_image: bool, stride: int | None
) -> tuple[Any, Any]:
    """Give the layer to show, and the tables of all layers if none was named."""
    from convscope.explain import kernel_table, seen_from_image

    if from_image:
        if isinstance(source, dict) or node is None:
            raise InvalidValue("kernels: --from-image needs a network that can be run, and --node.")
        return seen_from_image(source, node, channels=channels), None
    if isinstance(source, dict) and len(source) == 1 and node is None:
        ((name, array),) = source.items()
        if array.ndim in (2, 3):
            return kernel_table(array, name, channels=channels, stride=stride), None
    if node is not None:
        return kernel_table(source, node, channels=channels, stride=stride), None
    tables = kernel_table(source, channels=channels, stride=stride)
    if not tables:
        reasons = "; ".join(f"{name}: {why}" for name, why in tables.left_out.items())
        raise InvalidValue(f"kernels: no layer could be judged. {reasons or 'There is no convolution'}.")
    return next(iter(tables.values())), tables if len(tables) + len(tables.left_out) > 1 else None


def _tell(found: Any, layers: Any, most: int, printable: Any) -> None:
    from convscope.cli.console import width
    from convscope.explain import SeenFromImage
    from convscope.report.kernel_text import kernel_lines, tables_text

    colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    if layers is not None:
        print(printable(tables_text(layers)) + "\n")
    if isinstance(found, SeenFromImage):
        print(f"Assumed: {'; '.join(found.assumptions) or 'nothing, it is linear'}.")
        found = found.table
    for line in kernel_lines(found, most=most, columns=width(), colour=colour):
        print(printable(line))
