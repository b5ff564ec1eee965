"""What a user says about a network's input: in a small TOML file beside it (net.toml beside net.onnx),
or as settings of `load` and options of the command line.

    classes = "words.txt"        # or a list of names; a .json list or one name on a line

    [input]
    size = [227, 227]            # height, width; the network's own where it is left out
    channels = "BGR"             # or RGB, L (grey)
    mean = [104, 117, 123]       # of pixels from 0 to 255
    scale = 1.0                  # the input is (pixel - mean) * scale
    crop = "centre"
    resize = "bilinear"

Instead of `scale` there may be `std`: then mean and std are of pixels from 0 to 1, as PyTorch's
Normalize takes them (of pixels from 0 to 255 if any of them is above 1). It overrides what the
network's own file says.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from convscope.errors import ConvscopeError, FileError, InvalidValue, nearest_names
from convscope.network import ImageInput, Network

__all__ = ["apply", "class_names", "said_beside", "said_in", "with_said"]

_KEYS = ("input", "classes")


def said_beside(model: Path) -> dict[str, Any]:
    """Read the TOML file beside a model; empty if there is none."""
    file = model.with_suffix(".toml")
    return said_in(file) if file != model and file.is_file() else {}


def said_in(file: Path) -> dict[str, Any]:
    """Read a TOML file: "input", a table of settings, and "classes", a tuple of names, where they are said.

    Raises
    ------
    FileError
        If the file cannot be read or says something unknown.
    """
    said = _parsed(file)
    for key in said:
        if key not in _KEYS:
            raise FileError(f"{file}: there is no key {key!r}; {nearest_names(key, _KEYS)}.")
    if not isinstance(said.get("input", {}), dict):
        raise FileError(f"{file}: input must be a table, [input]; got {said['input']!r}.")
    if isinstance(said.get("classes"), str):
        said["classes"] = class_names(_in_folder(said["classes"], file))
    elif not isinstance(said.get("classes", []), list):
        raise FileError(
            f"{file}: classes must be a list of names or the name of a file; got {said['classes']!r}."
        )
    return said


def apply(net: Network, said: Mapping[str, Any], file: Path | None = None) -> None:
    """Give a network what is said of its input and classes, in `file`; the rest stays as it is.

    Raises
    ------
    ConvscopeError
        If a setting is unknown or out of range.
    """
    try:
        if said.get("input"):
            net.input = with_said(net, said["input"])
        if said.get("classes"):
            net.classes = _fitting(net, tuple(str(name) for name in said["classes"]))
    except (ConvscopeError, TypeError, ValueError) as error:
        if file is None and isinstance(error, ConvscopeError):
            raise
        raise FileError(f"{file or 'input'}: {error}") from error


def _fitting(net: Network, names: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse names of which there are more or fewer than scores: each might stand for another class."""
    shapes = net.shapes()
    counts = {shapes[name][1] for name in net.outputs if len(shapes[name]) == 2}
    if counts and len(names) not in counts:
        wanted = " or ".join(map(str, sorted(counts)))
        raise InvalidValue(f"classes: there must be {wanted} names, one for each score; got {len(names)}.")
    return names


def with_said(net: Network, settings: Mapping[str, Any]) -> ImageInput:
    """Give a network's rule with other settings; what nobody said is as the network's input is.

    A mean does not go with a scale of 1/255 that stood there without a mean: that is what is usual for
    pixels alone, and the scale that belongs to the mean must be said.

    Examples
    --------
    >>> import convscope as cs
    >>> with_said(cs.models.lenet5(), {"scale": 1 / 256}).describe()
    'L, 28x28 (width x height), crop centre, resize bilinear, (pixel - 0) * 0.00390625'
    """
    before = _of_shape(net.input_shape) if net.input is None else net.input.to_dict()
    usual = before.get("mean") == 0 and before.get("scale") == 1 / 255
    if "std" in settings or ("mean" in settings and usual):
        before = {name: value for name, value in before.items() if name not in ("mean", "scale")}
    return ImageInput.from_dict({**before, **settings})


def _of_shape(shape: tuple[int, ...]) -> dict[str, Any]:
    """Say what the shape of the input tells."""
    if len(shape) != 3:
        return {}
    return {"size": shape[1:], "channels": "L" if shape[0] == 1 else "RGB"}


def _parsed(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise FileError(f"cannot read {file}: {(error.strerror or str(error)).lower()}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise FileError(f"{file}: not a TOML file: {error}.") from error


def _in_folder(name: str, file: Path) -> Path:
    names = (file.parent / name).resolve()
    if not names.is_relative_to(file.parent.resolve()):
        raise FileError(f"{file}: the file of classes must be in the same folder; got {name!r}.")
    return names


def class_names(file: Path) -> tuple[str, ...]:
    """Read class names: one on a line, or a .json file with a list or with names by number.

    Raises
    ------
    FileError
        If the file cannot be read or is no list.
    """
    try:
        text = file.read_text(encoding="utf-8")
        listed = _listed(json.loads(text)) if file.suffix == ".json" else text.rstrip().splitlines()
    except OSError as error:
        raise FileError(f"cannot read {file}: {(error.strerror or str(error)).lower()}.") from error
    except (ValueError, RecursionError) as error:
        raise FileError(f"{file}: not a list of names: {error}.") from error
    if not isinstance(listed, list):
        raise FileError(f"{file}: it must hold a list of names; got {type(listed).__name__}.")
    if not listed:
        raise FileError(f"{file}: it holds no names.")
    return tuple(str(name) for name in listed)


def _listed(value: Any) -> Any:
    """Take {"0": "cat"}, {"0": ["n02123045", "cat"]} and {"classes": ["cat"]} for lists too."""
    if isinstance(value, dict) and value and set(value) == {str(i) for i in range(len(value))}:
        names = [value[str(i)] for i in range(len(value))]
        return [name[-1] if isinstance(name, list) and name else name for name in names]
    return value["classes"] if isinstance(value, dict) and "classes" in value else value
