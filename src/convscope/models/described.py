"""Networks from a few words: a builder's name with settings, or a short TOML file that lists layers."""

from __future__ import annotations

import inspect
import os
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from convscope import layers
from convscope.errors import ConvscopeError, DtypeError, FileError, InvalidValue, UnknownName, nearest_names
from convscope.layers import Layer
from convscope.models.alexnet import alexnet, zfnet
from convscope.models.builder import Builder
from convscope.models.initialise import Promise, batch_norm, channel_scale, conv2d, linear
from convscope.models.lenet import lenet5
from convscope.models.mobilenet import mobilenet_v2
from convscope.models.resnet import resnet18, small_resnet
from convscope.models.small import small_cnn
from convscope.models.squeezenet import squeezenet
from convscope.models.vgg import tiny_vgg, vgg16
from convscope.network import Network

__all__ = ["LAYERS", "NETWORKS", "build", "from_description", "read_description"]

NETWORKS: Mapping[str, Callable[..., Network]] = {
    function.__name__: function
    for function in (
        *(small_cnn, small_resnet, lenet5, tiny_vgg, vgg16, alexnet, zfnet, squeezenet),
        *(mobilenet_v2, resnet18),
    )
}
"""The builders that have a name."""

LAYERS: Mapping[str, Callable[..., Layer | Promise]] = {
    "conv2d": conv2d,
    "linear": linear,
    "batch_norm": batch_norm,
    "channel_scale": channel_scale,
    "max_pool2d": layers.MaxPool2d,
    "avg_pool2d": layers.AvgPool2d,
    "lp_pool2d": layers.LpPool2d,
    "global_avg_pool2d": layers.GlobalAvgPool2d,
    "global_max_pool2d": layers.GlobalMaxPool2d,
    "flatten": layers.Flatten,
    "dropout": layers.Dropout,
    "pad2d": layers.Pad2d,
    "resize2d": layers.Resize2d,
    "local_response_norm": layers.LocalResponseNorm,
    "add": layers.Add,
    "multiply": layers.Multiply,
    "concatenate": layers.Concatenate,
    "relu": layers.ReLU,
    "leaky_relu": layers.LeakyReLU,
    "elu": layers.ELU,
    "selu": layers.SELU,
    "celu": layers.CELU,
    "gelu": layers.GELU,
    "silu": layers.SiLU,
    "mish": layers.Mish,
    "clip": layers.Clip,
    "sigmoid": layers.Sigmoid,
    "hardsigmoid": layers.Hardsigmoid,
    "hardswish": layers.Hardswish,
    "softplus": layers.Softplus,
    "softsign": layers.Softsign,
    "tanh": layers.Tanh,
    "softmax": layers.Softmax,
    "log_softmax": layers.LogSoftmax,
}
"""The layers that a file may list, by the names they have there."""

_T = TypeVar("_T")
_KEYS = ("name", "input", "layers")
_OWN = ("layer", "name", "from")  # of a layer's table, besides its settings
_SHORT = {"conv2d": "conv", "linear": "fc", "batch_norm": "bn", "channel_scale": "scale"}
# said by the caller or not for a file
_NOT_SET = {"draw", "seed", "input_shape", "num_classes", "settings"}
_CONV = ("stride", "padding", "dilation")


def build(
    text: str, *, input_shape: Sequence[int] | None = None, num_classes: int | None = None, seed: int = 0
) -> Network:
    """Build the network of a name, with settings where there are any: "small_resnet:width=16".

    Parameters
    ----------
    text : str
        One of `NETWORKS`; after a colon the builder's own settings, separated by commas.
    input_shape, num_classes : optional
        Given to the builder if it takes them.
    seed : int
        Of the drawn weights.

    Raises
    ------
    UnknownName
        If there is no such network or setting; the nearest names are offered.
    InvalidValue
        If a setting is out of range.

    Examples
    --------
    >>> build("small_resnet:width=4", input_shape=(3, 16, 16))
    Network(small_resnet: 3x16x16, 34 nodes, 5,100 parameters)
    """
    if not isinstance(text, str):
        raise DtypeError(f"models: a network must be named by a text; got {type(text).__name__}.")
    name, _, rest = text.partition(":")
    if name not in NETWORKS:
        raise UnknownName(f"models: there is no network {name!r}; {nearest_names(name, NETWORKS)}.")
    builder = NETWORKS[name]
    takes = inspect.signature(builder).parameters
    given = dict(_pairs(rest, name))
    _check_names(given, [key for key in takes if key not in _NOT_SET], name)
    settings = {
        key: value if isinstance(takes[key].default, str) else _value(value) for key, value in given.items()
    }
    shared = {"input_shape": input_shape, "num_classes": num_classes, "seed": seed}
    settings |= {key: value for key, value in shared.items() if key in takes and value is not None}
    return _made(lambda: builder(**settings), name)


