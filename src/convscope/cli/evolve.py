"""`convscope evolve`: the kernels of a run over its epochs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from convscope.cli.arguments import Json, output_option
from convscope.cli.progress import Bar
from convscope.cli.views import tell
from convscope.errors import InvalidValue

if TYPE_CHECKING:
    from convscope.training import Run

__all__ = ["evolve"]


def evolve(
    run: Annotated[
        Path,
        typer.Argument(metavar="RUN", help="The folder of `convscope train -o RUN`.", show_default=False),
    ],
    nodes: Annotated[
        list[str] | None,
        typer.Option("--node", "-n", help="A convolution, or several; all unless given.", show_default=False),
    ] = None,
    image: Annotated[
        Path | None,
        typer.Option(
            "--image",
            help="Whose feature maps are shown; the first test image unless given.",
            show_default=False,
        ),
    ] = None,
    most: Annotated[
        int,
        typer.Option("--images", help="Among how many test images the strongest patches are sought.", min=0),
    ] = 500,
    json: Json = False,
    output: Annotated[
        Path | None,
        output_option("A strip: .png, .svg, .pdf; an animation: .gif, .apng; or .html, .txt, .json."),
    ] = None,
) -> None:
    """Follow every kernel through training: when does it stop being noise?"""
    from convscope.explain import evolution
    from convscope.training import load_run

    found = load_run(run)
    images = _images(found, most)
    shown: Any = image if image is not None else None if images is None else images.batch([0])[0][0]
    with Bar("snapshots") as bar:
        result = evolution(found, nodes, shown, images=images, progress=bar)
    tell(result, json=json, output=output)


def _images(run: Run, most: int) -> Any:
    """Open images of the data that the run learned from, those it was not trained on where there are any."""
    from convscope.data import Subset
    from convscope.errors import ConvscopeError

    if not most:
        return None
    try:
        train, test = run.recipe.open_data()
    except ConvscopeError as error:
        raise InvalidValue(
            f"evolve: the data of the run cannot be opened ({error}); --images 0 leaves the patches out."
        ) from error
    chosen = train if test is None else test
    return Subset(chosen, range(min(most, len(chosen))))
