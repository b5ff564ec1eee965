"""A recipe: everything a training depends on, as a TOML file that people write and read."""

from __future__ import annotations

import json
import math
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from convscope.data import Augment, Source, open_dataset
from convscope.errors import FileError, InvalidValue, UnknownName, nearest_names
from convscope.files import write_text
from convscope.models import build, from_description
from convscope.network import Network
from convscope.training.adam import Adam, AdamW
from convscope.training.loop import Settings
from convscope.training.losses import CrossEntropy, Loss, MeanSquaredError
from convscope.training.optimizer import SGD, Optimizer
from convscope.training.schedule import Cosine, OneCycle, Schedule, Step, WarmUp

__all__ = ["Recipe"]

_CHOICES: Mapping[str, tuple[str, ...]] = {
    "optimizer": ("sgd", "adam", "adamw"),
    "schedule": ("constant", "step", "cosine", "one-cycle"),
    "loss": ("cross-entropy", "mean-squared-error"),
    "flip": ("none", "horizontal", "vertical", "both"),
}


@dataclass(frozen=True)
class Recipe:
    """What to train on what, and how. What is None follows from the rest.

    Attributes
    ----------
    data : str
        As `convscope.data.open_dataset` takes it.
    net : str
        A builder's name with settings, "small_resnet:width=16"; or what the network of `network` is called.
    network : dict
        The layers, as `convscope.models.from_description` takes them; empty for a builder's network.
    size, channels, fit, resize, images, scale, layout : optional
        Of the data: (height, width); "RGB" or "L"; the crop before resizing, "centre" or "none"; how to
        resize; how many images are generated; by what they are divided; the order of the axes of an .npz.
    validation : float
        The share of the training images that is held out to choose the best epoch; 0 for none.
    validate_on_test : bool
        Choose the best epoch by the test part of the data instead.
    epochs, batch_size, seed : int
    optimizer : {"sgd", "adam", "adamw"}
    learning_rate, momentum, weight_decay : float, optional
    nesterov : bool
    schedule : {"constant", "step", "cosine", "one-cycle"}
    warmup : float
        Epochs on which the rate first grows.
    step_epochs, step_factor
        Of the schedule "step".
    loss : {"cross-entropy", "mean-squared-error"}
    label_smoothing : float
    clip_norm, patience : optional
        As in `fit`.
    flip, shift, crop, cutout
        As in `convscope.data.Augment`.

    Examples
    --------
    >>> Recipe(data="digits", optimizer="adam", epochs=3).changes()
    {'data': 'digits', 'epochs': 3, 'optimizer': 'adam'}
    >>> Recipe.from_dict({"data": "digits", "epoch": 3})
    Traceback (most recent call last):
    convscope.errors.UnknownName: recipe: there is no key 'epoch'; nearest: epochs, step_epochs.
    """

    data: str
    net: str = "small_cnn"
    network: dict[str, Any] = field(default_factory=dict)
    size: tuple[int, int] | None = None
    channels: str | None = None
    fit: str | None = None
    resize: str | None = None
    images: int | None = None
    scale: float | None = None
    layout: str | None = None
    validation: float = 0.1
    validate_on_test: bool = False
    epochs: int = 10
    batch_size: int = 64
    seed: int = 0
    optimizer: str = "sgd"
    learning_rate: float | None = None
    momentum: float | None = None
    nesterov: bool = False
    weight_decay: float | None = None
    schedule: str = "cosine"
    warmup: float = 0.0
    step_epochs: int = 10
    step_factor: float = 0.1
    loss: str = "cross-entropy"
    label_smoothing: float = 0.0
    clip_norm: float | None = None
    patience: int | None = None
    flip: str = "none"
    shift: int = 0
    crop: float = 1.0
    cutout: int = 0

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            object.__setattr__(self, name, _checked(name, value))
        for name, known in _CHOICES.items():
            value = getattr(self, name)
            if value not in known:
                raise UnknownName(f"recipe: {name} has no {value!r}; {nearest_names(value, known)}.")
        if not 0 <= self.validation < 1:
            raise InvalidValue(f"recipe: validation must be at least 0 and below 1; got {self.validation:g}.")
        if self.warmup < 0:
            raise InvalidValue(f"recipe: warmup must not be negative; got {self.warmup:g}.")
        if self.loss != "cross-entropy" and self.label_smoothing:
            raise InvalidValue("recipe: label_smoothing goes with the loss cross-entropy only.")
        if self.optimizer != "sgd" and (self.momentum is not None or self.nesterov):
            raise InvalidValue("recipe: momentum and nesterov go with the optimizer sgd only.")
        self.settings()  # the classes say what is out of range

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Recipe:
        """Take the values back; unknown keys are refused, with the nearest names."""
        known = [f.name for f in fields(cls)]
        for key in values:
            if key not in known:
                raise UnknownName(f"recipe: there is no key {key!r}; {nearest_names(key, known)}.")
        if "data" not in values:
            raise InvalidValue("recipe: data must be said: a folder, an .npz file or a name.")
        return cls(**values)

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Recipe:
        """Read a recipe from a TOML file.

        Raises
        ------
        FileError
            If the file cannot be read or is not TOML.
        UnknownName, InvalidValue
            If a key does not exist or a value is out of range; the message begins with the file.
        """
        file = Path(path)
        try:
            values = tomllib.loads(file.read_bytes().decode())
        except OSError as error:
            raise FileError(f"cannot read {file}: {(error.strerror or str(error)).lower()}.") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise FileError(f"{file}: not a TOML file; {str(error).lower().rstrip('.')}.") from error
        try:
            return cls.from_dict(values)
        except (UnknownName, InvalidValue) as error:
            raise type(error)(f"{file}: {error}") from error

    def to_dict(self) -> dict[str, Any]:
        """Give all values that are not None as plain Python."""
        values = {name: list(v) if isinstance(v, tuple) else v for name, v in vars(self).items()}
        return {name: v for name, v in values.items() if v is not None and v != {}}

    def changes(self) -> dict[str, Any]:
        """Give the data and what differs from the defaults."""
        usual = Recipe(self.data).to_dict()
        return {k: v for k, v in self.to_dict().items() if k == "data" or v != usual.get(k)}

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write the recipe as TOML, whole or not at all."""
        write_text(path, _toml(self.to_dict()))

    def with_place(self) -> Recipe:
        """Give the recipe with absolute paths, so that it holds wherever it is read."""
        named = _is_name(self.data) or not (os.sep in self.data or os.path.exists(self.data))
        data = self.data if named else os.path.abspath(self.data)
        return replace(self, data=data, net=os.path.abspath(self.net) if self.network else self.net)

    def open_data(self, memory: int = 2**28) -> tuple[Source, Source | None]:
        """Open the data: the training part and, where there is one, the test part."""
        options: dict[str, Any] = {
            "size": self._side() if _is_name(self.data) else self.size,
            "channels": self.channels,
            "crop": self.fit,
            "resize": self.resize,
            "n": self.images,
            "scale": self.scale,
            "layout": self.layout,
        }
        return open_dataset(self.data, memory=memory, **options)

    def build(self, data: Source) -> Network:
        """Build the network, with weights drawn by the seed, for the images and classes of the data."""
        shared: dict[str, Any] = {
            "input_shape": data.image_shape,
            "num_classes": len(data.classes),
            "seed": self.seed,
        }
        if self.network:
            net = from_description(self.network, **shared)
            net.name = net.name or Path(self.net).stem
            return net
        return build(self.net, **shared)

    def settings(self) -> Settings:
        """Give what the training loop wants."""
        augment = Augment(flip=self.flip, shift=self.shift, crop=self.crop, cutout=self.cutout)
        return Settings(
            epochs=self.epochs,
            batch_size=self.batch_size,
            optimizer=self._optimizer(),
            schedule=self._schedule(),
            loss=self._loss(),
            seed=self.seed,
            augment=None if augment == Augment() else augment,
            clip_norm=self.clip_norm,
            patience=self.patience,
        )

    def _optimizer(self) -> Optimizer:
        names = ("learning_rate", "weight_decay") + (("momentum",) if self.optimizer == "sgd" else ())
        given = {name: getattr(self, name) for name in names if getattr(self, name) is not None}
        if self.optimizer == "sgd":
            return SGD(**given, nesterov=self.nesterov)
        return Adam(**given) if self.optimizer == "adam" else AdamW(**given)

    def _schedule(self) -> Schedule | None:
        if self.schedule == "cosine":
            return Cosine(warmup=self.warmup)
        then: Schedule | None = None
        if self.schedule == "step":
            then = Step(self.step_epochs, self.step_factor)
        elif self.schedule == "one-cycle":
            then = OneCycle()
        return WarmUp(self.warmup, then) if self.warmup else then

    def _loss(self) -> Loss:
        return CrossEntropy(self.label_smoothing) if self.loss == "cross-entropy" else MeanSquaredError()

    def _side(self) -> int | None:
        """Give the one side of generated images."""
        if self.size is not None and self.size[0] != self.size[1]:
            raise InvalidValue(f"recipe: size of generated images must be square; got {self.size}.")
        return None if self.size is None else self.size[0]


def _is_name(data: str) -> bool:
    from convscope.data.opening import NAMES

    return data in NAMES


_KINDS: Mapping[str, tuple[type, ...]] = {
    "str": (str,),
    "int": (int,),
    "float": (int, float),
    "bool": (bool,),
    "dict[str, Any]": (dict,),
}
_WORDS = {"str": "a text", "int": "a whole number", "float": "a number", "bool": "true or false"}


def _checked(name: str, value: Any) -> Any:
    """Take a value of the kind that the annotation of its field says."""
    annotation = str(Recipe.__annotations__[name])
    kind = annotation.removesuffix(" | None")
    if value is None and kind != annotation:
        return None
    if kind == "tuple[int, int]":
        if isinstance(value, list | tuple) and len(value) == 2 and all(type(n) is int for n in value):
            return tuple(value)
        raise InvalidValue(f"recipe: {name} must be [height, width]; got {value!r}.")
    if not isinstance(value, _KINDS[kind]) or (isinstance(value, bool) and kind != "bool"):
        raise InvalidValue(f"recipe: {name} must be {_WORDS.get(kind, 'a table')}; got {value!r}.")
    if isinstance(value, int | float) and kind == "float":
        if not math.isfinite(value):
            raise InvalidValue(f"recipe: {name} must be finite; got {value!r}.")
        return float(value)
    if isinstance(value, int) and value < 0:
        raise InvalidValue(f"recipe: {name} must not be negative; got {value}.")
    return value


def _toml(values: Mapping[str, Any]) -> str:
    """Write plain values as TOML, tables last."""
    lines = [f"{key} = {_toml_value(v)}" for key, v in values.items() if not isinstance(v, dict)]
    for key, table in values.items():
        if isinstance(table, dict):
            lines += ["", f"[{key}]", *(f"{k} = {_toml_value(v)}" for k, v in table.items())]
    return "\n".join(lines) + "\n"


def _toml_value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        # TOML's basic strings are JSON's, but for DEL
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, list) and any(isinstance(item, dict) for item in value):
        return "[\n" + "".join(f"    {_toml_value(item)},\n" for item in value) + "]"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml_value, value)) + "]"
    if isinstance(value, dict):
        inside = ", ".join(f"{json.dumps(k)} = {_toml_value(v)}" for k, v in value.items())
        return f"{{ {inside} }}"
    return repr(value)
