"""Everything that can be wrong with the data is said before training starts."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from convscope.data import Dataset, Source
from convscope.errors import DtypeError, InvalidValue
from convscope.network import Network
from convscope.training.losses import scores_of

__all__ = [
    "Labelled",
    "as_source",
    "check_batch_size",
    "check_fits",
    "check_labels",
    "check_network",
    "check_whole",
]

Labelled = Source | tuple[Any, Any]


def as_source(data: Labelled, who: str) -> Source:
    """Take a Source or a pair (x, y); a pair is checked as every Dataset is."""
    if isinstance(data, tuple | list) and len(data) == 2:
        return Dataset(data[0], data[1], name=f"{who}: data")
    if isinstance(data, tuple | list) or not hasattr(data, "batch"):
        raise DtypeError(
            f"{who}: data must be a source such as a Dataset or a pair (x, y); got {type(data).__name__}."
        )
    return data


def check_whole(value: Any, name: str, who: str, least: int = 1) -> int:
    """Take a whole number that is not too small."""
    try:
        whole = operator.index(value)
    except TypeError:
        raise DtypeError(f"{who}: {name} must be a whole number; got {value!r}.") from None
    if whole < least:
        raise InvalidValue(f"{who}: {name} must be at least {least}; got {whole}.")
    return whole


def check_batch_size(batch_size: Any, who: str, images: int | None = None) -> int:
    """Take a batch size, not larger than the number of images where one is given."""
    size = check_whole(batch_size, "batch_size", who)
    if images is not None and size > images:
        raise InvalidValue(f"{who}: batch_size must not exceed the {images} images there are; got {size}.")
    return size


def check_network(net: Any, who: str) -> None:
    """Refuse what is no network."""
    if not isinstance(net, Network):
        raise DtypeError(f"{who}: the network must be a convscope Network; got {type(net).__name__}.")


def check_fits(net: Network, data: Source, who: str) -> None:
    """Check images and labels against what the network takes and gives."""
    if data.dtype != net.dtype:
        raise DtypeError(
            f"{who}: the images must be {net.dtype} like the network; got {data.dtype} "
            f"(use x.astype('{net.dtype}') or net.astype('{data.dtype}'))."
        )
    shape = tuple(data.image_shape)
    if shape != tuple(net.input_shape):
        if shape[0] != net.input_shape[0]:
            raise InvalidValue(f"{who}: the network takes images of shape {net.input_shape}; got {shape}.")
        try:
            net.shapes(shape)
        except InvalidValue as error:
            raise InvalidValue(
                f"{who}: the network takes {net.input_shape} and cannot take {shape}: {error}"
            ) from error
    _, classes = scores_of(net, who)
    if data.y.max() >= classes:
        raise InvalidValue(
            f"{who}: labels must be from 0 to {classes - 1}, for the network's {classes} classes; "
            f"got {data.y.max()} at index {int(data.y.argmax())}."
        )


def check_labels(data: Source, who: str) -> None:
    """Refuse one class only, and labels of which most are missing, unless the classes have names.

    Labels need not be there from 0 on without a gap (those of EMNIST's letters begin at 1), but where most
    are missing a label is broken, or stands for something else than a class.
    """
    there = np.unique(data.y)
    if len(there) < 2:
        raise InvalidValue(
            f"{who}: {data.name}: there must be two or more classes; got only images of class "
            f"{data.classes[there[0]]!r}."
        )
    nameless = tuple(data.classes) == tuple(map(str, range(len(data.classes))))
    if nameless and len(data.classes) > 2 * len(there):
        raise InvalidValue(
            f"{who}: {data.name}: labels must count from 0; "
            f"got {len(there)} different ones up to {there[-1]}, at index {int(data.y.argmax())}."
        )
