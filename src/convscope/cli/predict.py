"""`convscope predict`: what a network takes images for."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Annotated

import typer

from convscope.cli.arguments import Json, ModelFile
from convscope.cli.opening import OpenNetwork, opens_network

__all__ = ["predict"]


@opens_network
def predict(
    model: ModelFile,
    images: Annotated[
        list[Path], typer.Argument(metavar="IMAGE...", help="Image files.", show_default=False)
    ],
    top: Annotated[int, typer.Option("--top", help="How many classes to show.", min=1)] = 5,
    json: Json = False,
    *,
    open_network: OpenNetwork,
) -> None:
    """Say what a network takes images for: class names and probabilities.

    Images are prepared as the network's file says, the TOML file beside it, or the options here.
    """
    from convscope.cli.console import print_json, printable
    from convscope.training import classify

    net = open_network(model)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's, of odd files; what cannot be read is an error
        found = [(image, classify(net, image)) for image in images]
    if json:
        print_json(
            [
                {
                    "image": image,
                    "classes": answer.classes[:top],
                    "probabilities": answer.probabilities[:top],
                }
                for image, answer in found
            ]
        )
        return
    for image, answer in found:
        print(image)
        for name, probability in list(zip(answer.classes, answer.probabilities, strict=True))[:top]:
            print(printable(f"  {probability:7.2%}  {name}"))
