"""A training on disk: it can be stopped at any moment, by any means, and goes on as if it had not been.

    RUN/network.onnx             the best network by the validation loss (without validation the last)
    RUN/last.onnx                the network after the last whole epoch
    RUN/snapshots/epoch-0005.onnx   after epochs 0, 1, 2, 5, 10, 20, 50 ...
    RUN/history.json             loss and accuracy by epoch
    RUN/recipe.toml              what it takes to repeat the run
    RUN/state.safetensors        weights, the optimiser's memory and how far the run has come

Every file is replaced whole. The state is written last: what it does not know of yet is done again, and
comes out the same.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from convscope.data import Dataset, ImageFolder, Loader, Source
from convscope.data import split as split_source
from convscope.errors import FileError, InvalidValue
from convscope.files import check_writable
from convscope.formats import save
from convscope.network import ImageInput
from convscope.training.checks import check_batch_size, check_fits, check_labels, check_whole
from convscope.training.fitting import check_settings, history_of, take_classes
from convscope.training.history import BatchRecord, EpochRecord
from convscope.training.loop import Keeper, Loop
from convscope.training.opened import FILES, Run, Snapshots, is_snapshot, load_run, snapshot_path
from convscope.training.recipe import Recipe
from convscope.training.state import fingerprint, read_state, restore, write_state
from convscope.training.threads import loader_threads

__all__ = ["Training", "train"]


def train(
    recipe: Recipe,
    folder: str | os.PathLike[str],
    *,
    resume: bool = False,
    memory: int = 2**28,
    checkpoint_seconds: float = 30.0,
    checkpoint_batches: int | None = None,
    on_batch: Callable[[BatchRecord], object] | None = None,
    on_epoch: Callable[[EpochRecord], object] | None = None,
) -> Run:
    """Train as a recipe says and keep everything in a folder.

    Ctrl-C writes the state and stops; after any other end, even by force, the run goes on from its last
    state, with `resume=True`, to the same weights, bit for bit.

    Parameters
    ----------
    recipe : Recipe
    folder : str or path
        New or empty, unless `resume`.
    resume : bool
        Go on with what is in the folder; it must be a run of the same recipe, network and data. A folder
        without a run starts one.
    memory : int
        Bytes of pixels that may be held, see `convscope.data.open_dataset`; more is streamed.
    checkpoint_seconds : float
        How often the state is written within an epoch, apart from its end; never so often that writing
        takes more than a twentieth of the time.
    checkpoint_batches : int, optional
        Write the state after every so many steps too.
    on_batch, on_epoch : callable, optional
        As in `fit`.

    Returns
    -------
    Run

    Raises
    ------
    ConvscopeError
        If data, network, recipe or folder are not in order: before anything is written. `FileError` if a
        file cannot be written, `DivergedError` if the loss is no longer a number; the folder then holds
        the run as it was before.

    Examples
    --------
    >>> import tempfile
    >>> place = Path(tempfile.mkdtemp()) / "run"
    >>> run = train(Recipe("lines", images=200, epochs=2, batch_size=20), place)
    >>> len(run.history.epochs), list(run.snapshots)
    (2, [0, 1, 2])
    """
    training = Training(recipe, folder, resume=resume, memory=memory)
    training.checkpoint_seconds, training.checkpoint_batches = checkpoint_seconds, checkpoint_batches
    return training.run(on_batch, on_epoch)


class Training(Keeper):
    """A run that is ready to begin or go on: everything is checked and nothing is written yet.

    Attributes
    ----------
    folder : Path
    recipe : Recipe
        With the absolute path of the data.
    net : Network
    data, held_out, test : Source or None
        To train on, to choose the best epoch by, and what no epoch sees.
    loop : Loop
    """

    checkpoint_seconds = 30.0
    checkpoint_batches: int | None = None

    def __init__(
        self, recipe: Recipe, folder: str | os.PathLike[str], *, resume: bool = False, memory: int = 2**28
    ) -> None:
        self.folder, self.recipe = Path(folder), recipe.with_place()
        self.resumed = _check_folder(self.folder, self.recipe, resume)
        _check_place(self.folder)
        whole, self.test = self.recipe.open_data(memory)
        self.net = self.recipe.build(whole)
        self.net.input = _input_of(whole, self.recipe)
        check_fits(self.net, whole, "train")
        check_labels(whole, "train")
        self._whole = whole
        self.data, self.held_out = self._parts(whole)
        settings = check_settings(self.recipe.settings(), self.held_out)
        check_batch_size(settings.batch_size, "train", len(self.data))
        take_classes(self.net, self.data)
        self.loop = Loop(self.net, self.data, self.held_out, settings)
        self._facts = {"recipe": self.recipe.to_dict(), "data": fingerprint(whole)}
        if self.resumed:
            self._restore()

    def run(
        self,
        on_batch: Callable[[BatchRecord], object] | None = None,
        on_epoch: Callable[[EpochRecord], object] | None = None,
    ) -> Run:
        """Train to the end, and give the run as it lies in the folder."""
        if self.checkpoint_batches is not None:
            check_whole(self.checkpoint_batches, "checkpoint_batches", "train")
        if not self.checkpoint_seconds >= 0:
            raise InvalidValue(
                f"train: checkpoint_seconds must be at least 0; got {self.checkpoint_seconds}."
            )
        if not self.resumed:
            for part in (self._whole, self.test):
                _read_ahead(part)
        self.folder.mkdir(parents=True, exist_ok=True)
        with _alone(self.folder), self.loop.interrupts:
            _sweep(self.folder)
            if not self.resumed:
                with self.loop.interrupts.held():
                    self._begin()
            self._written, self._cost = time.monotonic(), 0.0
            try:
                self.loop.run(self, on_batch, on_epoch)
            except KeyboardInterrupt:
                with self.loop.interrupts.held():
                    self._write_state()
                raise
        return load_run(self.folder)

    def after_step(self, loop: Loop) -> None:
        """Write the state when it is time to."""
        every = self.checkpoint_batches
        since = time.monotonic() - self._written
        if (every is not None and loop.place.batch % every == 0) or since > max(
            self.checkpoint_seconds, 20 * self._cost
        ):
            self._write_state()

    def after_epoch(self, loop: Loop, record: EpochRecord, best: bool) -> None:
        """Write the networks, the history and then the state."""
        if is_snapshot(record.epoch):
            save(self.net, snapshot_path(self.folder, record.epoch))
        self._write_networks(best)
        self._write_state()

    def _begin(self) -> None:
        """Write what a run has before its first step."""
        (self.folder / "snapshots").mkdir(exist_ok=True)
        self.recipe.write(self.folder / FILES.recipe)
        save(self.net, snapshot_path(self.folder, 0))
        self._write_networks(best=True)
        self._write_state()

    def _write_networks(self, best: bool) -> None:
        if best:
            save(self.net, self.folder / FILES.best)
        save(self.net, self.folder / FILES.last)
        history_of(self.loop, self.data).save(self.folder / FILES.history)

    def _write_state(self) -> None:
        started = time.monotonic()
        write_state(self.folder / FILES.state, self.loop, self._facts)
        self._written = time.monotonic()
        self._cost = self._written - started

    def _restore(self) -> None:
        """Go to where the run on disk is; one that was stopped before its first state begins anew."""
        path = self.folder / FILES.state
        if not path.exists():
            if any(Snapshots(self.folder / "snapshots")):
                raise FileError(
                    f"{self.folder}: the run cannot go on without its {FILES.state}, and what it has come to "
                    "is not overwritten; choose another folder."
                )
            self.resumed = False
            return
        story, arrays = read_state(path)
        if story["recipe"] != self._facts["recipe"]:
            raise InvalidValue(f"{self.folder}: recipe.toml must be as it was when the run began.")
        if story["data"] != self._facts["data"]:
            raise InvalidValue(
                f"{self.folder}: the data ({self.recipe.data}) must be as it was when the run began."
            )
        restore(self.loop, story, arrays, path)

    def _parts(self, whole: Source) -> tuple[Source, Source | None]:
        """Give what is learned from and what is held out."""
        if self.recipe.validate_on_test:
            if self.test is None:
                raise InvalidValue(f"train: {self.recipe.data} has no test part to validate on.")
            check_fits(self.net, self.test, "train: test part")
            return whole, self.test
        if not self.recipe.validation:
            return whole, None
        return split_source(whole, self.recipe.validation, self.recipe.seed)


def _read_ahead(data: Source | None) -> None:
    """Decode what will be held anyway: an image that cannot be read is said before a file is written."""
    if isinstance(data, ImageFolder) and data.held:
        for _ in Loader(data, shuffle=False, threads=loader_threads(data)).epoch(0, reuse=True):
            pass


def _check_folder(folder: Path, recipe: Recipe, resume: bool) -> bool:
    """Say whether the folder has a run to go on with; refuse one that is not to be touched."""
    try:
        found = sorted(name for name in os.listdir(folder) if not _left_over(name))
    except FileNotFoundError:
        return False
    except OSError as error:
        raise FileError(f"cannot read {folder}: {(error.strerror or str(error)).lower()}.") from error
    if not found or found == ["snapshots"]:
        return False
    if not resume:
        raise InvalidValue(
            f"{folder}: the folder must be new or empty, so that no run is lost; it has {found[0]!r} "
            "(go on with what is there by --resume, or choose another folder)."
        )
    if FILES.recipe not in found:
        raise FileError(f"{folder}: not the folder of a run; it has no {FILES.recipe}.")
    there, asked = Recipe.read(folder / FILES.recipe).to_dict(), recipe.to_dict()
    for key in sorted(there.keys() | asked.keys()):
        if there.get(key) != asked.get(key):
            raise InvalidValue(
                f"{folder}: the run must be of the same recipe; {key} is {_said(there.get(key))} there and "
                f"{_said(asked.get(key))} now."
            )
    return True


def _check_place(folder: Path) -> None:
    """Refuse a folder that cannot be made or written to."""
    if folder.exists():
        check_writable(folder / FILES.recipe)
        return
    missing = folder
    while not missing.parent.exists():
        missing = missing.parent
    check_writable(missing)


def _said(value: Any) -> str:
    text = "not set" if value is None else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _left_over(name: str) -> bool:
    """Whether a name is that of a file which was being written when the run was killed."""
    return name.startswith((*(f".{known}." for known in FILES), ".epoch-"))


def _sweep(folder: Path) -> None:
    """Remove what a killed run left half written."""
    for place in (folder, folder / "snapshots"):
        for name in os.listdir(place) if place.is_dir() else ():
            if _left_over(name):
                (place / name).unlink(missing_ok=True)


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep other processes from training in this folder; the lock goes with the process, however it ends."""
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(handle)
        raise FileError(f"{folder}: another process is training in this folder.") from error
    try:
        yield
    finally:
        os.close(handle)


def _input_of(data: Source, recipe: Recipe) -> ImageInput | None:
    """Say how an image becomes what the data is; None where that is not known."""
    told = getattr(data, "input_settings", None)
    if told is not None:
        return ImageInput.from_dict(told())
    channels, height, width = data.image_shape
    unit = recipe.scale is None and (not isinstance(data, Dataset) or 0 <= data.x.min() <= data.x.max() <= 1)
    if channels not in (1, 3) or not unit:
        return None
    return ImageInput(size=(height, width), channels="L" if channels == 1 else "RGB", scale=1 / 255)
