"""`convscope demo`: train a small network on real digits and write a page that shows what it learned."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from convscope.errors import FileError

if TYPE_CHECKING:
    from convscope.data import Dataset
    from convscope.inspection import Inspection
    from convscope.network import Network
    from convscope.training import Evaluation, History

__all__ = ["demo"]

_FILES = ("report.html", "network.onnx", "result.json")


def demo(
    folder: Annotated[
        Path, typer.Option("--output", "-o", help="Where the page, the network and the numbers go.")
    ] = Path("convscope-demo"),
    seed: Annotated[
        int, typer.Option(help="Fixes the split, the first weights and the order of the images.", min=0)
    ] = 0,
    epochs: Annotated[int, typer.Option(help="How often all training digits are seen.", min=1)] = 24,
) -> None:
    """Train a small network on 1,797 real scanned digits and show what its convolutions learned.

    Writes report.html, which opens in any browser without a network, network.onnx and result.json.
    """
    started = time.perf_counter()
    made = _make_folder(folder)
    try:
        # the three files appear together at the very end, or not at all; a folder that
        # cannot be written is refused here, before any work
        with ExitStack() as stack:
            from convscope.files import atomic_path

            page, network, result = (stack.enter_context(atomic_path(folder / name)) for name in _FILES)
            run = _train(seed, epochs)
            _write(run, page, network, result, started)
    except BaseException:
        if made:
            _remove_if_empty(folder)
        raise
    _tell(run, folder)


@dataclass(frozen=True, eq=False)
class _Run:
    """What training gave."""

    net: Network
    before: Network
    first: str
    train: Dataset
    test: Dataset
    history: History
    evaluation: Evaluation
    seed: int


def _make_folder(folder: Path) -> bool:
    """Make the output folder; say whether it is new."""
    new = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(
            f"cannot make the folder {folder}: {(error.strerror or str(error)).lower()}."
        ) from error
    return new


def _remove_if_empty(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:
        return


def _train(seed: int, epochs: int) -> _Run:
    """Train on two thirds of the digits, showing a line for every epoch."""
    from convscope.cli.progress import TrainingProgress
    from convscope.data import digits
    from convscope.models import small_cnn
    from convscope.training import SGD, Cosine, evaluate, fit

    train, test = digits().split(1 / 3, seed=seed)
    net = small_cnn(seed=seed)
    first = next(node.name for node in net.nodes.values() if node.layer.kind == "Conv2d")
    before = net.copy()
    print(f"Learning to read digits: {len(train):,} to learn from, {len(test):,} held out, {epochs} epochs.")
    with TrainingProgress(epochs) as progress:
        history = fit(
            net,
            train,
            validation=test,
            epochs=epochs,
            batch_size=32,
            # twelve hundred digits are few: weight decay keeps the network from learning them by heart
            optimizer=SGD(0.1, momentum=0.9, weight_decay=1e-2),
            seed=seed,
            schedule=Cosine(warmup=2),
            on_batch=progress.batch,
            on_epoch=progress.epoch,
        )
    return _Run(net, before, first, train, test, history, evaluate(net, test), seed)


def _write(run: _Run, page: Path, network: Path, result: Path, started: float) -> None:
    """Write the three files to the temporary paths given."""
    import hashlib

    from convscope.files import write_text
    from convscope.formats import save
    from convscope.result import to_json

    save(run.net, network)
    facts = _facts(run, hashlib.sha256(network.read_bytes()).hexdigest())
    account = _account(run, _FILES[1], facts["model_sha256"])
    account.save(page)
    after = account[run.first].table.counts
    before = account.baseline.layers[0].before if account.baseline else {}
    numbers = {
        "test_accuracy": run.evaluation.accuracy,
        "test_images": len(run.test),
        "mistakes": len(run.evaluation.mistakes),
        "training_images": len(run.train),
        "families": {"before": before, "after": after},
        "seconds": {"training": run.history.seconds, "all": time.perf_counter() - started},
        **facts,
        "history": run.history,
    }
    write_text(result, to_json(numbers) + "\n")


def _facts(run: _Run, digest: str) -> dict[str, Any]:
    """Say what it takes to repeat the run and to know it again."""
    import platform
    from datetime import UTC, datetime
    from importlib.metadata import version

    from convscope import __version__
    from convscope.ops import core

    engine = core()
    return {
        "seed": run.seed,
        "epochs": len(run.history.epochs),
        "versions": {
            "convscope": __version__,
            "python": platform.python_version(),
            **{name: version(name) for name in ("numpy", "onnx", "scikit-learn")},
        },
        "core": engine.name,
        "instruction_set": engine.isa,
        "threads": engine.threads,
        "algorithm": "auto in training, direct on the page",
        "model_sha256": digest,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _account(run: _Run, network: str, digest: str) -> Inspection:
    """Inspect what was trained, at the digits it has never seen, beside what it was before."""
    from convscope.inspection import inspect, open_subject

    subject = replace(open_subject(run.net), digest=digest, source=network)
    before = replace(open_subject(run.before), name="the untrained network")
    return inspect(
        subject,
        run.test,
        baseline=before,
        history=run.history,
        name="A small network that reads digits",
        seed=run.seed,
    )


def _tell(run: _Run, folder: Path) -> None:
    right = len(run.test) - len(run.evaluation.mistakes)
    print(
        f"\n{run.evaluation.accuracy:.2%} of the held-out digits read right ({right} of {len(run.test)}).\n"
    )
    what = ("the page: open it in a browser", "the network, for any ONNX tool", "the numbers")
    paths = [str(folder / name) for name in _FILES]
    for path, words in zip(paths, what, strict=True):
        print(f"{path.ljust(max(map(len, paths)))}  {words}")
