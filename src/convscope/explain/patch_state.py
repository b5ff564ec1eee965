"""What a pass over many images has found so far, in a file, so that it can go on after any stop."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from convscope.errors import FileError, InvalidValue
from convscope.explain.labelled import Images
from convscope.explain.strongest import PARTS, Strongest
from convscope.files import atomic_path
from convscope.network import Network

__all__ = ["PatchState"]

_SECONDS = 10.0


class PatchState:
    """Keeps `Strongest` of several nodes in an .npz file, with what they were found for.

    Parameters
    ----------
    path : path or None
        None keeps nothing.
    net, names, k, per_image, images
        What the state is of: with anything else it is refused.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None,
        net: Network,
        names: Sequence[str],
        k: int,
        per_image: int,
        images: Images,
    ) -> None:
        self._path = None if path is None else Path(path)
        self._last = time.monotonic()
        self._of = "" if path is None else _fingerprint(net, names, k, per_image, images)

    def restore(self, found: dict[str, Strongest]) -> tuple[dict[str, Strongest], int]:
        """Fill `found` from the file, where there is one; give it and how many images were seen.

        Raises
        ------
        FileError
            If the file is broken.
        InvalidValue
            If it was written for another network, node, k or data.
        """
        if self._path is None or not self._path.exists():
            return found, 0
        try:
            with np.load(self._path, allow_pickle=False) as file:
                of, seen = str(file["of"]), int(file["seen"])
                arrays = {key: file[key] for key in file.files}
        except (OSError, ValueError, KeyError, EOFError) as error:
            raise FileError(f"cannot read {self._path}: it is not a state of top_patches.") from error
        if of != self._of:
            raise InvalidValue(
                f"top_patches: {self._path} is the state of another network, other nodes, k, per_image or "
                "images; name another file, or remove it."
            )
        for index, one in enumerate(found.values()):
            for part in PARTS:
                getattr(one, part)[...] = arrays[f"{index}.{part}"]
        return found, seen

    def save_sometimes(self, found: Mapping[str, Strongest], seen: int) -> None:
        """Write the file if the last time was long ago."""
        if self._path is not None and time.monotonic() - self._last > _SECONDS:
            self.save(found, seen)

    def save(self, found: Mapping[str, Strongest], seen: int) -> None:
        """Write the file."""
        if self._path is None:
            return
        arrays: dict[str, Any] = {"of": np.array(self._of), "seen": np.array(seen)}
        for index, one in enumerate(found.values()):
            arrays.update({f"{index}.{part}": getattr(one, part) for part in PARTS})
        with atomic_path(self._path) as temporary, open(temporary, "wb") as file:
            np.savez(file, **arrays)
        self._last = time.monotonic()


def _fingerprint(net: Network, names: Sequence[str], k: int, per_image: int, images: Images) -> str:
    """Hash what decides the result: the weights, the question, and the first and last image."""
    digest = hashlib.sha256()
    for name, array in {**net.parameters, **net.statistics}.items():
        digest.update(f"{name}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    digest.update(json.dumps([list(names), k, per_image, len(images), images.name]).encode())
    for index in {0, len(images) - 1}:
        digest.update(images.label(index).encode())
        digest.update(np.ascontiguousarray(images.one(index)).tobytes())
    return digest.hexdigest()
