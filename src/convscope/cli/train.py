"""`convscope train`: train a network on your own data, in a folder that any stop leaves whole."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from convscope.cli.numbers import size_of
from convscope.errors import InvalidValue

if TYPE_CHECKING:
    from convscope.training import Recipe, Run, Training

__all__ = ["train"]

_DATA, _NET, _HOW, _AUGMENT, _RUN = "The data", "The network", "How to learn", "Augmentation", "The run"


def _option(flag: str, text: str, panel: str, **limits: Any) -> Any:
    return typer.Option(flag, help=text, rich_help_panel=panel, show_default=False, **limits)


def train(
    context: typer.Context,
    data: Annotated[
        str | None,
        typer.Argument(
            metavar="DATA",
            help="A folder of IDX files or of class folders, an .npz file, or digits, lines, edges.",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="RUN", help="The folder of the run.", show_default=False)
    ] = ...,  # type: ignore[assignment]  # typer's way to say that it must be given
    resume: Annotated[bool, _option("--resume", "Go on with the run in RUN, if there is one.", _RUN)] = False,
    recipe: Annotated[
        Path | None, _option("--recipe", "A recipe.toml; options come before it.", _RUN)
    ] = None,
    net: Annotated[
        str | None, _option("--net", "A name such as small_resnet:width=16, or a TOML file.", _NET)
    ] = None,
    epochs: Annotated[
        int | None, _option("--epochs", "How often all images are seen (10).", _HOW, min=1)
    ] = None,
    batch_size: Annotated[int | None, _option("--batch-size", "Images in a step (64).", _HOW, min=1)] = None,
    optimizer: Annotated[str | None, _option("--optimizer", "sgd (usual), adam or adamw.", _HOW)] = None,
    learning_rate: Annotated[
        float | None, _option("--learning-rate", "The largest rate (sgd 0.05, adam and adamw 0.001).", _HOW)
    ] = None,
    momentum: Annotated[float | None, _option("--momentum", "Of sgd (0.9).", _HOW)] = None,
    nesterov: Annotated[bool | None, _option("--nesterov", "Nesterov's momentum, sgd only.", _HOW)] = None,
    weight_decay: Annotated[
        float | None, _option("--weight-decay", "Pulls weights to 0 (adamw 0.01, else 0).", _HOW)
    ] = None,
    schedule: Annotated[
        str | None, _option("--schedule", "cosine (usual), step, one-cycle or constant.", _HOW)
    ] = None,
    warmup: Annotated[
        float | None, _option("--warmup", "Epochs on which the rate first grows.", _HOW)
    ] = None,
    step_epochs: Annotated[int | None, _option("--step-epochs", "Of step: every so many (10).", _HOW)] = None,
    step_factor: Annotated[float | None, _option("--step-factor", "Of step: times (0.1).", _HOW)] = None,
    loss: Annotated[
        str | None, _option("--loss", "cross-entropy (usual) or mean-squared-error.", _HOW)
    ] = None,
    label_smoothing: Annotated[float | None, _option("--label-smoothing", "Share, 0 to 1.", _HOW)] = None,
    clip_norm: Annotated[float | None, _option("--clip-norm", "The longest gradient.", _HOW)] = None,
    patience: Annotated[
        int | None, _option("--patience", "Stop after so many epochs that are no better.", _HOW)
    ] = None,
    seed: Annotated[int | None, _option("--seed", "Fixes everything that is drawn (0).", _HOW, min=0)] = None,
    validation: Annotated[
        float | None, _option("--validation", "Share held out to choose the best epoch (0.1).", _DATA)
    ] = None,
    validate_on_test: Annotated[
        bool | None, _option("--validate-on-test", "Choose the best epoch by the test part.", _DATA)
    ] = None,
    size: Annotated[str | None, _option("--size", "Resize to 28x28 (height x width).", _DATA)] = None,
    channels: Annotated[str | None, _option("--channels", "Convert to L (grey) or RGB.", _DATA)] = None,
    fit: Annotated[str | None, _option("--fit", "Before resizing: centre (crop) or none.", _DATA)] = None,
    resize: Annotated[
        str | None, _option("--resize", "bilinear (usual), bicubic, nearest or area.", _DATA)
    ] = None,
    images: Annotated[int | None, _option("--images", "How many lines or edges (2000).", _DATA)] = None,
    scale: Annotated[float | None, _option("--scale", "What .npz images are divided by.", _DATA)] = None,
    layout: Annotated[str | None, _option("--layout", "Of .npz images: NCHW or NHWC.", _DATA)] = None,
    flip: Annotated[str | None, _option("--flip", "horizontal, vertical or both.", _AUGMENT)] = None,
    shift: Annotated[int | None, _option("--shift", "Move by up to so many pixels.", _AUGMENT)] = None,
    crop: Annotated[
        float | None, _option("--crop", "Stretch a window of this share or more of each side.", _AUGMENT)
    ] = None,
    cutout: Annotated[int | None, _option("--cutout", "Cover a square of so many pixels.", _AUGMENT)] = None,
    threads: Annotated[int | None, _option("--threads", "Changes the time only.", _RUN, min=1)] = None,
    memory: Annotated[int, _option("--memory", "MB of pixels to hold (256); more is streamed.", _RUN)] = 256,
    checkpoint_seconds: Annotated[
        float, _option("--checkpoint-seconds", "How often to write the state in an epoch (30).", _RUN)
    ] = 30.0,
    checkpoint_batches: Annotated[
        int | None, _option("--checkpoint-batches", "Write it after so many steps too.", _RUN, min=1)
    ] = None,
    json: Annotated[bool, _option("--json", "Print the summary as JSON.", _RUN)] = False,
) -> None:
    """Train a network on your own data.

    RUN gets network.onnx (the best epoch), last.onnx, snapshots, history.json, recipe.toml and the state.

    It may be stopped at any moment, by Ctrl-C or by force: --resume goes on to the same weights.
    """
    from convscope.ops import set_threads
    from convscope.training import Training

    chosen = _recipe(context.params)
    if threads is not None:
        set_threads(threads)
    training = Training(chosen, output, resume=resume, memory=memory << 20)
    training.checkpoint_seconds, training.checkpoint_batches = checkpoint_seconds, checkpoint_batches
    run = _run(training, json)
    _tell(run, training, json)


def _recipe(options: dict[str, Any]) -> Recipe:
    """Put the recipe together: of the run that is resumed or of a file, with what the options say."""
    from dataclasses import fields

    from convscope.models import read_description
    from convscope.training import Recipe

    names = {field.name for field in fields(Recipe)}
    said = {name: value for name, value in options.items() if name in names and value is not None}
    if "size" in said:
        said["size"] = size_of("train: --size", said["size"])
    if str(said.get("net", "")).endswith(".toml"):
        said["network"] = read_description(said["net"])
        said["net"] = os.path.abspath(said["net"])
    elif "net" in said:
        said["network"] = {}
    if "data" in said:
        said["data"] = Recipe(said["data"]).with_place().data
    kept = Path(options["output"]) / "recipe.toml"
    base: dict[str, Any] = {}
    if options["recipe"] is not None:
        base = Recipe.read(options["recipe"]).to_dict()
    elif options["resume"] and kept.exists():
        base = Recipe.read(kept).to_dict()
    if "data" not in said and "data" not in base:
        raise InvalidValue("train: say what to train on: a folder, an .npz file, or digits, lines, edges.")
    return Recipe.from_dict({**base, **said})


def _run(training: Training, quiet: bool) -> Run:
    """Train, showing how it goes."""
    from convscope.cli.progress import TrainingProgress

    loop, epochs = training.loop, training.recipe.epochs
    if not quiet:
        held = "none" if training.held_out is None else f"{len(training.held_out):,}"
        print(repr(training.net))
        print(f"{len(training.data):,} images to learn from, {held} held out, {epochs} epochs.")
        if loop.finished:
            print("The run has come to its end already.")
        elif training.resumed:
            print(f"Going on in epoch {loop.place.epoch}, after {loop.place.batch} of its steps.")
    done = loop.place.epoch - 1 + loop.place.batch / loop.batches
    try:
        with TrainingProgress(epochs, done, quiet) as progress:
            for record in loop.records:
                progress.epoch(record)
            return training.run(progress.batch, progress.epoch)
    except KeyboardInterrupt:
        folder = shlex.quote(str(training.folder))
        print(f"Stopped. Go on with: convscope train -o {folder} --resume", file=sys.stderr)
        raise


def _tell(run: Run, training: Training, as_json: bool) -> None:
    """Say what came out, and how to repeat it."""
    from convscope.cli.console import print_json
    from convscope.training import evaluate

    records = {record.epoch: record for record in run.history.epochs}
    best = run.history.best_epoch
    unseen = training.test if not training.recipe.validate_on_test else None
    tested = None if unseen is None else evaluate(run.network, unseen).accuracy
    command = _command(training.recipe, run.folder)
    if as_json:
        print_json(
            {
                "run": run.folder,
                "best_epoch": best,
                "validation_accuracy": None if best is None else records[best].validation_accuracy,
                "test_accuracy": tested,
                "seconds": run.history.seconds,
                "command": command,
                "history": run.history,
            }
        )
        return
    if best is not None:
        held = records[best]
        print(f"\nBest epoch: {best}, with {held.validation_accuracy:.2%} of the held-out images right.")
    if tested is not None and unseen is not None:
        print(f"Test: {tested:.2%} of {len(unseen):,} images right, which no epoch has seen.")
    print(f"Time: {run.history.seconds:.1f} s for {len(records)} epochs.")
    print(f"The network: {run.folder / 'network.onnx'}\nTo repeat it: {command}")


def _command(recipe: Recipe, folder: Path) -> str:
    """Write the command that trains the same again, into another folder."""
    words = ["convscope", "train"]
    if recipe.network:
        words += ["--recipe", str(folder / "recipe.toml")]
    else:
        changes = recipe.changes()
        words.append(changes.pop("data"))
        for name, value in changes.items():
            words.append("--" + name.replace("_", "-"))
            if not isinstance(value, bool):
                words.append("x".join(map(str, value)) if isinstance(value, list) else str(value))
    return shlex.join([*words, "-o", f"{folder}-again"])
