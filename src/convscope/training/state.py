"""The state of a run in one file: weights, what the optimiser remembers, and how far it has come.

It is replaced whole or not at all, so that whatever happens a run has one consistent state.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope.data import Source
from convscope.errors import FileError, InvalidValue
from convscope.files import atomic_path
from convscope.training.history import EpochRecord
from convscope.training.loop import Loop, Place

__all__ = ["fingerprint", "read_state", "restore", "write_state"]

_FORMAT = 1
_SAMPLES = 16  # images of a data set that are looked at to know it again


def write_state(path: str | os.PathLike[str], loop: Loop, facts: Mapping[str, Any]) -> None:
    """Write where a run is, and `facts` to know it again.

    Raises
    ------
    FileError
        If the file cannot be written; the one before stays.
    """
    from safetensors.numpy import save_file

    story = {
        "format": _FORMAT,
        "place": asdict(loop.place),
        "records": [asdict(record) for record in loop.records],
        "best_epoch": loop.best_epoch,
        "best_loss": loop.best_loss,
        **facts,
    }
    # safetensors writes memory as it lies, so it must lie in the usual order
    arrays = {name: np.ascontiguousarray(array) for name, array in _arrays(loop)}
    with atomic_path(path) as temporary:
        try:
            save_file(arrays, temporary, {"convscope": json.dumps(story)})
        except Exception as error:
            # its own exception carries what the system said only as text
            if isinstance(error, OSError) or type(error).__name__ == "SafetensorError":
                raise FileError(f"cannot write {path}: {str(error).lower().rstrip('.')}.") from error
            raise


def read_state(path: Path) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Give the story and the arrays of a state file.

    Raises
    ------
    FileError
        If the file is missing, broken or of another program.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            story = json.loads((file.metadata() or {})["convscope"])
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # no mapping
    except (SafetensorError, KeyError, ValueError) as error:
        raise FileError(f"{path}: not the state of a run, or broken.") from error
    except OSError as error:
        raise FileError(f"cannot read {path}: {(error.strerror or str(error)).lower()}.") from error
    if not isinstance(story, dict) or story.get("format") != _FORMAT:
        raise FileError(f"{path}: the state of a run must be of format {_FORMAT}.")
    return story, arrays


def restore(loop: Loop, story: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]], path: Path) -> None:
    """Put a loop where the state says that it was.

    Raises
    ------
    InvalidValue
        If the state is that of another network or optimiser.
    """
    own = dict(_arrays(loop))
    for name in sorted(own.keys() ^ arrays.keys()):
        where = "the network of the recipe" if name in own else "the run"
        raise InvalidValue(f"{path}: the run must be of the same network; {name!r} is in {where} only.")
    for name, array in own.items():
        if array.shape != arrays[name].shape or array.dtype != arrays[name].dtype:
            raise InvalidValue(
                f"{path}: the run must be of the same network; {name!r} has shape {array.shape} in the "
                f"network of the recipe and {arrays[name].shape} in the run."
            )
    for name, array in own.items():
        np.copyto(array, arrays[name])
    loop.place = Place(**story["place"])
    loop.records[:] = [EpochRecord(**record) for record in story["records"]]
    loop.best_epoch, loop.best_loss = story["best_epoch"], story["best_loss"]


def fingerprint(data: Source) -> str:
    """Give a hash of labels, classes, shape and some images: enough to tell one data set from another."""
    digest = hashlib.sha256(np.ascontiguousarray(data.y).tobytes())
    digest.update(json.dumps([list(data.classes), list(data.image_shape), len(data)]).encode())
    chosen = np.unique(np.linspace(0, len(data) - 1, _SAMPLES).astype(np.int64))
    digest.update(np.ascontiguousarray(data.batch(chosen)[0]).tobytes())
    return digest.hexdigest()


def _arrays(loop: Loop) -> Iterable[tuple[str, NDArray[Any]]]:
    """Give everything that changes from step to step, by name."""
    groups = (
        ("parameters", loop.net.parameters),
        ("statistics", loop.net.statistics),
        ("optimizer", loop.memory.kept),
    )
    for group, arrays in groups:
        for name, array in arrays.items():
            yield f"{group}/{name}", array
