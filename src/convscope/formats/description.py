"""What a user says about a network's input, in a small TOML file beside it: net.toml beside net.onnx.

    classes = "words.txt"        # or a list of names; a .json list or one name on a line

    [input]
    size = [227, 227]            # height, width
    channels = "BGR"
    mean = [104, 117, 123]
    scale = 1.0
    crop = "centre"
    resize = "bilinear"

It overrides what the network's own file says.
"""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

from convscope.errors import ConvscopeError, FileError, nearest_names
from convscope.network import ImageInput, Network

__all__ = ["describe"]

_KEYS = ("input", "classes")


def describe(net: Network, model: Path) -> None:
    """Give a network the input rule and class names of the TOML file beside `model`, if there is one.

    Raises
    ------
    FileError
        If the file cannot be read or says something unknown.
    """
    file = model.with_suffix(".toml")
    if file == model or not file.is_file():
        return
    said = _parsed(file)
    for key in said:
        if key not in _KEYS:
            raise FileError(f"{file}: there is no key {key!r}; {nearest_names(key, _KEYS)}.")
    try:
        if "input" in said:
            before = {} if net.input is None else net.input.to_dict()
            net.input = ImageInput.from_dict({**before, **dict(said["input"])})
        if "classes" in said:
            net.classes = _classes(said["classes"], file)
    except (ConvscopeError, TypeError, ValueError) as error:
        raise FileError(f"{file}: {error}") from error


def _parsed(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise FileError(f"cannot read {file}: {(error.strerror or str(error)).lower()}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise FileError(f"{file}: not a TOML file: {error}.") from error


def _classes(value: Any, file: Path) -> tuple[str, ...]:
    """Give the names listed, or those of a file in the same folder."""
    if isinstance(value, list):
        return tuple(str(name) for name in value)
    if not isinstance(value, str):
        raise FileError(f"{file}: classes must be a list of names or the name of a file; got {value!r}.")
    names = (file.parent / value).resolve()
    if not names.is_relative_to(file.parent.resolve()):
        raise FileError(f"{file}: the file of classes must be in the same folder; got {value!r}.")
    try:
        text = names.read_text(encoding="utf-8")
        listed = json.loads(text) if names.suffix == ".json" else text.splitlines()
    except OSError as error:
        raise FileError(f"cannot read {names}: {(error.strerror or str(error)).lower()}.") from error
    except ValueError as error:
        raise FileError(f"{names}: not a list of names: {error}.") from error
    if not isinstance(listed, list):
        raise FileError(f"{names}: it must hold a list of names; got {type(listed).__name__}.")
    return tuple(str(name) for name in listed)
