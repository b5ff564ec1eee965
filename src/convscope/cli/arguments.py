"""Arguments and options that several commands have, each said once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

__all__ = [
    "ImageFile",
    "Images",
    "InputShape",
    "Json",
    "LabelledImages",
    "ModelFile",
    "Output",
    "Part",
    "SanityCheck",
    "TargetName",
    "output_option",
]


def _data(text: str) -> Any:
    return typer.Argument(metavar="DATA", help=text, show_default=False)


def output_option(text: str) -> Any:
    """Give --output a help text that says which files the command writes.

    A path that cannot be written, or whose suffix nothing is saved as, is refused before any work.
    """
    return typer.Option("--output", "-o", help=text, show_default=False, callback=_checked_output)


def _checked_output(path: Path | None) -> Path | None:
    if path is not None:
        from convscope.files import check_writable
        from convscope.result import check_suffix

        check_suffix(path)
        check_writable(path)
    return path


ModelFile = Annotated[Path, typer.Argument(metavar="NET.onnx", help="An ONNX file.", show_default=False)]
ImageFile = Annotated[Path, typer.Argument(metavar="IMAGE", help="An image file.", show_default=False)]
Images = Annotated[
    str,
    _data(
        "A folder of images (also within folders), a folder of IDX files, an .npz file, or digits, lines, "
        "edges."
    ),
]
LabelledImages = Annotated[
    str,
    _data("A folder of IDX files or of class folders, an .npz file, or digits, lines, edges."),
]
Part = Annotated[
    str | None, typer.Option("--part", help="test or train; test where there is one.", show_default=False)
]
InputShape = Annotated[
    str | None,
    typer.Option("--input", "-i", help="Input shape, such as 3x224x224, where the file leaves it open."),
]
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
SanityCheck = Annotated[
    bool,
    typer.Option(
        help="Make the view again with random weights, layer by layer: does it depend on what was learned?"
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print everything as JSON.")]
Output = Annotated[Path | None, output_option("The picture: .png, .svg or .pdf; or .html, .txt or .json.")]
