"""`convscope patches`: which image patches excite each channel most."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from convscope.cli.arguments import Images, Json, ModelFile, Output, Part
from convscope.cli.opening import OpenNetwork, opens_network
from convscope.cli.progress import Bar
from convscope.cli.views import tell
from convscope.errors import InvalidValue

if TYPE_CHECKING:
    from convscope.network import Network

__all__ = ["opened_images", "patches"]


@opens_network
def patches(
    model: ModelFile,
    data: Images,
    node: Annotated[
        str | None,
        typer.Option("--node", "-n", help="One node; every hidden layer unless given.", show_default=False),
    ] = None,
    best: Annotated[int, typer.Option("--best", "-k", help="Patches of each channel.", min=1)] = 9,
    per_image: Annotated[
        int, typer.Option("--per-image", help="At most so many patches of a channel from one image.", min=1)
    ] = 1,
    part: Part = None,
    state: Annotated[
        Path | None,
        typer.Option("--state", help="Keep what was found here; the same command goes on after any stop."),
    ] = None,
    json: Json = False,
    output: Output = None,
    *,
    open_network: OpenNetwork,
) -> None:
    """Find each channel's strongest responses over any number of images, and show the patches."""
    from convscope.explain import top_patches

    net = open_network(model)
    images = opened_images(net, data, part)
    with Bar("images") as bar:
        found = top_patches(net, images, node, best, per_image=per_image, state=state, progress=bar)
    tell(found, json=json, output=output)


def opened_images(net: Network, data: str, part: str | None) -> Any:
    """Open a data set in the form the network takes; a folder of images is left to the network's own rule."""
    from convscope.cli.evaluate import as_the_network_wants
    from convscope.data import open_dataset
    from convscope.data.opening import NAMES

    path = Path(data)
    holds_idx = path.is_dir() and any("-ubyte" in one.name for one in path.iterdir())
    if data not in NAMES and path.is_dir() and not holds_idx:
        return path
    if part not in (None, "test", "train"):
        raise InvalidValue(f"--part must be test or train; got {part!r}.")
    train, test = open_dataset(data)
    if part == "test" and test is None:
        raise InvalidValue(f"{data} has no test part.")
    return as_the_network_wants(net, train if test is None or part == "train" else test)
