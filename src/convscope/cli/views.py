"""What the commands of views share: their arguments, a bar for long work, and showing a result."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from convscope.explain import Deconvnet, GradCam, Occlusion, Saliency, Sanity
    from convscope.result import Result

    Checked = Deconvnet | GradCam | Occlusion | Saliency

__all__ = [
    "Bar",
    "ImageFile",
    "Json",
    "ModelFile",
    "Output",
    "SanityCheck",
    "TargetName",
    "checked",
    "pair_of",
    "tell",
]

ModelFile = Annotated[Path, typer.Argument(metavar="NET.onnx", help="An ONNX file.", show_default=False)]
ImageFile = Annotated[Path, typer.Argument(metavar="IMAGE", help="An image file.", show_default=False)]
TargetName = Annotated[
    str | None,
    typer.Option(
        "--target",
        "-t",
        help="What to explain: a class (number, name or part of it), 'conv2[3]' (a channel's strongest "
        "cell) or 'conv2[3,5,7]'; the class that the network answers unless given.",
        show_default=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print everything as JSON.")]
Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", help="The picture: .png, .svg or .pdf; or .html, .txt or .json."),
]
SanityCheck = Annotated[
    bool,
    typer.Option(
        help="Make the view again with random weights, layer by layer: does it depend on what was learned?"
    ),
]


class Bar:
    """A bar on stderr where somebody watches; call it with how much is done and of how much.

    Examples
    --------
    >>> with Bar("images") as bar:
    ...     bar(1, 2)
    """

    def __init__(self, what: str) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        from convscope.cli.console import console

        self._bar: Any = Progress(
            TextColumn(what),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=console(stderr=True),
            transient=True,
            disable=not sys.stderr.isatty(),
        )
        self._task = self._bar.add_task(what, total=None)

    def __enter__(self) -> Bar:
        self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.stop()

    def __call__(self, done: int, total: int) -> None:
        """Move the bar on."""
        self._bar.update(self._task, completed=done, total=total)


def tell(result: Result, *, json: bool, output: Path | None, sanity: Sanity | None = None) -> None:
    """Save a result, and print it as text or, with its sanity check, as JSON."""
    from convscope.cli.console import print_json, printable, wrapped
    from convscope.result import plain

    if output is not None:
        result.save(output)
    if json:
        print_json({**plain(result), **({} if sanity is None else {"sanity": sanity})})
        return
    print(printable(wrapped(str(result))))
    if output is not None:
        print(f"\nAlso in {output}")


def checked(result: Checked, wanted: bool) -> Sanity | None:
    """Make a view's sanity check if it is wanted, under a bar that says so."""
    if not wanted:
        return None
    with Bar("sanity check") as bar:
        bar(0, 1)
        return result.sanity


def pair_of(option: str, text: str | None) -> tuple[int, int] | None:
    """Read 24 or 24x32, rows x columns; None stays None."""
    from convscope.cli.opening import size_of

    if text is None:
        return None
    return size_of(option, text)
