"""How commands open a network that will see pictures: one set of options for all of them.

    @opens_network
    def predict(model: ..., images: ..., open_network: OpenNetwork) -> None:
        net = open_network(model)

The command gets --mean, --scale, --std, --channels, --size, --crop, --resize, --classes and --description,
and its `open_network` is `convscope.load` with what they say. They come before the TOML file beside the
network, which comes before what the network's own file says.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from convscope.cli.numbers import scale_of, size_of

if TYPE_CHECKING:
    from convscope.network import Network

__all__ = ["OpenNetwork", "opens_network"]

_PANEL = "How a picture becomes the input (before what the network's files say)"


def _option(flag: str, text: str) -> Any:
    return typer.Option(flag, help=text, rich_help_panel=_PANEL, show_default=False)


def _options(
    mean: Annotated[
        str | None, _option("--mean", "Of pixels from 0 to 255: 128, or 104,117,123 by channel.")
    ] = None,
    scale: Annotated[
        str | None, _option("--scale", "The input is (pixel - mean) * scale: 1, 1/255, or by channel.")
    ] = None,
    std: Annotated[
        str | None,
        _option("--std", "Instead of --scale: as PyTorch, mean and std of pixels from 0 to 1, or to 255."),
    ] = None,
    channels: Annotated[str | None, _option("--channels", "RGB, BGR or L (grey).")] = None,
    size: Annotated[str | None, _option("--size", "Pixels: 224, or 224x320 (height x width).")] = None,
    crop: Annotated[
        str | None, _option("--crop", "Before resizing: centre, or none, which stretches.")
    ] = None,
    resize: Annotated[
        str | None, _option("--resize", "bilinear (usual), bicubic, nearest, area or none.")
    ] = None,
    classes: Annotated[
        Path | None, _option("--classes", "A file of class names: one a line, or a .json list.")
    ] = None,
    description: Annotated[
        Path | None, _option("--description", "A TOML file that says all this, as beside a network.")
    ] = None,
) -> None:
    """Only the signature counts."""


def opens_network(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options, and its parameter `open_network` a `load` that heeds them."""
    own = inspect.signature(command, eval_str=True)
    shared = inspect.signature(_options, eval_str=True).parameters
    parameters = [item for item in own.parameters.values() if item.name != "open_network"]
    twice = {item.name for item in parameters} & set(shared)
    if twice or "open_network" not in own.parameters:
        raise TypeError(f"{command.__name__}: open_network must be a parameter, none of {list(shared)} may.")

    @functools.wraps(command)
    def whole(**given: Any) -> None:
        said = {name: given.pop(name) for name in shared}
        command(**given, open_network=OpenNetwork(said))

    whole.__signature__ = own.replace(  # type: ignore[attr-defined]
        parameters=[
            item.replace(kind=inspect.Parameter.KEYWORD_ONLY) for item in (*parameters, *shared.values())
        ]
    )
    whole.__annotations__ = {item.name: item.annotation for item in (*parameters, *shared.values())}
    return whole


class OpenNetwork:
    """Opens networks as the options of one command say."""

    def __init__(self, said: dict[str, Any]) -> None:
        self._said = said

    def __call__(self, model: Path, **settings: Any) -> Network:
        """Open a network; `settings` are those of `convscope.load`."""
        from convscope.formats import load

        return load(model, **self.settings(), **settings)

    def settings(self) -> dict[str, Any]:
        """Give what the options say as settings of `convscope.load`."""
        from convscope.formats.description import class_names, said_in

        said = self._said
        file = {} if said["description"] is None else said_in(said["description"])
        names = file.get("classes", ()) if said["classes"] is None else class_names(said["classes"])
        return {"input": {**file.get("input", {}), **_rule(said)}, "classes": names}


def _rule(said: dict[str, Any]) -> dict[str, Any]:
    """Give what was said, as `ImageInput` takes it."""
    rule = {name: said[name] for name in ("crop", "resize") if said[name] is not None}
    rule |= {name: scale_of(f"--{name}", said[name]) for name in ("mean", "scale", "std") if said[name]}
    if said["channels"] is not None:
        rule["channels"] = said["channels"].upper()
    if said["size"] is not None:
        rule["size"] = size_of("--size", said["size"])
    return rule
