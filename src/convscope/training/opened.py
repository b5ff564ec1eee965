"""Opening what a training left in its folder."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from convscope.errors import FileError, UnknownName, nearest_names
from convscope.formats import load
from convscope.network import Network
from convscope.training.history import EpochRecord, History
from convscope.training.recipe import Recipe

__all__ = ["FILES", "Run", "Snapshots", "is_snapshot", "load_run", "snapshot_path"]


class _Files(NamedTuple):
    best: str = "network.onnx"
    last: str = "last.onnx"
    history: str = "history.json"
    recipe: str = "recipe.toml"
    state: str = "state.safetensors"


FILES = _Files()
_SNAPSHOT = re.compile(r"epoch-(\d{4,})\.onnx")


class Snapshots(Mapping[int, Network]):
    """The network after some epochs, by epoch; each is opened when it is asked for.

    Examples
    --------
    >>> Snapshots(Path("nowhere"))
    Snapshots()
    """

    def __init__(self, folder: Path) -> None:
        names = os.listdir(folder) if folder.is_dir() else []
        found = (_SNAPSHOT.fullmatch(name) for name in names)
        self._paths = {int(match[1]): folder / match[0] for match in found if match}

    def __getitem__(self, epoch: int) -> Network:
        if epoch not in self._paths:
            known = nearest_names(str(epoch), map(str, self))
            raise UnknownName(f"snapshots: there is none of epoch {epoch}; {known}.")
        return load(self._paths[epoch])

    def __iter__(self) -> Iterator[int]:
        return iter(sorted(self._paths))

    def __len__(self) -> int:
        return len(self._paths)

    def __repr__(self) -> str:
        return f"Snapshots({', '.join(map(str, self))})"


@dataclass(frozen=True, eq=False)
class Run:
    """A training as it lies in its folder.

    Attributes
    ----------
    folder : Path
    network : Network
        Of the best epoch by the validation loss; without validation of the last one.
    history : History
    snapshots : Snapshots
        The network by epoch: 0, 1, 2, 5, 10, 20, 50 ...
    recipe : Recipe
    """

    folder: Path
    network: Network
    history: History
    snapshots: Snapshots
    recipe: Recipe

    @property
    def last(self) -> Network:
        """The network after the last whole epoch, opened anew each time."""
        return load(self.folder / FILES.last)


def load_run(folder: str | os.PathLike[str]) -> Run:
    """Open what a training left in its folder, whether it has come to its end or not.

    Parameters
    ----------
    folder : str or path

    Returns
    -------
    Run

    Raises
    ------
    FileError
        If the folder is not that of a run, or a file is missing or broken.

    Examples
    --------
    >>> import tempfile
    >>> from convscope.training import train
    >>> place = Path(tempfile.mkdtemp()) / "run"
    >>> _ = train(Recipe("lines", images=100, epochs=1, batch_size=20), place)
    >>> run = load_run(place)
    >>> run.network.classes, len(run.history.epochs), run.snapshots
    (('horizontal', 'vertical'), 1, Snapshots(0, 1))
    """
    place = Path(folder)
    if not place.is_dir():
        raise FileError(f"cannot read {place}: there is no such folder.")
    if not (place / FILES.recipe).is_file():
        raise FileError(f"{place}: not the folder of a run; it has no {FILES.recipe}.")
    return Run(
        folder=place,
        network=load(place / FILES.best),
        history=_history(place / FILES.history),
        snapshots=Snapshots(place / "snapshots"),
        recipe=Recipe.read(place / FILES.recipe),
    )


def is_snapshot(epoch: int) -> bool:
    """Whether the network is kept after this epoch.

    Examples
    --------
    >>> [epoch for epoch in range(250) if is_snapshot(epoch)]
    [0, 1, 2, 5, 10, 20, 50, 100, 200]
    """
    return str(epoch).rstrip("0") in ("", "1", "2", "5")


def snapshot_path(folder: Path, epoch: int) -> Path:
    """Say where the network after an epoch is kept."""
    return folder / "snapshots" / f"epoch-{epoch:04d}.onnx"


def _history(path: Path) -> History:
    try:
        told = json.loads(path.read_bytes())
        records = tuple(EpochRecord(**record) for record in told["epochs"])
        return History(records, dict(told["settings"]), told["best_epoch"])
    except OSError as error:
        raise FileError(f"cannot read {path}: {(error.strerror or str(error)).lower()}.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise FileError(f"{path}: not the history of a run, or broken.") from error