def read_description(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a TOML file that lists layers, for `from_description`.

    Raises
    ------
    FileError
        If the file cannot be read or is not TOML.
    """
    file = Path(path)
    try:
        return tomllib.loads(file.read_bytes().decode())
    except OSError as error:
        raise FileError(f"cannot read {file}: {(error.strerror or str(error)).lower()}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise FileError(f"{file}: not a TOML file; {str(error).lower().rstrip('.')}.") from error


def from_description(
    description: Mapping[str, Any],
    *,
    input_shape: Sequence[int] | None = None,
    num_classes: int | None = None,
    seed: int = 0,
) -> Network:
    """Build the network that a description lists layer by layer.

    Parameters
    ----------
    description : mapping
        `layers`, a list: each a name of `LAYERS`, or a table with `layer`, the layer's settings and,
        where wanted, its `name` and what it reads, `from` (a node's name or several; else the layer
        before). `filters` or `features` may be "classes". Besides it `name`, and `input` (C, H, W)
        where the caller does not give it.
    input_shape : (C, H, W), optional
        Comes before that of the description.
    num_classes : int, optional
        What "classes" stands for.
    seed : int
        Of the drawn weights.

    Raises
    ------
    UnknownName
        If there is no such key, layer, setting or node; the nearest names are offered.
    InvalidValue
        If a value is missing or out of range.

    Examples
    --------
    >>> net = from_description(
    ...     tomllib.loads('''
    ...     layers = [
    ...         { layer = "conv2d", filters = 4, kernel_size = 3, padding = 1, name = "first" },
    ...         "relu",
    ...         { layer = "add", from = ["first", "relu1"] },
    ...         { layer = "max_pool2d", kernel_size = 2 },
    ...         "flatten",
    ...         { layer = "linear", features = "classes" },
    ...     ]'''),
    ...     input_shape=(1, 8, 8),
    ...     num_classes=3,
    ... )
    >>> list(net.nodes), net.shapes()["fc1"]
    (['first', 'relu1', 'add1', 'pool1', 'flatten1', 'fc1'], (1, 3))
    """
    if not isinstance(description, Mapping):
        raise DtypeError(f"a network's file: it must be a table; got {type(description).__name__}.")
    _check_names(description, _KEYS, "a network's file")
    name, items = description.get("name", ""), description.get("layers")
    if not isinstance(items, list) or not items or not isinstance(name, str):
        raise InvalidValue("a network's file: layers must be a list of at least one layer, name a text.")
    shape = description.get("input") if input_shape is None else list(input_shape)
    if not isinstance(shape, list) or not all(type(n) is int and n > 0 for n in shape):
        raise InvalidValue(f"a network's file: input must be [channels, height, width]; got {shape!r}.")
    builder = Builder(shape, seed)
    source, counts = builder.input_name, dict[str, int]()
    for number, item in enumerate(items, 1):
        source = _add(builder, item, number, source, counts, num_classes)
    return builder.network(name)


def _add(
    builder: Builder, item: Any, number: int, source: str, counts: dict[str, int], num_classes: int | None
) -> str:
    """Add one layer of the list; give its name."""
    table = {"layer": item} if isinstance(item, str) else item
    if not isinstance(table, dict) or not isinstance(table.get("layer"), str):
        raise InvalidValue(
            f"layer {number}: it must be a name such as 'relu' or a table with `layer`; got {item!r}."
        )
    kind = table["layer"]
    if kind not in LAYERS:
        raise UnknownName(f"layer {number}: there is no layer {kind!r}; {nearest_names(kind, LAYERS)}.")
    who, factory = f"layer {number} ({kind})", LAYERS[kind]
    settings = {key: value for key, value in table.items() if key not in _OWN}
    takes = [key for key in inspect.signature(factory).parameters if key not in _NOT_SET]
    _check_names(settings, [*takes, *(_CONV if kind == "conv2d" else ()), *_OWN], who)
    for key in {"filters", "features"} & set(settings):
        settings[key] = _count(settings[key], key, num_classes, who)
    settings = {key: tuple(value) if isinstance(value, list) else value for key, value in settings.items()}
    short = _SHORT.get(kind, "pool" if "pool" in kind else kind)
    counts[short] = counts.get(short, 0) + 1
    reads = table.get("from", source)
    inputs = [reads] if isinstance(reads, str) else reads
    if not isinstance(inputs, list) or not inputs or not all(isinstance(one, str) for one in inputs):
        raise InvalidValue(f"{who}: from must be a node's name or a list of names; got {reads!r}.")
    name = str(table.get("name", f"{short}{counts[short]}"))
    return _made(lambda: builder.add(name, factory(**settings), *inputs), who)


def _count(value: Any, key: str, num_classes: int | None, who: str) -> int:
    """Take a number of channels, said or that of the classes."""
    if value == "classes" and num_classes is not None:
        return num_classes
    if type(value) is not int or value < 1:
        hint = ", and how many classes there are is not known" if value == "classes" else ""
        raise InvalidValue(
            f"{who}: {key} must be a whole number of at least 1, or 'classes'; got {value!r}{hint}."
        )
    return value


def _made(make: Callable[[], _T], who: str) -> _T:
    """Make something of settings from a file, where any value may be of any kind."""
    try:
        return make()
    except ConvscopeError as error:
        text = str(error)
        raise type(error)(text if text.startswith(who) else f"{who}: {text}") from error
    except (TypeError, ValueError, AttributeError, OverflowError, ZeroDivisionError, MemoryError) as error:
        raise InvalidValue(f"{who}: the settings do not fit; {str(error).rstrip('.')}.") from error


def _check_names(given: Mapping[str, Any], known: Sequence[str], who: str) -> None:
    for key in given:
        if key not in known:
            raise UnknownName(f"{who}: there is no setting {key!r}; {nearest_names(key, known)}.")


def _pairs(text: str, who: str) -> list[tuple[str, str]]:
    """Split "a=1,b=2"."""
    pairs = [part.partition("=") for part in text.split(",") if part]
    for key, equals, _ in pairs:
        if not equals:
            raise InvalidValue(f"{who}: settings must be name=value, separated by commas; got {key!r}.")
    return [(key.strip(), value.strip()) for key, _, value in pairs]


def _value(text: str) -> Any:
    """Read a value as TOML writes it; anything else is a text."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
